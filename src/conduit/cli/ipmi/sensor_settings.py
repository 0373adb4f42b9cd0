"""``sensor hysteresis`` and ``sensor events``, which join the other verbs of ``sensor``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.sensor import find, load, no_cache, number_text, sensor
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Field, Report
from conduit.errors import LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.operations.sensor_settings import (
    EventEnables,
    event_names,
    read_event_enables,
    set_hysteresis,
    switch_events,
)
from conduit.ipmi.operations.sensors import KnownSensor, read_hysteresis

__all__ = ["sensor"]


@sensor.command(example="sensor hysteresis FAN1 100 100")
@click.argument("name")
@click.argument("positive", type=click.FloatRange(min=0), required=False)
@click.argument("negative", type=click.FloatRange(min=0), required=False)
@no_cache
@click.pass_obj
async def hysteresis(
    settings: Settings, name: str, positive: float | None, negative: float | None, *, no_cache: bool
) -> None:
    """How far the sensor called NAME must go back before its event is over.

    It is set to POSITIVE for upper and NEGATIVE for lower thresholds, if given.
    """

    async def operation(bmc: Bmc) -> Report:
        (known, *_) = find(await load(bmc, no_cache=no_cache), [name])
        if positive is None:
            return hysteresis_report(known, await read_hysteresis(bmc, known))
        return hysteresis_report(known, await set_hysteresis(bmc, known, positive, negative))

    await run(settings, operation)


def hysteresis_report(known: KnownSensor, found: tuple[float | None, float | None]) -> Report:
    """Both of them."""
    positive, negative = found
    unit = f" {known.unit}".rstrip()
    fields = [
        Field("name", "Sensor", known.name),
        Field("positive_hysteresis", "Positive hysteresis", positive, _text(positive, unit)),
        Field("negative_hysteresis", "Negative hysteresis", negative, _text(negative, unit)),
    ]
    return Report(summary=f"{known.name}: +{_text(positive, unit)}, -{_text(negative, unit)}", fields=fields)


def _text(value: float | None, unit: str) -> str:
    return "none" if value is None else number_text(value) + unit


@sensor.command(example="sensor events FAN1 off 'lower critical going low'")
@click.argument("name")
@click.argument("switch", metavar="[on|off]", type=click.Choice(["on", "off"]), required=False)
@click.argument("events", metavar="[EVENT]...", nargs=-1)
@click.option("--deassert", is_flag=True, help="EVENT is when it is over, not when it begins.")
@no_cache
@click.pass_obj
async def events(
    settings: Settings, name: str, switch: str | None, events: tuple[str, ...], *, deassert: bool, no_cache: bool
) -> None:
    """Which events the sensor called NAME sends, which may be switched.

    Without EVENT, `on` and `off` are the sensor's main switch. An EVENT is a name
    as they are shown, or its number.
    """

    async def operation(bmc: Bmc) -> Report:
        (known, *_) = find(await load(bmc, no_cache=no_cache), [name])
        if switch is None:
            return events_report(known, await read_event_enables(bmc, known))
        bits = sum(1 << offset for offset in {parse_event(known, text) for text in events})
        assertions, deassertions = (0, bits) if deassert else (bits, 0)
        enables = await switch_events(bmc, known, on=switch == "on", assertions=assertions, deassertions=deassertions)
        return events_report(known, enables)

    await run(settings, operation)


def parse_event(known: KnownSensor, text: str) -> int:
    """The offset of an event.

    :raises LocalProtocolError: the sensor has none called so.
    """
    names = event_names(known)
    for offset, name in names.items():
        if text.casefold() in (name.casefold(), str(offset)):
            return offset
    raise LocalProtocolError(f"{known.name} has no event {text!r}; there are {', '.join(names.values())}")


def events_report(known: KnownSensor, enables: EventEnables) -> Report:
    """What it sends."""
    fields = [
        Field("name", "Sensor", known.name),
        Field("events", "Sends events", enables.events),
        Field("scanning", "Is looked at", enables.scanning),
        Field("assertions", "When it begins", list(enables.assertions)),
        Field("deassertions", "When it is over", list(enables.deassertions)),
    ]
    state = "sends" if enables.events else "would send"
    return Report(summary=f"{known.name} {state} {len(enables.assertions)} events", fields=fields)
