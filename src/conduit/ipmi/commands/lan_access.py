"""LAN configuration parameters of who may log in, and how: 0 to 2, 22 to 24 and 26 (table 23-4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.commands.lan_shapes import LanParameter
from conduit.ipmi.commands.parameters import ProgressShape
from conduit.ipmi.messages import PrivilegeLimit

SUITE_SLOTS: Final = 16
INTERVAL_UNIT: Final = 10  # seconds in which the lock-out counts


class LanSetInProgress(ProgressShape):
    """A lock among those who set parameters; parameter 0. Where it takes COMMIT_WRITE, what was set before counts only
    once that was sent.
    """

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.SET_IN_PROGRESS


class LanAuthTypes(IntFlag):
    """IPMI 1.5 auth types as bits (table 23-4, parameters 1 and 2)."""

    NONE = 0x01
    MD2 = 0x02
    MD5 = 0x04
    STRAIGHT_PASSWORD = 0x10
    OEM = 0x20


EVERY_AUTH_TYPE: Final = LanAuthTypes(0x37)


NO_AUTH_TYPE: Final = LanAuthTypes(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTypeSupport:
    """Which auth types the channel can have; parameter 1, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.AUTH_TYPE_SUPPORT

    auth_types: LanAuthTypes

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.auth_types & EVERY_AUTH_TYPE,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(auth_types=LanAuthTypes(Reader(data).u8("auth types")) & EVERY_AUTH_TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTypeEnables:
    """Which auth types may be used to log in at each privilege; parameter 2."""

    PARAMETER: ClassVar = LanParameter.AUTH_TYPE_ENABLES

    callback: LanAuthTypes
    user: LanAuthTypes
    operator: LanAuthTypes
    administrator: LanAuthTypes
    oem: LanAuthTypes = NO_AUTH_TYPE

    @property
    def levels(self) -> tuple[LanAuthTypes, ...]:
        """From callback to OEM."""
        return self.callback, self.user, self.operator, self.administrator, self.oem

    def encode(self) -> bytes:
        """Five bytes."""
        return bytes(level & EVERY_AUTH_TYPE for level in self.levels)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        levels = (LanAuthTypes(bits) & EVERY_AUTH_TYPE for bits in Reader(data).take(5, "auth type enables"))
        callback, user, operator, administrator, oem = levels
        return cls(callback=callback, user=user, operator=operator, administrator=administrator, oem=oem)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuiteCount:
    """How many suites the next two parameters have; parameter 22, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.CIPHER_SUITE_COUNT

    count: int
    "0 to 16."

    def __post_init__(self) -> None:
        check_range("number of cipher suites", self.count, 0, 0x1F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.count,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(count=Reader(data).u8("number of cipher suites") & 0x1F)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuites:
    """Their numbers; parameter 23, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.CIPHER_SUITES

    suites: tuple[int, ...]
    "Up to 16, each 0 to 255. BMCs that always send 16 fill up with zeros: parameter 22 says how many count."

    def __post_init__(self) -> None:
        check_size("a list of cipher suites", bytes(self.suites), 0, SUITE_SLOTS)

    def encode(self) -> bytes:
        """A reserved byte and one for each."""
        return bytes((0, *self.suites))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reader.u8("cipher suites")
        return cls(suites=tuple(reader.rest()[:SUITE_SLOTS]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuitePrivileges:
    """The most that a log-in with each suite may ask for; parameter 24."""

    PARAMETER: ClassVar = LanParameter.CIPHER_SUITE_PRIVILEGES

    limits: tuple[PrivilegeLimit | int, ...]
    "Sixteen, in the order of parameter 23, each 0 to 15; 0 means that the suite cannot be used."

    def __post_init__(self) -> None:
        check_range("number of privilege limits", len(self.limits), SUITE_SLOTS, SUITE_SLOTS)
        for limit in self.limits:
            check_range("privilege limit", limit, 0, 0x0F)

    def encode(self) -> bytes:
        """A reserved byte, and one for each two, the first in its low half."""
        pairs = zip(self.limits[::2], self.limits[1::2], strict=True)
        return bytes((0, *(high << 4 | low for low, high in pairs)))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reader.u8("cipher suite privileges")
        pairs = reader.take(SUITE_SLOTS // 2, "cipher suite privileges")
        halves = (half for pair in pairs for half in (pair & 0x0F, pair >> 4))
        return cls(limits=tuple(known(PrivilegeLimit, half) for half in halves))


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPasswordThreshold:
    """When bad passwords disable a user; parameter 26."""

    PARAMETER: ClassVar = LanParameter.BAD_PASSWORD_THRESHOLD

    event: bool = False
    "Log an event when it happens."
    threshold: int = 0
    "Bad passwords in a row, 0 to 255; 0 is never."
    reset_interval: int = 0
    "Tens of seconds after which they are forgotten, 0 to 65535; 0 is never."
    lockout_interval: int = 0
    "Tens of seconds after which the user is enabled again, 0 to 65535; 0 is never."

    def __post_init__(self) -> None:
        check_range("bad password threshold", self.threshold, 0, 0xFF)
        check_range("attempt count reset interval", self.reset_interval, 0, 0xFFFF)
        check_range("user lockout interval", self.lockout_interval, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Six bytes."""
        intervals = self.reset_interval.to_bytes(2, "little") + self.lockout_interval.to_bytes(2, "little")
        return bytes((self.event, self.threshold)) + intervals

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        event, threshold = reader.take(2, "bad password threshold")
        return cls(
            event=bool(event & 0x01),
            threshold=threshold,
            reset_interval=reader.u16le("attempt count reset interval"),
            lockout_interval=reader.u16le("user lockout interval"),
        )


__all__ = [
    "LanSetInProgress",
]
