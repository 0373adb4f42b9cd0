"""The remote console's side of an IPMI 1.5 log-in (section 6.11.4): challenge, then activation.

It knows neither datagrams nor time; :mod:`conduit.rmcp.login` sends, repeats and gives up.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from conduit._machine import Label
from conduit.errors import NegotiationError
from conduit.rmcp.auth_codes import AUTH_CODES, pad_password
from conduit.rmcp.ciphers import Entropy
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.lan_session import LanRules, LanSession
from conduit.rmcp.packets import AuthType, LanPacket, encode_lan_packet
from conduit.rmcp.session_commands import (
    ActivateSession,
    ChannelAuthenticationCapabilities,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
)
from conduit.rmcp.workarounds import Workaround


class State(Label):
    """How far the log-in is."""

    CHALLENGING = "waiting for a challenge"
    ACTIVATING = "waiting for activation"
    ACTIVE = "session open"


# Every legal move. An absent pair is a stale or repeated datagram: dropped.
TRANSITIONS: Final[Mapping[tuple[State, type[SessionChallenge | SessionActivated]], State]] = {
    (State.CHALLENGING, SessionChallenge): State.ACTIVATING,
    (State.ACTIVATING, SessionActivated): State.ACTIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The session is open."""

    session: LanSession
    limit: int
    "Highest privilege that the BMC allows this session."


class ChallengeClient:
    """One log-in, with one auth type.

    :param capabilities: what the BMC said about authentication; it decides what goes unauthenticated later.
    :param auth_type: how the log-in is protected.
    """

    def __init__(
        self,
        credentials: Credentials,
        capabilities: ChannelAuthenticationCapabilities,
        *,
        auth_type: int,
        entropy: Entropy,
    ) -> None:
        self._credentials = credentials
        self._capabilities = capabilities
        self._auth_type = auth_type
        self._password = pad_password(credentials.password)
        self._temporary_id = 0
        self._first_inbound = int.from_bytes(entropy(4), "little") or 1
        self._state = State.CHALLENGING

    @property
    def state(self) -> State:
        """How far the log-in is."""
        return self._state

    def start(self) -> GetSessionChallenge:
        """The first command; it travels outside a session."""
        return GetSessionChallenge(auth_type=self._auth_type, username=self._credentials.username)

    def receive(self, reply: SessionChallenge | SessionActivated) -> ActivateSession | Activated | None:
        """Advance by one answer: the next command, the session, or None for a stale answer.

        :raises NegotiationError: the BMC activated another auth type than agreed, or session 0.
        """
        target = TRANSITIONS.get((self._state, type(reply)))
        if target is None:
            return None
        answer = self._answer_challenge(reply) if isinstance(reply, SessionChallenge) else self._answer_activated(reply)
        self._state = target
        return answer

    def wrap(self, frame: bytes) -> bytes:
        """The datagram of an Activate Session request: authenticated, in the temporary session, numbered 0."""
        code = AUTH_CODES[self._auth_type](self._password, self._temporary_id, 0, frame)
        return encode_lan_packet(frame, auth_type=self._auth_type, session_id=self._temporary_id, auth_code=code)

    def is_authentic(self, packet: LanPacket) -> bool:
        """Whether the answer to the activation is protected as agreed."""
        if packet.auth_type != self._auth_type:
            return self._capabilities.per_message_disabled and packet.auth_type == AuthType.NONE
        code = AUTH_CODES[self._auth_type](self._password, packet.session_id, packet.sequence, packet.payload)
        return hmac.compare_digest(code, packet.auth_code)

    @property
    def temporary_id(self) -> int:
        """Session ID that the BMC gave for the activation; 0 before."""
        return self._temporary_id

    def _answer_challenge(self, reply: SessionChallenge) -> ActivateSession:
        self._temporary_id = reply.session_id
        challenge = reply.challenge
        if self._auth_type == AuthType.OEM and Workaround.SUPERMICRO in self._credentials.workarounds:
            self._password, challenge = _supermicro_secret(self._credentials.password, challenge), bytes(16)
        return ActivateSession(
            auth_type=self._auth_type,
            want=self._credentials.privilege,
            challenge=challenge,
            outbound_sequence=self._first_inbound,
        )

    def _answer_activated(self, reply: SessionActivated) -> Activated:
        workarounds = self._credentials.workarounds
        may_be_off = self._capabilities.per_message_disabled
        if reply.auth_type != self._auth_type and not (may_be_off and reply.auth_type == AuthType.NONE):
            raise NegotiationError(f"BMC activated auth type {reply.auth_type} instead of {self._auth_type}")
        # The capabilities, which anybody may have forged, only allow it: the activation decides.
        forced = Workaround.FORCEPERMSG in workarounds
        per_message = reply.auth_type != AuthType.NONE or forced
        if not reply.session_id and Workaround.IDZERO not in workarounds:
            raise NegotiationError("BMC activated session 0; try workaround idzero")
        rules = LanRules(
            send_auth_type=self._auth_type if per_message else AuthType.NONE,
            accept_unauthenticated=(may_be_off and not forced) or self._capabilities.user_level_disabled,
            verify=Workaround.NOAUTHCODECHECK not in workarounds,
            swap_received=Workaround.ENDIANSEQ in workarounds,
            accept_zero_id=Workaround.IDZERO in workarounds,
        )
        session = LanSession(
            session_id=reply.session_id,
            auth_type=self._auth_type,
            password=self._password,
            rules=rules,
            outbound=reply.inbound_sequence - 1 & 0xFFFFFFFF,
            inbound=self._first_inbound,
        )
        return Activated(session=session, limit=reply.limit)


def _supermicro_secret(password: bytes, challenge: bytes) -> bytes:
    """What Supermicro's OEM auth type sends instead of a password, the same with every packet of a session."""
    hashed = hashlib.md5(password, usedforsecurity=False).digest()
    mixed = bytes(a ^ b for a, b in zip(hashed, challenge, strict=True))
    return hashlib.md5(mixed, usedforsecurity=False).digest()
