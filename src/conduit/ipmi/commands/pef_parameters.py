"""PEF configuration parameters: which events lead to what (table 30-6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import ClassVar, Final, Self
from uuid import UUID

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.commands.parameters import ProgressShape
from conduit.ipmi.records.events import Event, Generator

ANY: Final = 0xFF
"In a filter, any value matches."
STRING_BLOCK: Final = 16  # bytes of an alert string in one block


class PefParameter(IntEnum):
    """Parameter selectors; 60h to 7Fh are OEM."""

    SET_IN_PROGRESS = 0
    CONTROL = 1
    ACTION_GLOBAL_CONTROL = 2
    STARTUP_DELAY = 3
    ALERT_STARTUP_DELAY = 4
    FILTER_COUNT = 5
    FILTER = 6
    FILTER_DATA_1 = 7
    POLICY_COUNT = 8
    POLICY = 9
    SYSTEM_GUID = 10
    STRING_COUNT = 11
    STRING_KEY = 12
    STRING = 13


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


class PefSetInProgress(ProgressShape):
    """A lock among those who set parameters; parameter 0."""

    __slots__ = ()
    PARAMETER: ClassVar[PefParameter] = PefParameter.SET_IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class PefControl:
    """The main switches; parameter 1."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.CONTROL

    enabled: bool = False
    "Events are filtered at all."
    log_actions: bool = False
    "An action that was taken is an event itself."
    startup_delay: bool = False
    "Nothing is filtered for a while after power on."
    alert_startup_delay: bool = False
    "No alert goes out for a while after power on."

    def encode(self) -> bytes:
        """One byte."""
        late = self.alert_startup_delay << 3 | self.startup_delay << 2
        return bytes((late | self.log_actions << 1 | self.enabled,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        flags = Reader(data).u8("PEF control")
        return cls(
            enabled=bool(flags & 0x01),
            log_actions=bool(flags & 0x02),
            startup_delay=bool(flags & 0x04),
            alert_startup_delay=bool(flags & 0x08),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PefActions:
    """Which actions may be taken, whatever the filters want; parameter 2."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.ACTION_GLOBAL_CONTROL

    enabled_actions: PefAction = NO_ACTION

    def __post_init__(self) -> None:
        check_range("PEF actions", self.enabled_actions, 0, ALL_ACTIONS)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.enabled_actions,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(enabled_actions=PefAction(Reader(data).u8("PEF actions") & ALL_ACTIONS))


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


class PolicyRule(IntEnum):
    """When a destination gets the alert (table 17-3)."""

    ALWAYS = 0
    NEXT_IF_FAILED = 1
    "Only if the one before failed: go on with the next in this set."
    STOP_IF_SENT = 2
    "If the one before got it, no more entries are looked at."
    NEXT_CHANNEL = 3
    NEXT_TYPE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """Who is alerted; parameter 9, table 17-3."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.POLICY

    number: int
    "Which entry of the table, 1 to 127."
    policy_number: int = 0
    "Filters name it, 0 to 15."
    enabled: bool = False
    rule: PolicyRule | int = PolicyRule.ALWAYS
    "0 to 7."
    channel: int = 0
    "0 to 15."
    destination: int = 0
    "Which of the channel's alert destinations, 0 to 15."
    string_by_event: bool = False
    "The alert string depends on the filter too."
    string: int = 0
    "Alert string, or set of them, 0 to 127."

    def __post_init__(self) -> None:
        check_range("policy entry", self.number, 0, 0x7F)
        check_range("policy number", self.policy_number, 0, 0x0F)
        check_range("policy rule", self.rule, 0, 7)
        check_range("channel", self.channel, 0, 0x0F)
        check_range("destination", self.destination, 0, 0x0F)
        check_range("alert string", self.string, 0, 0x7F)

    def encode(self) -> bytes:
        """Four bytes."""
        head = self.policy_number << 4 | self.enabled << 3 | self.rule
        string = self.string_by_event << 7 | self.string
        return bytes((self.number, head, self.channel << 4 | self.destination, string))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, head, where, string = Reader(data).take(4, "alert policy")
        return cls(
            number=number & 0x7F,
            policy_number=head >> 4,
            enabled=bool(head & 0x08),
            rule=known(PolicyRule, head & 0x07),
            channel=where >> 4,
            destination=where & 0x0F,
            string_by_event=bool(string & 0x80),
            string=string & 0x7F,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PefSystemGuid:
    """The GUID that traps carry; parameter 10."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.SYSTEM_GUID

    used: bool = False
    "Traps carry this one, not that of Get System GUID."
    raw: bytes = bytes(16)
    "As it travels."

    def __post_init__(self) -> None:
        check_size("the GUID", self.raw, 16, 16)

    @property
    def uuid(self) -> UUID:
        """In the order of a trap, which is RFC 4122's."""
        return UUID(bytes=self.raw)

    def encode(self) -> bytes:
        """Seventeen bytes."""
        return bytes((self.used,)) + self.raw

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(used=bool(reader.u8("GUID use") & 0x01), raw=reader.take(16, "GUID"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStringKey:
    """For which filter and set an alert string is; parameter 12."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.STRING_KEY

    number: int
    "Which alert string, 0 to 127; 0 is the volatile one."
    filter_number: int = 0
    "0 to 127."
    string_set: int = 0
    "0 to 127."

    def __post_init__(self) -> None:
        check_range("alert string", self.number, 0, 0x7F)
        check_range("filter number", self.filter_number, 0, 0x7F)
        check_range("alert string set", self.string_set, 0, 0x7F)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.number, self.filter_number, self.string_set))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, filter_number, string_set = Reader(data).take(3, "alert string key")
        return cls(number=number & 0x7F, filter_number=filter_number & 0x7F, string_set=string_set & 0x7F)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStringBlock:
    """A part of an alert string; parameter 13. The string ends with a zero byte."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.STRING

    number: int
    "Which alert string, 0 to 127."
    block: int
    "Which part of it, from 1; 0 to 255."
    text: bytes
    "0 to 16 bytes."

    def __post_init__(self) -> None:
        check_range("alert string", self.number, 0, 0x7F)
        check_range("block", self.block, 0, 0xFF)
        check_size("a block of an alert string", self.text, 0, STRING_BLOCK)

    def encode(self) -> bytes:
        """Two bytes and the text."""
        return bytes((self.number, self.block)) + self.text

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, block = reader.take(2, "alert string")
        return cls(number=number & 0x7F, block=block, text=reader.rest()[:STRING_BLOCK])


PefSetting = (
    PefSetInProgress
    | PefControl
    | PefActions
    | EventFilter
    | FilterData1
    | AlertPolicy
    | PefSystemGuid
    | AlertStringKey
    | AlertStringBlock
)
"A parameter that has a class; the others are one byte each, a count or a delay in seconds."

PEF_SETTINGS: Final[Mapping[int, type[PefSetting]]] = MappingProxyType(
    {
        kind.PARAMETER: kind
        for kind in (
            PefSetInProgress,
            PefControl,
            PefActions,
            EventFilter,
            FilterData1,
            AlertPolicy,
            PefSystemGuid,
            AlertStringKey,
            AlertStringBlock,
        )
    }
)


def decode_pef_setting(parameter: int, data: bytes) -> PefSetting | bytes:
    """The parameter's bytes as an object, or as they are if it has no class.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    kind = PEF_SETTINGS.get(parameter)
    return data if kind is None else kind.decode(data)


__all__ = [
    "AlertPolicy",
    "AlertStringBlock",
    "AlertStringKey",
    "DataMatch",
    "EventFilter",
    "FilterData1",
    "PefAction",
    "PefActions",
    "PefControl",
    "PefParameter",
    "PefSetInProgress",
    "PefSetting",
    "PefSystemGuid",
    "PolicyRule",
    "Severity",
]
