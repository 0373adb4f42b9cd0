"""Sensors of the virtual BMC: they follow its power and the time, and crossing a threshold is an event."""

from __future__ import annotations

import math
from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc import BmcConfig, PowerCommand, Timings
from conduit.ipmi.bmc.sensor_specs import MAX_SENSOR, SensorConfig, SensorKind
from conduit.ipmi.bmc.sensors import Sensors
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands import SetWatchdogTimer, TimeoutAction
from conduit.ipmi.records.conversion import Linearization
from conduit.ipmi.records.sel import SystemEventRecord

AT_ONCE = Timings(power_on=0, power_off=0, post=0, soft_shutdown=0, cycle=0)
NOON = 1000.0


def make_state(**changes: Any) -> BmcState:
    changes.setdefault("timings", AT_ONCE)
    changes.setdefault("running", True)
    state = BmcState(BmcConfig(**changes))
    state.advance_sensors(NOON)
    return state


def events(state: BmcState) -> list[tuple[int, int, bool]]:
    """Sensor, offset, asserted of every event of a sensor that has readings."""
    logged = [record.event for record in state.event_log if isinstance(record, SystemEventRecord)]
    return [(event.sensor_number, event.offset, event.asserted) for event in logged if event.sensor_number < 0xA0]


def test_fans_rails_and_heat_need_power() -> None:
    state = make_state()
    assert 5000 < (state.sensors.value("FAN1") or 0) < 6000
    assert state.sensors.value("CPU Temp") is not None
    state.machine.command(PowerCommand.OFF, NOON + 10)
    state.advance(NOON + 10)
    assert (state.sensors.value("FAN1"), state.sensors.value("12V")) == (0, 0)
    assert state.sensors.value("CPU Temp") is None
    assert state.sensors.value("Power Unit") == 1
    assert state.sensors.value("System Power") == 8  # of a reading of 2 W each
    assert events(state) == []  # what has no power is not too slow


def test_temperatures_fall_slowly() -> None:
    state = make_state()
    warm = state.sensors.value("Exhaust Temp") or 0
    state.machine.command(PowerCommand.OFF, NOON)
    readings = []
    for minutes in (1, 5, 60):
        state.advance(NOON + 60 * minutes)
        readings.append(state.sensors.value("Exhaust Temp") or 0)
    assert warm > readings[0] > readings[1] >= readings[2] == pytest.approx(22, abs=2)


def test_a_bmc_that_nobody_asks_for_its_sensors_has_none_to_look_at() -> None:
    state = BmcState(BmcConfig())
    state.advance(NOON)
    assert "sensors" not in vars(state)


def test_the_same_time_gives_the_same_readings() -> None:
    first, second = make_state(), make_state()
    assert [sensor.raw for sensor in first.sensors] == [sensor.raw for sensor in second.sensors]
    first.advance(NOON + 15)
    assert [sensor.raw for sensor in first.sensors] != [sensor.raw for sensor in second.sensors]


def test_nothing_is_measured_twice_within_a_second() -> None:
    state = make_state()
    before = [sensor.raw for sensor in state.sensors]
    state.advance(NOON + 0.9)
    assert [sensor.raw for sensor in state.sensors] == before


def test_crossing_a_threshold_is_an_event_and_going_back_past_the_hysteresis_ends_it() -> None:
    state = make_state()
    state.sensors.inject("Inlet Temp", 38)
    state.advance(NOON)
    assert events(state) == [(2, 7, True)]  # upper non-critical going high
    state.sensors.inject("Inlet Temp", 37)
    state.advance(NOON)
    assert len(events(state)) == 1
    state.sensors.inject("Inlet Temp", 36)
    state.advance(NOON)
    assert events(state)[1:] == [(2, 7, False)]
    state.sensors.inject("FAN2", 900)
    state.advance(NOON)
    assert events(state)[2:] == [(7, 0, True), (7, 2, True)]  # lower non-critical and critical, going low
    state.sensors.inject("FAN2", None)
    state.advance(NOON)
    assert events(state)[4:] == [(7, 0, False), (7, 2, False)]


def test_a_threshold_event_says_reading_and_threshold() -> None:
    state = make_state()
    state.sensors.inject("CPU Margin", -2)
    state.advance(NOON)
    record = state.event_log.newest
    assert isinstance(record, SystemEventRecord)
    assert record.event.data == bytes((0x59, 0xFE, 0xFB))


def test_states_of_discrete_sensors_are_events() -> None:
    state = make_state()
    state.sensors.inject("PS1 Status", 0x03)
    state.advance(NOON)
    assert events(state) == [(15, 1, True)]
    assert state.sensors.value("PS1 Status") == 3


def test_a_fan_that_is_slow_at_power_off_is_slow_all_the_same_if_somebody_says_so() -> None:
    state = make_state(running=False)
    state.sensors.inject("FAN1", 0)
    state.advance(NOON)
    assert [offset for _, offset, _ in events(state)] == [0, 2, 4]


def test_an_expired_watchdog_shows() -> None:
    state = make_state()
    state.watchdog.set(SetWatchdogTimer(action=TimeoutAction.NONE, initial_countdown=1), NOON)
    state.watchdog.start(NOON)
    state.advance(NOON + 5)
    assert state.sensors.value("Watchdog") == 1


def test_a_log_that_fills_shows() -> None:
    state = make_state(limits=BmcConfig().limits.__class__(events=1))
    assert state.sensors.value("Event Log") == 0
    state.sensors.inject("Intrusion", 1)
    state.advance(NOON + 1)
    state.advance(NOON + 3)
    assert state.sensors.value("Event Log") == 0x10


def test_configured_sensors_are_added_or_fixed() -> None:
    config = BmcConfig.from_toml("""
        [[sensors]]
        name = "Inlet Temp"
        value = 30
        [[sensors]]
        name = "Pump"
        kind = "fan"
        m = 20
        value = 2400
        lower_critical = 400
        [[sensors]]
        name = "Flow"
        kind = "percent"
        linearization = "square_root"
        """)
    sensors = Sensors(config.sensors)
    assert [sensor.injected for sensor in sensors if sensor.spec.name == "Inlet Temp"] == [30]
    state = BmcState(config)
    state.advance_sensors(NOON)
    assert (state.sensors.value("Pump"), state.sensors.value("Flow")) == (2400, 0)
    pump = state.sensors.get(19)
    assert pump is not None
    assert (pump.spec.name, pump.limits[1]) == ("Pump", 20)


@pytest.mark.parametrize(
    "fields",
    [{"name": ""}, {"name": "x" * 17}, {"name": "Ω"}, {"name": "x", "m": 512}],
)
def test_sensors_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        SensorConfig(**fields)


def test_a_configured_sensor_may_be_non_linear_and_has_the_limits_it_says() -> None:
    config = SensorConfig(name="x", kind=SensorKind.POWER, linearization=Linearization.CUBE, upper_critical=64.0)
    assert math.isnan(config.value)
    assert config.spec(3).conversion.value(4) == 64
    assert list(config.limits.values()) == [64.0]


def test_there_is_room_for_so_many_sensors() -> None:
    with pytest.raises(LocalProtocolError, match="no room"):
        Sensors(SensorConfig(name=f"x{number}") for number in range(MAX_SENSOR + 1))


def test_what_is_injected_must_be_possible() -> None:
    sensors = make_state().sensors
    for name, value in (("Warp Core", 1.0), ("Intrusion", 1 << 15), ("FAN1", math.nan)):
        with pytest.raises(LocalProtocolError):
            sensors.inject(name, value)
    with pytest.raises(LocalProtocolError, match="no sensor"):
        sensors.value("Warp Core")


def test_a_configured_sensor_that_cannot_be_is_refused_at_the_start() -> None:
    with pytest.raises(LocalProtocolError, match="states of Intrusion"):
        BmcState(BmcConfig(sensors=(SensorConfig(name="Intrusion", value=-1.0),)))
