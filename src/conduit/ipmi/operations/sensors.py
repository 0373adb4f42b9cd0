"""Sensors as people read them: every reading with its name, value, unit, states and thresholds."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from conduit.errors import CompletionCodeError, DecodeError, LocalProtocolError, PeerTimeoutError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.sensors import (
    GetSensorHysteresis,
    GetSensorReading,
    GetSensorReadingFactors,
    GetSensorThresholds,
    RawReading,
    SensorHysteresis,
    SetSensorThresholds,
)
from conduit.ipmi.exchange import BMC, Hop, Target
from conduit.ipmi.operations.sdr import Repository, read_repository
from conduit.ipmi.records.conversion import Conversion, is_non_linear
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.event_types import THRESHOLD, sensor_type_name, state_name
from conduit.ipmi.records.events import FindSensor
from conduit.ipmi.records.sdr import Sensor
from conduit.ipmi.records.sdr_fields import Owner
from conduit.ipmi.records.sdr_sensors import CompactSensor, EventOnlySensor, FullSensor
from conduit.ipmi.records.thresholds import ThresholdMask, Thresholds, decode_thresholds
from conduit.rmcp.lan_message import BMC_ADDRESS

SEVERITY: Final = 0x07  # event/reading type whose states are severities (table 42-2)
MAX_STATES: Final = 15
NO_LIMITS: Final[Thresholds[float]] = Thresholds()


class SensorKind(Enum):
    """What a sensor tells."""

    THRESHOLD = "threshold"
    "A value, compared with thresholds."
    DISCRETE = "discrete"
    "States."
    EVENT_ONLY = "event-only"
    "Nothing that could be read."


class Status(Enum):
    """How a sensor is, in ipmitool's abbreviations."""

    OK = "ok"
    NON_CRITICAL = "nc"
    CRITICAL = "cr"
    NON_RECOVERABLE = "nr"
    UNAVAILABLE = "na"


# Bits as plain integers: a sweep looks at them for each sensor of each host.
_BY_MASK: Final = (
    (int(ThresholdMask.LOWER_NON_RECOVERABLE | ThresholdMask.UPPER_NON_RECOVERABLE), Status.NON_RECOVERABLE),
    (int(ThresholdMask.LOWER_CRITICAL | ThresholdMask.UPPER_CRITICAL), Status.CRITICAL),
    (int(ThresholdMask.LOWER_NON_CRITICAL | ThresholdMask.UPPER_NON_CRITICAL), Status.NON_CRITICAL),
)
_PASSED_NAMES: Final = tuple((int(mask), str(mask.name).lower().replace("_", " ")) for mask in ThresholdMask)
_BY_SEVERITY: Final = (
    (0x48, Status.NON_RECOVERABLE),  # states 3 and 6
    (0x24, Status.CRITICAL),  # 2 and 5
    (0x12, Status.NON_CRITICAL),  # 1 and 4
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorReading:
    """A sensor, and what it says now."""

    name: str
    number: int
    owner: Owner
    entity: Entity
    kind: SensorKind
    sensor_type: str
    "In words: ``temperature``."
    record: Sensor = field(repr=False)
    raw: int | None = None
    "The raw reading of a sensor that gives numbers; None if there is none now."
    value: float | None = None
    unit: str = ""
    states: tuple[str, ...] = ()
    "The states that are asserted, by name; of a threshold sensor the thresholds that are passed."
    state_bits: int = 0
    thresholds: Thresholds[float] = NO_LIMITS
    status: Status = Status.UNAVAILABLE
    note: str = ""
    "Why there is no reading, if there should be one."


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSensor:
    """One sensor of a record, which several may share."""

    name: str
    number: int
    record: Sensor
    entity: Entity

    @property
    def owner(self) -> Owner:
        """Who has it."""
        return self.record.owner if isinstance(self.record, EventOnlySensor) else self.record.traits.owner

    @property
    def unit(self) -> str:
        """As people write it; empty where there is none."""
        record = self.record
        return record.traits.units.text if isinstance(record, FullSensor) and record.traits.is_analog else ""

    def value(self, raw: int) -> float | None:
        """A raw reading, 0 to 255, as a value; None if it has no such thing, or the BMC must be asked for it."""
        record = self.record
        if not isinstance(record, FullSensor) or is_non_linear(record.conversion.linearization):
            return None
        return record.conversion.value(raw)

    @property
    def target(self) -> Target:
        """Who is asked for it."""
        owner = self.owner
        if owner.address == BMC_ADDRESS and not owner.channel:
            return BMC if not owner.lun else Target(lun=owner.lun)
        return Target(owner.address, owner.lun, (Hop(owner.channel, owner.address),))


def known_sensors(records: Iterable[Sensor]) -> Iterator[KnownSensor]:
    """Every sensor; those that share a record one by one."""
    for record in records:
        entity = record.entity if isinstance(record, EventOnlySensor) else record.traits.entity
        number = record.number if isinstance(record, EventOnlySensor) else record.traits.number
        if isinstance(record, FullSensor):
            yield KnownSensor(name=record.name.text, number=number, record=record, entity=entity)
            continue
        sharing = record.sharing
        for place in range(max(1, sharing.count)):
            step = place if sharing.instance_increments else 0
            yield KnownSensor(
                name=sharing.name(record.name.stem, place).rstrip(),
                number=(number + place) & 0xFF,
                record=record,
                entity=replace(entity, instance=(entity.instance + step) & 0x7F),
            )


def sensor_finder(records: Iterable[Sensor]) -> FindSensor:
    """What :meth:`~conduit.ipmi.records.events.Event.describe` wants: the sensor that an event is about.

    :param records: as :attr:`~conduit.ipmi.operations.sdr.Repository.sensors` has them.
    """
    found = {(one.owner.address, one.owner.lun, one.number): one for one in known_sensors(records)}
    return lambda generator, number: found.get((generator.address, generator.lun, number))


async def read_sensors(
    bmc: Bmc,
    repository: Repository | None = None,
    *,
    names: Iterable[str] | None = None,
    live_thresholds: bool = True,
) -> AsyncIterator[SensorReading]:
    """Every sensor with its present reading, in the order of the records.

    :param repository: its records, if they were read before.
    :param names: only the sensors called so; case does not matter.
    :param live_thresholds: ask for thresholds too, which somebody may have set; otherwise those of the records, which
        takes half as many requests.
    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`; what one sensor cannot do is in its note.
    """
    if repository is None:
        repository = await read_repository(bmc)
    wanted = None if names is None else {name.casefold() for name in names}
    for sensor in known_sensors(repository.sensors):
        if wanted is None or sensor.name.casefold() in wanted:
            yield await read_sensor(bmc, sensor, live_thresholds=live_thresholds)


async def read_sensor(bmc: Bmc, sensor: KnownSensor, *, live_thresholds: bool = True) -> SensorReading:
    """One sensor. :raises ConduitError: as :func:`read_sensors`."""
    say = _describe(sensor)
    record = sensor.record
    if isinstance(record, EventOnlySensor):
        return say()
    if sensor.owner.is_software:
        return say(note="it belongs to software, which cannot be asked")
    try:
        raw = await bmc.request(GetSensorReading(number=sensor.number), target=sensor.target)
        limits = await _limits(bmc, sensor, record, live=live_thresholds)
        conversion = await _conversion(bmc, sensor, record, raw.reading)
    except (CompletionCodeError, DecodeError) as error:
        return say(note=str(error))
    except PeerTimeoutError as error:
        if not sensor.target.bridges:
            raise
        return say(note=str(error))
    return _complete(say, record, raw, limits, conversion)


def _describe(sensor: KnownSensor) -> Callable[..., SensorReading]:
    """All of a :class:`SensorReading` that the record tells; takes the rest."""
    record = sensor.record
    if isinstance(record, EventOnlySensor):
        kind, sensor_type, unit = SensorKind.EVENT_ONLY, record.sensor_type, ""
    else:
        has_thresholds = record.traits.event_type == THRESHOLD
        kind = SensorKind.THRESHOLD if has_thresholds else SensorKind.DISCRETE
        sensor_type, unit = record.traits.sensor_type, record.traits.units.text if record.traits.is_analog else ""
    return functools.partial(
        SensorReading,
        name=sensor.name,
        number=sensor.number,
        owner=sensor.owner,
        entity=sensor.entity,
        kind=kind,
        sensor_type=sensor_type_name(sensor_type),
        record=record,
        unit=unit,
    )


async def _limits(bmc: Bmc, sensor: KnownSensor, record: FullSensor | CompactSensor, *, live: bool) -> Thresholds[int]:
    """Raw thresholds. A BMC that does not tell has those of the record."""
    recorded: Thresholds[int] = record.thresholds if isinstance(record, FullSensor) else Thresholds()
    if not live or not record.traits.readable:
        return recorded
    try:
        now = await bmc.request(GetSensorThresholds(number=sensor.number), target=sensor.target)
    except (CompletionCodeError, DecodeError):
        return recorded
    return decode_thresholds(now.readable, now.limits)


async def _conversion(
    bmc: Bmc, sensor: KnownSensor, record: FullSensor | CompactSensor, reading: int
) -> Conversion | None:
    """How to understand the reading; None if it is no number."""
    if not isinstance(record, FullSensor) or not record.traits.is_analog:
        return None
    if not is_non_linear(record.conversion.linearization):
        return record.conversion
    asked = GetSensorReadingFactors(number=sensor.number, reading=reading)
    factors = (await bmc.request(asked, target=sensor.target)).factors
    return replace(record.conversion, factors=factors)


def _complete(
    say: Callable[..., SensorReading],
    record: FullSensor | CompactSensor,
    raw: RawReading,
    limits: Thresholds[int],
    conversion: Conversion | None,
) -> SensorReading:
    thresholds = NO_LIMITS if conversion is None else _values(limits, conversion)
    if not raw.is_available:
        return say(thresholds=thresholds)
    bits = raw.states or 0
    event_type = record.traits.event_type
    if event_type == THRESHOLD:
        bits = _passed(raw, limits, conversion)
        states = tuple(name for mask, name in _PASSED_NAMES if mask & bits)
        status = next((status for mask, status in _BY_MASK if mask & bits), Status.OK)
    else:
        numbers = (offset for offset in range(MAX_STATES) if bits >> offset & 1)
        states = tuple(state_name(event_type, record.traits.sensor_type, offset) for offset in numbers)
        severe = (status for mask, status in _BY_SEVERITY if event_type == SEVERITY and mask & bits)
        status = next(severe, Status.OK)
    return say(
        raw=None if conversion is None else raw.reading,
        value=None if conversion is None else conversion.value(raw.reading),
        states=states,
        state_bits=bits,
        thresholds=thresholds,
        status=status,
    )


def _passed(raw: RawReading, limits: Thresholds[int], conversion: Conversion | None) -> int:
    """Thresholds that are passed: as the BMC says or, where it does not, as the numbers say."""
    if raw.states is not None or conversion is None:
        return (raw.states or 0) & 0x3F
    number, order = conversion.order(raw.reading), conversion.order
    return sum(
        mask
        for mask, limit in limits.items()
        if (number >= order(limit) if mask >= ThresholdMask.UPPER_NON_CRITICAL else number <= order(limit))
    )


def _values(limits: Thresholds[int], conversion: Conversion) -> Thresholds[float]:
    values = {mask: conversion.value(raw) for mask, raw in limits.items()}
    return Thresholds.of({mask: value for mask, value in values.items() if value is not None})


async def set_thresholds(bmc: Bmc, sensor: KnownSensor, wanted: Thresholds[float]) -> Thresholds[float]:
    """Set those thresholds that are given; the others stay. What holds then, which the sensor's steps may have rounded.

    :raises LocalProtocolError: the sensor has not these thresholds, or not these values.
    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
    """
    record = sensor.record
    if not isinstance(record, FullSensor) or is_non_linear(record.conversion.linearization):
        raise LocalProtocolError(f"{sensor.name} has no thresholds that can be set as numbers")
    missing = wanted.mask & ~record.traits.settable
    if missing:
        names = ", ".join(str(mask.name).lower().replace("_", " ") for mask in ThresholdMask if mask & missing)
        raise LocalProtocolError(f"{sensor.name}: {names} cannot be set")
    limits = bytearray(6)
    for place, value in enumerate(wanted):
        if value is not None:
            limits[place] = record.conversion.raw(value)
    command = SetSensorThresholds(number=sensor.number, which=wanted.mask, limits=bytes(limits))
    await bmc.request(command, target=sensor.target)
    return _values(await _limits(bmc, sensor, record, live=True), record.conversion)


async def read_hysteresis(bmc: Bmc, sensor: KnownSensor) -> tuple[float | None, float | None]:
    """Positive and negative hysteresis as differences of values; None where there is none or it cannot be said.

    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
    """
    record = sensor.record
    if not isinstance(record, FullSensor):
        return None, None
    try:
        raw = await bmc.request(GetSensorHysteresis(number=sensor.number), target=sensor.target)
    except CompletionCodeError:
        raw = SensorHysteresis(positive=record.positive_hysteresis, negative=record.negative_hysteresis)
    return record.conversion.hysteresis(raw.positive), record.conversion.hysteresis(raw.negative)
