"""Platform event filtering of a virtual BMC: which event leads to which action (section 17)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from conduit.ipmi.bmc.power_states import PowerCommand
from conduit.ipmi.commands.pef_alerting import STRING_BLOCK, AlertPolicy, AlertStringBlock, AlertStringKey
from conduit.ipmi.commands.pef_filters import NO_ACTION, EventFilter, PefAction, Severity
from conduit.ipmi.commands.pef_parameters import PefActions, PefControl, PefSystemGuid
from conduit.ipmi.commands.pef_selectors import PefParameter
from conduit.ipmi.records.event_types import SENSOR_SPECIFIC, THRESHOLD
from conduit.ipmi.records.sel import SystemEventRecord
from conduit.ipmi.records.sensor_types import SensorType

FILTERS: Final = 16
POLICIES: Final = 8
STRINGS: Final = 8
STRING_BLOCKS: Final = 4  # of 16 bytes
HOLD_OFF: Final = 1.0  # seconds after an action on the power before the next: a filter may match what it causes
SUPPORTED: Final = (
    PefAction.ALERT | PefAction.POWER_OFF | PefAction.RESET | PefAction.POWER_CYCLE | PefAction.DIAGNOSTIC_INTERRUPT
)

# The first that a filter asks for is done (table 17-1).
POWER_ACTIONS: Final = (
    (PefAction.POWER_OFF, PowerCommand.OFF),
    (PefAction.POWER_CYCLE, PowerCommand.CYCLE),
    (PefAction.RESET, PowerCommand.RESET),
    (PefAction.DIAGNOSTIC_INTERRUPT, PowerCommand.INTERRUPT),
)


class Decision(NamedTuple):
    """What an event leads to."""

    actions: PefAction
    policies: tuple[AlertPolicy, ...] = ()
    "In the order of the table."
    filters: tuple[EventFilter, ...] = ()
    "Those that match it and ask for an alert."

    @property
    def severity(self) -> int:
        """The worst that a filter calls it."""
        return max((entry.severity for entry in self.filters), default=0)


def _preconfigured(
    number: int, severity: Severity, sensor_type: SensorType, offsets: int, trigger: int = THRESHOLD
) -> EventFilter:
    return EventFilter(
        number=number,
        preconfigured=True,
        actions=PefAction.ALERT,
        policy_number=1,
        severity=severity,
        sensor_type=sensor_type,
        trigger=trigger,
        offsets=offsets,
    )


# As in many servers: there, but switched off. Offsets of thresholds: 2 and 4 lower, 9 and 11 upper, critical and worse.
DEFAULT_FILTERS: Final = (
    _preconfigured(1, Severity.CRITICAL, SensorType.TEMPERATURE, 1 << 9 | 1 << 11),
    _preconfigured(2, Severity.CRITICAL, SensorType.VOLTAGE, 1 << 2 | 1 << 4 | 1 << 9 | 1 << 11),
    _preconfigured(3, Severity.CRITICAL, SensorType.FAN, 1 << 2 | 1 << 4),
    _preconfigured(4, Severity.CRITICAL, SensorType.PHYSICAL_SECURITY, 1 << 0, SENSOR_SPECIFIC),
    _preconfigured(5, Severity.CRITICAL, SensorType.POWER_SUPPLY, 1 << 1 | 1 << 3, SENSOR_SPECIFIC),
    _preconfigured(6, Severity.CRITICAL, SensorType.MEMORY, 1 << 1, SENSOR_SPECIFIC),
    _preconfigured(7, Severity.CRITICAL, SensorType.WATCHDOG_2, 0x0F, SENSOR_SPECIFIC),
    _preconfigured(8, Severity.CRITICAL, SensorType.POWER_UNIT, 1 << 4, SENSOR_SPECIFIC),
)


class EventFiltering:
    """Filters, policies, and how far the log has been looked through. It only says what to do."""

    def __init__(self) -> None:
        self.control = PefControl()
        self.actions = PefActions(enabled_actions=SUPPORTED)
        self.delays: dict[int, int] = {PefParameter.STARTUP_DELAY: 0, PefParameter.ALERT_STARTUP_DELAY: 0}
        "Seconds after a start of the machine."
        self.guid = PefSystemGuid()
        free = (EventFilter(number=number) for number in range(len(DEFAULT_FILTERS) + 1, FILTERS + 1))
        self.filters = {one.number: one for one in (*DEFAULT_FILTERS, *free)}
        self.policies = {number: AlertPolicy(number=number) for number in range(1, POLICIES + 1)}
        self.policies[1] = AlertPolicy(number=1, policy_number=1, channel=1, destination=1)
        self.string_keys = {number: AlertStringKey(number=number) for number in range(STRINGS + 1)}
        blocks = itertools.product(range(STRINGS + 1), range(1, STRING_BLOCKS + 1))
        self._strings = {
            (number, block): AlertStringBlock(number=number, block=block, text=bytes(STRING_BLOCK))
            for number, block in blocks
        }
        self.by_software = self.processed = 0xFFFF
        "Records dealt with last; FFFFh is none."
        self.seen = 0
        "The last record that was looked at, whether filtering was on or not."
        self.postponed_until: float | None = None
        "Software has asked for that much time."

    def decide(self, record: SystemEventRecord) -> Decision:
        """What this event leads to; nothing where filtering is off."""
        if not self.control.enabled:
            return Decision(NO_ACTION)
        matching = [one for one in self.filters.values() if one.enabled and one.matches(record.event, record.generator)]
        actions = NO_ACTION
        for entry in matching:
            actions |= entry.actions & self.actions.enabled_actions & SUPPORTED
        if not actions & PefAction.ALERT:
            return Decision(actions)
        alerting = tuple(entry for entry in matching if entry.actions & PefAction.ALERT)
        numbers = {entry.policy_number for entry in alerting}
        policies = (entry for entry in self.policies.values() if entry.enabled and entry.policy_number in numbers)
        return Decision(actions, tuple(policies), alerting)

    def text(self, policy: AlertPolicy, filters: Iterable[EventFilter]) -> bytes:
        """The alert string that goes with *policy* for an event that these filters match; table 17-3, byte 4."""
        if not policy.string_by_event:
            return self.string(policy.string)
        numbers = {entry.number for entry in filters}
        for key in self.string_keys.values():
            if key.string_set == policy.string and key.filter_number in numbers:
                return self.string(key.number)
        return b""

    def string(self, number: int) -> bytes:
        """An alert string, up to its zero byte; empty where there is none."""
        blocks = (self._strings.get((number, block)) for block in range(1, STRING_BLOCKS + 1))
        return b"".join(block.text for block in blocks if block is not None).partition(b"\0")[0]

    def wait_after_start(self, parameter: PefParameter) -> float:
        """Seconds after a start of the machine in which there is no filtering, or no alert."""
        control = self.control
        starts_late = control.startup_delay if parameter is PefParameter.STARTUP_DELAY else control.alert_startup_delay
        return float(self.delays[parameter]) if starts_late else 0.0

    def is_postponed(self, now: float) -> bool:
        """Whether events wait."""
        if self.postponed_until is not None and self.postponed_until <= now:
            self.postponed_until = None
        return self.postponed_until is not None

    def store(self, entry: EventFilter) -> bool:
        """Take a filter over; only the enabled bit of one that the manufacturer made. False: no such entry."""
        present = self.filters.get(entry.number)
        if present is None:
            return False
        self.filters[entry.number] = replace(present, enabled=entry.enabled) if present.preconfigured else entry
        return True

    def string_block(self, number: int, block: int) -> AlertStringBlock:
        """A block of an alert string. :raises KeyError: there is no such block."""
        return self._strings[number, block]

    def store_string(self, block: AlertStringBlock) -> bool:
        """Take a block over. False: no such block."""
        if (block.number, block.block) not in self._strings:
            return False
        self._strings[block.number, block.block] = replace(block, text=block.text.ljust(STRING_BLOCK, b"\0"))
        return True
