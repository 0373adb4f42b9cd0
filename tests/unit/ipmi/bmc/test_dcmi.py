"""DCMI on the BMC's side: power follows the machine, limits have effect, texts are kept."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from conduit.ipmi.bmc import PowerState, Timings
from conduit.ipmi.bmc.dcmi import FLOOR, MAX_STRETCHES, WATTS, Dcmi, DcmiSensor
from conduit.ipmi.commands import (
    DCMI_PARAMETERS,
    ActivatePowerLimit,
    ChassisControl,
    ChassisControlAction,
    DcmiEntity,
    DcmiParameter,
    DcmiSetting,
    GetAssetTag,
    GetControllerId,
    GetDcmiCapabilities,
    GetDcmiSensorInfo,
    GetDcmiSetting,
    GetPowerLimit,
    GetPowerReading,
    GetTemperatureReadings,
    GetThermalLimit,
    PowerException,
    PowerLimit,
    PowerMode,
    SetAssetTag,
    SetControllerId,
    SetDcmiSetting,
    SetPowerLimit,
    SetThermalLimit,
    ThermalLimit,
)
from conduit.ipmi.records.sel import SystemEventRecord
from conduit.rmcp.command import Command
from tests.wired import Console, Wire, make_bmc

OFF, POST, RUNNING = WATTS[PowerState.OFF], WATTS[PowerState.POST], WATTS[PowerState.RUNNING]


@pytest.fixture
def wire() -> Wire:
    return Wire(make_bmc(timings=Timings(power_on=0, post=10)))


@pytest.fixture
def console(wire: Wire) -> Console:
    return wire.connect()


def test_power_follows_the_machine(wire: Wire, console: Console) -> None:
    assert console.ask(GetPowerReading()).current == OFF
    console.ask(ChassisControl(action=ChassisControlAction.ON))
    assert console.ask(GetPowerReading()).current == POST
    wire.let_pass(10)
    reading = console.ask(GetPowerReading())
    assert (reading.current, reading.minimum, reading.maximum) == (RUNNING, RUNNING, POST)
    wire.let_pass(20)
    reading = console.ask(GetPowerReading())
    assert reading.average == pytest.approx((10 * POST + 20 * RUNNING) / 30, abs=1)
    assert (reading.period, reading.timestamp, reading.active) == (60_000, 30, True)
    recent = console.ask(GetPowerReading(mode=PowerMode.ENHANCED, averaging=5))
    assert (recent.minimum, recent.average, recent.period) == (RUNNING, RUNNING, 5000)


@pytest.mark.parametrize(("mode", "averaging"), [(3, 0), (2, 7)])
def test_other_statistics_are_refused(console: Console, mode: int, averaging: int) -> None:
    assert console.code(GetPowerReading(mode=mode, averaging=averaging)) == 0xCC


def test_what_is_older_than_the_window_is_forgotten() -> None:
    meter = Dcmi()
    for second in range(1000):
        meter.advance(float(second), PowerState.RUNNING if second % 2 else PowerState.OFF)
    assert len(meter._stretches) <= MAX_STRETCHES
    assert meter.reading().average == pytest.approx((OFF + RUNNING) / 2, abs=2)
    assert meter.advance(999.0, PowerState.OFF) is False  # time that stands still changes nothing


def test_a_limit_caps_what_throttling_can_reach(wire: Wire, console: Console) -> None:
    start(console)
    wire.let_pass(10)
    assert console.raw(0x2C, 0x03, b"\xdc\0\0") == (0x80, b"\xdc" + PowerLimit(watts=500).encode())
    limit = PowerLimit(watts=100, action=PowerException.POWER_OFF, correction_ms=2000)
    console.ask(SetPowerLimit(limit=limit))
    assert console.ask(GetPowerReading()).current == RUNNING
    console.ask(ActivatePowerLimit())
    assert console.ask(GetPowerLimit()) == limit
    assert console.ask(GetPowerReading()).current == 100
    wire.let_pass(50)
    assert wire.bmc.state.machine.is_on
    console.ask(ActivatePowerLimit(active=False))
    assert console.ask(GetPowerReading()).current == RUNNING


def start(console: Console) -> None:
    console.ask(ChassisControl(action=ChassisControlAction.ON))


@pytest.mark.parametrize(
    ("action", "stays_on", "noted"),
    [(PowerException.POWER_OFF, False, 1), (PowerException.LOG, True, 1), (PowerException.NONE, True, 0)],
)
def test_a_limit_that_cannot_be_kept_has_its_consequence(
    wire: Wire, console: Console, action: PowerException, stays_on: bool, noted: int
) -> None:
    start(console)
    wire.let_pass(10)
    console.ask(SetPowerLimit(limit=PowerLimit(watts=50, action=action, correction_ms=3000)))
    console.ask(ActivatePowerLimit())
    assert console.ask(GetPowerReading()).current == FLOOR
    wire.let_pass(2.9)
    assert wire.bmc.state.machine.is_on
    wire.let_pass(0.2)
    assert wire.bmc.state.machine.is_on is stays_on
    assert len(wire.bmc.state.dcmi.exceptions) == noted
    wire.let_pass(30)
    assert len(wire.bmc.state.dcmi.exceptions) == noted  # once


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        (PowerLimit(watts=19), 0x84),
        (PowerLimit(watts=2001), 0x84),
        (PowerLimit(watts=100, correction_ms=0), 0x85),
        (PowerLimit(watts=100, sampling=0), 0x89),
    ],
)
def test_limits_out_of_range_are_refused(console: Console, limit: PowerLimit, code: int) -> None:
    assert console.code(SetPowerLimit(limit=limit)) == code


def test_every_parameter_of_the_capabilities_decodes(console: Console) -> None:
    for parameter, kind in DCMI_PARAMETERS.items():
        answer = console.ask(GetDcmiCapabilities(parameter=parameter))
        assert (answer.major, answer.minor) == (1, 5)
        parameter_class: Any = kind
        parameter_class.decode(answer.data)
    access: Any = DCMI_PARAMETERS[DcmiParameter.ACCESS]
    assert access.decode(console.ask(GetDcmiCapabilities(parameter=DcmiParameter.ACCESS)).data).lan == 1
    statistics: Any = DCMI_PARAMETERS[DcmiParameter.POWER_STATISTICS]
    answer = console.ask(GetDcmiCapabilities(parameter=DcmiParameter.POWER_STATISTICS))
    assert statistics.decode(answer.data).seconds == (5, 30, 60)
    assert console.code(GetDcmiCapabilities(parameter=6)) == 0xC9


def test_an_asset_tag_is_written_and_read_in_parts(console: Console) -> None:
    assert console.ask(GetAssetTag()).total == 0
    assert console.ask(SetAssetTag(text=b"0123456789abcdef")).total == 16
    assert console.ask(SetAssetTag(offset=16, text=b"gh")).total == 18
    assert console.ask(GetAssetTag(offset=14, size=16)).text == b"efgh"
    assert console.ask(SetAssetTag(text=b"new")).total == 3  # it ends where the last part ends


def test_the_name_is_the_bmcs_own(console: Console) -> None:
    assert console.ask(GetControllerId()).text == b"conduit\0"
    console.ask(SetControllerId(text=b"bmc-17\0"))
    assert console.ask(GetControllerId()).text == b"bmc-17\0"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (GetAssetTag(offset=1), 0xC9),
        (GetAssetTag(size=17), 0xC9),
        (SetAssetTag(text=bytes(17)), 0xC9),
        (SetAssetTag(offset=1, text=b"x"), 0xC9),
        (GetDcmiSensorInfo(sensor_type=2), 0xCB),
        (GetTemperatureReadings(sensor_type=2), 0xCB),
        (SetThermalLimit(entity=DcmiEntity.CPU, thermal_limit=ThermalLimit()), 0xCB),
        (GetThermalLimit(entity=DcmiEntity.CPU), 0xCB),
        (SetDcmiSetting(setting=99), 0xC9),
        (SetDcmiSetting(setting=DcmiSetting.DISCOVERY), 0xC7),
        (GetDcmiSetting(setting=DcmiSetting.ACTIVATE_DHCP), 0xC9),
    ],
)
def test_what_is_refused(console: Console, command: Command[Any], code: int) -> None:
    assert console.code(command) == code


def test_a_tag_ends_at_its_greatest_length(console: Console) -> None:
    for offset in (0, 16, 32):
        console.ask(SetAssetTag(offset=offset, text=bytes(16)))
    assert console.code(SetAssetTag(offset=48, text=bytes(16))) == 0xC9
    assert console.ask(SetAssetTag(offset=48, text=bytes(15))).total == 63


def test_thermal_limits_are_kept(console: Console) -> None:
    limit = ThermalLimit(power_off=True, log=True, celsius=50, seconds=30)
    console.ask(SetThermalLimit(entity=DcmiEntity.IPMI_INLET, thermal_limit=limit))
    assert console.ask(GetThermalLimit()) == limit
    assert console.ask(GetThermalLimit(instance=2)).celsius == 45


def test_settings_are_kept(console: Console) -> None:
    console.ask(SetDcmiSetting(setting=DcmiSetting.DHCP_TIMING_1, data=b"\x08"))
    assert console.ask(GetDcmiSetting(setting=DcmiSetting.DHCP_TIMING_1)).data == b"\x08"
    console.ask(SetDcmiSetting(setting=DcmiSetting.ACTIVATE_DHCP, data=b"\x01"))


def test_sensors_come_eight_at_a_time_or_one(wire: Wire, console: Console) -> None:
    wire.bmc.state.dcmi.sensors[DcmiEntity.CPU] = [
        DcmiSensor(number, 100 + number, partial(pow, -20.4, number)) for number in range(1, 11)
    ]
    found = console.ask(GetDcmiSensorInfo(entity=DcmiEntity.IPMI_CPU))
    assert (found.instances, found.record_ids) == (10, tuple(range(101, 109)))
    assert console.ask(GetDcmiSensorInfo(entity=DcmiEntity.CPU, first=9)).record_ids == (109, 110)
    assert console.ask(GetDcmiSensorInfo(entity=DcmiEntity.CPU, instance=4)).record_ids == (104,)
    readings = console.ask(GetTemperatureReadings(entity=DcmiEntity.CPU)).readings
    assert readings[0] == (1, -20)
    assert readings[1:3] == ((2, 127), (3, -127))  # as far as a byte goes


def test_the_machines_own_sensors_are_found_while_they_measure(wire: Wire, console: Console) -> None:
    assert console.ask(GetDcmiSensorInfo(entity=DcmiEntity.CPU)).instances == 0
    start(console)
    wire.let_pass(20)
    found = console.ask(GetDcmiSensorInfo(entity=DcmiEntity.CPU))
    assert found.record_ids == (wire.bmc.state.sdrs.id_of("CPU Temp"),)
    assert wire.bmc.state.sdrs.id_of("no such sensor") == 0
    ((instance, celsius),) = console.ask(GetTemperatureReadings(entity=DcmiEntity.CPU)).readings
    assert (instance, celsius) == (1, round(wire.bmc.state.sensors.value("CPU Temp") or 0))


def limit_events(wire: Wire) -> list[tuple[int, int]]:
    events = [record.event for record in wire.bmc.state.event_log if isinstance(record, SystemEventRecord)]
    return [(event.sensor_number, event.offset) for event in events if event.event_type == 5]


def power_is_on(wire: Wire) -> bool:
    return wire.bmc.state.machine.is_on


def test_an_exception_of_the_power_limit_is_an_event(wire: Wire, console: Console) -> None:
    console.ask(ChassisControl(action=ChassisControlAction.ON))
    console.ask(SetPowerLimit(limit=PowerLimit(action=PowerException.LOG, watts=FLOOR - 1, correction_ms=1000)))
    console.ask(ActivatePowerLimit(active=True))
    wire.let_pass(5)
    assert limit_events(wire) == [(13, 1)]


@pytest.mark.parametrize(
    ("limit", "events", "state"),
    [
        (ThermalLimit(celsius=30, seconds=4, log=True), [(2, 1)], PowerState.RUNNING),
        (ThermalLimit(celsius=30, seconds=4, power_off=True), [(2, 1)], PowerState.OFF),
        (ThermalLimit(celsius=30, seconds=4), [], PowerState.RUNNING),
        (ThermalLimit(celsius=40, seconds=0, power_off=True), [], PowerState.RUNNING),
    ],
)
def test_an_inlet_that_is_too_hot_for_too_long_has_consequences(
    limit: ThermalLimit, events: list[tuple[int, int]], state: PowerState
) -> None:
    wire = Wire(make_bmc(running=True, timings=Timings(power_on=0, post=0)))
    console = wire.connect()
    wire.bmc.state.sensors.inject("Inlet Temp", 35)
    console.ask(SetThermalLimit(entity=DcmiEntity.INLET, thermal_limit=limit))
    wire.let_pass(3)
    assert limit_events(wire) == []
    wire.let_pass(3)
    assert limit_events(wire) == events
    assert wire.bmc.state.machine.state is state
    wire.let_pass(20)
    assert limit_events(wire) == events  # once


def test_an_inlet_that_cools_down_in_time_is_forgiven_and_then_watched_again() -> None:
    wire = Wire(make_bmc(running=True, timings=Timings(power_on=0, post=0)))
    console = wire.connect()
    sensors = wire.bmc.state.sensors
    sensors.inject("Inlet Temp", 35)
    limit = ThermalLimit(celsius=30, seconds=4, power_off=True)
    console.ask(SetThermalLimit(entity=DcmiEntity.INLET, thermal_limit=limit))
    wire.let_pass(3)
    sensors.inject("Inlet Temp", 25)
    wire.let_pass(10)
    assert power_is_on(wire)
    sensors.inject("Inlet Temp", 35)
    wire.let_pass(10)
    assert not power_is_on(wire)
    console.ask(ChassisControl(action=ChassisControlAction.ON))
    console.ask(SetThermalLimit(entity=DcmiEntity.INLET, thermal_limit=limit))
    wire.let_pass(3)
    console.ask(ChassisControl(action=ChassisControlAction.OFF))
    wire.let_pass(10)
    assert limit_events(wire) == [(2, 1)] * 2
