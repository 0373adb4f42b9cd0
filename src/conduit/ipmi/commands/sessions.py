"""Who is logged in (section 22.20). The commands that open and close sessions are in ``conduit.rmcp``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

BY_HANDLE: Final = 0xFE
BY_SESSION_ID: Final = 0xFF
MAC_SIZE: Final = 6  # bytes
LAN_PEER_SIZE: Final = 12  # bytes
NO_ADDRESS: Final = IPv4Address(0)


class SessionProtocol(IntEnum):
    """What a LAN session speaks."""

    IPMI_1_5 = 0
    RMCP_PLUS = 1


class SerialActivity(IntEnum):
    """What a serial channel is busy with."""

    NONE = 0
    IPMI_SESSION = 1
    CALLBACK_SESSION = 2
    DIAL_OUT_ALERT = 3
    TAP_PAGE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LanPeer:
    """The remote console of a session over LAN."""

    address: IPv4Address
    "IPv4 only: the command is older than IPv6, and BMCs send zeros for an IPv6 console."
    mac: bytes
    "Six bytes; the next hop's where the console is not on the BMC's own network."
    port: int
    "UDP, 0 to 65535."

    def __post_init__(self) -> None:
        check_range("port", self.port, 0, 0xFFFF)
        if len(self.mac) != MAC_SIZE:
            raise LocalProtocolError("a MAC address has six bytes")

    @property
    def mac_text(self) -> str:
        """E.g. ``52:54:00:12:34:56``."""
        return self.mac.hex(":")

    def encode(self) -> bytes:
        """Twelve bytes; addresses in reading order, the port least significant byte first."""
        return self.address.packed + self.mac + self.port.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            address=IPv4Address(reader.take(4, "console address")),
            mac=reader.take(MAC_SIZE, "console MAC address"),
            port=reader.u16le("console port"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPeer:
    """The far end of a session over serial or modem."""

    activity: SerialActivity | int
    "0 to 255."
    destination: int = 0
    "Destination selector of the call, 0 to 15."
    address: IPv4Address = NO_ADDRESS
    "The console's address if the link is PPP, else 0.0.0.0."
    port: int | None = None
    "The console's UDP port, 0 to 65535, sent only for PPP."

    def __post_init__(self) -> None:
        check_range("serial activity", self.activity, 0, 0xFF)
        check_range("destination selector", self.destination, 0, 0x0F)
        check_range("port", self.port or 0, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Six bytes, or eight with a port."""
        head = bytes((self.activity, self.destination)) + self.address.packed
        return head if self.port is None else head + self.port.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        activity, destination = reader.take(2, "serial activity")
        return cls(
            activity=known(SerialActivity, activity),
            destination=destination & 0x0F,
            address=IPv4Address(reader.take(4, "PPP address")),
            port=reader.u16le("PPP port") if reader.remaining else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSession:
    """One live session."""

    user_id: int
    "0 to 63."
    privilege: Privilege | int
    "The level it works at now, 0 to 15."
    protocol: SessionProtocol | int = SessionProtocol.RMCP_PLUS
    "0 to 15; it means this for LAN channels only."
    channel: int
    "0 to 15."
    peer: LanPeer | SerialPeer | None = None
    "Who is at the other end; the size of the response tells LAN from serial."

    def __post_init__(self) -> None:
        check_range("user ID", self.user_id, 0, 0x3F)
        check_range("privilege", self.privilege, 0, 0x0F)
        check_range("session protocol", self.protocol, 0, 0x0F)
        check_range("channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """Three bytes and the peer's."""
        head = bytes((self.user_id, self.privilege, self.protocol << 4 | self.channel))
        return head if self.peer is None else head + self.peer.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        user_id, privilege, protocol = reader.take(3, "active session")
        return cls(
            user_id=user_id & 0x3F,
            privilege=known(Privilege, privilege & 0x0F),
            protocol=known(SessionProtocol, protocol >> 4),
            channel=protocol & 0x0F,
            peer=_decode_peer(reader.rest()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One entry of the session table and the table's size; section 22.20."""

    handle: int = 0
    "The BMC's short name for the session, 1 to 255; 0 if there is none in this place."
    slots: int
    "Sessions that can be open at once, 0 to 63."
    active_sessions: int
    "Sessions open now on all channels, 0 to 63."
    session: ActiveSession | None = None
    "The session, if one is there."

    def __post_init__(self) -> None:
        check_range("session handle", self.handle, 0, 0xFF)
        check_range("session slots", self.slots, 0, 0x3F)
        check_range("active sessions", self.active_sessions, 0, 0x3F)

    def encode(self) -> bytes:
        """Three bytes and the session's."""
        head = bytes((self.handle, self.slots, self.active_sessions))
        return head if self.session is None else head + self.session.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        handle, slots, active = reader.take(3, "session info")
        return cls(
            handle=handle,
            slots=slots & 0x3F,
            active_sessions=active & 0x3F,
            session=ActiveSession.decode(reader.rest()) if reader.remaining else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSessionInfo(Command[SessionInfo]):
    """Look a session up by place in the table, handle or ID; by default the one that asks; section 22.20."""

    netfn = NetFn.APP
    command = 0x3D
    privilege = Privilege.USER
    safe = True
    response = SessionInfo

    index: int = 0
    "0 is the asking session, 1 to 253 the Nth active one; leave it 0 with a handle or an ID."
    handle: int | None = None
    "0 to 255, as another response gave it."
    session_id: int | None = None
    "The BMC's session ID, 0 to 0xFFFFFFFF."

    def __post_init__(self) -> None:
        check_range("session index", self.index, 0, BY_HANDLE - 1)
        check_range("session handle", self.handle or 0, 0, 0xFF)
        check_range("session ID", self.session_id or 0, 0, 0xFFFFFFFF)
        if (self.index != 0) + (self.handle is not None) + (self.session_id is not None) > 1:
            raise LocalProtocolError("a session is looked up by index, by handle or by ID, not by two of them")

    def encode(self) -> bytes:
        """One byte, two with a handle, five with an ID."""
        if self.handle is not None:
            return bytes((BY_HANDLE, self.handle))
        if self.session_id is not None:
            return bytes((BY_SESSION_ID,)) + self.session_id.to_bytes(4, "little")
        return bytes((self.index,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        match reader.u8("session index"):
            case 0xFE:
                return cls(handle=reader.u8("session handle"))
            case 0xFF:
                return cls(session_id=reader.u32le("session ID"))
            case index:
                return cls(index=index)


def _decode_peer(data: bytes) -> LanPeer | SerialPeer | None:
    if not data:
        return None
    return LanPeer.decode(data) if len(data) >= LAN_PEER_SIZE else SerialPeer.decode(data)


__all__ = [
    "ActiveSession",
    "GetSessionInfo",
    "LanPeer",
    "SerialActivity",
    "SerialPeer",
    "SessionInfo",
    "SessionProtocol",
]
