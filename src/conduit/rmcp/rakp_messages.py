"""Open Session and RAKP messages 1 to 4 (sections 13.17 to 13.24).

The messages are dataclasses without ``frozen``, which would make a log-in's dozen of them seven times as dear; each is
read once, by the machine that it is for.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, Final, Self

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

    # three times: payload type | reserved | payload length | algorithm | reserved
    STRUCT: ClassVar[struct.Struct] = struct.Struct("<" + "B2xBB3x" * 3)

    def encode(self) -> bytes:
        """24 bytes."""
        return self.STRUCT.pack(0, 8, self.authentication, 1, 8, self.integrity, 2, 8, self.confidentiality)

    @classmethod
    @functools.lru_cache(maxsize=64)  # a fleet has few different suites, and they are immutable
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: truncated, or payloads of another type, order or length."""
        if len(data) < cls.STRUCT.size:
            raise DecodeError("truncated algorithm payloads", offset=len(data))
        fields = cls.STRUCT.unpack_from(data)
        if fields[::3] != (0, 1, 2) or any(length not in (0, 8) for length in fields[1::3]):
            raise DecodeError(f"algorithm payloads of types {fields[::3]} and lengths {fields[1::3]}")
        numbers = [number & 0x3F for number in fields[2::3]]
        return cls(authentication=numbers[0], integrity=numbers[1], confidentiality=numbers[2])


@dataclass(slots=True, kw_only=True)
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
        tag, privilege, console_id = _unpack(_HEAD, data)
        algorithms = Algorithms.decode(data[_HEAD.size : _HEAD.size + Algorithms.STRUCT.size])
        return cls(tag=tag, privilege=privilege & 0x0F, console_id=console_id, algorithms=algorithms)


@dataclass(slots=True, kw_only=True)
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
        if len(data) < _RESPONSE.size and len(data) >= 2 and data[1] != Status.NO_ERRORS:
            return cls(tag=data[0], status=data[1], console_id=None)  # ipmi_sim ends an error right here
        tag, status, privilege, console_id = _unpack(_RESPONSE, data)
        if status != Status.NO_ERRORS:
            return cls(tag=tag, status=status, privilege=privilege & 0x0F, console_id=console_id)
        rest = data[_RESPONSE.size :]
        return cls(
            tag=tag,
            privilege=privilege & 0x0F,
            console_id=console_id,
            bmc_id=_unpack(_U32, rest)[0],
            algorithms=Algorithms.decode(rest[_U32.size : _U32.size + Algorithms.STRUCT.size]),
        )


@dataclass(slots=True, kw_only=True)
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
        tag, bmc_id, random, role, length = _unpack(_RAKP1, data)
        name = data[_RAKP1.size : _RAKP1.size + length]
        if length > MAX_USERNAME or len(name) < length:
            raise DecodeError(f"user name of {length} bytes", offset=_RAKP1.size - 1)
        return cls(tag=tag, bmc_id=bmc_id, console_random=random, role=role, username=name)


@dataclass(slots=True, kw_only=True)
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
        tag, status, console_id = _unpack(_HEAD, data)
        if status != Status.NO_ERRORS:
            return cls(tag=tag, status=status, console_id=console_id)
        random, guid = _unpack(_PROOF, data[_HEAD.size :])
        code = data[_HEAD.size + _PROOF.size :]
        return cls(tag=tag, console_id=console_id, bmc_random=random, guid=guid, code=code)


@dataclass(slots=True, kw_only=True)
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
        tag, status, bmc_id = _unpack(_HEAD, data)
        return cls(tag=tag, status=status, bmc_id=bmc_id, code=data[_HEAD.size :])


@dataclass(slots=True, kw_only=True)
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
        tag, status, console_id = _unpack(_HEAD, data)
        return cls(tag=tag, status=status, console_id=console_id, check=data[_HEAD.size :])


Reply = OpenSessionResponse | Rakp2 | Rakp4
"What a BMC sends."
Request = OpenSessionRequest | Rakp1 | Rakp3
"What a remote console sends."

REPLIES: Final[dict[int, type[OpenSessionResponse | Rakp2 | Rakp4]]] = {
    kind.payload_type: kind for kind in (OpenSessionResponse, Rakp2, Rakp4)
}
REQUESTS: Final[dict[int, type[OpenSessionRequest | Rakp1 | Rakp3]]] = {
    kind.payload_type: kind for kind in (OpenSessionRequest, Rakp1, Rakp3)
}


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


# What messages start with, least significant byte first; a tenth of the time of reading field by field.
_U32: Final = struct.Struct("<I")
_HEAD: Final = struct.Struct("<BB2xI")  # tag | privilege or status | reserved | session ID
_RESPONSE: Final = struct.Struct("<BBBxI")  # tag | status | privilege | reserved | console's session ID
_RAKP1: Final = struct.Struct(f"<B3xI{RANDOM_LENGTH}sB2xB")  # tag | session ID | Rm | role | reserved | name length
_PROOF: Final = struct.Struct(f"<{RANDOM_LENGTH}s{GUID_LENGTH}s")  # Rc | GUID


def _unpack(layout: struct.Struct, data: bytes) -> tuple[Any, ...]:
    """:raises DecodeError: *data* is shorter than *layout*."""
    if len(data) < layout.size:
        raise DecodeError("truncated log-in message", offset=len(data))
    return layout.unpack_from(data)
