"""Alerts that leave the BMC: to whom, how often, and what stops them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from conduit.ipmi.bmc import NetworkConfig, Timings
from conduit.ipmi.bmc.alerts import MAX_ALERTS, AlertOutcome
from conduit.ipmi.bmc.config import Identity
from conduit.ipmi.commands import (
    AlertImmediate,
    AlertOperation,
    AlertPolicy,
    AlertStringBlock,
    AlertStringKey,
    ChassisControl,
    ChassisControlAction,
    EventFilter,
    PefAction,
    PefControl,
    PefParameter,
    PefSystemGuid,
    PetAcknowledge,
    PlatformEvent,
    SetLanConfiguration,
    SetPefConfiguration,
    SetSelTime,
    SetSelTimeUtcOffset,
)
from conduit.ipmi.commands.lan_alerts import AlertType, DestinationAddress, DestinationType
from conduit.ipmi.commands.pef_alerting import PolicyRule
from conduit.ipmi.commands.pef_filters import Severity
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.pet import EPOCH, PlatformEventTrap
from conduit.ipmi.records.sensor_types import SensorType
from conduit.ipmi.records.snmp_trap import SnmpTrap
from tests.wired import CONSOLE, Console, Wire, make_bmc

INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
MEMORY = Event.decode(bytes.fromhex("040c536f00ffff"))
TRAPS = ("192.0.2.9", 162)
NOWHERE = str(IPv4Address(0))
Sent = tuple[float, tuple[str, int], SnmpTrap, PlatformEventTrap]


class Net(Wire):
    """Also keeps what goes to others than the console, and when."""

    def __init__(self, **changes: Any) -> None:  # Any: as make_bmc
        super().__init__(make_bmc(timings=INSTANT, running=True, **changes))
        self.traps: list[Sent] = []

    def deliver(self, data: bytes) -> list[bytes]:
        self.bmc.receive_datagram(data, self.address, self.now)
        return self.collect()

    def collect(self) -> list[bytes]:
        answers = []
        for data, place in self.bmc.datagrams_to_send():
            if place == CONSOLE:
                answers.append(data)
                continue
            trap = SnmpTrap.decode(data)
            pet = PlatformEventTrap.decode(trap.data, trap.specific)
            self.traps.append((self.now, (place[0], place[1]), trap, pet))
        return answers

    def wait(self, seconds: float) -> list[Sent]:
        """Let time pass in steps, and return the traps that came since we waited last."""
        end = self.now + seconds
        while (deadline := self.bmc.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.bmc.handle_deadline(self.now)
            self.collect()
        self.now = end
        traps, self.traps = self.traps, []
        return traps


@pytest.fixture
def net() -> Net:
    return Net(identity=Identity(manufacturer_id=343, product_id=9))


@pytest.fixture
def console(net: Net) -> Console:
    return net.connect()


def destination(console: Console, number: int, address: str = TRAPS[0], **how: int | bool) -> None:
    parsed = IPv6Address(address) if ":" in address else IPv4Address(address)
    console.ask(SetLanConfiguration.of(DestinationAddress(destination=number, address=parsed), channel=1))
    console.ask(SetLanConfiguration.of(DestinationType(destination=number, **how), channel=1))  # type: ignore[arg-type]


def policy(console: Console, number: int, to: int, rule: PolicyRule = PolicyRule.ALWAYS, **more: int | bool) -> None:
    fields = {"channel": 1, **more}
    entry = AlertPolicy(number=number, policy_number=1, enabled=True, rule=rule, destination=to, **fields)  # type: ignore[arg-type]
    console.ask(SetPefConfiguration.of(entry))


def filtering(console: Console, **control: bool) -> None:
    console.ask(SetPefConfiguration.of(PefControl(enabled=True, **control)))
    console.ask(
        SetPefConfiguration.of(
            EventFilter(
                number=9,
                enabled=True,
                actions=PefAction.ALERT,
                sensor_type=SensorType.MEMORY,
                policy_number=1,
                severity=Severity.CRITICAL,
            )
        )
    )


def happen(console: Console) -> None:
    console.ask(PlatformEvent(event=MEMORY))


def places(sent: list[Sent]) -> list[str]:
    return [place[0] for _, place, _, _ in sent]


def test_a_trap_says_what_happened_where_and_when(net: Net, console: Console) -> None:
    console.ask(SetSelTime(timestamp=EPOCH + 1000))
    console.ask(SetSelTimeUtcOffset(minutes=-60))
    destination(console, 1)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    ((_, place, trap, pet),) = net.wait(60)
    assert (place, trap.community, trap.agent) == (TRAPS, b"public", IPv4Address("127.0.0.1"))
    assert (pet.event.sensor_type, pet.event.data, pet.severity) == (SensorType.MEMORY, MEMORY.data, 0x10)
    assert (pet.timestamp, pet.utc_offset, pet.sequence) == (1000, 0x10000 - 60, 1)
    assert (pet.manufacturer_id, pet.system_id, pet.sensor_device, pet.entity) == (343, 9, 0x81, 0)
    (alert,) = net.bmc.state.alerting.alerts
    assert (alert.outcome, alert.record_id) == (AlertOutcome.DELIVERED, 1)


def test_a_trap_of_the_bmcs_own_sensor_names_its_entity_and_the_guid_that_is_set(net: Net, console: Console) -> None:
    destination(console, 1)
    policy(console, 1, 1)
    console.ask(SetPefConfiguration.of(PefSystemGuid(used=True, raw=bytes(range(1, 17)))))
    console.ask(SetPefConfiguration.of(PefControl(enabled=True)))
    every = EventFilter(number=9, enabled=True, actions=PefAction.ALERT, policy_number=1)
    console.ask(SetPefConfiguration.of(every))
    net.bmc.state.sensors.inject("CPU Temp", 91)
    net.now += 2
    console.ask(ChassisControl(action=ChassisControlAction.DIAGNOSTIC_INTERRUPT))
    pets = [pet for *_, pet in net.wait(60)]
    assert {(pet.sensor_number, pet.entity, pet.entity_instance) for pet in pets} == {(1, 3, 1), (0xA5, 6, 1)}
    assert {pet.guid for pet in pets} == {bytes(range(1, 17))}


@pytest.mark.parametrize("where", [NOWHERE, "2001:db8::1"])
def test_traps_go_where_the_parameters_say_and_nowhere_else(net: Net, console: Console, where: str) -> None:
    destination(console, 1, where)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    assert places(net.wait(60)) == ([] if where == NOWHERE else [where])


@pytest.mark.parametrize(("channel", "number"), [(2, 1), (1, 9)])
def test_other_channels_and_destinations_that_are_not_there_get_nothing(
    net: Net, console: Console, channel: int, number: int
) -> None:
    destination(console, 1)
    policy(console, 1, number, channel=channel)
    filtering(console)
    happen(console)
    assert net.wait(60) == []
    assert net.bmc.state.alerting.alerts[-1].outcome is AlertOutcome.FAILED


def test_a_type_of_alert_that_is_no_trap_fails(net: Net, console: Console) -> None:
    destination(console, 1, alert_type=AlertType.OEM_1)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    assert net.wait(60) == []


def test_without_acknowledge_a_trap_is_repeated_at_its_interval(net: Net, console: Console) -> None:
    destination(console, 1, timeout=4, retries=2)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    sent = net.wait(60)
    assert [when - sent[0][0] for when, *_ in sent] == [0, 5, 10]
    assert len({pet.sequence for *_, pet in sent}) == 1
    assert [trap.uptime - sent[0][2].uptime for _, _, trap, _ in sent] == [0, 500, 1000]


def test_an_acknowledge_ends_the_repeats(net: Net, console: Console) -> None:
    destination(console, 1, acknowledged=True, timeout=4, retries=3)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    ((*_, pet),) = net.wait(3)
    right = PetAcknowledge(
        sequence=pet.sequence, timestamp=pet.timestamp, sensor_number=pet.sensor_number, event_data=pet.event_data[:3]
    )
    wrong = PetAcknowledge(sequence=9, timestamp=0, sensor_number=pet.sensor_number, event_data=pet.event_data[:3])
    console.ask(wrong)
    assert len(net.wait(3)) == 1
    console.ask(right)
    assert net.wait(60) == []
    assert net.bmc.state.alerting.alerts[-1].outcome is AlertOutcome.DELIVERED


def test_an_acknowledge_that_never_comes_is_a_failure(net: Net, console: Console) -> None:
    destination(console, 1, acknowledged=True, timeout=0, retries=1)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    assert len(net.wait(60)) == 2
    assert net.bmc.state.alerting.alerts[-1].outcome is AlertOutcome.NOT_ACKNOWLEDGED
    assert net.bmc.state.alerting.next_deadline() is None


FIRST, SECOND, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.mark.parametrize(
    ("rule", "acknowledged", "reached"),
    [
        (PolicyRule.ALWAYS, False, [FIRST, SECOND, THIRD]),
        (PolicyRule.NEXT_IF_FAILED, False, [FIRST, THIRD]),
        (PolicyRule.STOP_IF_SENT, False, [FIRST]),
        (PolicyRule.NEXT_CHANNEL, False, [FIRST]),
        (PolicyRule.NEXT_TYPE, False, [FIRST]),
        (PolicyRule.NEXT_IF_FAILED, True, [FIRST, FIRST, SECOND, THIRD]),
        (PolicyRule.STOP_IF_SENT, True, [FIRST, FIRST, SECOND, THIRD]),
    ],
)
def test_rules_look_at_what_became_of_the_one_before(
    net: Net, console: Console, rule: PolicyRule, acknowledged: bool, reached: list[str]
) -> None:
    destination(console, 1, FIRST, acknowledged=acknowledged, retries=1 if acknowledged else 0)
    destination(console, 2, SECOND)
    destination(console, 3, THIRD)
    policy(console, 1, 1)
    policy(console, 2, 2, rule)
    policy(console, 3, 3)
    filtering(console)
    happen(console)
    assert places(net.wait(60)) == reached


def test_a_rule_goes_on_with_the_next_type_of_destination(net: Net, console: Console) -> None:
    destination(console, 2, SECOND, alert_type=AlertType.OEM_1)
    for number, to in ((1, 1), (2, 1), (3, 1), (4, 2)):
        destination(console, 1, FIRST)
        policy(console, number, to, PolicyRule.ALWAYS if number == 1 else PolicyRule.NEXT_TYPE)
    policy(console, 5, 9)
    filtering(console)
    happen(console)
    assert places(net.wait(60)) == [FIRST]
    assert [alert.destination for alert in net.bmc.state.alerting.alerts] == [1, 9]


@pytest.mark.parametrize(("by_event", "text"), [(False, b"fan room"), (True, b"memory")])
def test_an_alert_string_goes_along(net: Net, console: Console, by_event: bool, text: bytes) -> None:
    for number, words in ((1, b"fan room"), (2, b"memory")):
        console.ask(SetPefConfiguration.of(AlertStringBlock(number=number, block=1, text=words)))
    console.ask(SetPefConfiguration.of(AlertStringKey(number=2, filter_number=9, string_set=1)))
    destination(console, 1)
    policy(console, 1, 1, string=1, string_by_event=by_event)
    policy(console, 2, 1, string=7, string_by_event=by_event)
    filtering(console)
    happen(console)
    assert [pet.custom for *_, pet in net.wait(60)] == [bytes((0xC0 | len(text),)) + text + b"\xc1", b"\xc1"]


def test_alerts_wait_after_a_start_of_the_machine(net: Net, console: Console) -> None:
    destination(console, 1)
    policy(console, 1, 1)
    filtering(console, alert_startup_delay=True)
    console.ask(SetPefConfiguration(parameter=PefParameter.ALERT_STARTUP_DELAY, data=b"\x1e"))
    console.ask(ChassisControl(action=ChassisControlAction.RESET))
    started = net.now
    happen(console)
    ((when, *_),) = net.wait(60)
    assert when - started == 30


def test_filtering_waits_after_a_start_of_the_machine(net: Net, console: Console) -> None:
    destination(console, 1)
    policy(console, 1, 1)
    filtering(console, startup_delay=True)
    console.ask(SetPefConfiguration(parameter=PefParameter.STARTUP_DELAY, data=b"\x14"))
    console.ask(ChassisControl(action=ChassisControlAction.RESET))
    started = net.now
    happen(console)
    ((when, *_),) = net.wait(60)
    assert when - started == 20


def test_events_of_which_too_many_wait_are_lost_and_counted(net: Net, console: Console) -> None:
    destination(console, 1, acknowledged=True, timeout=0xFF)
    policy(console, 1, 1)
    filtering(console)
    for _ in range(MAX_ALERTS + 2):
        happen(console)
    assert len(net.wait(1)) == MAX_ALERTS
    assert net.bmc.state.alerting.lost == 2


def test_an_alert_on_demand_goes_out_and_tells_how_it_went(net: Net, console: Console) -> None:
    status = AlertImmediate(channel=1, operation=AlertOperation.STATUS)
    destination(console, 1, acknowledged=True, timeout=1)
    assert console.ask(status).status == AlertOutcome.UNKNOWN
    console.ask(SetPefConfiguration.of(AlertStringBlock(number=1, block=1, text=b"test")))
    console.ask(AlertImmediate(channel=1, destination=1, send_string=True, string=1, event=MEMORY))
    assert console.ask(status).status == AlertOutcome.PENDING
    assert console.code(AlertImmediate(channel=1, destination=1)) == 0x81
    net.wait(10)
    assert console.ask(status).status == AlertOutcome.NOT_ACKNOWLEDGED
    assert console.ask(AlertImmediate(channel=1, operation=AlertOperation.CLEAR_STATUS)).status == 0
    destination(console, 1)
    console.ask(AlertImmediate(channel=0x0E, destination=1))
    assert console.ask(status).status == AlertOutcome.DELIVERED
    assert console.code(AlertImmediate(channel=0, destination=1)) == 0xCC


def test_the_port_of_traps_is_configured() -> None:
    net = Net(network=NetworkConfig(trap_port=9162))
    console = net.connect()
    destination(console, 1)
    console.ask(AlertImmediate(channel=1, destination=1, event=MEMORY))
    assert net.bmc.state.alerting.alerts[-1].place == ("192.0.2.9", 9162)


def test_a_channel_whose_access_has_no_alerting_sends_none_of_its_own(net: Net, console: Console) -> None:
    net.bmc.state.access = replace(net.bmc.state.access, pef_alerting=False)
    destination(console, 1)
    policy(console, 1, 1)
    filtering(console)
    happen(console)
    assert net.wait(30) == []
    console.ask(AlertImmediate(channel=1, destination=1, event=MEMORY))
    assert len(net.wait(1)) == 1
