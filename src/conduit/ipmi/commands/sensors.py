"""Sensors: readings, thresholds, hysteresis, types (section 35). Their events are in ``sensor_events``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.conversion import Factors
from conduit.ipmi.records.thresholds import NO_THRESHOLDS, ThresholdMask
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

STATES: Final = 0x7FFF  # the fifteen states that a sensor may have
RESERVED_STATE: Final = 0x8000  # sent as one


class SensorFlags(IntFlag):
    """What a reading comes with; section 35.14."""

    EVENTS_ENABLED = 0x80
    SCANNING_ENABLED = 0x40
    UNAVAILABLE = 0x20
    "The reading means nothing: the first is still to come, or what is measured is off."


ALL_ENABLED: Final = SensorFlags.EVENTS_ENABLED | SensorFlags.SCANNING_ENABLED


def check_number(number: int) -> None:
    check_range("sensor number", number, 0, 0xFF)


def check_masks(*masks: int) -> None:
    for mask in masks:
        check_range("event mask", mask, 0, STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReading:
    """A reading as it comes; section 35.14."""

    reading: int = 0
    "0 to 255."
    flags: SensorFlags = ALL_ENABLED
    states: int | None = None
    "States that are asserted, or thresholds that are passed; 0 to 7FFFh. None where the BMC sends none."

    def __post_init__(self) -> None:
        check_range("reading", self.reading, 0, 0xFF)
        check_masks(self.states or 0)

    @property
    def is_available(self) -> bool:
        """Whether the reading means something."""
        return bool(self.flags & SensorFlags.SCANNING_ENABLED) and not self.flags & SensorFlags.UNAVAILABLE

    def encode(self) -> bytes:
        """Two bytes, or four."""
        states = b"" if self.states is None else (self.states | RESERVED_STATE).to_bytes(2, "little")
        return bytes((self.reading, self.flags)) + states

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reading, flags = reader.take(2, "sensor reading")
        states = reader.take(min(2, reader.remaining))
        return cls(
            reading=reading,
            flags=SensorFlags(flags & 0xE0),
            states=int.from_bytes(states, "little") & STATES if states else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorCommand:
    """A request that names a sensor and nothing more."""

    number: int
    "0 to 255."

    def __post_init__(self) -> None:
        check_number(self.number)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.number,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(number=Reader(data).u8("sensor number"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorReading(SensorCommand, Command[RawReading]):
    """Get Sensor Reading; section 35.14."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x2D
    privilege = Privilege.USER
    safe = True
    response = RawReading


@dataclass(frozen=True, slots=True, kw_only=True)
class RawThresholds:
    """Thresholds as raw bytes; section 35.9."""

    readable: ThresholdMask = NO_THRESHOLDS
    "Which of them mean something."
    limits: bytes = bytes(6)
    "In the order of the mask."

    def encode(self) -> bytes:
        """Seven bytes."""
        return bytes((self.readable,)) + self.limits

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(readable=ThresholdMask(reader.u8("threshold mask") & 0x3F), limits=reader.take(6, "thresholds"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorThresholds(SensorCommand, Command[RawThresholds]):
    """Get Sensor Thresholds; section 35.9."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x27
    privilege = Privilege.USER
    safe = True
    response = RawThresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSensorThresholds(Command[NoData]):
    """Set Sensor Thresholds; section 35.8."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x26
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    number: int
    which: ThresholdMask
    "Those to set; the others stay."
    limits: bytes
    "Six raw bytes in the order of the mask."

    def __post_init__(self) -> None:
        check_number(self.number)

    def encode(self) -> bytes:
        """Eight bytes."""
        return bytes((self.number, self.which)) + self.limits

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, which = reader.take(2, "threshold mask")
        return cls(number=number, which=ThresholdMask(which & 0x3F), limits=reader.take(6, "thresholds"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorHysteresis:
    """How far a reading must go back before its event is over, in raw counts; section 35.7."""

    positive: int = 0
    negative: int = 0

    def __post_init__(self) -> None:
        check_range("hysteresis", self.positive, 0, 0xFF)
        check_range("hysteresis", self.negative, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.positive, self.negative))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        positive, negative = Reader(data).take(2, "hysteresis")
        return cls(positive=positive, negative=negative)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorHysteresis(SensorCommand, Command[SensorHysteresis]):
    """Get Sensor Hysteresis; section 35.7."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x25
    privilege = Privilege.USER
    safe = True
    response = SensorHysteresis

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.number, 0xFF))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSensorHysteresis(Command[NoData]):
    """Set Sensor Hysteresis; section 35.6."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x24
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    number: int
    positive: int
    negative: int

    def __post_init__(self) -> None:
        check_number(self.number)
        check_range("hysteresis", self.positive, 0, 0xFF)
        check_range("hysteresis", self.negative, 0, 0xFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.number, 0xFF, self.positive, self.negative))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, _, positive, negative = Reader(data).take(4, "hysteresis")
        return cls(number=number, positive=positive, negative=negative)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFactors:
    """How to understand one reading of a non-linear sensor; section 35.5."""

    next_reading: int = 0
    "The next one that has other factors; 0 to 255."
    factors: Factors

    def __post_init__(self) -> None:
        check_range("next reading", self.next_reading, 0, 0xFF)

    def encode(self) -> bytes:
        """Seven bytes."""
        return bytes((self.next_reading,)) + self.factors.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(next_reading=reader.u8("next reading"), factors=Factors.read(reader))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorReadingFactors(Command[SensorFactors]):
    """Get Sensor Reading Factors; section 35.5."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x23
    privilege = Privilege.USER
    safe = True
    response = SensorFactors

    number: int
    reading: int
    "0 to 255."

    def __post_init__(self) -> None:
        check_number(self.number)
        check_range("reading", self.reading, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.number, self.reading))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, reading = Reader(data).take(2, "reading factors request")
        return cls(number=number, reading=reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorTypeInfo:
    """A sensor's type; section 35.16."""

    sensor_type: int
    "0 to 255 (table 42-3)."
    event_type: int
    "0 to 127 (table 42-1)."

    def __post_init__(self) -> None:
        check_range("sensor type", self.sensor_type, 0, 0xFF)
        check_range("event/reading type", self.event_type, 0, 0x7F)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.sensor_type, self.event_type))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        sensor_type, event_type = Reader(data).take(2, "sensor type")
        return cls(sensor_type=sensor_type, event_type=event_type & 0x7F)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorType(SensorCommand, Command[SensorTypeInfo]):
    """Get Sensor Type; section 35.16."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x2F
    privilege = Privilege.USER
    safe = True
    response = SensorTypeInfo


__all__ = [
    "GetSensorHysteresis",
    "GetSensorReading",
    "GetSensorReadingFactors",
    "GetSensorThresholds",
    "GetSensorType",
    "RawReading",
    "RawThresholds",
    "SensorFactors",
    "SensorFlags",
    "SensorHysteresis",
    "SensorTypeInfo",
    "SetSensorHysteresis",
    "SetSensorThresholds",
]
