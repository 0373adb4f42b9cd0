"""A live IPMI 1.5 session (sections 6.11 and 13.6): seals IPMI messages into packets and opens the peer's.

Both sides use it; they share one session ID.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from conduit.errors import DecodeError
from conduit.rmcp.auth_codes import AUTH_CODES, pad_password
from conduit.rmcp.packets import AuthType, LanPacket, PayloadType, decode_lan_packet, encode_lan_packet
from conduit.rmcp.window import LAN_AHEAD, LAN_WINDOW, SequenceWindow, next_sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class LanRules:
    """How strictly packets of an IPMI 1.5 session are authenticated."""

    send_auth_type: int
    "Auth type of the packets that we send."
    accept_unauthenticated: bool = False
    "Whether the peer's packets may come without AuthCode: per-message or user-level authentication is off."
    verify: bool = True
    "Whether AuthCodes are checked at all; False is the workaround ``noauthcodecheck``."
    swap_received: bool = False
    "Whether received sequence numbers have their bytes in the wrong order; the workaround ``endianseq``."
    accept_zero_id: bool = False
    "Whether the peer may leave the session ID 0; the workaround ``idzero``."


class LanSession:
    """Password, sequence numbers and replay window of one IPMI 1.5 session.

    A packet that is malformed, forged, replayed or less protected than agreed is counted and dropped.

    :param auth_type: what was agreed at activation.
    :param outbound: number of the last packet we sent, so the next is one more.
    :param inbound: number of the first packet that we expect.
    :raises LocalProtocolError: the password is longer than 16 bytes.
    """

    __slots__ = (
        "_auth_type",
        "_password",
        "_rules",
        "_sequence",
        "_window",
        "bad_datagrams",
        "replays",
        "session_id",
        "wrong_macs",
        "zero_ids",
    )

    is_plus: Final = False

    def __init__(
        self, *, session_id: int, auth_type: int, password: bytes, rules: LanRules, outbound: int, inbound: int
    ) -> None:
        self.session_id = session_id
        self._auth_type = auth_type
        self._password = pad_password(password)
        self._rules = rules
        self._sequence = outbound
        protected = auth_type != AuthType.NONE and not rules.accept_unauthenticated
        ahead = LAN_AHEAD if protected else LAN_WINDOW
        self._window = SequenceWindow(highest=inbound - 1 & 0xFFFFFFFF, behind=LAN_WINDOW, ahead=ahead)
        self.bad_datagrams = 0
        self.wrong_macs = 0
        self.replays = 0
        self.zero_ids = 0  # packets that name no session, which workaround idzero is for

    @property
    def local_id(self) -> int:
        """The session's ID, the same on both sides."""
        return self.session_id

    @property
    def remote_id(self) -> int:
        """The session's ID, the same on both sides."""
        return self.session_id

    def seal(self, payload_type: int, payload: bytes) -> bytes:
        """The datagram that carries the IPMI message *payload*; IPMI 1.5 knows no other payload type."""
        self._sequence = sequence = next_sequence(self._sequence)
        kind = self._rules.send_auth_type
        code = AUTH_CODES[kind](self._password, self.session_id, sequence, payload)
        return encode_lan_packet(payload, auth_type=kind, sequence=sequence, session_id=self.session_id, auth_code=code)

    def open(self, datagram: bytes) -> tuple[int, bytes] | None:
        """Payload type (always IPMI) and message of a packet of this session, or None for one that was dropped."""
        try:
            packet = decode_lan_packet(datagram)
        except DecodeError:
            self.bad_datagrams += 1
            return None
        if not self._is_agreed(packet):
            self.bad_datagrams += 1
            return None
        if self._rules.verify and not self._is_authentic(packet):
            self.wrong_macs += 1
            return None
        sequence = packet.sequence
        if self._rules.swap_received:
            sequence = int.from_bytes(sequence.to_bytes(4, "little"), "big")
        if not self._window.accept(sequence):
            self.replays += 1
            return None
        return PayloadType.IPMI, packet.payload

    def _is_agreed(self, packet: LanPacket) -> bool:
        """Whether a packet is of this session and protected as agreed."""
        if not packet.session_id:
            self.zero_ids += 1
        zero = not packet.session_id and self._rules.accept_zero_id
        unprotected = packet.auth_type == AuthType.NONE and self._rules.accept_unauthenticated
        return (packet.session_id == self.session_id or zero) and (packet.auth_type == self._auth_type or unprotected)

    def _is_authentic(self, packet: LanPacket) -> bool:
        make = AUTH_CODES[packet.auth_type]
        expected = make(self._password, packet.session_id, packet.sequence, packet.payload)
        return hmac.compare_digest(expected, packet.auth_code)
