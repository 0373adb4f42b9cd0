"""Sensor data records: vectors put together from the tables of section 43, and every type there and back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.records.conversion import Factors, Linearization
from conduit.ipmi.records.entities import Entity, entity_name
from conduit.ipmi.records.id_strings import IdString
from conduit.ipmi.records.sdr import RECORD_CLASSES, OemRecord, UnknownRecord, decode_record
from conduit.ipmi.records.sdr_associations import DeviceEntity, DeviceRelativeAssociation, EntityAssociation
from conduit.ipmi.records.sdr_fields import Access, Capabilities, Owner, Sharing
from conduit.ipmi.records.sdr_locators import (
    Controller,
    ControllerConfirmation,
    ControllerSupport,
    FruDevice,
    GenericDevice,
    MessageChannels,
)
from conduit.ipmi.records.sdr_sensors import CompactSensor, EventOnlySensor, FullSensor, SensorTraits
from conduit.ipmi.records.thresholds import ThresholdMask, Thresholds, decode_thresholds, encode_thresholds

FULL = bytes.fromhex(
    "02 00 51 01 34"  # record 2, version 1.5, full sensor, 52 bytes
    "20 00 01 07 01 7f 68 01 01"  # BMC, sensor 1, system board 1, initialization, capabilities, temperature, threshold
    "80 0a 80 7a 38 38"  # masks: lnc, lnr read back; upper ones settable and readable
    "80 01 00 00 01 00 00 00 00 00"  # two's complement, degrees C, linear, M = 1
    "07 50 60 20 7f 80 a0 90 70 00 00 00 02 03 00 00 00"  # ranges, thresholds from above, hysteresis, OEM
    "c9 4d 42 20 54 65 6d 70 20 31"  # MB Temp 1
)
RECORDS: tuple[Any, ...] = (
    GenericDevice(record_id=7, access_address=0x20, address=0x92, channel=9, access_lun=1, bus=3, span=2,
                  device_type=8, type_modifier=1, oem=5, name=IdString.of("EEPROM")),
    FruDevice(fru_id=3, access_lun=2, bus=1, channel=7, logical=False, name=IdString.of("PSU")),
    Controller(channel=6, notifications=0x20, support=ControllerSupport.SEL, name=IdString.of("ME")),
    ControllerConfirmation(address=0x20, device_id=1, channel=3, device_revision=4, manufacturer_id=0x2A7C,
                           product_id=0x100, guid=bytes(range(16))),
    MessageChannels(channels=bytes(range(8)), message_interrupt=1, event_interrupt=2),
    EntityAssociation(container=Entity(entity_id=23), is_range=True, contained=(Entity(entity_id=29),) * 4),
    EntityAssociation(container=Entity(entity_id=23), linked=True, presence_readable=True,
                      contained=(Entity(entity_id=29, logical=True),) * 4),
    DeviceRelativeAssociation(container=DeviceEntity(address=0x20, channel=1, entity=Entity(entity_id=3)),
                              contained=(DeviceEntity(address=0x52, channel=7),) * 4, linked=True),
    EventOnlySensor(number=9, sensor_type=0x12, event_type=0x6F, owner=Owner(address=0x41, channel=3, lun=1, fru_lun=2),
                    sharing=Sharing(count=4, modifier=1, offset=2, instance_increments=True), oem=1),
    CompactSensor(traits=SensorTraits(number=4, sensor_type=8, event_type=0x6F, reading_mask=0x7F),
                  sharing=Sharing(direction=1), positive_hysteresis=1, negative_hysteresis=2, oem=3,
                  name=IdString.of("PS1")),
    OemRecord(manufacturer_id=343, data=b"\x01\x02"),
    UnknownRecord(record_id=9, record_type=0x77, data=b"abc"),
)  # fmt: skip


def test_a_full_sensor_is_read_from_its_bytes() -> None:
    sensor = decode_record(FULL)
    assert isinstance(sensor, FullSensor)
    traits = sensor.traits
    assert (sensor.record_id, traits.number, traits.entity.text, sensor.name.text) == (2, 1, "7.1", "MB Temp 1")
    assert (traits.units.text, traits.has_thresholds, traits.is_analog) == ("°C", True, True)
    assert traits.capabilities == Capabilities(hysteresis=Access.SETTABLE, thresholds=Access.SETTABLE)
    upper = ThresholdMask(0x38)
    assert (traits.readable, traits.settable) == (upper, upper)
    assert sensor.thresholds == Thresholds(upper_non_critical=0x70, upper_critical=0x90, upper_non_recoverable=0xA0)
    assert (sensor.positive_hysteresis, sensor.negative_hysteresis) == (2, 3)
    assert sensor.conversion.value(0xFE) == -2
    assert sensor.conversion.factors == Factors()
    assert sensor.conversion.linearization is Linearization.LINEAR
    assert (sensor.ranges.nominal, sensor.ranges.sensor_max, sensor.ranges.sensor_min) == (0x50, 0x7F, 0x80)
    assert sensor.encode() == FULL


def test_a_discrete_sensor_has_no_thresholds() -> None:
    traits = SensorTraits(number=1, sensor_type=8, event_type=0x6F, reading_mask=0x3F3F)
    assert (traits.readable, traits.settable) == (ThresholdMask(0), ThresholdMask(0))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_type_survives_being_written(record: Any) -> None:
    assert decode_record(record.encode()) == record
    assert RECORD_CLASSES.get(record.record_type, UnknownRecord) is type(record)


@pytest.mark.parametrize("record", [*RECORDS, decode_record(FULL)], ids=lambda record: type(record).__name__)
def test_a_record_cut_short_is_refused_by_one_error_or_has_a_shorter_end(record: Any) -> None:
    data = record.encode()
    for size in range(len(data)):
        with suppress(DecodeError):
            assert decode_record(data[:size]).record_id == record.record_id


def test_a_record_of_another_type_is_refused() -> None:
    with pytest.raises(DecodeError):
        CompactSensor.decode(FULL)


def test_what_comes_after_the_record_is_left_alone() -> None:
    assert decode_record(FULL + b"more") == decode_record(FULL)


@pytest.mark.property
@given(data=st.binary(max_size=80), kind=st.sampled_from((*RECORD_CLASSES, 0x33)))
def test_garbage_is_decoded_or_refused_by_one_error(data: bytes, kind: int) -> None:
    try:
        record = decode_record(data[:3] + bytes((kind,)) + data[4:])
    except DecodeError:
        return
    assert decode_record(record.encode()) == record


def test_sensors_that_share_a_record_have_names_of_their_own() -> None:
    numbers = Sharing(count=3, offset=4)
    assert [numbers.name("Fan ", place) for place in range(3)] == ["Fan 4", "Fan 5", "Fan 6"]
    letters = Sharing(count=3, modifier=Sharing.LETTERS, offset=24)
    assert [letters.name("Bay ", place) for place in range(3)] == ["Bay Y", "Bay Z", "Bay AA"]
    assert Sharing().name("Alone", 0) == "Alone"


def test_owners_that_are_software_are_odd() -> None:
    assert (Owner(address=0x41).is_software, Owner().is_software) == (True, False)


def test_controllers_are_static_or_not() -> None:
    assert (Controller(notifications=0x20).is_static, Controller().is_static) == (True, False)


@pytest.mark.parametrize(
    ("entity_id", "name"),
    [(3, "processor"), (29, "fan"), (0x37, "air inlet"), (0x41, "processor"), (0x5F, "unknown (0x5f)"),
     (0x95, "chassis-specific (0x95)"), (0xB1, "board-set specific (0xb1)"), (0xD5, "OEM (0xd5)")],
)  # fmt: skip
def test_entities_in_words(entity_id: int, name: str) -> None:
    assert entity_name(entity_id) == name
    assert Entity(entity_id=entity_id, instance=2).name == f"{name} 2"


def test_thresholds_are_those_of_the_mask() -> None:
    thresholds = Thresholds(lower_critical=5, upper_critical=0)
    assert thresholds.mask == ThresholdMask.LOWER_CRITICAL | ThresholdMask.UPPER_CRITICAL
    assert encode_thresholds(thresholds) == bytes((0x12, 0, 5, 0, 0, 0, 0))
    assert decode_thresholds(0x12, bytes((9, 5, 9, 9, 0, 9))) == thresholds


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (OemRecord, {"manufacturer_id": 1 << 24}),
        (EventOnlySensor, {"number": 256, "sensor_type": 1, "event_type": 1}),
        (EntityAssociation, {"container": Entity(), "contained": ()}),
        (UnknownRecord, {"record_type": 256}),
    ],
)
def test_values_out_of_range_are_our_callers_fault(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        kind(**fields)
