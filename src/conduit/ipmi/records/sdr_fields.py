"""What sensor records have in common: the header, whose sensor it is, what it can, how it is shared (section 43)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.ipmi._fields import SHARED, check_range

HEADER_SIZE: Final = 5
SDR_VERSION: Final = 0x51
MAX_BODY: Final = 0xFF  # bytes after the header
MAX_RECORD: Final = HEADER_SIZE + MAX_BODY


class RecordType(IntEnum):
    """Types of sensor data records (section 43)."""

    FULL_SENSOR = 0x01
    COMPACT_SENSOR = 0x02
    EVENT_ONLY = 0x03
    ENTITY_ASSOCIATION = 0x08
    DEVICE_RELATIVE_ASSOCIATION = 0x09
    GENERIC_DEVICE = 0x10
    FRU_DEVICE = 0x11
    CONTROLLER = 0x12
    CONTROLLER_CONFIRMATION = 0x13
    MESSAGE_CHANNELS = 0x14
    OEM = 0xC0


@dataclass(frozen=True, slots=True, kw_only=True)
class SdrHeader:
    """Five bytes before every record; section 43."""

    record_id: int
    "0 to 65535."
    record_type: int
    "0 to 255."
    length: int
    "Bytes that follow, 0 to 255."
    version: int = SDR_VERSION

    def encode(self) -> bytes:
        """Five bytes."""
        return self.record_id.to_bytes(2, "little") + bytes((self.version, self.record_type, self.length))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: five bytes are not there."""
        record_id = reader.u16le("record ID")
        version, record_type, length = reader.take(3, "record header")
        return cls(record_id=record_id, record_type=record_type, length=length, version=version)


def encode_record(record_id: int, record_type: int, body: bytes) -> bytes:
    """A whole record."""
    return SdrHeader(record_id=record_id, record_type=record_type, length=len(body)).encode() + body


def open_record(data: bytes, record_type: int) -> tuple[int, Reader]:
    """Record ID and a reader of the body. A record may end early: what it lacks is missed by who reads it.

    :raises DecodeError: no header, or a record of another type.
    """
    reader = Reader(data)
    header = SdrHeader.read(reader)
    if header.record_type != record_type:
        raise DecodeError(f"a record of type {header.record_type:#04x}, not {record_type:#04x}", offset=3)
    return header.record_id, Reader(reader.take(min(header.length, reader.remaining)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who answers for a sensor, and where: two bytes of its key."""

    address: int = 0x20
    "Slave address in 8-bit form, or a software ID, which is odd."
    channel: int = 0
    "0 to 15."
    lun: int = 0
    "0 to 3."
    fru_lun: int = 0
    "LUN of a FRU device's owner; 0 to 3."

    def __post_init__(self) -> None:
        check_range("owner", self.address, 0, 0xFF)
        check_range("channel", self.channel, 0, 0x0F)
        check_range("LUN", self.lun, 0, 3)
        check_range("LUN of the FRU device's owner", self.fru_lun, 0, 3)

    @property
    def is_software(self) -> bool:
        """Software cannot be asked for readings."""
        return bool(self.address & 1)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.address, self.channel << 4 | self.fru_lun << 2 | self.lun))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: two bytes are not there."""
        return cls._of(*reader.take(2, "sensor owner"))

    @classmethod
    @functools.lru_cache(SHARED)
    def _of(cls, address: int, where: int) -> Self:
        return cls(address=address, channel=where >> 4, fru_lun=where >> 2 & 0x03, lun=where & 0x03)


class Initialization(IntFlag):
    """What the initialization agent does to a sensor, and what holds after power-up."""

    SETTABLE = 0x80
    SCANNING = 0x40
    EVENTS = 0x20
    THRESHOLDS = 0x10
    HYSTERESIS = 0x08
    TYPE = 0x04
    EVENTS_AT_POWER_UP = 0x02
    SCANNING_AT_POWER_UP = 0x01


class Access(IntEnum):
    """What may be done with thresholds or hysteresis."""

    NONE = 0
    READABLE = 1
    SETTABLE = 2
    FIXED = 3


class EventControl(IntEnum):
    """How finely events are switched."""

    PER_STATE = 0
    WHOLE_SENSOR = 1
    GLOBAL = 2
    NO_EVENTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a sensor can: one byte."""

    ignore_if_absent: bool = False
    "The sensor means nothing where its entity is not there."
    auto_rearm: bool = True
    hysteresis: Access = Access.NONE
    thresholds: Access = Access.NONE
    event_control: EventControl = EventControl.PER_STATE

    @property
    def byte(self) -> int:
        """As it is in a record."""
        access = self.hysteresis << 4 | self.thresholds << 2
        return self.ignore_if_absent << 7 | self.auto_rearm << 6 | access | self.event_control

    @classmethod
    @functools.lru_cache(SHARED)
    def of(cls, byte: int) -> Self:
        """All values have a name."""
        return cls(
            ignore_if_absent=bool(byte & 0x80),
            auto_rearm=bool(byte & 0x40),
            hysteresis=Access(byte >> 4 & 0x03),
            thresholds=Access(byte >> 2 & 0x03),
            event_control=EventControl(byte & 0x03),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """One record for several sensors with numbers one after the other: two bytes."""

    count: int = 1
    "Sensors that share the record, 0 to 15; 0 is as good as 1."
    direction: int = 0
    "0 to 3, as in :class:`~conduit.ipmi.records.conversion.Factors`."
    modifier: int = 0
    "What is added to the name: 0 a number, 1 a letter."
    offset: int = 0
    "Where that starts, 0 to 127."
    instance_increments: bool = False
    "Each sensor belongs to an entity instance of its own."

    LETTERS: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_range("share count", self.count, 0, 0x0F)
        check_range("sensor direction", self.direction, 0, 3)
        check_range("name modifier", self.modifier, 0, 3)
        check_range("name modifier offset", self.offset, 0, 0x7F)

    def name(self, base: str, place: int) -> str:
        """What the *place*-th sensor is called; a sensor that shares with nobody keeps its name."""
        if self.count <= 1:
            return base
        number = self.offset + place
        return base + (_letters(number) if self.modifier == self.LETTERS else str(number))

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes(
            (self.direction << 6 | self.modifier << 4 | self.count, self.instance_increments << 7 | self.offset)
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: two bytes are not there."""
        first, second = reader.take(2, "record sharing")
        return cls(
            count=first & 0x0F,
            direction=first >> 6,
            modifier=first >> 4 & 0x03,
            offset=second & 0x7F,
            instance_increments=bool(second & 0x80),
        )


def _letters(number: int) -> str:
    """0 is A, 25 is Z, 26 is AA (section 43.2)."""
    high, low = divmod(number, 26)
    return (chr(ord("A") + high - 1) if high else "") + chr(ord("A") + low)
