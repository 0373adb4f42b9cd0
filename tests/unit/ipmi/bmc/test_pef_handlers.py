"""Filters that act: an event comes in, and the machine goes off."""

from __future__ import annotations

import pytest

from conduit.ipmi.bmc import Limits, PowerState, Timings
from conduit.ipmi.bmc.pef import HOLD_OFF
from conduit.ipmi.commands import (
    AddSelEntry,
    AlertImmediate,
    AlertOperation,
    AlertPolicy,
    AlertStringBlock,
    AlertStringKey,
    ArmPefPostponeTimer,
    EventFilter,
    EventReceiver,
    FilterData1,
    GetEventReceiver,
    GetLastProcessedEvent,
    GetPefCapabilities,
    GetPefConfiguration,
    GetSystemRestartCause,
    PefAction,
    PefActions,
    PefControl,
    PefParameter,
    PefSetInProgress,
    PefSetting,
    PefSystemGuid,
    PetAcknowledge,
    PlatformEvent,
    RestartCause,
    SetEventReceiver,
    SetLastProcessedEvent,
    SetPefConfiguration,
    SetProgress,
)
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sel import OtherRecord
from conduit.ipmi.records.sensor_types import SensorType
from tests.wired import CONSOLE, Console, Wire, make_bmc

INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
MEMORY = Event.decode(bytes.fromhex("040c536f00ffff"))  # ipmitool event 3
TOO_HOT = Event.decode(bytes.fromhex("0401300109ffff"))  # ipmitool event 1


@pytest.fixture
def wire() -> Wire:
    return Wire(make_bmc(timings=INSTANT, running=True))


@pytest.fixture
def console(wire: Wire) -> Console:
    return wire.connect()


def put(console: Console, *settings: PefSetting) -> None:
    for setting in settings:
        console.ask(SetPefConfiguration.of(setting))


def get(console: Console, parameter: PefParameter, number: int = 0, block: int = 0) -> PefSetting | bytes:
    request = GetPefConfiguration(parameter=parameter, set_selector=number, block_selector=block)
    setting: PefSetting | bytes = console.ask(request).setting(parameter)
    return setting


def filter_memory(actions: PefAction, **changes: int) -> EventFilter:
    return EventFilter(
        number=9, enabled=True, actions=actions, sensor_type=SensorType.MEMORY, policy_number=changes.get("policy", 0)
    )


def power(wire: Wire) -> PowerState:
    return wire.bmc.state.machine.state


ON = PefControl(enabled=True, log_actions=True)


def test_a_matching_event_switches_power_off_and_that_is_logged(wire: Wire, console: Console) -> None:
    put(console, ON, filter_memory(PefAction.POWER_OFF))
    console.ask(PlatformEvent(event=TOO_HOT))
    wire.let_pass(0.0)
    assert power(wire) is PowerState.RUNNING
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(0.0)
    assert power(wire) is PowerState.OFF
    said = [record.describe() for record in wire.bmc.state.event_log]
    assert "System event 0xaa: PEF action, power off" in said
    assert console.ask(GetLastProcessedEvent()).processed == 2


@pytest.mark.parametrize(
    ("action", "cause"),
    [(PefAction.RESET, RestartCause.PEF_RESET), (PefAction.POWER_CYCLE, RestartCause.PEF_POWER_CYCLE)],
)
def test_a_restart_by_a_filter_has_its_own_cause(wire: Wire, console: Console, action: PefAction, cause: int) -> None:
    put(console, ON, filter_memory(action))
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(0.0)
    assert console.ask(GetSystemRestartCause()).cause == cause


def test_nothing_happens_while_filtering_is_off(wire: Wire, console: Console) -> None:
    put(console, filter_memory(PefAction.POWER_OFF))
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(0.0)
    assert power(wire) is PowerState.RUNNING
    assert console.ask(GetLastProcessedEvent()).processed == 0xFFFF


def test_an_action_that_is_not_allowed_is_not_taken(wire: Wire, console: Console) -> None:
    put(console, ON, PefActions(enabled_actions=PefAction.ALERT), filter_memory(PefAction.POWER_OFF))
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(0.0)
    assert power(wire) is PowerState.RUNNING


def test_an_action_that_is_not_possible_is_no_event(wire: Wire, console: Console) -> None:
    wire.bmc.state.machine.lose_mains(wire.now)
    put(console, ON, filter_memory(PefAction.POWER_OFF))
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(0.0)
    assert not any("PEF" in record.describe() for record in wire.bmc.state.event_log)


def test_records_that_are_no_events_are_passed_over(wire: Wire, console: Console) -> None:
    put(console, ON, EventFilter(number=9, enabled=True, actions=PefAction.POWER_OFF))
    console.ask(AddSelEntry(record=OtherRecord(record_type=0xE0, data=bytes(13))))
    wire.let_pass(0.0)
    assert power(wire) is PowerState.RUNNING
    assert wire.bmc.state.event_flow.next_deadline() is None


def test_a_filter_that_matches_what_it_causes_does_not_run_wild(wire: Wire, console: Console) -> None:
    put(console, PefControl(enabled=True), EventFilter(number=9, enabled=True, actions=PefAction.RESET))
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(5 * HOLD_OFF)
    assert len(wire.bmc.state.machine.boots) <= 6


def test_an_alert_goes_to_the_enabled_destinations_of_its_policy(wire: Wire, console: Console) -> None:
    put(
        console,
        ON,
        filter_memory(PefAction.ALERT, policy=3),
        AlertPolicy(number=1, policy_number=3, enabled=True, channel=1, destination=2),
        AlertPolicy(number=2, policy_number=3, channel=1, destination=4),
        AlertPolicy(number=3, policy_number=4, enabled=True, channel=1, destination=5),
    )
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(0.0)
    (alert,) = wire.bmc.state.alerting.alerts
    assert (alert.record_id, alert.channel, alert.destination) == (1, 1, 2)


def test_events_wait_while_software_has_asked_for_time(wire: Wire, console: Console) -> None:
    put(console, ON, filter_memory(PefAction.POWER_OFF))
    assert console.ask(ArmPefPostponeTimer()).seconds == 0
    assert console.ask(ArmPefPostponeTimer(seconds=30)).seconds == 30
    console.ask(PlatformEvent(event=MEMORY))
    wire.let_pass(10.0)
    assert console.ask(ArmPefPostponeTimer()).seconds == 20
    assert power(wire) is PowerState.RUNNING
    wire.let_pass(21.0)
    assert power(wire) is PowerState.OFF
    assert console.ask(ArmPefPostponeTimer(seconds=0)).seconds == 0
    assert console.code(ArmPefPostponeTimer(seconds=0xFE)) == 0xC9


def test_a_preconfigured_filter_can_only_be_switched(console: Console) -> None:
    put(console, FilterData1(number=3, enabled=True))
    entry = get(console, PefParameter.FILTER, 3)
    assert isinstance(entry, EventFilter)
    assert (entry.enabled, entry.preconfigured, entry.sensor_type) == (True, True, SensorType.FAN)
    put(console, EventFilter(number=3))
    assert get(console, PefParameter.FILTER_DATA_1, 3) == FilterData1(number=3, preconfigured=True)
    entry = get(console, PefParameter.FILTER, 3)
    assert isinstance(entry, EventFilter)
    assert entry.sensor_type == SensorType.FAN


@pytest.mark.parametrize(
    ("setting", "number", "block"),
    [
        (PefControl(enabled=True, startup_delay=True), 0, 0),
        (PefActions(enabled_actions=PefAction.RESET), 0, 0),
        (PefSystemGuid(used=True, raw=bytes(range(16))), 0, 0),
        (EventFilter(number=16, offsets=1), 16, 0),
        (AlertPolicy(number=8, destination=3), 8, 0),
        (AlertStringKey(number=2, filter_number=9), 2, 0),
        (AlertStringBlock(number=2, block=1, text=b"sixteen bytes ..."[:16]), 2, 1),
        (PefSetInProgress(state=SetProgress.IN_PROGRESS), 0, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_parameter_is_read_as_it_was_set(console: Console, setting: PefSetting, number: int, block: int) -> None:
    put(console, setting)
    assert get(console, setting.PARAMETER, number, block) == setting


@pytest.mark.parametrize("parameter", [PefParameter.STARTUP_DELAY, PefParameter.ALERT_STARTUP_DELAY])
def test_a_delay_is_read_as_it_was_set(console: Console, parameter: PefParameter) -> None:
    console.ask(SetPefConfiguration(parameter=parameter, data=b"\x3c"))
    assert get(console, parameter) == b"\x3c"
    assert console.code(SetPefConfiguration(parameter=parameter, data=b"")) == 0xC7


@pytest.mark.parametrize(
    "setting",
    [
        EventFilter(number=17),
        FilterData1(number=17),
        AlertPolicy(number=9),
        AlertStringKey(number=9),
        AlertStringBlock(number=1, block=5, text=b""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_entry_that_is_not_there_is_refused(console: Console, setting: PefSetting) -> None:
    assert console.code(SetPefConfiguration.of(setting)) == 0xC9


def test_parameters_that_cannot_be_had_or_set(console: Console) -> None:
    assert console.code(GetPefConfiguration(parameter=0x60)) == 0x80
    assert console.code(GetPefConfiguration(parameter=PefParameter.FILTER, set_selector=17)) == 0xC9
    assert console.code(SetPefConfiguration(parameter=0x60, data=b"\0")) == 0x80
    assert console.code(SetPefConfiguration(parameter=PefParameter.FILTER_COUNT, data=b"\0")) == 0x82
    assert console.code(SetPefConfiguration(parameter=PefParameter.FILTER, data=b"\1")) == 0xC7
    assert console.ask(GetPefConfiguration(parameter=PefParameter.FILTER, revision_only=True)).data == b""
    assert get(console, PefParameter.FILTER_COUNT) == b"\x10"


def test_one_session_at_a_time_sets_parameters(wire: Wire, console: Console) -> None:
    begin, end = (SetPefConfiguration.of(PefSetInProgress(state=state)) for state in (1, 0))
    other = Wire(wire.bmc, address=(CONSOLE[0], 40_001))
    other.now = wire.now
    rival = other.connect(seed=5)
    console.ask(begin)
    console.ask(begin)
    assert rival.code(begin) == 0x81
    console.ask(end)
    assert rival.code(begin) == 0


def test_receiver_last_events_and_alerts_on_demand(wire: Wire, console: Console) -> None:
    console.ask(SetEventReceiver(receiver=EventReceiver(address=0x72)))
    assert console.ask(GetEventReceiver()).address == 0x72
    assert console.ask(GetPefCapabilities()).filters == 16
    assert console.ask(GetLastProcessedEvent()).newest == 0xFFFF
    console.ask(SetLastProcessedEvent(by_bmc=True, record_id=7))
    console.ask(SetLastProcessedEvent(record_id=6))
    last = console.ask(GetLastProcessedEvent())
    assert (last.processed, last.by_software) == (7, 6)
    status = AlertImmediate(channel=1, operation=AlertOperation.STATUS)
    assert console.ask(status).status == 0
    assert console.ask(AlertImmediate(channel=1)).status is None
    assert console.ask(status).status == 2
    assert console.code(PetAcknowledge(sequence=1, timestamp=1, sensor_number=1, event_data=bytes(3))) == 0


def test_an_event_for_which_there_is_no_room_is_refused() -> None:
    console = Wire(make_bmc(limits=Limits(events=1))).connect()
    console.ask(PlatformEvent(event=MEMORY, generator=0x41))
    assert console.code(PlatformEvent(event=MEMORY)) == 0xC4
