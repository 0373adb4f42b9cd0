"""PEF event filters: which events lead to which actions; parameters 6 and 7 (tables 17-2 and 30-6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.pef_selectors import PefParameter
from conduit.ipmi.records.events import Event, Generator

ANY: Final = 0xFF
"In a filter, any value matches."


class PefAction(IntFlag):
    """What the BMC does about an event."""

    ALERT = 0x01
    POWER_OFF = 0x02
    RESET = 0x04
    POWER_CYCLE = 0x08
    OEM = 0x10
    DIAGNOSTIC_INTERRUPT = 0x20


NO_ACTION: Final = PefAction(0)


ALL_ACTIONS: Final = PefAction(0x3F)


def action_names(action: int) -> list[str]:
    """``["alert", "power off"]``."""
    return [str(one.name).lower().replace("_", " ") for one in PefAction if action & one]


class Severity(IntEnum):
    """How bad an event is that a filter matches (table 17-2)."""

    UNSPECIFIED = 0x00
    MONITOR = 0x01
    INFORMATION = 0x02
    OK = 0x04
    NON_CRITICAL = 0x08
    CRITICAL = 0x10
    NON_RECOVERABLE = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMatch:
    """A test of one event data byte (section 17.8)."""

    mask: int = 0
    "Bits that are looked at, 0 to 255; 0 matches anything."
    exact: int = 0
    "Bits that must all be as in *value*; of the others one that is suffices. 0 to 255."
    value: int = 0
    "0 to 255."

    def __post_init__(self) -> None:
        check_range("event data mask", self.mask, 0, 0xFF)
        check_range("event data compare 1", self.exact, 0, 0xFF)
        check_range("event data compare 2", self.value, 0, 0xFF)

    def matches(self, byte: int) -> bool:
        """Whether *byte* passes the test."""
        differing = (byte ^ self.value) & self.mask
        loose = self.mask & ~self.exact
        return not differing & self.exact and (not loose or differing & loose != loose)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.mask, self.exact, self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events lead to which actions; parameter 6, table 17-2. ``FFh`` in a field matches any value."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.FILTER

    number: int
    "Which entry of the table, 1 to 127."
    enabled: bool = False
    preconfigured: bool = False
    "The manufacturer made it; only its enabled bit may be changed."
    actions: PefAction = NO_ACTION
    policy_number: int = 0
    "Alert policy, 0 to 15."
    severity: Severity | int = Severity.UNSPECIFIED
    "0 to 255."
    generator_address: int = ANY
    "0 to 255."
    generator_lun: int = ANY
    "LUN and channel as in a SEL record's second generator byte, 0 to 255."
    sensor_type: int = ANY
    "0 to 255."
    sensor_number: int = ANY
    "0 to 255."
    trigger: int = ANY
    "Event/reading type code, with bit 7 set for deassertions; 0 to 255."
    offsets: int = 0xFFFF
    "States by bit, 0 to 0xFFFF."
    data_1: DataMatch = DataMatch()
    data_2: DataMatch = DataMatch()
    data_3: DataMatch = DataMatch()

    def __post_init__(self) -> None:
        check_range("filter number", self.number, 0, 0x7F)
        check_range("PEF actions", self.actions, 0, ALL_ACTIONS)
        check_range("policy number", self.policy_number, 0, 0x0F)
        for what in ("severity", "generator_address", "generator_lun", "sensor_type", "sensor_number", "trigger"):
            check_range(what.replace("_", " "), getattr(self, what), 0, 0xFF)
        check_range("state mask", self.offsets, 0, 0xFFFF)

    def matches(self, event: Event, generator: Generator) -> bool:
        """Whether the filter is for this event."""
        fields = (
            (self.generator_address, generator.address),
            (self.generator_lun, generator.number >> 8),
            (self.sensor_type, event.sensor_type),
            (self.sensor_number, event.sensor_number),
            (self.trigger, (not event.asserted) << 7 | event.event_type),
        )
        tests = zip((self.data_1, self.data_2, self.data_3), event.data, strict=True)
        return (
            all(wanted in (ANY, found) for wanted, found in fields)
            and bool(self.offsets >> event.offset & 1)
            and all(test.matches(byte) for test, byte in tests)
        )

    def encode(self) -> bytes:
        """One byte for the number and twenty for the filter."""
        head = (self.number, self.enabled << 7 | self.preconfigured << 6, self.actions, self.policy_number)
        who = (self.severity, self.generator_address, self.generator_lun)
        what = (self.sensor_type, self.sensor_number, self.trigger)
        tests = self.data_1.encode() + self.data_2.encode() + self.data_3.encode()
        return bytes((*head, *who, *what)) + self.offsets.to_bytes(2, "little") + tests

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, config, actions, policy = reader.take(4, "event filter")
        severity, address, lun, sensor_type, sensor_number, trigger = reader.take(6, "event filter")
        offsets = reader.u16le("state mask")
        tests = [reader.take(3, "event data test") for _ in range(3)]
        first, second, third = (DataMatch(mask=mask, exact=exact, value=value) for mask, exact, value in tests)
        return cls(
            number=number & 0x7F,
            enabled=bool(config & 0x80),
            preconfigured=bool(config & 0x40),
            actions=PefAction(actions & ALL_ACTIONS),
            policy_number=policy & 0x0F,
            severity=known(Severity, severity),
            generator_address=address,
            generator_lun=lun,
            sensor_type=sensor_type,
            sensor_number=sensor_number,
            trigger=trigger,
            offsets=offsets,
            data_1=first,
            data_2=second,
            data_3=third,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterData1:
    """Only the first byte of a filter, to switch it; parameter 7."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.FILTER_DATA_1

    number: int
    "1 to 127."
    enabled: bool = False
    preconfigured: bool = False

    def __post_init__(self) -> None:
        check_range("filter number", self.number, 0, 0x7F)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.number, self.enabled << 7 | self.preconfigured << 6))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, config = Reader(data).take(2, "event filter")
        return cls(number=number & 0x7F, enabled=bool(config & 0x80), preconfigured=bool(config & 0x40))


__all__ = [
    "DataMatch",
    "EventFilter",
    "FilterData1",
    "PefAction",
    "Severity",
]
