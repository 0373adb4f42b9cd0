"""RMCP and what it carries, down to the session headers (sections 13.1 to 13.6; ASF 2.0, section 3.2).

Every datagram starts with four bytes: version 06h, reserved, sequence number (FFh: no acknowledge wanted), class.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, NamedTuple, Self

from conduit.errors import DecodeError

PORT: Final = 623  # UDP, the primary RMCP port
RMCP_VERSION: Final = 0x06
NO_ACK: Final = 0xFF  # sequence number of a datagram that wants no acknowledge
MAX_DATAGRAM: Final = 4096  # bytes that one receive call takes: twice what any BMC sends, and cheap to set aside
RMCP_HEADER_LENGTH: Final = 4  # bytes


class MessageClass(IntEnum):
    """Low five bits of the fourth RMCP byte (table 13-7)."""

    ASF = 0x06
    IPMI = 0x07
    OEM = 0x08


class AuthType(IntEnum):
    """Session header format and, in IPMI 1.5, how messages are authenticated (table 13-8)."""

    NONE = 0x00
    MD2 = 0x01
    MD5 = 0x02
    STRAIGHT_PASSWORD = 0x04
    OEM = 0x05
    RMCP_PLUS = 0x06


class PayloadType(IntEnum):
    """What an RMCP+ packet carries (table 13-16)."""

    IPMI = 0x00
    SOL = 0x01
    OEM_EXPLICIT = 0x02
    OPEN_SESSION_REQUEST = 0x10
    OPEN_SESSION_RESPONSE = 0x11
    RAKP_1 = 0x12
    RAKP_2 = 0x13
    RAKP_3 = 0x14
    RAKP_4 = 0x15


_new: Final = tuple.__new__  # half the time of calling a NamedTuple
_RMCP_PLUS: Final = int(AuthType.RMCP_PLUS)
ENCRYPTED: Final = 0x80  # bit of the payload type byte
AUTHENTICATED: Final = 0x40  # bit of the payload type byte
PAYLOAD_TYPE_MASK: Final = 0x3F

_VERSION_BYTE: Final = bytes([RMCP_VERSION])
_IPMI_BYTE: Final = bytes([MessageClass.IPMI])
IPMI_PREFIX: Final = bytes([RMCP_VERSION, 0, NO_ACK, MessageClass.IPMI])


class RmcpHeader(NamedTuple):
    """The first four bytes of every datagram."""

    sequence: int
    "0 to 254, or FFh for a datagram that wants no acknowledge."
    message_class: int
    "Low five bits of the class byte, a :class:`MessageClass` when known."
    is_ack: bool
    "Whether this is an RMCP acknowledge: four bytes and no more."


def decode_rmcp_header(datagram: bytes) -> RmcpHeader:
    """The RMCP header of *datagram*.

    :raises DecodeError: truncated, or of another RMCP version.
    """
    if len(datagram) < RMCP_HEADER_LENGTH:
        raise DecodeError("truncated RMCP header", offset=len(datagram))
    version, _, sequence, kind = datagram[:RMCP_HEADER_LENGTH]
    if version != RMCP_VERSION:
        raise DecodeError(f"RMCP version {version:#04x} instead of 0x06")
    return RmcpHeader(sequence, kind & 0x1F, bool(kind & 0x80))


def require_ipmi(datagram: bytes) -> None:
    """Check that *datagram* carries IPMI.

    :raises DecodeError: truncated, of another RMCP version or class, or an acknowledge.
    """
    if datagram[:1] != _VERSION_BYTE or datagram[3:4] != _IPMI_BYTE:
        decode_rmcp_header(datagram)
        raise DecodeError("not an IPMI message", offset=3)


def encode_ack(header: RmcpHeader) -> bytes:
    """The acknowledge of a datagram that asked for one (section 13.2.3)."""
    return bytes([RMCP_VERSION, 0, header.sequence, header.message_class | 0x80])


ASF_IANA: Final = 4542
PRESENCE_PING: Final = 0x80
PRESENCE_PONG: Final = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class PresencePing:
    """ASF presence ping: "is there an RMCP port here?" (section 13.2.4)."""

    tag: int = 0
    "Repeated in the pong; 0 to 254 (FFh is a one-way message)."

    # RMCP | IANA, big-endian | type | tag | reserved | data length
    STRUCT: ClassVar[struct.Struct] = struct.Struct(">4sIBBBB")

    def encode(self) -> bytes:
        """The whole datagram."""
        prefix = bytes([RMCP_VERSION, 0, NO_ACK, MessageClass.ASF])
        return self.STRUCT.pack(prefix, ASF_IANA, PRESENCE_PING, self.tag, 0, 0)

    @classmethod
    def decode(cls, datagram: bytes) -> Self:
        """:raises DecodeError: *datagram* is anything but a presence ping."""
        tag, _ = _decode_asf(datagram, PRESENCE_PING)
        return cls(tag=tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresencePong:
    """The answer to a ping (section 13.2.4, table 13-6)."""

    tag: int = 0
    "The ping's tag, 0 to 255."
    enterprise: int = ASF_IANA
    "IANA enterprise number of the party that defines :attr:`oem`; 4542 when there is none."
    oem: int = 0
    "What that party likes, 32 bits."
    ipmi: bool = True
    "Whether IPMI is served on this port."
    security_extensions: bool = False
    "Whether RMCP security extensions (port 664) are served."

    # RMCP | IANA | type | tag | reserved | data length | enterprise | OEM | entities | interactions | reserved
    STRUCT: ClassVar[struct.Struct] = struct.Struct(">4sIBBBBIIBB6x")
    DATA_LENGTH: ClassVar[int] = 16

    def encode(self) -> bytes:
        """The whole datagram."""
        prefix = bytes([RMCP_VERSION, 0, NO_ACK, MessageClass.ASF])
        entities = (0x80 if self.ipmi else 0) | 0x01  # ASF version 1.0
        interactions = 0x80 if self.security_extensions else 0
        head = (prefix, ASF_IANA, PRESENCE_PONG, self.tag, 0, self.DATA_LENGTH)
        return self.STRUCT.pack(*head, self.enterprise, self.oem, entities, interactions)

    @classmethod
    def decode(cls, datagram: bytes) -> Self:
        """:raises DecodeError: *datagram* is anything but a presence pong."""
        tag, data = _decode_asf(datagram, PRESENCE_PONG)
        if len(data) < 10:  # the six reserved bytes at the end are not missed
            raise DecodeError("truncated presence pong", offset=len(datagram))
        enterprise, oem, entities, interactions = struct.unpack_from(">IIBB", data)
        return cls(
            tag=tag,
            enterprise=enterprise,
            oem=oem,
            ipmi=bool(entities & 0x80),
            security_extensions=bool(interactions & 0x80),
        )


def _decode_asf(datagram: bytes, message_type: int) -> tuple[int, bytes]:
    """Tag and data of an ASF message of one type."""
    header = decode_rmcp_header(datagram)
    if header.message_class != MessageClass.ASF or header.is_ack:
        raise DecodeError("not an ASF message", offset=3)
    if len(datagram) < PresencePing.STRUCT.size:
        raise DecodeError("truncated ASF message", offset=len(datagram))
    _, iana, kind, tag, _, length = PresencePing.STRUCT.unpack_from(datagram)
    if iana != ASF_IANA or kind != message_type:
        raise DecodeError(f"ASF message {iana}/{kind:#04x} instead of {message_type:#04x}", offset=4)
    data = datagram[PresencePing.STRUCT.size :]
    if len(data) < length:
        raise DecodeError("truncated ASF data", offset=len(datagram))
    return tag, data[:length]


# --- IPMI 1.5 session header (table 13-8, left column) ---

# RMCP header | auth type | session sequence | session ID
LAN_HEADER: Final = struct.Struct("<4sBII")
AUTH_CODE_LENGTH: Final = 16  # bytes, present unless the auth type is NONE


class LanPacket(NamedTuple):
    """One IPMI 1.5 packet."""

    auth_type: int
    "How the packet is authenticated, an :class:`AuthType` when known."
    sequence: int
    "Session sequence number, 0 to 2**32 - 1; 0 outside a session."
    session_id: int
    "The BMC's session ID in both directions; 0 outside a session."
    auth_code: bytes
    "16 bytes, or none when the auth type is NONE."
    payload: bytes
    "The IPMI message, at most 255 bytes."

    def __repr__(self) -> str:
        """Without the AuthCode, which may be a password."""
        header = f"auth_type={self.auth_type}, sequence={self.sequence}, session_id={self.session_id:#010x}"
        return f"LanPacket({header}, payload={self.payload!r})"


def encode_lan_packet(
    payload: bytes, *, auth_type: int = AuthType.NONE, sequence: int = 0, session_id: int = 0, auth_code: bytes = b""
) -> bytes:
    """The whole datagram. The legacy pad byte of table 13-8 is read past but never sent: FreeIPMI and ipmitool take
    it for data, and the network chips that wanted it are gone.
    """
    header = LAN_HEADER.pack(IPMI_PREFIX, auth_type, sequence, session_id)
    return b"%b%b%c%b" % (header, auth_code, len(payload), payload)


def decode_lan_packet(datagram: bytes) -> LanPacket:
    """The IPMI 1.5 packet in *datagram*.

    :raises DecodeError: and nothing else, whatever *datagram* holds.
    """
    if len(datagram) < LAN_HEADER.size:
        raise DecodeError("truncated IPMI 1.5 session header", offset=len(datagram))
    _, auth_type, sequence, session_id = LAN_HEADER.unpack_from(datagram)
    if auth_type == AuthType.RMCP_PLUS:
        raise DecodeError("an RMCP+ packet instead of an IPMI 1.5 one", offset=4)
    start = LAN_HEADER.size + (AUTH_CODE_LENGTH if auth_type != AuthType.NONE else 0)
    if len(datagram) <= start:
        raise DecodeError("truncated IPMI 1.5 session header", offset=len(datagram))
    length = datagram[start]
    payload = datagram[start + 1 : start + 1 + length]
    if len(payload) < length:
        raise DecodeError("truncated IPMI 1.5 payload", offset=len(datagram))
    return LanPacket(auth_type, sequence, session_id, datagram[LAN_HEADER.size : start], payload)


# --- RMCP+ session header (table 13-8, right column) ---

# RMCP header | auth type | payload type and flags | session ID | session sequence | payload length
PLUS_HEADER: Final = struct.Struct("<4sBBIIH")


class PlusPacket(NamedTuple):
    """One RMCP+ packet outside a session: neither encrypted nor authenticated."""

    payload_type: int
    "0 to 63, a :class:`PayloadType` when known."
    payload: bytes
    "At most 65,535 bytes."


def encode_plus_packet(payload_type: int, payload: bytes) -> bytes:
    """The whole datagram of a message outside a session: session ID and sequence 0."""
    return PLUS_HEADER.pack(IPMI_PREFIX, _RMCP_PLUS, payload_type, 0, 0, len(payload)) + payload


def decode_plus_packet(datagram: bytes) -> PlusPacket:
    """The RMCP+ message outside a session in *datagram*.

    :raises DecodeError: and nothing else; also when the packet belongs to a session, or claims to be
        encrypted or authenticated, which nothing outside a session can be.
    """
    if len(datagram) < PLUS_HEADER.size:
        raise DecodeError("truncated RMCP+ session header", offset=len(datagram))
    _, auth_type, kind, session_id, _, length = PLUS_HEADER.unpack_from(datagram)
    if auth_type != _RMCP_PLUS:
        raise DecodeError(f"auth type {auth_type:#04x} instead of RMCP+", offset=4)
    if kind & (ENCRYPTED | AUTHENTICATED) or session_id:
        raise DecodeError("a packet of a session instead of one outside", offset=5)
    payload = datagram[PLUS_HEADER.size : PLUS_HEADER.size + length]
    if len(payload) < length:
        raise DecodeError("truncated RMCP+ payload", offset=len(datagram))
    return _new(PlusPacket, (kind, payload))
