"""Open Session and RAKP messages 1 to 4 (sections 13.17 to 13.24)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.rmcp.packets import PayloadType

RANDOM_LENGTH: Final = 16  # bytes
GUID_LENGTH: Final = 16  # bytes
MAX_USERNAME: Final = 16  # bytes
NAME_ONLY_LOOKUP: Final = 0x10  # bit of the role byte: find the user by name alone (table 13-11)
ROLE_MASK: Final = 0x0F


class Status(IntEnum):
    """RMCP+ and RAKP message status codes (table 13-15)."""

    NO_ERRORS = 0x00
    INSUFFICIENT_RESOURCES = 0x01
    INVALID_SESSION_ID = 0x02
    INVALID_PAYLOAD_TYPE = 0x03
    INVALID_AUTHENTICATION_ALGORITHM = 0x04
    INVALID_INTEGRITY_ALGORITHM = 0x05
    NO_MATCHING_AUTHENTICATION_PAYLOAD = 0x06
    NO_MATCHING_INTEGRITY_PAYLOAD = 0x07
    INACTIVE_SESSION_ID = 0x08
    INVALID_ROLE = 0x09
    UNAUTHORIZED_ROLE = 0x0A
    INSUFFICIENT_RESOURCES_FOR_ROLE = 0x0B
    INVALID_NAME_LENGTH = 0x0C
    UNAUTHORIZED_NAME = 0x0D
    UNAUTHORIZED_GUID = 0x0E
    INVALID_INTEGRITY_CHECK_VALUE = 0x0F
    INVALID_CONFIDENTIALITY_ALGORITHM = 0x10
    NO_CIPHER_SUITE_MATCH = 0x11
    ILLEGAL_PARAMETER = 0x12


def status_name(code: int) -> str:
    """The name of a status code in words; unknown ones say so."""
    try:
        return Status(code).name.lower().replace("_", " ")
    except ValueError:
        return "unknown status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """The three algorithm payloads of an Open Session message, 24 bytes.

    Each: payload type (0, 1, 2) | reserved (2) | payload length (8, or 0 for "BMC decides") | algorithm | reserved (3)
    """

    authentication: int
    "0 to 63; :class:`~conduit.rmcp.ciphers.Authentication` when known."
    integrity: int
    "0 to 63."
    confidentiality: int
    "0 to 63."

    LENGTH: ClassVar[int] = 24

    def encode(self) -> bytes:
        """24 bytes."""
        chosen = (self.authentication, self.integrity, self.confidentiality)
        return b"".join(b"%c\0\0\x08%c\0\0\0" % (kind, number) for kind, number in enumerate(chosen))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: truncated, or payloads of another type, order or length."""
        numbers = []
        for kind in range(3):
            found, _, length, number, _ = (
                reader.u8("algorithm payload"),
                reader.u16le("algorithm payload"),
                reader.u8("algorithm payload"),
                reader.u8("algorithm payload"),
                reader.u24le("algorithm payload"),
            )
            if found != kind or length not in (0, 8):
                raise DecodeError(f"algorithm payload {found} of {length} bytes where {kind} belongs", offset=reader.offset)
            numbers.append(number & 0x3F)
        return cls(authentication=numbers[0], integrity=numbers[1], confidentiality=numbers[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionRequest:
    """Console to BMC: my session ID and the algorithms I propose (table 13-9)."""

    tag: int
    "Message tag, 0 to 255."
    privilege: int
    "Highest privilege wanted; 0 asks for the highest that the algorithms allow."
    console_id: int
    "The console's session ID, not 0."
    algorithms: Algorithms

    payload_type: ClassVar[PayloadType] = PayloadType.OPEN_SESSION_REQUEST

    def encode(self) -> bytes:
        """32 bytes."""
        return b"%c%c\0\0%b%b" % (self.tag, self.privilege, _u32(self.console_id), self.algorithms.encode())

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        tag, privilege, _ = reader.u8("tag"), reader.u8("privilege"), reader.u16le("reserved")
        console_id = reader.u32le("console session ID")
        return cls(tag=tag, privilege=privilege & 0x0F, console_id=console_id, algorithms=Algorithms.read(reader))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionResponse:
    """BMC to console: my session ID and the algorithms I chose (table 13-10)."""

    tag: int
    status: int = Status.NO_ERRORS
    privilege: int = 0
    "Highest privilege that the algorithms allow, 0 to 15."
    console_id: int | None
    "The console's session ID, repeated; None where a BMC leaves it out of an error."
    bmc_id: int = 0
    "The BMC's session ID; absent, like all that follows, when the status is an error."
    algorithms: Algorithms | None = None

    payload_type: ClassVar[PayloadType] = PayloadType.OPEN_SESSION_RESPONSE

    def encode(self) -> bytes:
        """36 bytes, or 8 when there is no session."""
        head = b"%c%c%c\0%b" % (self.tag, self.status, self.privilege, _u32(self.console_id or 0))
        return head if self.algorithms is None else head + _u32(self.bmc_id) + self.algorithms.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        tag, status = reader.u8("tag"), reader.u8("status")
        if status != Status.NO_ERRORS and reader.remaining < 6:  # ipmi_sim ends an error right here
            return cls(tag=tag, status=status, console_id=None)
        privilege, _ = reader.u8("privilege"), reader.u8("reserved")
        console_id = reader.u32le("console session ID")
        if status != Status.NO_ERRORS:
            return cls(tag=tag, status=status, privilege=privilege & 0x0F, console_id=console_id)
        return cls(
            tag=tag,
            privilege=privilege & 0x0F,
            console_id=console_id,
            bmc_id=reader.u32le("BMC session ID"),
            algorithms=Algorithms.read(reader),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rakp1:
    """Console to BMC: who I am and what I want to be (table 13-11)."""

    tag: int
    bmc_id: int
    console_random: bytes
    "16 bytes (Rm)."
    role: int
    "Privilege in bits 3:0; bit 4 asks for look-up by name alone."
    username: bytes
    "0 to 16 bytes."
    padding: int = 0
    "NUL bytes after the name, for BMCs that want the message at full length."

    payload_type: ClassVar[PayloadType] = PayloadType.RAKP_1

    def encode(self) -> bytes:
        """28 to 44 bytes."""
        who = b"%c\0\0%c%b%b" % (self.role, len(self.username), self.username, bytes(self.padding))
        return b"%c\0\0\0%b%b%b" % (self.tag, _u32(self.bmc_id), self.console_random, who)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else; also for a name longer than 16 bytes."""
        reader = Reader(data)
        tag, _, bmc_id = reader.u8("tag"), reader.u24le("reserved"), reader.u32le("BMC session ID")
        random = reader.take(RANDOM_LENGTH, "console random number")
        role, _, length = reader.u8("role"), reader.u16le("reserved"), reader.u8("user name length")
        if length > MAX_USERNAME:
            raise DecodeError(f"user name of {length} bytes", offset=reader.offset - 1)
        return cls(tag=tag, bmc_id=bmc_id, console_random=random, role=role, username=reader.take(length, "user name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rakp2:
    """BMC to console: my random number, my GUID, and proof that I know the password (table 13-12)."""

    tag: int
    status: int = Status.NO_ERRORS
    console_id: int
    bmc_random: bytes = b""
    "16 bytes (Rc); absent, like all that follows, when the status is an error."
    guid: bytes = b""
    "16 bytes."
    code: bytes = field(default=b"", repr=False)
    "Key exchange authentication code: 0, 16, 20 or 32 bytes. Crackable offline, so as secret as the password."

    payload_type: ClassVar[PayloadType] = PayloadType.RAKP_2

    def encode(self) -> bytes:
        """8 bytes with an error status, else 40 to 72."""
        return b"%c%c\0\0%b%b%b%b" % (
            self.tag,
            self.status,
            _u32(self.console_id),
            self.bmc_random,
            self.guid,
            self.code,
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        tag, status, _ = reader.u8("tag"), reader.u8("status"), reader.u16le("reserved")
        console_id = reader.u32le("console session ID")
        if status != Status.NO_ERRORS:
            return cls(tag=tag, status=status, console_id=console_id)
        random = reader.take(RANDOM_LENGTH, "BMC random number")
        guid = reader.take(GUID_LENGTH, "BMC GUID")
        return cls(tag=tag, console_id=console_id, bmc_random=random, guid=guid, code=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rakp3:
    """Console to BMC: proof that I know the password, or why I give up (table 13-13)."""

    tag: int
    status: int = Status.NO_ERRORS
    bmc_id: int
    code: bytes = field(default=b"", repr=False)
    "Key exchange authentication code, absent when the status is an error."

    payload_type: ClassVar[PayloadType] = PayloadType.RAKP_3

    def encode(self) -> bytes:
        """8 to 40 bytes."""
        return b"%c%c\0\0%b%b" % (self.tag, self.status, _u32(self.bmc_id), self.code)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        tag, status, _ = reader.u8("tag"), reader.u8("status"), reader.u16le("reserved")
        return cls(tag=tag, status=status, bmc_id=reader.u32le("BMC session ID"), code=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rakp4:
    """BMC to console: the session is open, and this is the very exchange I saw (table 13-14)."""

    tag: int
    status: int = Status.NO_ERRORS
    console_id: int
    check: bytes = b""
    "Integrity check value: 0, 12 or 16 bytes; absent when the status is an error."

    payload_type: ClassVar[PayloadType] = PayloadType.RAKP_4

    def encode(self) -> bytes:
        """8 to 24 bytes."""
        return b"%c%c\0\0%b%b" % (self.tag, self.status, _u32(self.console_id), self.check)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        tag, status, _ = reader.u8("tag"), reader.u8("status"), reader.u16le("reserved")
        return cls(tag=tag, status=status, console_id=reader.u32le("console session ID"), check=reader.rest())


Reply = OpenSessionResponse | Rakp2 | Rakp4
"What a BMC sends."
Request = OpenSessionRequest | Rakp1 | Rakp3
"What a remote console sends."

REPLIES: Final[dict[int, type[OpenSessionResponse] | type[Rakp2] | type[Rakp4]]] = {
    kind.payload_type: kind for kind in (OpenSessionResponse, Rakp2, Rakp4)
}
REQUESTS: Final[dict[int, type[OpenSessionRequest] | type[Rakp1] | type[Rakp3]]] = {
    kind.payload_type: kind for kind in (OpenSessionRequest, Rakp1, Rakp3)
}


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")
