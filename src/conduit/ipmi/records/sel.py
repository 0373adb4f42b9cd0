"""Records of the system event log, 16 bytes each (section 32)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.manufacturers import manufacturer_name
from conduit.ipmi.records.events import BMC, Event, FindSensor, Generator
from conduit.ipmi.records.timestamps import UNSPECIFIED

RECORD_SIZE: Final = 16  # bytes
SYSTEM_EVENT: Final = 0x02
OEM_TIMED: Final = range(0xC0, 0xE0)
OEM_UNTIMED: Final = range(0xE0, 0x100)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEventRecord:
    """An event, when and who found it (table 32-1)."""

    record_type: ClassVar[int] = SYSTEM_EVENT

    record_id: int = 0
    "0 to 0xFFFF; the BMC gives a new one to what is added."
    timestamp: int = UNSPECIFIED
    "Seconds by the BMC's clock; see :mod:`~conduit.ipmi.records.timestamps`."
    generator: Generator = BMC
    event: Event

    def __post_init__(self) -> None:
        _check(self.record_id, self.timestamp)

    def describe(self, find_sensor: FindSensor | None = None) -> str:
        """The event as a sentence, with the names that *find_sensor* knows."""
        sensor = None if find_sensor is None else find_sensor(self.generator, self.event.sensor_number)
        return self.event.describe(sensor)

    def encode(self) -> bytes:
        """Sixteen bytes."""
        generator = self.generator.number.to_bytes(2, "little")
        return _head(self.record_id, SYSTEM_EVENT, self.timestamp) + generator + self.event.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds; the type in it is not looked at."""
        reader = Reader(Reader(data).take(RECORD_SIZE, "SEL record"))
        record_id, _, timestamp = reader.u16le(), reader.u8(), reader.u32le()
        generator = Generator(number=reader.u16le())
        return cls(record_id=record_id, timestamp=timestamp, generator=generator, event=Event.decode(reader.rest()))


@dataclass(frozen=True, slots=True, kw_only=True)
class OemTimedRecord:
    """Something of a manufacturer's, with its time; types C0h to DFh (table 32-2)."""

    record_id: int = 0
    "0 to 0xFFFF."
    record_type: int
    "C0h to DFh."
    timestamp: int = UNSPECIFIED
    "Seconds by the BMC's clock."
    manufacturer_id: int
    "IANA private enterprise number, 0 to 0xFFFFFF."
    data: bytes
    "Six bytes that the manufacturer knows the meaning of."

    def __post_init__(self) -> None:
        _check(self.record_id, self.timestamp)
        check_range("record type", self.record_type, OEM_TIMED.start, OEM_TIMED.stop - 1)
        check_range("manufacturer ID", self.manufacturer_id, 0, 0xFFFFFF)
        check_size("OEM data", self.data, 6, 6)

    def describe(self, find_sensor: FindSensor | None = None) -> str:
        """``OEM record 0xc0 of Dell: 01 02 03 04 05 06``."""
        maker = manufacturer_name(self.manufacturer_id) or f"manufacturer {self.manufacturer_id}"
        return f"OEM record {self.record_type:#04x} of {maker}: {self.data.hex(' ')}"

    def encode(self) -> bytes:
        """Sixteen bytes."""
        maker = self.manufacturer_id.to_bytes(3, "little")
        return _head(self.record_id, self.record_type, self.timestamp) + maker + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: too short; :raises LocalProtocolError: the type in it is another's."""
        reader = Reader(data)
        return cls(
            record_id=reader.u16le("SEL record"),
            record_type=reader.u8("SEL record"),
            timestamp=reader.u32le("SEL record"),
            manufacturer_id=reader.u24le("SEL record"),
            data=reader.take(6, "SEL record"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRecord:
    """An OEM record without a time, types E0h to FFh (table 32-3), or one of a type that is not defined."""

    record_id: int = 0
    "0 to 0xFFFF."
    record_type: int
    "0 to 255, but neither 02h nor C0h to DFh."
    data: bytes
    "Thirteen bytes, of whatever meaning."

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)
        check_range("record type", self.record_type, 0, 0xFF)
        check_size("record data", self.data, 13, 13)

    @property
    def timestamp(self) -> int:
        """Unspecified."""
        return UNSPECIFIED

    def describe(self, find_sensor: FindSensor | None = None) -> str:
        """``OEM record 0xe0: 01 ...``."""
        kind = "OEM record" if self.record_type in OEM_UNTIMED else "record of unknown type"
        return f"{kind} {self.record_type:#04x}: {self.data.hex(' ')}"

    def encode(self) -> bytes:
        """Sixteen bytes."""
        return self.record_id.to_bytes(2, "little") + bytes((self.record_type,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            record_id=reader.u16le("SEL record"),
            record_type=reader.u8("SEL record"),
            data=reader.take(13, "SEL record"),
        )


SelRecord = SystemEventRecord | OemTimedRecord | OtherRecord
"Any record of a SEL."


def decode_sel_record(data: bytes) -> SelRecord:
    """The record in *data*; bytes after its sixteen are ignored.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    kind = Reader(data).take(RECORD_SIZE, "SEL record")[2]
    if kind == SYSTEM_EVENT:
        return SystemEventRecord.decode(data)
    return OemTimedRecord.decode(data) if kind in OEM_TIMED else OtherRecord.decode(data)


def _check(record_id: int, timestamp: int) -> None:
    check_range("record ID", record_id, 0, 0xFFFF)
    check_range("timestamp", timestamp, 0, 0xFFFF_FFFF)


def _head(record_id: int, record_type: int, timestamp: int) -> bytes:
    return record_id.to_bytes(2, "little") + bytes((record_type,)) + timestamp.to_bytes(4, "little")
