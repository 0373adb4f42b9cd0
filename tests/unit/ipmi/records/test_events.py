"""Events and SEL records: bytes as ipmitool and the specification have them, and the sentences made of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.records.event_types import SENSOR_SPECIFIC, THRESHOLD
from conduit.ipmi.records.events import DataUse, Event, Generator, KnownSensor
from conduit.ipmi.records.sel import OemTimedRecord, OtherRecord, SystemEventRecord, decode_sel_record
from conduit.ipmi.records.sensor_types import SensorType
from conduit.ipmi.records.timestamps import UNSPECIFIED, time_of, timestamp_of, timestamp_text


@dataclass(frozen=True)
class Fan:
    name: str = "Fan 1"
    unit: str = "RPM"
    factor: float | None = 100.0

    def value(self, raw: int) -> float | None:
        return None if self.factor is None else raw * self.factor


def event(sensor_type: int, data: str, *, event_type: int = SENSOR_SPECIFIC, asserted: bool = True) -> Event:
    raw = bytes.fromhex(data)
    return Event(sensor_type=sensor_type, sensor_number=0x30, event_type=event_type, asserted=asserted, data=raw)


# The bytes of `ipmitool event 1` in a record of our BMC.
RECORD = bytes.fromhex("010002f60d076b81100401300109ffff")


def test_a_record_of_ipmitools_sample_event() -> None:
    record = decode_sel_record(RECORD)
    assert isinstance(record, SystemEventRecord)
    assert (record.record_id, record.timestamp, record.generator) == (1, 0x6B070DF6, Generator(number=0x1081))
    assert (record.event.sensor_type, record.event.sensor_number) == (SensorType.TEMPERATURE, 0x30)
    assert (record.event.event_type, record.event.offset, record.event.asserted) == (THRESHOLD, 9, True)
    assert record.describe() == "Temperature 0x30: upper critical going high"
    assert record.encode() == RECORD


@pytest.mark.parametrize(
    ("data", "asserted", "sensor", "sentence"),
    [
        ("520305", True, Fan(), "Fan 1: lower critical going low, reading 300 < threshold 500 RPM"),
        ("590703", True, Fan(), "Fan 1: upper critical going high, reading 700 > threshold 300 RPM"),
        ("520305", False, Fan(), "Fan 1: lower critical going low, no longer, reading 300, threshold 500 RPM"),
        ("520305", True, Fan(unit=""), "Fan 1: lower critical going low, reading 300 < threshold 500"),
        ("520305", True, None, "Fan 0x30: lower critical going low, reading 0x03 < threshold 0x05"),
        ("520305", True, Fan(factor=None), "Fan 1: lower critical going low, reading 0x03 < threshold 0x05 RPM"),
        ("4203ff", True, Fan(), "Fan 1: lower critical going low, reading 300 RPM"),
        ("12ff05", True, Fan(), "Fan 1: lower critical going low, threshold 500 RPM"),
        ("02ffff", True, Fan(), "Fan 1: lower critical going low"),
    ],
)
def test_a_threshold_event_is_a_sentence(data: str, asserted: bool, sensor: KnownSensor | None, sentence: str) -> None:
    assert event(SensorType.FAN, data, event_type=THRESHOLD, asserted=asserted).describe(sensor) == sentence


@pytest.mark.parametrize(
    ("sensor_type", "data", "details"),
    [
        (SensorType.PHYSICAL_SECURITY, "c402ff", "LAN cable unplugged, network controller 2"),
        (SensorType.PHYSICAL_SECURITY, "c002ff", "chassis intrusion"),
        (SensorType.POWER_SUPPLY, "36ff03", "configuration error, power rating"),
        (SensorType.POWER_SUPPLY, "06ffff", "configuration error"),
        (SensorType.POWER_SUPPLY, "31ff03", "failure"),
        (SensorType.MEMORY, "31ff07", "uncorrectable ECC error, module 7"),
        (SensorType.MEMORY, "31ffff", "uncorrectable ECC error"),
        (SensorType.FIRMWARE_PROGRESS, "c001ff", "error, no memory installed"),
        (SensorType.FIRMWARE_PROGRESS, "c213ff", "progress, operating system starts"),
        (SensorType.FIRMWARE_PROGRESS, "c2e3ff", "progress"),
        (SensorType.EVENT_LOGGING, "c004ff", "correctable memory errors no longer logged, module 4"),
        (SensorType.EVENT_LOGGING, "35ff4b", "log almost full, 75 % full"),
        (SensorType.EVENT_LOGGING, "05ffff", "log almost full"),
        (SensorType.EVENT_LOGGING, "c602ff", "correctable machine checks no longer logged, processor 2"),
        (SensorType.EVENT_LOGGING, "02ffff", "log cleared"),
        (SensorType.SYSTEM_EVENT, "c403ff", "PEF action, alert, power off"),
        (SensorType.SYSTEM_EVENT, "04ffff", "PEF action"),
        (SensorType.SYSTEM_EVENT, "c580ff", "clock synchronised, second of two"),
        (SensorType.SYSTEM_EVENT, "c001ff", "system reconfigured"),
        (SensorType.BOOT_INITIATED, "f70401", "system restart, by watchdog, channel 1"),
        (SensorType.BOOT_INITIATED, "c704ff", "system restart, by watchdog"),
        (SensorType.BOOT_INITIATED, "07ffff", "system restart"),
        (SensorType.BOOT_INITIATED, "f00401", "by power up"),
        (SensorType.SLOT, "f20905", "device installed, PCI Express, slot 5"),
        (SensorType.SLOT, "02ffff", "device installed"),
        (SensorType.WATCHDOG_2, "c124ff", "hard reset, used by SMS/OS, interrupt NMI"),
        (SensorType.WATCHDOG_2, "01ffff", "hard reset"),
        (SensorType.SESSION_AUDIT, "f20301", "invalid user name or password, user 3, channel 1"),
        (SensorType.SESSION_AUDIT, "f10021", "session deactivated, channel 1, by timeout"),
        (SensorType.SESSION_AUDIT, "c103ff", "session deactivated, user 3"),
        (SensorType.SESSION_AUDIT, "31ff01", "session deactivated, channel 1"),
        (SensorType.FRU_STATE, "c404ff", "active, before: active"),
        (SensorType.FRU_STATE, "04ffff", "active"),
        (SensorType.BATTERY, "c004ff", "low"),
        (SensorType.BATTERY, "a00405", "low, OEM data 0x04, OEM data 0x05"),
        (SensorType.BATTERY, "4012ff", "low, severity non-critical from OK, before: present"),
        (SensorType.BATTERY, "40ffff", "low"),
    ],
)
def test_event_data_2_and_3_are_said_in_words(sensor_type: int, data: str, details: str) -> None:
    assert event(sensor_type, data).describe(Fan(name="It")) == f"It: {details}"


def test_a_generic_event_says_what_was_before() -> None:
    assert event(SensorType.MODULE, "41f0ff", event_type=0x08).describe() == (
        "Module/board 0x30: device present, before: device absent"
    )


def test_what_data_bytes_hold() -> None:
    threshold = event(SensorType.FAN, "520305", event_type=THRESHOLD)
    assert (threshold.data_2_use, threshold.data_3_use) == (DataUse.READING, DataUse.READING)
    assert (threshold.reading, threshold.threshold) == (3, 5)
    other = event(SensorType.FAN, "520305", event_type=0x07)
    assert (other.reading, other.threshold) == (None, None)


def test_a_generator_is_a_controller_or_software() -> None:
    assert str(Generator()) == "controller 0x20"
    assert str(Generator(number=0x1081)) == "software 0x81"
    assert (Generator(number=0x7220).channel, Generator(number=0x7220).lun) == (7, 2)


def test_an_oem_record_with_a_time() -> None:
    raw = bytes.fromhex("0200c0f60d076ba20200010203040506")
    record = decode_sel_record(raw)
    assert isinstance(record, OemTimedRecord)
    assert (record.timestamp, record.manufacturer_id, record.data) == (0x6B070DF6, 674, bytes(range(1, 7)))
    assert record.describe() == "OEM record 0xc0 of Dell: 01 02 03 04 05 06"
    assert record.encode() == raw


def test_an_oem_record_of_somebody_unknown() -> None:
    record = OemTimedRecord(record_type=0xDF, manufacturer_id=5, data=bytes(6))
    assert record.describe() == "OEM record 0xdf of manufacturer 5: 00 00 00 00 00 00"


@pytest.mark.parametrize(("kind", "words"), [(0xE0, "OEM record 0xe0"), (0x05, "record of unknown type 0x05")])
def test_other_records_keep_their_bytes(kind: int, words: str) -> None:
    raw = bytes((3, 0, kind)) + bytes(range(13))
    record = decode_sel_record(raw)
    assert isinstance(record, OtherRecord)
    assert record.timestamp == UNSPECIFIED
    assert record.describe().startswith(f"{words}: 00 01 02")
    assert record.encode() == raw


@pytest.mark.parametrize("size", range(16))
def test_a_record_that_is_cut_is_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        decode_sel_record(RECORD[:size])


@pytest.mark.property
@given(raw=st.binary(min_size=16, max_size=20))
def test_any_record_survives_and_has_a_sentence(raw: bytes) -> None:
    record = decode_sel_record(raw)
    assert record.encode() == raw[:16]
    assert record.describe(lambda generator, number: Fan())
    assert record.describe()


def test_records_are_checked() -> None:
    with pytest.raises(LocalProtocolError):
        OtherRecord(record_type=0xE0, data=b"short")
    with pytest.raises(LocalProtocolError):
        OemTimedRecord(record_type=0x02, manufacturer_id=0, data=bytes(6))


def test_times_are_set_unset_or_unspecified() -> None:
    assert timestamp_text(UNSPECIFIED) == "unspecified"
    assert timestamp_text(83) == "pre-init 0:01:23"
    assert timestamp_text(0x6B070DF6) == "2026-11-25 16:33:58"
    assert time_of(83) is time_of(UNSPECIFIED) is None
    time = time_of(0x6B070DF6)
    assert time is not None
    assert timestamp_of(time) == 0x6B070DF6
