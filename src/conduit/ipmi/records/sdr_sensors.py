"""Sensor records: full, compact and event-only (sections 43.1 to 43.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.records.conversion import Conversion, Factors, linearization_of
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.event_types import THRESHOLD
from conduit.ipmi.records.id_strings import IdString
from conduit.ipmi.records.sdr_fields import (
    Capabilities,
    Initialization,
    Owner,
    RecordType,
    Sharing,
    encode_record,
    open_record,
)
from conduit.ipmi.records.thresholds import ThresholdMask, Thresholds, decode_thresholds
from conduit.ipmi.records.units import AnalogFormat, SensorUnits

NO_NAME: Final = IdString()
ALONE: Final = Sharing()
BMC_OWNED: Final = Owner()
SOMEWHERE: Final = Entity()
EVERYTHING: Final = Initialization(0x7F)  # is set up, and on at power-up
ORDINARY: Final = Capabilities()
NO_UNITS: Final = SensorUnits()
ONE_TO_ONE: Final = Conversion()


class AnalogFlags(IntFlag):
    """Which of a full record's ranges mean something."""

    NOMINAL = 0x01
    NORMAL_MAX = 0x02
    NORMAL_MIN = 0x04


NO_FLAGS: Final = AnalogFlags(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorTraits:
    """What full and compact records tell alike: 18 bytes from the owner to the units."""

    owner: Owner = BMC_OWNED
    number: int
    "0 to 254."
    entity: Entity = SOMEWHERE
    initialization: Initialization = EVERYTHING
    capabilities: Capabilities = ORDINARY
    sensor_type: int
    "0 to 255 (table 42-3)."
    event_type: int = THRESHOLD
    "Event/reading type, 0 to 127 (table 42-1)."
    assertion_mask: int = 0
    "Events that may be asserted; of a threshold sensor also which lower comparisons its reading has, bits 14:12."
    deassertion_mask: int = 0
    "Likewise, with the upper comparisons."
    reading_mask: int = 0
    "States that may be read; of a threshold sensor the settable thresholds in bits 13:8, the readable in 5:0."
    units: SensorUnits = NO_UNITS

    def __post_init__(self) -> None:
        check_range("sensor number", self.number, 0, 0xFF)
        check_range("sensor type", self.sensor_type, 0, 0xFF)
        check_range("event/reading type", self.event_type, 0, 0xFF)
        for mask in (self.assertion_mask, self.deassertion_mask, self.reading_mask):
            check_range("mask", mask, 0, 0xFFFF)

    @property
    def has_thresholds(self) -> bool:
        """Whether it compares its reading with thresholds."""
        return self.event_type == THRESHOLD

    @property
    def is_analog(self) -> bool:
        """Whether it gives numbers."""
        return self.units.analog_format is not AnalogFormat.NOT_ANALOG

    @property
    def readable(self) -> ThresholdMask:
        """Thresholds that can be read."""
        return ThresholdMask(self.reading_mask & 0x3F if self.has_thresholds else 0)

    @property
    def settable(self) -> ThresholdMask:
        """Thresholds that can be set."""
        return ThresholdMask(self.reading_mask >> 8 & 0x3F if self.has_thresholds else 0)

    def encode(self) -> bytes:
        """18 bytes."""
        kind = (self.initialization, self.capabilities.byte, self.sensor_type, self.event_type)
        masks = (self.assertion_mask, self.deassertion_mask, self.reading_mask)
        head = self.owner.encode() + bytes((self.number,)) + self.entity.encode() + bytes(kind)
        return head + b"".join(mask.to_bytes(2, "little") for mask in masks) + self.units.encode()

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: 18 bytes are not there."""
        owner, number, entity = Owner.read(reader), reader.u8("sensor number"), Entity.read(reader)
        initialization, capabilities, sensor_type, event_type = reader.take(4, "sensor type")
        return cls(
            owner=owner,
            number=number,
            entity=entity,
            initialization=Initialization(initialization),
            capabilities=Capabilities.of(capabilities),
            sensor_type=sensor_type,
            event_type=event_type,
            assertion_mask=reader.u16le("assertion mask"),
            deassertion_mask=reader.u16le("deassertion mask"),
            reading_mask=reader.u16le("reading mask"),
            units=SensorUnits.read(reader),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Five raw bytes of a full record: what is usual, and what is possible."""

    nominal: int = 0
    normal_max: int = 0
    normal_min: int = 0
    sensor_max: int = 0xFF
    sensor_min: int = 0
    flags: AnalogFlags = NO_FLAGS
    "Which of the first three mean something."

    def __post_init__(self) -> None:
        for value in (self.nominal, self.normal_max, self.normal_min, self.sensor_max, self.sensor_min):
            check_range("a raw reading", value, 0, 0xFF)

    def encode(self) -> bytes:
        """Six bytes."""
        usual = (self.flags, self.nominal, self.normal_max, self.normal_min)
        return bytes((*usual, self.sensor_max, self.sensor_min))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: six bytes are not there."""
        flags, nominal, normal_max, normal_min, sensor_max, sensor_min = reader.take(6, "sensor ranges")
        return cls(
            nominal=nominal,
            normal_max=normal_max,
            normal_min=normal_min,
            sensor_max=sensor_max,
            sensor_min=sensor_min,
            flags=AnalogFlags(flags & 0x07),
        )


ALL_RANGE: Final = Ranges()
NO_LIMITS: Final = bytes(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSensor:
    """A sensor with all there is to know about it; section 43.1."""

    record_id: int = 0
    traits: SensorTraits
    conversion: Conversion = ONE_TO_ONE
    "Its analog format is also in the units of the traits, and written from there."
    ranges: Ranges = ALL_RANGE
    limits: bytes = NO_LIMITS
    "Raw thresholds in the order of ThresholdMask; those that are not readable mean nothing."
    positive_hysteresis: int = 0
    negative_hysteresis: int = 0
    oem: int = 0
    name: IdString = NO_NAME

    record_type: ClassVar[int] = RecordType.FULL_SENSOR

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)
        check_size("the thresholds", self.limits, 6, 6)
        for value in (self.positive_hysteresis, self.negative_hysteresis, self.oem):
            check_range("a byte", value, 0, 0xFF)

    @property
    def thresholds(self) -> Thresholds[int]:
        """The thresholds that the BMC starts with, raw."""
        return decode_thresholds(self.traits.readable, self.limits)

    def encode(self) -> bytes:
        """The whole record."""
        body = self.traits.encode() + bytes((self.conversion.linearization,)) + self.conversion.factors.encode()
        body += self.ranges.encode() + self.limits[::-1]  # from the uppermost down
        body += bytes((self.positive_hysteresis, self.negative_hysteresis, 0, 0, self.oem)) + self.name.encode()
        return encode_record(self.record_id, self.record_type, body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        traits = SensorTraits.read(reader)
        linearization = linearization_of(reader.u8("linearization"))
        factors, ranges = Factors.read(reader), Ranges.read(reader)
        limits = reader.take(6, "thresholds")
        positive, negative, _, _, oem = reader.take(5, "hysteresis")
        return cls(
            record_id=record_id,
            traits=traits,
            conversion=Conversion(
                analog_format=traits.units.analog_format, linearization=linearization, factors=factors
            ),
            ranges=ranges,
            limits=limits[::-1],
            positive_hysteresis=positive,
            negative_hysteresis=negative,
            oem=oem,
            name=IdString.read(reader),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactSensor:
    """A sensor without a conversion, or several alike; section 43.2."""

    record_id: int = 0
    traits: SensorTraits
    sharing: Sharing = ALONE
    positive_hysteresis: int = 0
    negative_hysteresis: int = 0
    oem: int = 0
    name: IdString = NO_NAME

    record_type: ClassVar[int] = RecordType.COMPACT_SENSOR

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)
        for value in (self.positive_hysteresis, self.negative_hysteresis, self.oem):
            check_range("a byte", value, 0, 0xFF)

    def encode(self) -> bytes:
        """The whole record."""
        tail = bytes((self.positive_hysteresis, self.negative_hysteresis, 0, 0, 0, self.oem))
        body = self.traits.encode() + self.sharing.encode() + tail + self.name.encode()
        return encode_record(self.record_id, self.record_type, body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        traits, sharing = SensorTraits.read(reader), Sharing.read(reader)
        positive, negative, _, _, _, oem = reader.take(6, "hysteresis")
        return cls(
            record_id=record_id,
            traits=traits,
            sharing=sharing,
            positive_hysteresis=positive,
            negative_hysteresis=negative,
            oem=oem,
            name=IdString.read(reader),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOnlySensor:
    """A sensor that has no reading and only sends events; section 43.3."""

    record_id: int = 0
    owner: Owner = BMC_OWNED
    number: int
    entity: Entity = SOMEWHERE
    sensor_type: int
    event_type: int
    sharing: Sharing = ALONE
    oem: int = 0
    name: IdString = NO_NAME

    record_type: ClassVar[int] = RecordType.EVENT_ONLY

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)
        for value in (self.number, self.sensor_type, self.event_type, self.oem):
            check_range("a byte", value, 0, 0xFF)

    def encode(self) -> bytes:
        """The whole record."""
        body = self.owner.encode() + bytes((self.number,)) + self.entity.encode()
        body += bytes((self.sensor_type, self.event_type)) + self.sharing.encode()
        return encode_record(self.record_id, self.record_type, body + bytes((0, self.oem)) + self.name.encode())

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        owner, number, entity = Owner.read(reader), reader.u8("sensor number"), Entity.read(reader)
        sensor_type, event_type = reader.take(2, "sensor type")
        sharing = Sharing.read(reader)
        _, oem = reader.take(2, "OEM byte")
        return cls(
            record_id=record_id,
            owner=owner,
            number=number,
            entity=entity,
            sensor_type=sensor_type,
            event_type=event_type,
            sharing=sharing,
            oem=oem,
            name=IdString.read(reader),
        )
