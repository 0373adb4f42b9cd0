"""What the virtual BMC answers about its sensors and their records."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.ipmi.bmc.sensor_specs import SensorConfig
from conduit.ipmi.commands import (
    AddSdr,
    ClearSdrRepository,
    DeleteSdr,
    EnterSdrUpdateMode,
    ExitSdrUpdateMode,
    GetDeviceSdr,
    GetDeviceSdrInfo,
    GetSdr,
    GetSdrRepositoryAllocationInfo,
    GetSdrRepositoryInfo,
    GetSdrRepositoryTime,
    GetSensorEventEnable,
    GetSensorEventStatus,
    GetSensorHysteresis,
    GetSensorReading,
    GetSensorReadingFactors,
    GetSensorThresholds,
    GetSensorType,
    PartialAddSdr,
    RearmSensorEvents,
    ReserveDeviceSdrRepository,
    ReserveSdrRepository,
    RunInitializationAgent,
    SensorFlags,
    SetSdrRepositoryTime,
    SetSensorEventEnable,
    SetSensorHysteresis,
    SetSensorReading,
    SetSensorThresholds,
    SetSensorType,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.records.sdr import OemRecord, decode_record
from conduit.ipmi.records.sdr_sensors import FullSensor
from conduit.ipmi.records.thresholds import ThresholdMask
from tests.wired import Console, Wire, make_bmc

FAN, SUPPLY, NOBODY = 6, 15, 0x9F
RECORD = OemRecord(manufacturer_id=343, data=b"more").encode()


def connect(**changes: Any) -> Console:
    changes.setdefault("running", True)
    return Wire(make_bmc(**changes)).connect()


def reserve(console: Console) -> int:
    reservation: int = console.ask(ReserveSdrRepository()).reservation
    return reservation


def test_records_follow_each_other_from_the_first_to_the_last() -> None:
    console = connect()
    record_id, names = 0, []
    while record_id != 0xFFFF:
        part = console.ask(GetSdr(record_id=record_id))
        names.append(getattr(decode_record(part.data), "name", None))
        record_id = part.next_record
    assert len(names) == console.ask(GetSdrRepositoryInfo()).record_count == 33
    assert console.ask(GetSdr(record_id=0xFFFF)).next_record == 0xFFFF


def test_a_record_comes_in_pieces_under_a_reservation() -> None:
    console = connect()
    whole = console.ask(GetSdr(record_id=3)).data
    held = reserve(console)
    pieces = [
        console.ask(GetSdr(reservation=held, record_id=3, offset=offset, count=16)).data
        for offset in range(0, len(whole), 16)
    ]
    assert b"".join(pieces) == whole
    reserve(console)  # somebody else's
    assert console.code(GetSdr(reservation=held, record_id=3, offset=16, count=16)) == 0xC5
    assert console.code(GetSdr(record_id=3, offset=16, count=16)) == 0xC5


def test_what_is_not_there_is_refused() -> None:
    console = connect(sdr_read_limit=16)
    assert console.code(GetSdr(record_id=999, count=5)) == CompletionCode.NOT_PRESENT
    assert console.code(GetSdr(record_id=1)) == CompletionCode.CANNOT_RETURN_THAT_MUCH
    held = reserve(console)
    assert console.code(GetSdr(reservation=held, record_id=1, offset=200, count=5)) == 0xC9


def test_records_are_added_deleted_and_cleared() -> None:
    console = connect()
    before = console.ask(GetSdrRepositoryInfo())
    added = console.ask(AddSdr(data=RECORD)).record_id
    assert console.ask(GetSdr(record_id=added)).data[2:] == RECORD[2:]
    assert console.ask(GetSdrRepositoryInfo()).added_at != before.added_at
    assert console.code(AddSdr(data=RECORD[:-1])) == CompletionCode.DATA_LENGTH_INVALID
    held = reserve(console)
    assert console.ask(PartialAddSdr(reservation=held, data=RECORD[:8])).record_id == 0
    second = console.ask(PartialAddSdr(reservation=held, offset=8, last=True, data=RECORD[8:])).record_id
    assert second == added + 1
    assert console.ask(DeleteSdr(reservation=reserve(console), record_id=second)).record_id == second
    assert console.code(DeleteSdr(reservation=reserve(console), record_id=second)) == CompletionCode.NOT_PRESENT
    assert console.ask(GetSdrRepositoryInfo()).erased_at != before.erased_at
    held = reserve(console)
    assert console.code(ClearSdrRepository(reservation=held, initiate=True, confirmation=b"clr")) == 0xCC
    console.ask(ClearSdrRepository(reservation=held))
    assert console.ask(GetSdrRepositoryInfo()).record_count == 34
    console.ask(ClearSdrRepository(reservation=held, initiate=True))
    assert console.ask(GetSdrRepositoryInfo()).record_count == 0
    assert console.code(GetSdr()) == CompletionCode.NOT_PRESENT


def test_parts_that_do_not_follow_each_other_are_refused() -> None:
    console = connect()
    held = reserve(console)
    assert console.code(PartialAddSdr(reservation=held, offset=8, data=b"x")) == 0x80
    console.ask(PartialAddSdr(reservation=held, data=RECORD[:8]))
    assert console.code(PartialAddSdr(reservation=held, offset=9, data=b"x")) == 0x80
    console.ask(PartialAddSdr(reservation=held, data=RECORD[:8]))
    assert console.code(PartialAddSdr(reservation=held, offset=8, last=True, data=b"x")) == 0x80


def test_changes_need_a_reservation() -> None:
    console = connect()
    for command in (
        PartialAddSdr(reservation=1, data=b""),
        DeleteSdr(reservation=1, record_id=1),
        ClearSdrRepository(reservation=1),
    ):
        assert console.code(command) == CompletionCode.RESERVATION_CANCELED


def test_the_repository_has_a_clock_an_agent_and_space() -> None:
    console = connect()
    console.ask(SetSdrRepositoryTime(time=1_700_000_000))
    assert console.ask(GetSdrRepositoryTime()).time == 1_700_000_000
    assert console.ask(RunInitializationAgent(run=True)).complete
    space = console.ask(GetSdrRepositoryAllocationInfo())
    assert space.free_units * space.unit_size <= console.ask(GetSdrRepositoryInfo()).free_space


def test_the_same_records_are_those_of_the_device() -> None:
    console = connect()
    assert console.ask(GetDeviceSdrInfo()).count == 22
    assert console.ask(GetDeviceSdrInfo(records=True)).count == 33
    held = console.ask(ReserveDeviceSdrRepository()).reservation
    assert console.ask(GetDeviceSdr(reservation=held, record_id=1)).data == console.ask(GetSdr(record_id=1)).data


def test_thresholds_are_set_and_count() -> None:
    console = connect()
    before = console.ask(GetSensorThresholds(number=FAN))
    assert before.readable == ThresholdMask(0x07)
    console.ask(SetSensorThresholds(number=FAN, which=ThresholdMask.LOWER_CRITICAL, limits=bytes((0, 250, 0, 0, 0, 0))))
    after = console.ask(GetSensorThresholds(number=FAN)).limits
    assert (after[0], after[1], after[2]) == (before.limits[0], 250, before.limits[2])
    assert console.ask(GetSensorReading(number=FAN)).states == ThresholdMask.LOWER_CRITICAL
    assert console.ask(GetSensorEventStatus(number=FAN)).assertions == 1 << 2
    console.ask(RearmSensorEvents(number=FAN))
    assert console.ask(GetSensorEventStatus(number=FAN)).assertions == 0
    upper = SetSensorThresholds(number=FAN, which=ThresholdMask.UPPER_CRITICAL, limits=bytes(6))
    assert console.code(upper) == CompletionCode.INVALID_FIELD


def test_events_that_are_re_armed_one_by_one_leave_the_others() -> None:
    console = connect()
    console.wire.bmc.state.sensors.inject("FAN1", 700)
    console.ask(GetSensorReading(number=FAN))
    console.ask(RearmSensorEvents(number=FAN, selected=True, assertions=0b100))
    assert console.ask(GetSensorEventStatus(number=FAN)).assertions == 0b001


def test_hysteresis_is_set_and_counts() -> None:
    console = connect()
    console.ask(SetSensorHysteresis(number=FAN, positive=1, negative=40))
    hysteresis = console.ask(GetSensorHysteresis(number=FAN))
    assert (hysteresis.positive, hysteresis.negative) == (1, 40)


def test_events_are_switched_off_and_on() -> None:
    console = connect()
    assert console.ask(GetSensorEventEnable(number=FAN)).assertions == 0x3F
    assert console.ask(GetSensorEventEnable(number=SUPPLY)).assertions == 0x7F
    console.ask(SetSensorEventEnable(number=FAN, flags=0xE0, assertions=0b01))
    assert console.ask(GetSensorEventEnable(number=FAN)).assertions == 0x3E
    logged = len(console.wire.bmc.state.event_log)
    console.wire.bmc.state.sensors.inject("FAN1", 1500)
    console.ask(GetSensorReading(number=FAN))
    assert len(console.wire.bmc.state.event_log) == logged
    console.ask(SetSensorEventEnable(number=FAN, flags=0xD0, assertions=0b01))
    assert console.ask(GetSensorEventEnable(number=FAN)).assertions == 0x3F
    console.ask(SetSensorEventEnable(number=FAN, flags=0x40))
    console.wire.bmc.state.sensors.inject("FAN1", None)
    assert console.ask(GetSensorReading(number=FAN)).flags == SensorFlags.SCANNING_ENABLED
    assert len(console.wire.bmc.state.event_log) == logged
    assert console.code(SetSensorEventEnable(number=FAN, flags=0xF0)) == CompletionCode.INVALID_FIELD


def test_types_and_factors_are_those_of_the_record() -> None:
    console = connect()
    kind = console.ask(GetSensorType(number=FAN))
    assert (kind.sensor_type, kind.event_type) == (4, 1)
    console.ask(SetSensorType(number=FAN, sensor_type=4, event_type=1))
    assert console.code(SetSensorType(number=FAN, sensor_type=1, event_type=1)) == 0xCD
    assert console.ask(GetSensorReadingFactors(number=FAN, reading=9)).factors.m == 50
    assert console.code(SetSensorReading(number=FAN, reading=1)) == CompletionCode.ILLEGAL_FOR_SENSOR


def test_a_settable_sensor_measures_what_it_is_told_and_makes_its_events_itself() -> None:
    console = connect(sensors=(SensorConfig(name="Told", settable=True, m=2, upper_critical=100.0),))
    number = next(one.spec.number for one in console.wire.bmc.state.sensors if one.spec.name == "Told")
    console.ask(GetSensorReading(number=number))
    logged = len(console.wire.bmc.state.event_log)
    console.ask(SetSensorReading(number=number, reading=60))
    assert console.ask(GetSensorReading(number=number)).reading == 60
    assert len(console.wire.bmc.state.event_log) == logged + 1
    console.ask(SetSensorReading(number=number, operation=0, reading=9))
    assert console.ask(GetSensorReading(number=number)).reading == 60
    assert console.code(SetSensorReading(number=number, operation=0x41)) == 0x81
    assert console.code(SetSensorReading(number=number, operation=0x10)) == 0x80
    records = [decode_record(console.wire.bmc.state.sdrs.find(one)[1]) for one in range(1, 24)]  # type: ignore[index]
    settable = [one for one in records if isinstance(one, FullSensor) and one.traits.initialization & 0x80]
    assert [one.name.text for one in settable] == ["Told"]


def test_who_changes_records_says_so_and_ends_reservations() -> None:
    console = connect()
    held = reserve(console)
    console.ask(EnterSdrUpdateMode())
    assert console.wire.bmc.state.sdrs.updating
    assert console.code(DeleteSdr(reservation=held, record_id=1)) == 0xC5
    console.ask(ExitSdrUpdateMode())
    assert not console.wire.bmc.state.sdrs.updating


def test_a_discrete_sensor_has_states_and_no_thresholds() -> None:
    console = connect()
    assert console.ask(GetSensorReading(number=SUPPLY)).states == 1
    assert console.code(GetSensorThresholds(number=SUPPLY)) == CompletionCode.ILLEGAL_FOR_SENSOR


def test_without_power_some_have_no_reading() -> None:
    reading = connect(running=False).ask(GetSensorReading(number=1))
    assert not reading.is_available
    assert SensorFlags.UNAVAILABLE in reading.flags


@pytest.mark.parametrize("command", [GetSensorReading, GetSensorThresholds, GetSensorType, GetSensorEventEnable])
def test_a_sensor_that_does_not_exist_is_not_present(command: Any) -> None:
    assert connect().code(command(number=NOBODY)) == CompletionCode.NOT_PRESENT
