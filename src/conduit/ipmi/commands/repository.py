"""What the event log (section 31) and the SDR repository (section 33) have in common.

Both keep records in memory of so many units; a reservation protects who reads, writes or deletes in several steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range

FIRST_RECORD: Final = 0x0000
LAST_RECORD: Final = 0xFFFF
"As a request, the newest record; as the next one's ID, that there is none."
WHOLE_RECORD: Final = 0xFF
"As the number of bytes: all that are left."
NO_RESERVATION: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationInfo:
    """How the memory is divided. All numbers but the last are 0 to 0xFFFF."""

    units: int = 0
    "How many units there are; 0 is unspecified."
    unit_size: int = 0
    "Bytes in each; 0 is unspecified."
    free_units: int = 0
    largest_free: int = 0
    "Units in the largest free block."
    max_record: int = 0
    "Units that a record may take, 0 to 255."

    def __post_init__(self) -> None:
        check_range("units", self.units, 0, 0xFFFF)
        check_range("unit size", self.unit_size, 0, 0xFFFF)
        check_range("free units", self.free_units, 0, 0xFFFF)
        check_range("largest free block", self.largest_free, 0, 0xFFFF)
        check_range("largest record", self.max_record, 0, 0xFF)

    def encode(self) -> bytes:
        """Nine bytes."""
        numbers = (self.units, self.unit_size, self.free_units, self.largest_free)
        return b"".join(map(u16, numbers)) + bytes((self.max_record,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            units=reader.u16le("units"),
            unit_size=reader.u16le("unit size"),
            free_units=reader.u16le("free units"),
            largest_free=reader.u16le("largest free block"),
            max_record=reader.u8("largest record"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The right to read records in parts, delete and clear. It ends when somebody else gets one."""

    reservation: int
    "0 to 0xFFFF; 0 is none."

    def __post_init__(self) -> None:
        check_range("reservation", self.reservation, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return u16(self.reservation)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(reservation=Reader(data).u16le("reservation"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordId:
    """The ID of a record that was added or deleted."""

    record_id: int
    "0 to 0xFFFF."

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return u16(self.record_id)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(record_id=Reader(data).u16le("record ID"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """A request for a record, or for a part of one."""

    reservation: int = NO_RESERVATION
    "Only needed for a part that does not begin at 0; 0 to 0xFFFF."
    record_id: int = FIRST_RECORD
    "0 to 0xFFFF; 0 is the oldest, FFFFh the newest."
    offset: int = 0
    "Where in the record to start, 0 to 255."
    count: int = WHOLE_RECORD
    "Bytes, 0 to 255; 255 is all that are left."

    def __post_init__(self) -> None:
        check_range("reservation", self.reservation, 0, 0xFFFF)
        check_range("record ID", self.record_id, 0, 0xFFFF)
        check_range("offset", self.offset, 0, 0xFF)
        check_range("count", self.count, 0, 0xFF)

    def encode(self) -> bytes:
        """Six bytes."""
        return u16(self.reservation) + u16(self.record_id) + bytes((self.offset, self.count))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            reservation=reader.u16le("reservation"),
            record_id=reader.u16le("record ID"),
            offset=reader.u8("offset"),
            count=reader.u8("count"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRequest:
    """A request that adds a part of a record."""

    reservation: int
    "0 to 0xFFFF."
    record_id: int = 0
    "0 with the first part, then what the BMC answered to it; 0 to 0xFFFF."
    offset: int
    "Where in the record this part belongs, 0 to 255."
    last: bool
    "It is the last part."
    data: bytes

    def __post_init__(self) -> None:
        check_range("reservation", self.reservation, 0, 0xFFFF)
        check_range("record ID", self.record_id, 0, 0xFFFF)
        check_range("offset", self.offset, 0, 0xFF)

    def encode(self) -> bytes:
        """Six bytes and the part."""
        return u16(self.reservation) + u16(self.record_id) + bytes((self.offset, self.last)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            reservation=reader.u16le("reservation"),
            record_id=reader.u16le("record ID"),
            offset=reader.u8("offset"),
            last=reader.u8("progress") & 0x0F == 1,
            data=reader.rest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRequest:
    """A request that takes one record out."""

    reservation: int
    "0 to 0xFFFF."
    record_id: int
    "0 to 0xFFFF; 0 is the oldest, FFFFh the newest."

    def __post_init__(self) -> None:
        check_range("reservation", self.reservation, 0, 0xFFFF)
        check_range("record ID", self.record_id, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return u16(self.reservation) + u16(self.record_id)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(reservation=reader.u16le("reservation"), record_id=reader.u16le("record ID"))


def u16(value: int) -> bytes:
    """Two bytes, the least significant first."""
    return value.to_bytes(2, "little")
