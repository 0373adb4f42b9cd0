"""The BMC's side of an IPMI 1.5 log-in (sections 6.11.4, 22.16 and 22.17), for one temporary session.

It knows neither datagrams nor timers. An activation that arrives again gets the same answer again, because the first
one may have been lost. One whose AuthCode is wrong gets none: the specification has such packets silently dropped.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from conduit.rmcp.accounts import Account, Doorkeeper
from conduit.rmcp.auth_codes import AUTH_CODES, PASSWORD_LENGTH, pad_password
from conduit.rmcp.ciphers import Entropy
from conduit.rmcp.lan_session import LanRules, LanSession
from conduit.rmcp.misbehaviour import WELL_BEHAVED, Misbehaviour
from conduit.rmcp.packets import AuthType, LanPacket
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import (
    CHALLENGE_LENGTH,
    ActivateSession,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
)


class Denial(IntEnum):
    """Completion codes of Get Session Challenge and Activate Session (sections 22.16 and 22.17)."""

    UNKNOWN_USER = 0x81
    "Get Session Challenge."
    NO_NULL_USER = 0x82
    "Get Session Challenge."
    NO_SLOT = 0x81
    "Activate Session."
    NO_SLOT_FOR_USER = 0x82
    "Activate Session."
    SEQUENCE_OUT_OF_RANGE = 0x84
    "Activate Session."
    UNKNOWN_SESSION = 0x85
    "Activate Session."
    PRIVILEGE_EXCEEDED = 0x86
    "Activate Session."
    INVALID_FIELD = 0xCC
    "Both: an auth type that is off, a wrong challenge, a privilege that does not exist."


class State(Enum):
    """How far the log-in is."""

    CHALLENGED = "waiting for Activate Session"
    ACTIVE = "session open"
    FAILED = "wrong password"


# Every legal move. An absent pair is a stale command, or a repeated one, which is answered as before.
TRANSITIONS: Final[Mapping[tuple[State, type[ActivateSession]], State]] = {
    (State.CHALLENGED, ActivateSession): State.ACTIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengePolicy:
    """What a BMC allows in IPMI 1.5."""

    auth_types: frozenset[int]
    "Auth types that are on."
    limit: Privilege = Privilege.ADMINISTRATOR
    "Most that any session gets."
    per_message: bool = True
    "Whether every packet of a session is authenticated, not only its activation."
    user_level: bool = True
    "Whether packets at User privilege are."
    misbehaviours: frozenset[Misbehaviour] = WELL_BEHAVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The session is open."""

    session: LanSession
    account: Account
    limit: Privilege
    "Most that the session may be raised to."
    auth_type: int
    "What was agreed; packets may go without where the policy says so."


class ChallengeServer:
    """One log-in of one user, from the challenge on.

    :param temporary_id: session ID of the activation.
    :param session_id: ID of the session that follows, not 0.
    """

    def __init__(
        self,
        policy: ChallengePolicy,
        doorkeeper: Doorkeeper,
        account: Account,
        *,
        auth_type: int,
        temporary_id: int,
        session_id: int,
        entropy: Entropy,
    ) -> None:
        self._policy = policy
        self._doorkeeper = doorkeeper
        self._account = account
        self._auth_type = auth_type
        self._password = pad_password(account.password)
        self._session_id = session_id
        self.challenge = SessionChallenge(session_id=temporary_id, challenge=entropy(CHALLENGE_LENGTH))
        self._first_inbound = int.from_bytes(entropy(4), "little") or 1
        self._state = State.CHALLENGED
        self._last: tuple[ActivateSession, SessionActivated] | None = None
        self._activated: Activated | None = None

    @property
    def state(self) -> State:
        """How far the log-in is."""
        return self._state

    @property
    def activated(self) -> Activated | None:
        """The session, once it is open."""
        return self._activated

    @property
    def password(self) -> bytes:
        """The user's, NUL-padded. Secret."""
        return self._password

    @property
    def outbound_sequence(self) -> int:
        """The number of the packet that answers the activation; 0 before there was one."""
        return self._last[0].outbound_sequence if self._last else 0

    def is_authentic(self, packet: LanPacket, now: float) -> bool:
        """Whether the packet that carries the activation is protected as agreed.

        A challenge is good for one guess, which counts for the lock-out: consoles repeat a wrong activation like one
        that was lost, and that is no second guess. Who has been locked out or changed since the challenge is refused
        like one who guessed wrong, or guesses made side by side would slip past the lock-out.
        """
        if packet.auth_type != self._auth_type or self._state is State.FAILED:
            return False
        account = self._account
        if self._state is State.CHALLENGED and self._doorkeeper.find(account.username, None, now) != account:
            return False
        code = AUTH_CODES[self._auth_type](self._password, packet.session_id, packet.sequence, packet.payload)
        authentic = hmac.compare_digest(code, packet.auth_code)
        if self._state is State.CHALLENGED and self._auth_type != AuthType.NONE:
            self._doorkeeper.record(account, now, succeeded=authentic)
            if not authentic:
                self._state = State.FAILED
        return authentic

    def wrap_code(self, session_id: int, sequence: int, frame: bytes) -> bytes:
        """The AuthCode of the packet that answers the activation."""
        return AUTH_CODES[self._auth_type](self._password, session_id, sequence, frame)

    def receive(self, request: ActivateSession) -> SessionActivated | Denial:
        """Open the session that *request* asks for, or say why not."""
        if self._last is not None and self._last[0] == request:
            return self._last[1]
        target = TRANSITIONS.get((self._state, type(request)))
        denial = Denial.UNKNOWN_SESSION if target is None else self._check(request)
        if target is None or denial is not None:
            return denial or Denial.UNKNOWN_SESSION
        limit = Privilege(min(request.want, self._account.limit, self._policy.limit))
        answer = self._open(request, limit)
        self._state = target
        self._last = (request, answer)
        return answer

    def _check(self, request: ActivateSession) -> Denial | None:
        if not hmac.compare_digest(request.challenge, self.challenge.challenge):
            return Denial.INVALID_FIELD
        if request.auth_type != self._auth_type or not Privilege.CALLBACK <= request.want <= Privilege.OEM:
            return Denial.INVALID_FIELD
        if request.want > min(self._account.limit, self._policy.limit):
            return Denial.PRIVILEGE_EXCEEDED
        if not request.outbound_sequence:
            return Denial.SEQUENCE_OUT_OF_RANGE
        return None if self._doorkeeper.has_room_for(self._account) else Denial.NO_SLOT_FOR_USER

    def _open(self, request: ActivateSession, limit: Privilege) -> SessionActivated:
        policy = self._policy
        later = self._auth_type if policy.per_message else AuthType.NONE
        rules = LanRules(
            send_auth_type=later,
            accept_unauthenticated=not (policy.per_message and policy.user_level),
        )
        session = LanSession(
            session_id=self._session_id,
            auth_type=self._auth_type,
            password=self._account.password,
            rules=rules,
            outbound=request.outbound_sequence,  # the number of the answer to the activation itself
            inbound=self._first_inbound,
        )
        self._activated = Activated(session=session, account=self._account, limit=limit, auth_type=self._auth_type)
        lies = Misbehaviour.FORCED_PER_MESSAGE in policy.misbehaviours
        said = AuthType.NONE if lies else later
        return SessionActivated(
            auth_type=said, session_id=self._session_id, inbound_sequence=self._first_inbound, limit=limit
        )


def find_account(
    request: GetSessionChallenge, policy: ChallengePolicy, doorkeeper: Doorkeeper, now: float
) -> Account | Denial:
    """The user whom *request* names, or why there is no challenge for that user."""
    if request.auth_type not in policy.auth_types or request.auth_type not in AUTH_CODES:
        return Denial.INVALID_FIELD
    account = doorkeeper.find(request.username, None, now)
    # A longer password exists for IPMI 2.0 only; cut to 16 bytes it would let in who knows the half of it.
    if account is None or len(account.password) > PASSWORD_LENGTH:
        return Denial.UNKNOWN_USER if request.username else Denial.NO_NULL_USER
    return account
