"""Sensor data records: the repository (section 33) and the records of a device of its own (section 35)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.repository import (
    LAST_RECORD,
    AddRequest,
    AllocationInfo,
    DeleteRequest,
    ReadRequest,
    RecordId,
    Reservation,
)
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

NO_TIME: Final = 0xFFFF_FFFF  # a timestamp that nobody set
UNSPECIFIED_SPACE: Final = 0xFFFF


class RepositorySupport(IntFlag):
    """What the repository can; table 33-2."""

    ALLOCATION_INFO = 0x01
    RESERVE = 0x02
    PARTIAL_ADD = 0x04
    DELETE = 0x08
    NON_MODAL_UPDATE = 0x20
    MODAL_UPDATE = 0x40
    OVERFLOW = 0x80
    "Records were lost for lack of space."


NO_SUPPORT: Final = RepositorySupport(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SdrRepositoryInfo:
    """What is in the repository, and since when; section 33.9."""

    version: int = 0x51
    record_count: int = 0
    "0 to 65535."
    free_space: int = UNSPECIFIED_SPACE
    "Bytes; FFFEh is that many or more, FFFFh is not said."
    added_at: int = 0
    "Time of the last addition in seconds since 1970, as the BMC's clock has it."
    erased_at: int = 0
    "Time of the last deletion or clearing."
    support: RepositorySupport = NO_SUPPORT

    def __post_init__(self) -> None:
        check_range("SDR version", self.version, 0, 0xFF)
        check_range("record count", self.record_count, 0, 0xFFFF)
        check_range("free space", self.free_space, 0, 0xFFFF)
        check_range("time of addition", self.added_at, 0, NO_TIME)
        check_range("time of deletion", self.erased_at, 0, NO_TIME)

    def encode(self) -> bytes:
        """14 bytes."""
        sizes = self.record_count.to_bytes(2, "little") + self.free_space.to_bytes(2, "little")
        times = self.added_at.to_bytes(4, "little") + self.erased_at.to_bytes(4, "little")
        return bytes((self.version,)) + sizes + times + bytes((self.support,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            version=reader.u8("SDR version"),
            record_count=reader.u16le("record count"),
            free_space=reader.u16le("free space"),
            added_at=reader.u32le("time of addition"),
            erased_at=reader.u32le("time of deletion"),
            support=RepositorySupport(reader.u8("repository support")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSdrRepositoryInfo(Command[SdrRepositoryInfo]):
    """Get SDR Repository Info; section 33.9."""

    netfn = NetFn.STORAGE
    command = 0x20
    privilege = Privilege.USER
    safe = True
    response = SdrRepositoryInfo


class SdrAllocationInfo(AllocationInfo):
    """How the repository's space is divided; section 33.10."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSdrRepositoryAllocationInfo(Command[SdrAllocationInfo]):
    """Get SDR Repository Allocation Info; section 33.10."""

    netfn = NetFn.STORAGE
    command = 0x21
    privilege = Privilege.USER
    safe = True
    response = SdrAllocationInfo


class SdrReservation(Reservation):
    """A reservation, which a change of the repository cancels; section 33.11."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveSdrRepository(Command[SdrReservation]):
    """Reserve SDR Repository; section 33.11."""

    netfn = NetFn.STORAGE
    command = 0x22
    privilege = Privilege.USER
    safe = True
    response = SdrReservation


@dataclass(frozen=True, slots=True, kw_only=True)
class SdrPart:
    """A record, or a piece of it; sections 33.12 and 35.3."""

    next_record: int = LAST_RECORD
    "ID of the record after it; FFFFh after the last."
    data: bytes = b""

    def __post_init__(self) -> None:
        check_range("next record", self.next_record, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Two bytes and the data."""
        return self.next_record.to_bytes(2, "little") + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(next_record=reader.u16le("next record"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecord(ReadRequest, Command[SdrPart]):
    """What the two ways to read a record have in common."""

    privilege = Privilege.USER
    safe = True
    response = SdrPart
    errors: ClassVar[dict[int, str]] = {0x80: "the record changed while it was read"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSdr(ReadRecord):
    """Get SDR; section 33.12."""

    netfn = NetFn.STORAGE
    command = 0x23


class SdrRecordId(RecordId):
    """Which record was added or deleted."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSdr(Command[SdrRecordId]):
    """Add SDR, a whole record at once; the BMC chooses its ID. Section 33.13."""

    netfn = NetFn.STORAGE
    command = 0x24
    privilege = Privilege.OPERATOR
    response = SdrRecordId

    data: bytes
    "The record with its header."

    def encode(self) -> bytes:
        """The record."""
        return self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Any bytes."""
        return cls(data=bytes(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAddSdr(AddRequest, Command[SdrRecordId]):
    """Partial Add SDR, a record piece by piece; section 33.14."""

    netfn = NetFn.STORAGE
    command = 0x25
    privilege = Privilege.OPERATOR
    response = SdrRecordId
    errors: ClassVar[dict[int, str]] = {0x80: "the record's length does not fit what was sent"}

    offset: int = 0
    "0 to 255."
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSdr(DeleteRequest, Command[SdrRecordId]):
    """Delete SDR; section 33.15."""

    netfn = NetFn.STORAGE
    command = 0x26
    privilege = Privilege.OPERATOR
    response = SdrRecordId


class Erasure(IntEnum):
    """How far a clearing is."""

    IN_PROGRESS = 0
    COMPLETE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SdrErasure:
    """How far it is; section 33.16."""

    progress: Erasure | int = Erasure.COMPLETE
    "0 to 15."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.progress,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(progress=known(Erasure, Reader(data).u8("erasure progress") & 0x0F))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearSdrRepository(Command[SdrErasure]):
    """Clear SDR Repository, or ask how far that is; section 33.16."""

    netfn = NetFn.STORAGE
    command = 0x27
    privilege = Privilege.OPERATOR
    response = SdrErasure

    reservation: int
    "0 to 65535."
    initiate: bool = False
    "Clear it, rather than ask."
    confirmation: bytes = b"CLR"
    "Three bytes, without which nothing is cleared."

    def __post_init__(self) -> None:
        check_range("reservation", self.reservation, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Six bytes."""
        action = bytes((0xAA if self.initiate else 0,))
        return self.reservation.to_bytes(2, "little") + self.confirmation + action

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reservation, confirmation = reader.u16le("reservation"), reader.take(3, "confirmation")
        return cls(reservation=reservation, confirmation=confirmation, initiate=reader.u8("action") == 0xAA)


__all__ = [
    "AddSdr",
    "ClearSdrRepository",
    "DeleteSdr",
    "Erasure",
    "GetSdr",
    "GetSdrRepositoryAllocationInfo",
    "GetSdrRepositoryInfo",
    "PartialAddSdr",
    "RepositorySupport",
    "ReserveSdrRepository",
    "SdrAllocationInfo",
    "SdrErasure",
    "SdrPart",
    "SdrRecordId",
    "SdrRepositoryInfo",
    "SdrReservation",
]
