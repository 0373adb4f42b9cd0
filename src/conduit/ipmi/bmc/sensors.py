"""The sensors of a virtual BMC: readings, thresholds, and the events of crossing them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range
from conduit.ipmi.bmc.sensor_specs import MAX_SENSOR, SPECS, Conditions, SensorConfig, Spec
from conduit.ipmi.commands.sensors import RawReading, SensorFlags
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.thresholds import ThresholdMask

SCAN_INTERVAL: Final = 1.0  # seconds between looks at the sensors, which happen when somebody asks the BMC anything
READING_AND_THRESHOLD: Final = 0x50  # event data 1: what bytes 2 and 3 are (table 29-6)
ALL_EVENTS: Final = 0x7FFF
UPPER: Final = ThresholdMask.UPPER_NON_CRITICAL | ThresholdMask.UPPER_CRITICAL | ThresholdMask.UPPER_NON_RECOVERABLE
# Offset of the event when the threshold is passed (table 42-2): lower ones going low, upper ones going high.
_OFFSETS: Final = {mask: 2 * place + (mask in UPPER) for place, mask in enumerate(ThresholdMask)}


@dataclass(slots=True)
class LiveSensor:
    """A sensor and all that changes about it."""

    spec: Spec
    limits: list[int]
    "Raw thresholds in the order of the mask."
    hysteresis: tuple[int, int]
    "Positive and negative, raw."
    injected: float | None = None
    raw: int = 0
    states: int = 0
    "Thresholds passed, or states."
    available: bool = False
    flags: SensorFlags = SensorFlags.EVENTS_ENABLED | SensorFlags.SCANNING_ENABLED
    assertions: int = ALL_EVENTS
    "Enabled events."
    deassertions: int = ALL_EVENTS
    happened: int = 0
    "Events asserted since the last re-arm."
    limit_mask: ThresholdMask = field(default=ThresholdMask(0))

    def value(self, conditions: Conditions) -> float | None:
        """What it measures now."""
        return self.spec.source(conditions) if self.injected is None else self.injected

    def reading(self) -> RawReading:
        """As Get Sensor Reading has it."""
        flags = self.flags if self.available else self.flags | SensorFlags.UNAVAILABLE
        return RawReading(reading=self.raw, flags=flags, states=self.states if self.available else 0)


def make_sensor(spec: Spec) -> LiveSensor:
    """*spec* with its thresholds as the machine is made."""
    limits = [0] * len(ThresholdMask)
    for place, mask in enumerate(ThresholdMask):
        if mask in spec.limits:
            limits[place] = spec.conversion.raw(spec.limits[mask])
    mask = ThresholdMask(sum(spec.limits))
    return LiveSensor(spec, limits, (spec.hysteresis, spec.hysteresis), limit_mask=mask)


class Sensors:
    """All sensors of one BMC.

    :param configured: what is added to the usual ones, or said about them.
    """

    def __init__(self, configured: Iterable[SensorConfig] = ()) -> None:
        self._by_name = {spec.name: make_sensor(spec) for spec in SPECS}
        self._scanned = -math.inf
        self._power: tuple[bool, bool] | None = None
        self._power_since = -math.inf
        self._stale = True
        for entry in configured:
            if entry.name not in self._by_name:
                self._add(entry)
            if not math.isnan(entry.value):
                self.inject(entry.name, entry.value)
        self._by_number = {sensor.spec.number: sensor for sensor in self._by_name.values()}

    def _add(self, entry: SensorConfig) -> None:
        free = set(range(1, MAX_SENSOR + 1)) - {sensor.spec.number for sensor in self._by_name.values()}
        if not free:
            raise LocalProtocolError(f"there is no room for sensor {entry.name!r}: a BMC here has {MAX_SENSOR}")
        self._by_name[entry.name] = make_sensor(entry.spec(min(free)))

    def __iter__(self) -> Iterator[LiveSensor]:
        return iter(self._by_name.values())

    def get(self, number: int) -> LiveSensor | None:
        """The sensor of that number."""
        return self._by_number.get(number)

    def inject(self, name: str, value: float | None) -> None:
        """Let a sensor measure *value*, or None: what it measures by itself.

        :param value: of a discrete sensor, its states as bits.
        :raises LocalProtocolError: there is no such sensor, or it cannot have this value.
        """
        if name not in self._by_name:
            raise LocalProtocolError(f"there is no sensor {name!r}; there are {', '.join(self._by_name)}")
        sensor = self._by_name[name]
        if value is not None and sensor.spec.is_threshold:
            sensor.spec.conversion.raw(value)
        elif value is not None:
            check_range(f"states of {name}", value, 0, ALL_EVENTS)
        sensor.injected = value
        self._stale = True

    def value(self, name: str) -> float | None:
        """What a sensor measured when it was last looked at; None if nothing.

        :raises LocalProtocolError: there is no such sensor.
        """
        if name not in self._by_name:
            raise LocalProtocolError(f"there is no sensor {name!r}")
        sensor = self._by_name[name]
        if not sensor.available:
            return None
        return sensor.spec.conversion.value(sensor.raw) if sensor.spec.is_threshold else float(sensor.states)

    def touch(self) -> None:
        """Look at all of them at the next advance: a threshold was changed."""
        self._stale = True

    # --- time ---

    @property
    def next_scan(self) -> float:
        """When to look at the sensors again, if nobody asks before."""
        return self._scanned + SCAN_INTERVAL

    def is_due(self, now: float, *, on: bool, running: bool) -> bool:
        """Whether it is time to look at the sensors again."""
        return self._stale or now - self._scanned >= SCAN_INTERVAL or self._power != (on, running)

    def scan(self, conditions: Conditions) -> Sequence[Event]:
        """Look at all sensors; the events that come of it. How long power is settled is counted here."""
        power = (conditions.on, conditions.running)
        if self._power is not None and self._power[0] != conditions.on:
            self._power_since = conditions.now
        conditions = conditions._replace(settled=conditions.now - self._power_since)
        first, self._power, self._scanned, self._stale = self._power is None, power, conditions.now, False
        events: list[Event] = []
        for sensor in self._by_name.values():
            before = sensor.states
            _measure(sensor, conditions)
            if not first or sensor.injected is not None:
                events += _events(sensor, before)
        return events


def _measure(sensor: LiveSensor, conditions: Conditions) -> None:
    value = sensor.value(conditions)
    sensor.available = value is not None
    if value is None:
        sensor.raw = sensor.states = 0
    elif not sensor.spec.is_threshold:
        sensor.states = int(value)
    else:
        sensor.raw = sensor.spec.conversion.raw(value)
        idle = sensor.spec.idle_without_power and not conditions.on and sensor.injected is None
        sensor.states = 0 if idle else _passed(sensor)


def _passed(sensor: LiveSensor) -> int:
    """Thresholds that are passed; one that was passed before stays so until the reading is back by the hysteresis."""
    order = sensor.spec.conversion.order
    number, (positive, negative) = order(sensor.raw), sensor.hysteresis
    passed = 0
    for mask, limit in zip(ThresholdMask, sensor.limits, strict=True):
        if not mask & sensor.limit_mask:
            continue
        was = bool(sensor.states & mask)
        if mask in UPPER:
            is_passed = number > order(limit) - positive if was else number >= order(limit)
        else:
            is_passed = number < order(limit) + negative if was else number <= order(limit)
        passed |= mask if is_passed else 0
    return passed


def _events(sensor: LiveSensor, before: int) -> Iterator[Event]:
    """The events of a change of states. Sensors above MAX_SENSOR have theirs from who knows more."""
    changed = before ^ sensor.states
    if not changed or sensor.spec.number > MAX_SENSOR or not sensor.flags & SensorFlags.EVENTS_ENABLED:
        return
    if sensor.spec.is_threshold:
        for place, mask in enumerate(ThresholdMask):
            if changed & mask:
                data = bytes((READING_AND_THRESHOLD | _OFFSETS[mask], sensor.raw, sensor.limits[place]))
                yield from _event(sensor, _OFFSETS[mask], data, asserted=bool(sensor.states & mask))
    else:
        for offset in range(15):
            if changed >> offset & 1:
                data = bytes((offset, 0xFF, 0xFF))
                yield from _event(sensor, offset, data, asserted=bool(sensor.states >> offset & 1))


def _event(sensor: LiveSensor, offset: int, data: bytes, *, asserted: bool) -> Iterator[Event]:
    if asserted:
        sensor.happened |= 1 << offset
    if (sensor.assertions if asserted else sensor.deassertions) >> offset & 1:
        spec = sensor.spec
        yield Event(
            sensor_type=spec.sensor_type,
            sensor_number=spec.number,
            event_type=spec.event_type,
            asserted=asserted,
            data=data,
        )
