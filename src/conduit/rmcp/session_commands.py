"""The six commands that open and close sessions (sections 22.13 to 22.19), as codecs.

They live here and not in ``conduit.ipmi`` because a session cannot be opened without them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege

NETFN_APP: Final = 0x06
CURRENT_CHANNEL: Final = 0x0E  # "the channel this arrives on" (table 6-1)
USERNAME_LENGTH: Final = 16  # bytes, NUL-padded
CHALLENGE_LENGTH: Final = 16  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAuthenticationCapabilities:
    """What a BMC says about log-ins before anybody has logged in (table 22-15)."""

    channel: int = 1
    "0 to 15."
    auth_types: frozenset[int] = frozenset()
    "IPMI 1.5 auth types enabled at the privilege asked for."
    extended: bool = False
    "Whether :attr:`ipmi_15` and :attr:`ipmi_20` mean anything."
    kg_set: bool = False
    "Whether log-ins need the BMC key Kg (IPMI 2.0)."
    per_message_disabled: bool = False
    "Whether packets after activation go unauthenticated (IPMI 1.5)."
    user_level_disabled: bool = False
    "Whether commands that need no more than User go unauthenticated (IPMI 1.5)."
    named_users: bool = True
    "Whether users with a name exist."
    null_users: bool = False
    "Whether a user with no name but a password exists."
    anonymous: bool = False
    "Whether a user with neither name nor password exists."
    ipmi_15: bool = True
    "Whether the channel serves IPMI 1.5 sessions."
    ipmi_20: bool = False
    "Whether the channel serves RMCP+ sessions."
    oem: bytes = bytes(4)
    "IANA number, least significant byte first (3), and its auxiliary data (1)."

    _AUTH_BITS: ClassVar[dict[int, int]] = {
        AuthType.NONE: 0x01,
        AuthType.MD2: 0x02,
        AuthType.MD5: 0x04,
        AuthType.STRAIGHT_PASSWORD: 0x10,
        AuthType.OEM: 0x20,
    }

    def encode(self) -> bytes:
        """8 bytes."""
        types = sum(bit for kind, bit in self._AUTH_BITS.items() if kind in self.auth_types)
        flags = (self.kg_set, self.per_message_disabled, self.user_level_disabled)
        users = (self.named_users, self.null_users, self.anonymous)
        status = sum(flag << 5 - place for place, flag in enumerate((*flags, *users)))
        extended = self.ipmi_20 << 1 | self.ipmi_15 if self.extended else 0
        return bytes([self.channel, self.extended << 7 | types, status, extended]) + self.oem

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        channel, types, status = reader.u8("channel"), reader.u8("auth types"), reader.u8("auth status")
        extended = reader.u8("extended capabilities") if types & 0x80 else 0
        return cls(
            channel=channel & 0x0F,
            auth_types=frozenset(kind for kind, bit in cls._AUTH_BITS.items() if types & bit),
            extended=bool(types & 0x80),
            kg_set=bool(status & 0x20),
            per_message_disabled=bool(status & 0x10),
            user_level_disabled=bool(status & 0x08),
            named_users=bool(status & 0x04),
            null_users=bool(status & 0x02),
            anonymous=bool(status & 0x01),
            ipmi_15=bool(extended & 0x01) or not types & 0x80,
            ipmi_20=bool(extended & 0x02),
            oem=data[4:8].ljust(4, b"\0"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelAuthenticationCapabilities(Command[ChannelAuthenticationCapabilities]):
    """Asked outside a session: how may I log in? (table 22-15)."""

    channel: int = CURRENT_CHANNEL
    want: Privilege | int = Privilege.ADMINISTRATOR
    "Privilege that the log-in will ask for."
    extended: bool = True
    "Whether to ask for IPMI 2.0 data; some 1.5 BMCs refuse the question."

    netfn: ClassVar[int] = NETFN_APP
    command: ClassVar[int] = 0x38
    privilege: ClassVar[Privilege] = Privilege.CALLBACK  # needs no session at all
    safe: ClassVar[bool] = True
    response: ClassVar[type[ChannelAuthenticationCapabilities]] = ChannelAuthenticationCapabilities

    def encode(self) -> bytes:
        """2 bytes."""
        return bytes([self.extended << 7 | self.channel, self.want])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        channel, want = reader.u8("channel"), reader.u8("privilege")
        return cls(channel=channel & 0x0F, want=want & 0x0F, extended=bool(channel & 0x80))


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuiteRecords:
    """One part of the list of cipher suites (table 22-17)."""

    channel: int = 1
    records: bytes = b""
    "Up to 16 bytes of records; fewer than 16 end the list."

    PART: ClassVar[int] = 16

    def encode(self) -> bytes:
        """1 to 17 bytes."""
        return bytes([self.channel]) + self.records

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        return cls(channel=reader.u8("channel") & 0x0F, records=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelCipherSuites(Command[CipherSuiteRecords]):
    """Asked outside a session: which cipher suites are on? (table 22-17)."""

    channel: int = CURRENT_CHANNEL
    payload_type: int = 0
    index: int = 0
    "Which 16 bytes of the list, 0 to 63."

    netfn: ClassVar[int] = NETFN_APP
    command: ClassVar[int] = 0x54
    privilege: ClassVar[Privilege] = Privilege.CALLBACK  # needs no session at all
    safe: ClassVar[bool] = True
    response: ClassVar[type[CipherSuiteRecords]] = CipherSuiteRecords

    def encode(self) -> bytes:
        """3 bytes; suites are listed whole, not algorithm by algorithm."""
        return bytes([self.channel, self.payload_type, 0x80 | self.index])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        channel, kind, index = reader.u8("channel"), reader.u8("payload type"), reader.u8("list index")
        return cls(channel=channel & 0x0F, payload_type=kind & 0x3F, index=index & 0x3F)


_STANDARD_SUITE: Final = 0xC0  # first byte of a cipher suite record (table 22-18)
_OEM_SUITE: Final = 0xC1


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuiteRecord:
    """One cipher suite in the list (table 22-18)."""

    number: int
    "Cipher suite ID, 0 to 255; 80h and up are OEM ones."
    oem: int | None = None
    "IANA number of the OEM, or None for a standard suite."
    algorithms: tuple[int, ...] = ()
    "Algorithm bytes: class in bits 7:6 (0 authentication, 1 integrity, 2 confidentiality), number in bits 5:0."

    def encode(self) -> bytes:
        """3 or more bytes."""
        if self.oem is None:
            return bytes([_STANDARD_SUITE, self.number, *self.algorithms])
        return bytes([_OEM_SUITE, self.number, *self.oem.to_bytes(3, "little"), *self.algorithms])


def decode_cipher_suites(records: bytes) -> list[CipherSuiteRecord]:
    """All records of the joined parts, in the BMC's order.

    :raises DecodeError: a record starts with neither C0h nor C1h, or the last one is truncated.
    """
    reader = Reader(records)
    suites: list[CipherSuiteRecord] = []
    start = reader.u8() if records else None
    while start is not None:
        if start not in (_STANDARD_SUITE, _OEM_SUITE):
            raise DecodeError(f"cipher suite record starts with {start:#04x}", offset=reader.offset - 1)
        number = reader.u8("cipher suite ID")
        oem = reader.u24le("OEM IANA") if start == _OEM_SUITE else None
        algorithms: list[int] = []
        start = None
        while reader.remaining and start is None:
            byte = reader.u8()
            if byte in (_STANDARD_SUITE, _OEM_SUITE):
                start = byte
            else:
                algorithms.append(byte)
        suites.append(CipherSuiteRecord(number=number, oem=oem, algorithms=tuple(algorithms)))
    return suites


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChallenge:
    """A temporary session ID and what to answer to (table 22-20, IPMI 1.5)."""

    session_id: int
    challenge: bytes = field(repr=False)
    "16 bytes."

    def encode(self) -> bytes:
        """20 bytes."""
        return self.session_id.to_bytes(4, "little") + self.challenge

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        return cls(session_id=reader.u32le("session ID"), challenge=reader.take(CHALLENGE_LENGTH, "challenge"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSessionChallenge(Command[SessionChallenge]):
    """IPMI 1.5: I am this user, challenge me (section 22.16)."""

    auth_type: int
    username: bytes = b""
    "0 to 16 bytes."

    netfn: ClassVar[int] = NETFN_APP
    command: ClassVar[int] = 0x39
    privilege: ClassVar[Privilege] = Privilege.CALLBACK  # needs no session at all
    safe: ClassVar[bool] = True
    response: ClassVar[type[SessionChallenge]] = SessionChallenge
    errors: ClassVar[dict[int, str]] = {0x81: "no such user", 0x82: "a log-in without a user name is not enabled"}

    def encode(self) -> bytes:
        """17 bytes."""
        return bytes([self.auth_type]) + self.username.ljust(USERNAME_LENGTH, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        auth_type = reader.u8("auth type") & 0x0F
        return cls(auth_type=auth_type, username=reader.take(USERNAME_LENGTH, "user name").rstrip(b"\0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionActivated:
    """The session is open (section 22.17, IPMI 1.5)."""

    auth_type: int
    "Auth type of the packets that follow."
    session_id: int
    "Not 0."
    inbound_sequence: int
    "First session sequence number that the BMC expects, not 0."
    limit: int
    "Highest privilege that this session may be raised to."

    def encode(self) -> bytes:
        """10 bytes."""
        ids = self.session_id.to_bytes(4, "little") + self.inbound_sequence.to_bytes(4, "little")
        return bytes([self.auth_type]) + ids + bytes([self.limit])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        return cls(
            auth_type=reader.u8("auth type") & 0x0F,
            session_id=reader.u32le("session ID"),
            inbound_sequence=reader.u32le("initial inbound sequence number"),
            limit=reader.u8("privilege limit") & 0x0F,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateSession(Command[SessionActivated]):
    """IPMI 1.5: here is your challenge back, under the password (section 22.17)."""

    auth_type: int
    want: int
    "Highest privilege that the session will ask for."
    challenge: bytes = field(repr=False)
    "16 bytes, as the BMC sent them."
    outbound_sequence: int
    "First session sequence number that the console expects, not 0."

    netfn: ClassVar[int] = NETFN_APP
    command: ClassVar[int] = 0x3A
    privilege: ClassVar[Privilege] = Privilege.CALLBACK  # needs no session at all
    safe: ClassVar[bool] = False  # activated twice it takes two of the few session slots
    response: ClassVar[type[SessionActivated]] = SessionActivated
    errors: ClassVar[dict[int, str]] = {
        0x81: "all session slots are in use",
        0x82: "all session slots of this user are in use",
        0x83: "no session slot is left at this privilege",
        0x84: "session sequence number out of range",
        0x85: "session ID is not valid",
        0x86: "requested privilege exceeds the limit of the user or the channel",
    }

    def encode(self) -> bytes:
        """22 bytes."""
        return bytes([self.auth_type, self.want]) + self.challenge + self.outbound_sequence.to_bytes(4, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        return cls(
            auth_type=reader.u8("auth type") & 0x0F,
            want=reader.u8("privilege") & 0x0F,
            challenge=reader.take(CHALLENGE_LENGTH, "challenge"),
            outbound_sequence=reader.u32le("initial outbound sequence number"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPrivilege:
    """The privilege that a session now has (section 22.18)."""

    level: int

    def encode(self) -> bytes:
        """1 byte."""
        return bytes([self.level])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        if not data:
            raise DecodeError("truncated privilege")
        return cls(level=data[0] & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSessionPrivilegeLevel(Command[SessionPrivilege]):
    """Raise or lower the session's privilege (section 22.18)."""

    level: int = 0
    "Privilege wanted; 0 asks for the present one."

    netfn: ClassVar[int] = NETFN_APP
    command: ClassVar[int] = 0x3B
    privilege: ClassVar[Privilege] = Privilege.USER
    safe: ClassVar[bool] = True
    response: ClassVar[type[SessionPrivilege]] = SessionPrivilege
    errors: ClassVar[dict[int, str]] = {
        0x80: "the user may not have this privilege",
        0x81: "the privilege exceeds the limit of the user or the channel",
        0x82: "user level authentication cannot be disabled",
    }

    def encode(self) -> bytes:
        """1 byte."""
        return bytes([self.level])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        return cls(level=Reader(data).u8("privilege") & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession(Command[NoData]):
    """End a session (section 22.19)."""

    session_id: int
    "The BMC's ID of the session; 0 means :attr:`handle`."
    handle: int | None = None
    "Session handle, 1 byte, when the ID is 0."

    netfn: ClassVar[int] = NETFN_APP
    command: ClassVar[int] = 0x3C
    privilege: ClassVar[Privilege] = Privilege.CALLBACK
    safe: ClassVar[bool] = True
    response: ClassVar[type[NoData]] = NoData
    errors: ClassVar[dict[int, str]] = {0x87: "no such session ID", 0x88: "no such session handle"}

    def encode(self) -> bytes:
        """4 or 5 bytes."""
        return self.session_id.to_bytes(4, "little") + (b"" if self.handle is None else bytes([self.handle]))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated."""
        reader = Reader(data)
        session_id = reader.u32le("session ID")
        return cls(session_id=session_id, handle=reader.u8() if reader.remaining else None)


COMMANDS: Final = (
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    ActivateSession,
    SetSessionPrivilegeLevel,
    CloseSession,
)
