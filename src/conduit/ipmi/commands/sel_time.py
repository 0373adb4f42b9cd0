"""The clock of the system event log, and the logs beside it (sections 31.10 to 31.13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, from_wire, known
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.timestamps import UNSPECIFIED, time_of
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

MAX_UTC_OFFSET: Final = 1440  # minutes
_NO_OFFSET: Final = 0x7FF


@dataclass(frozen=True, slots=True, kw_only=True)
class SelTime:
    """What the clock says; section 31.10."""

    timestamp: int
    "Seconds; see :mod:`~conduit.ipmi.records.timestamps`."

    def __post_init__(self) -> None:
        check_range("timestamp", self.timestamp, 0, 0xFFFF_FFFF)

    @property
    def time(self) -> datetime | None:
        """In UTC; None if nobody has set the clock."""
        return time_of(self.timestamp)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.timestamp.to_bytes(4, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(timestamp=Reader(data).u32le("timestamp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSelTime(Command[SelTime]):
    """Get SEL Time; section 31.10."""

    netfn = NetFn.STORAGE
    command = 0x48
    privilege = Privilege.USER
    safe = True
    response = SelTime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSelTime(Command[NoData]):
    """Set SEL Time; section 31.11. Not repeated in a new session: by then the time is another."""

    netfn = NetFn.STORAGE
    command = 0x49
    privilege = Privilege.OPERATOR
    response = NoData

    timestamp: int
    "Seconds since 1970, in UTC."

    def __post_init__(self) -> None:
        check_range("timestamp", self.timestamp, 0, 0xFFFF_FFFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.timestamp.to_bytes(4, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(timestamp=Reader(data).u32le("timestamp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelTimeUtcOffset:
    """By how much the clock differs from UTC; section 31.11a."""

    minutes: int | None
    "-1440 to 1440; None is unspecified."

    def __post_init__(self) -> None:
        _check_offset(self.minutes)

    def encode(self) -> bytes:
        """Two bytes."""
        return _encode_offset(self.minutes)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return from_wire(cls, minutes=_decode_offset(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSelTimeUtcOffset(Command[SelTimeUtcOffset]):
    """Get SEL Time UTC Offset; section 31.11a."""

    netfn = NetFn.STORAGE
    command = 0x5C
    privilege = Privilege.USER
    safe = True
    response = SelTimeUtcOffset


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSelTimeUtcOffset(Command[NoData]):
    """Set SEL Time UTC Offset; section 31.11b."""

    netfn = NetFn.STORAGE
    command = 0x5D
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    minutes: int | None
    "-1440 to 1440; None is unspecified."

    def __post_init__(self) -> None:
        _check_offset(self.minutes)

    def encode(self) -> bytes:
        """Two bytes."""
        return _encode_offset(self.minutes)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return from_wire(cls, minutes=_decode_offset(data))


class AuxiliaryLog(IntEnum):
    """Logs beside the SEL (section 31.12)."""

    MCA = 0
    "Of machine checks."
    OEM_1 = 1
    OEM_2 = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryLogStatus:
    """When such a log changed, and how many entries it has if it is the MCA log; section 31.12."""

    timestamp: int = UNSPECIFIED
    "Of the last entry."
    data: bytes
    "Of the MCA log four bytes that count its entries; of others, bytes of the manufacturer's after his number."

    def __post_init__(self) -> None:
        check_range("timestamp", self.timestamp, 0, 0xFFFF_FFFF)

    def encode(self) -> bytes:
        """Four bytes and the data."""
        return self.timestamp.to_bytes(4, "little") + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(timestamp=reader.u32le("timestamp"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAuxiliaryLogStatus(Command[AuxiliaryLogStatus]):
    """Get Auxiliary Log Status; section 31.12."""

    netfn = NetFn.STORAGE
    command = 0x5A
    privilege = Privilege.USER
    safe = True
    response = AuxiliaryLogStatus

    log: AuxiliaryLog | int = AuxiliaryLog.MCA
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("auxiliary log", self.log, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.log,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(log=known(AuxiliaryLog, Reader(data).u8("auxiliary log") & 0x0F))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAuxiliaryLogStatus(Command[NoData]):
    """Set Auxiliary Log Status; section 31.13."""

    netfn = NetFn.STORAGE
    command = 0x5B
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    log: AuxiliaryLog | int = AuxiliaryLog.MCA
    "0 to 15."
    status: AuxiliaryLogStatus

    def __post_init__(self) -> None:
        check_range("auxiliary log", self.log, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte and the status."""
        return bytes((self.log,)) + self.status.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        log = known(AuxiliaryLog, reader.u8("auxiliary log") & 0x0F)
        return cls(log=log, status=AuxiliaryLogStatus.decode(reader.rest()))


def _check_offset(minutes: int | None) -> None:
    if minutes is not None:
        check_range("UTC offset in minutes", minutes, -MAX_UTC_OFFSET, MAX_UTC_OFFSET)


def _encode_offset(minutes: int | None) -> bytes:
    return (_NO_OFFSET if minutes is None else minutes).to_bytes(2, "little", signed=True)


def _decode_offset(data: bytes) -> int | None:
    minutes = int.from_bytes(Reader(data).take(2, "UTC offset"), "little", signed=True)
    return None if minutes == _NO_OFFSET else minutes


__all__ = [
    "AuxiliaryLog",
    "AuxiliaryLogStatus",
    "GetAuxiliaryLogStatus",
    "GetSelTime",
    "GetSelTimeUtcOffset",
    "SelTime",
    "SelTimeUtcOffset",
    "SetAuxiliaryLogStatus",
    "SetSelTime",
    "SetSelTimeUtcOffset",
]
