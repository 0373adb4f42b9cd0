"""The system event log: what there is, its records, its clock (section 31)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.repository import (
    LAST_RECORD,
    AddRequest,
    AllocationInfo,
    DeleteRequest,
    ReadRequest,
    RecordId,
    Reservation,
    u16,
)
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.sel import SelRecord, decode_sel_record
from conduit.ipmi.records.timestamps import UNSPECIFIED
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

CLEAR_KEY: Final = b"CLR"
CLEAR_INITIATE: Final = 0xAA
CLEAR_STATUS: Final = 0x00
SEL_ERASE_IN_PROGRESS: Final = 0x81
_ERASING: Final = {SEL_ERASE_IN_PROGRESS: "the log is being cleared; try again"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelInfo:
    """How full the log is, when it changed, what it can do; section 31.2."""

    version: int = 0x51
    "BCD, low digit first: 51h is 1.5."
    entries: int
    "Records in the log, 0 to 0xFFFF."
    free_bytes: int
    "0 to 0xFFFF; the last value means that much or more."
    added: int = UNSPECIFIED
    "Timestamp of the last addition."
    erased: int = UNSPECIFIED
    "Timestamp of the last deletion or clearing."
    overflow: bool = False
    "Events were lost because the log was full."
    can_delete: bool = False
    can_partial_add: bool = False
    can_reserve: bool = False
    can_allocation_info: bool = False

    def __post_init__(self) -> None:
        check_range("version", self.version, 0, 0xFF)
        check_range("entries", self.entries, 0, 0xFFFF)
        check_range("free bytes", self.free_bytes, 0, 0xFFFF)
        _check_timestamp(self.added)
        _check_timestamp(self.erased)

    @property
    def version_text(self) -> str:
        """``1.5``."""
        return f"{self.version & 0x0F}.{self.version >> 4}"

    def encode(self) -> bytes:
        """Fourteen bytes."""
        support = self.overflow << 7 | self.can_delete << 3 | self.can_partial_add << 2
        return (
            bytes((self.version,))
            + u16(self.entries)
            + u16(self.free_bytes)
            + _u32(self.added)
            + _u32(self.erased)
            + bytes((support | self.can_reserve << 1 | self.can_allocation_info,))
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        version, entries, free = reader.u8("SEL version"), reader.u16le("SEL entries"), reader.u16le("free space")
        added, erased, support = reader.u32le("timestamp"), reader.u32le("timestamp"), reader.u8("operation support")
        return cls(
            version=version,
            entries=entries,
            free_bytes=free,
            added=added,
            erased=erased,
            overflow=bool(support & 0x80),
            can_delete=bool(support & 0x08),
            can_partial_add=bool(support & 0x04),
            can_reserve=bool(support & 0x02),
            can_allocation_info=bool(support & 0x01),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSelInfo(Command[SelInfo]):
    """Get SEL Info; section 31.2."""

    netfn = NetFn.STORAGE
    command = 0x40
    privilege = Privilege.USER
    safe = True
    response = SelInfo
    errors: ClassVar[dict[int, str]] = _ERASING


@dataclass(frozen=True, slots=True, kw_only=True)
class SelAllocationInfo(AllocationInfo):
    """How the log's memory is divided; section 31.3. All numbers but the last are 0 to 0xFFFF."""

    max_record: int = 1
    "Units that a record may take, 0 to 255."


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSelAllocationInfo(Command[SelAllocationInfo]):
    """Get SEL Allocation Info; section 31.3."""

    netfn = NetFn.STORAGE
    command = 0x41
    privilege = Privilege.USER
    safe = True
    response = SelAllocationInfo


class SelReservation(Reservation):
    """The right to read records in parts, delete and clear; section 31.4. It ends when somebody else gets one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveSel(Command[SelReservation]):
    """Reserve SEL; section 31.4."""

    netfn = NetFn.STORAGE
    command = 0x42
    privilege = Privilege.USER
    safe = True
    response = SelReservation
    errors: ClassVar[dict[int, str]] = _ERASING


@dataclass(frozen=True, slots=True, kw_only=True)
class SelEntry:
    """A record, or a part of one; section 31.5."""

    next_record_id: int = LAST_RECORD
    "ID of the record after it; FFFFh after the newest."
    data: bytes
    "All of the record, or the bytes that were asked for."

    def __post_init__(self) -> None:
        check_range("next record ID", self.next_record_id, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Two bytes and the data."""
        return u16(self.next_record_id) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(next_record_id=reader.u16le("next record ID"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSelEntry(ReadRequest, Command[SelEntry]):
    """Get SEL Entry; section 31.5."""

    netfn = NetFn.STORAGE
    command = 0x43
    privilege = Privilege.USER
    safe = True
    response = SelEntry
    errors: ClassVar[dict[int, str]] = _ERASING


class SelRecordId(RecordId):
    """The ID of a record that was added or deleted."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSelEntry(Command[SelRecordId]):
    """Put a record into the log; section 31.6. The BMC gives it an ID, and a time if its type has one."""

    netfn = NetFn.STORAGE
    command = 0x44
    privilege = Privilege.OPERATOR
    response = SelRecordId
    errors: ClassVar[dict[int, str]] = {0x80: "the BMC takes no records of this type"} | _ERASING

    record: SelRecord

    def encode(self) -> bytes:
        """Sixteen bytes."""
        return self.record.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(record=decode_sel_record(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAddSelEntry(AddRequest, Command[SelRecordId]):
    """The same in parts; section 31.7."""

    netfn = NetFn.STORAGE
    command = 0x45
    privilege = Privilege.OPERATOR
    response = SelRecordId
    errors: ClassVar[dict[int, str]] = {0x80: "the parts do not make a record"} | _ERASING


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSelEntry(DeleteRequest, Command[SelRecordId]):
    """Take one record out; section 31.8."""

    netfn = NetFn.STORAGE
    command = 0x46
    privilege = Privilege.OPERATOR
    response = SelRecordId
    errors: ClassVar[dict[int, str]] = {0x80: "the BMC does not delete records of this type"} | _ERASING


class ErasureProgress(IntEnum):
    """How far clearing is."""

    IN_PROGRESS = 0
    COMPLETED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SelErasure:
    """How far clearing is; section 31.9."""

    progress: ErasureProgress | int
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("erasure progress", self.progress, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.progress,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(progress=known(ErasureProgress, Reader(data).u8("erasure progress") & 0x0F))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearSel(Command[SelErasure]):
    """Begin to take all records out, or ask how far that is; section 31.9."""

    netfn = NetFn.STORAGE
    command = 0x47
    privilege = Privilege.OPERATOR
    response = SelErasure

    reservation: int
    "0 to 0xFFFF."
    initiate: bool = False
    "Begin; False only asks."

    def __post_init__(self) -> None:
        check_range("reservation", self.reservation, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Six bytes."""
        return u16(self.reservation) + CLEAR_KEY + bytes((CLEAR_INITIATE if self.initiate else CLEAR_STATUS,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reservation, key, operation = reader.u16le("reservation"), reader.take(3, "key"), reader.u8("operation")
        if key != CLEAR_KEY:
            raise DecodeError("clearing the SEL without its key", offset=2)
        return cls(reservation=reservation, initiate=operation == CLEAR_INITIATE)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _check_timestamp(value: int) -> None:
    check_range("timestamp", value, 0, 0xFFFF_FFFF)


__all__ = [
    "AddSelEntry",
    "ClearSel",
    "DeleteSelEntry",
    "ErasureProgress",
    "GetSelAllocationInfo",
    "GetSelEntry",
    "GetSelInfo",
    "PartialAddSelEntry",
    "ReserveSel",
    "SelAllocationInfo",
    "SelEntry",
    "SelErasure",
    "SelInfo",
    "SelRecordId",
    "SelReservation",
]
