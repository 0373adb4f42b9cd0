"""``sensor``: readings as people read them, and their thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.operations.sdr import Repository, read_repository
from conduit.ipmi.operations.sdr_cache import SdrCache
from conduit.ipmi.operations.sensors import (
    KnownSensor,
    SensorKind,
    SensorReading,
    Status,
    known_sensors,
    read_hysteresis,
    read_sensor,
    set_thresholds,
)
from conduit.ipmi.records.event_types import sensor_type_name
from conduit.ipmi.records.sdr_sensors import FullSensor
from conduit.ipmi.records.thresholds import ThresholdMask, Thresholds

STATUS_COLOURS: Final = {
    Status.OK: "",
    Status.NON_CRITICAL: "yellow",
    Status.CRITICAL: "red",
    Status.NON_RECOVERABLE: "bold red",
    Status.UNAVAILABLE: "dim",
}
# As ipmitool names and orders them.
LIMITS: Final = {
    "lnr": ThresholdMask.LOWER_NON_RECOVERABLE,
    "lcr": ThresholdMask.LOWER_CRITICAL,
    "lnc": ThresholdMask.LOWER_NON_CRITICAL,
    "unc": ThresholdMask.UPPER_NON_CRITICAL,
    "ucr": ThresholdMask.UPPER_CRITICAL,
    "unr": ThresholdMask.UPPER_NON_RECOVERABLE,
}
GROUPS: Final = {"lower": ("lnr", "lcr", "lnc"), "upper": ("unc", "ucr", "unr")}
COLUMNS: Final = (
    Column("name", "Name"),
    Column("number", "Number", right=True),
    Column("type", "Type"),
    Column("entity", "Entity"),
    Column("kind", "Kind"),
    Column("value", "Value", right=True),
    Column("unit", "Unit"),
    Column("status", "Status"),
    Column("states", "States"),
    *(Column(name, name, right=True) for name in LIMITS),
    Column("note", "Note"),
)
SHOWN: Final = (
    Column("name", "Name"),
    Column("reading", "Reading", right=True),
    Column("unit", "Unit"),
    Column("status", "Status"),
    *(Column(name, name.upper(), right=True) for name in LIMITS),
    Column("states", "States"),
)


@click.group(cls=Noun, example="sensor list")
def sensor() -> None:
    """Sensors: readings, states, thresholds.

    The sensors' records are kept in $XDG_CACHE_HOME/conduit/sdr and read again
    when the BMC says that they changed; --no-cache reads them anyway.
    """


no_cache = click.option("--no-cache", is_flag=True, help="Read the sensors' records from the BMC, and keep none.")


async def load(bmc: Bmc, *, no_cache: bool) -> Repository:
    """The records, from the cache if they are there."""
    return await read_repository(bmc, cache=None if no_cache else SdrCache())


@sensor.command("list", example="sensor list")
@click.option("--type", "type_", metavar="TYPE", help="Only sensors of this type, such as temperature or fan.")
@click.option("--all", "everything", is_flag=True, help="Also sensors that only have events.")
@no_cache
@click.pass_obj
async def list_(settings: Settings, type_: str | None, *, everything: bool, no_cache: bool) -> None:
    """All sensors with reading, status and thresholds."""
    if type_ is not None and type_.casefold() not in TYPES:
        raise click.UsageError(f"there is no sensor type {type_!r}; some are temperature, voltage, fan, power supply")

    async def operation(bmc: Bmc) -> Report:
        repository = await load(bmc, no_cache=no_cache)
        readings = []
        for known in known_sensors(repository.sensors):
            reading = await read_sensor(bmc, known)
            if _is_wanted(reading, type_, everything=everything):
                readings.append(reading)
        return list_report(readings)

    await run(settings, operation)


TYPES: Final = frozenset(sensor_type_name(number).casefold() for number in range(256))


def _is_wanted(reading: SensorReading, type_: str | None, *, everything: bool) -> bool:
    if type_ is not None and type_.casefold() != reading.sensor_type.casefold():
        return False
    return everything or reading.kind is not SensorKind.EVENT_ONLY


def list_report(readings: Sequence[SensorReading]) -> Report:
    """One line a sensor."""
    rows = Rows(key="sensors", columns=COLUMNS, rows=[row_of(reading) for reading in readings])
    styles = [STATUS_COLOURS[reading.status] for reading in readings]
    table = Rows(key="sensors", columns=SHOWN, rows=[shown_row(reading) for reading in readings], styles=styles)
    return Report(summary=summary(readings), rows=rows, table=table)


def summary(readings: Sequence[SensorReading]) -> str:
    """``22 sensors, 20 ok, 1 cr, 1 na: FAN1 0 RPM (cr)``."""
    counted = Counter(reading.status for reading in readings)
    counts = ", ".join(f"{counted[status]} {status.value}" for status in Status if counted[status])
    bad = [reading for reading in readings if reading.status not in (Status.OK, Status.UNAVAILABLE)]
    worst = ", ".join(f"{one.name} {reading_text(one)} ({one.status.value})" for one in bad)
    total = f"{len(readings)} sensors"
    return ": ".join(filter(None, (", ".join(filter(None, (total, counts))), worst)))


def row_of(reading: SensorReading) -> list[Value]:
    """For programs."""
    limits = limits_by_name(reading.thresholds)
    return [
        reading.name, reading.number, reading.sensor_type, reading.entity.text, reading.kind.value,
        reading.value, reading.unit or None, reading.status.value, list(reading.states),
        *(limits[name] for name in LIMITS), reading.note or None,
    ]  # fmt: skip


def shown_row(reading: SensorReading) -> list[Value]:
    """For people."""
    limits = limits_by_name(reading.thresholds)
    states = ", ".join(reading.states) if reading.kind is SensorKind.DISCRETE else reading.note
    texts = (number_text(limits[name]) for name in LIMITS)
    return [reading.name, number_text(reading.value), reading.unit, reading.status.value, *texts, states]


def limits_by_name(thresholds: Thresholds[float]) -> dict[str, float | None]:
    """By ipmitool's names, in its order."""
    values = dict(thresholds.items())
    return {name: values.get(mask) for name, mask in LIMITS.items()}


def number_text(value: float | None) -> str:
    """Without zeros that say nothing; empty where there is no number."""
    return "" if value is None else f"{value:.9g}"


def reading_text(reading: SensorReading) -> str:
    """Value and unit, or the states."""
    if reading.value is None:
        return ", ".join(reading.states) or "-"
    return f"{number_text(reading.value)} {reading.unit}".rstrip()


@sensor.command(example="sensor get FAN1 'CPU Temp'")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@no_cache
@click.pass_obj
async def get(settings: Settings, names: tuple[str, ...], *, no_cache: bool) -> None:
    """All about the sensors called NAME; case does not matter."""

    async def operation(bmc: Bmc) -> Report:
        found = find(await load(bmc, no_cache=no_cache), names)
        if len(found) > 1:
            return list_report([await read_sensor(bmc, known) for known in found])
        reading = await read_sensor(bmc, found[0])
        return get_report(reading, await read_hysteresis(bmc, found[0]))

    await run(settings, operation)


def find(repository: Repository, names: Sequence[str]) -> list[KnownSensor]:
    """The sensors of these names.

    :raises LocalProtocolError: there is none of one of them.
    """
    by_name: dict[str, list[KnownSensor]] = {}
    for known in known_sensors(repository.sensors):
        by_name.setdefault(known.name.casefold(), []).append(known)
    missing = [name for name in names if name.casefold() not in by_name]
    if missing:
        raise LocalProtocolError(f"there is no sensor {missing[0]!r}; 'sensor list --all' shows what there is")
    return [known for name in names for known in by_name[name.casefold()]]


def get_report(reading: SensorReading, hysteresis: tuple[float | None, float | None]) -> Report:
    """All about one sensor."""
    limits = limits_by_name(reading.thresholds)
    positive, negative = hysteresis
    fields = [
        Field("name", "Sensor", reading.name),
        Field("number", "Number", reading.number, f"{reading.number:#04x}"),
        Field("type", "Type", reading.sensor_type),
        Field("kind", "Kind", reading.kind.value),
        Field("entity", "Entity", reading.entity.text, f"{reading.entity.text} ({reading.entity.name})"),
        Field("value", "Reading", reading.value, reading_text(reading)),
        Field("unit", "Unit", reading.unit or None),
        Field("raw", "Raw reading", reading.raw, None if reading.raw is None else f"{reading.raw:#04x}"),
        Field("status", "Status", reading.status.value),
        Field("states", "States", list(reading.states)),
    ]
    if reading.kind is SensorKind.THRESHOLD:
        fields += [Field(name, LABELS[name], value, number_text(value) or None) for name, value in limits.items()]
        fields += [
            Field("positive_hysteresis", "Positive hysteresis", positive, number_text(positive) or None),
            Field("negative_hysteresis", "Negative hysteresis", negative, number_text(negative) or None),
        ]
    if isinstance(reading.record, FullSensor):
        factors = reading.record.conversion.factors
        fields.append(Field("accuracy_percent", "Accuracy", factors.accuracy_percent, f"{factors.accuracy_percent} %"))
    if reading.note:
        fields.append(Field("note", "Note", reading.note))
    text = f"{reading.name} {reading_text(reading)} ({reading.status.value})"
    return Report(summary=text, fields=fields)


LABELS: Final = {
    name: str(mask.name).capitalize().replace("_", " ").replace("non ", "non-") for name, mask in LIMITS.items()
}


@sensor.command(example="sensor thresholds FAN1 lcr 800 lnc 1200")
@click.argument("name")
@click.argument("limits", metavar="[lnr|lcr|lnc|unc|ucr|unr VALUE]... | lower|upper VALUE VALUE VALUE", nargs=-1)
@no_cache
@click.pass_obj
async def thresholds(settings: Settings, name: str, limits: tuple[str, ...], *, no_cache: bool) -> None:
    """The thresholds of the sensor called NAME, which may be set.

    `lower` takes lnr, lcr and lnc, `upper` takes unc, ucr and unr, as with
    ipmitool. A value is rounded to what the sensor can tell apart.
    """
    wanted = parse_limits(limits)

    async def operation(bmc: Bmc) -> Report:
        (known, *_) = find(await load(bmc, no_cache=no_cache), [name])
        if wanted.mask:
            return thresholds_report(known, await set_thresholds(bmc, known, wanted))
        return thresholds_report(known, (await read_sensor(bmc, known)).thresholds)

    await run(settings, operation)


sensor.add_command(thresholds, "thresh")  # ipmitool's name


def parse_limits(words: Sequence[str]) -> Thresholds[float]:
    """Names and values as typed.

    :raises click.UsageError: they make no sense.
    """
    values: dict[ThresholdMask, float] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0).lower()
        names = GROUPS.get(word, (word,))
        if names[0] not in LIMITS:
            raise click.UsageError(f"{word!r} is no threshold; these are {', '.join((*LIMITS, *GROUPS))}")
        if len(rest) < len(names):
            raise click.UsageError(f"{word!r} wants {len(names)} value{'s' if len(names) > 1 else ''} after it")
        for name in names:
            values[LIMITS[name]] = _number(rest.pop(0))
    return Thresholds.of(values)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a number") from None


def thresholds_report(known: KnownSensor, limits: Thresholds[float]) -> Report:
    """As they are."""
    named = limits_by_name(limits)
    fields = [Field("name", "Sensor", known.name)]
    fields += [Field(name, LABELS[name], value, number_text(value) or None) for name, value in named.items()]
    words = ", ".join(f"{name} {number_text(value)}" for name, value in named.items() if value is not None)
    return Report(summary=f"{known.name}: {words or 'no thresholds'}", fields=fields)
