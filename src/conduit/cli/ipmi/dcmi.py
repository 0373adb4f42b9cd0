"""``dcmi``: power readings and limits, asset tag, temperatures."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun, Number
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows
from conduit.ipmi._fields import label
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.dcmi import DcmiChannels, DcmiEventLog, DcmiParameter, DcmiPowerStatistics, DcmiSupport
from conduit.ipmi.commands.dcmi_power import (
    ActivatePowerLimit,
    GetPowerReading,
    GetThermalLimit,
    PowerException,
    PowerLimit,
    SetPowerLimit,
    SetThermalLimit,
    ThermalLimit,
)
from conduit.ipmi.operations import dcmi as operations

ACTIONS: Final = {
    "none": PowerException.NONE,
    "power-off": PowerException.POWER_OFF,
    "log": PowerException.LOG,
}


@click.group("dcmi", cls=Noun, example="dcmi power reading")
def dcmi() -> None:
    """DCMI: power readings and limits, asset tag, temperatures."""


@dcmi.group("power", example="dcmi power reading")
def power() -> None:
    """Electric power: what the machine draws, and what it may draw."""


@power.command("reading", example="dcmi power reading")
@click.pass_obj
async def _reading(settings: Settings) -> None:
    """Watts now, and least, most and average."""

    async def operation(bmc: Bmc) -> Report:
        reading = await bmc.request(GetPowerReading())
        fields = [
            Field("watts", "Now", reading.current, f"{reading.current} W"),
            Field("minimum", "Least", reading.minimum, f"{reading.minimum} W"),
            Field("maximum", "Most", reading.maximum, f"{reading.maximum} W"),
            Field("average", "Average", reading.average, f"{reading.average} W"),
            Field("period_s", "Over", reading.period / 1000, f"{reading.period / 1000:g} s"),
            Field("active", "Measured", reading.active),
        ]
        return Report(summary=f"{reading.current} W", fields=fields)

    await run(settings, operation)


@power.command("get-limit", example="dcmi power get-limit")
@click.pass_obj
async def _get_limit(settings: Settings) -> None:
    """The power limit that is active."""

    async def operation(bmc: Bmc) -> Report:
        limit = await operations.power_limit(bmc)
        if limit is None:
            return Report(summary="no power limit is active", fields=[Field("active", "Active", False)], brief=True)
        return limit_report(limit)

    await run(settings, operation)


def limit_report(limit: PowerLimit) -> Report:
    """An active limit."""
    action = label(limit.action)
    fields = [
        Field("active", "Active", True),
        Field("watts", "Limit", limit.watts, f"{limit.watts} W"),
        Field("action", "If exceeded", action),
        Field("correction_ms", "For longer than", limit.correction_ms, f"{limit.correction_ms} ms"),
        Field("sampling_s", "Averaged over", limit.sampling, f"{limit.sampling} s"),
    ]
    return Report(summary=f"at most {limit.watts} W; if exceeded: {action}", fields=fields)


@power.command("set-limit", example="dcmi power set-limit 200 --action log --activate")
@click.argument("watts", type=Number(1, 0xFFFF, "watts"))
@click.option("--action", type=click.Choice(list(ACTIONS)), default="none", help="If it is exceeded (none).")
@click.option("--correction", type=Number(1, 0xFFFFFFFF, "milliseconds"), default=1000, show_default=True, help="ms.")
@click.option("--sampling", type=Number(1, 0xFFFF, "seconds"), default=1, show_default=True, help="Seconds.")
@click.option("--activate", is_flag=True, help="And activate it.")
@click.pass_obj
async def _set_limit(
    settings: Settings, watts: int, action: str, correction: int, sampling: int, activate: bool
) -> None:
    """Set the power limit; it holds once it is activated."""
    limit = PowerLimit(action=ACTIONS[action], watts=watts, correction_ms=correction, sampling=sampling)

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(SetPowerLimit(limit=limit))
        if activate:
            await bmc.request(ActivatePowerLimit())
        done = "set and activated" if activate else "set"
        fields = [Field("watts", "Limit", watts), Field("activated", "Activated", activate)]
        return Report(summary=f"Power limit of {watts} W {done}", fields=fields, brief=True)

    await run(settings, operation)


def _switch(name: str, *, active: bool) -> None:
    @power.command(name, help=f"{name.capitalize()} the power limit.", example=f"dcmi power {name}")
    @click.pass_obj
    async def _command(settings: Settings) -> None:
        async def operation(bmc: Bmc) -> Report:
            await bmc.request(ActivatePowerLimit(active=active))
            return Report(summary=f"Power limit {name}d", fields=[Field("active", "Active", active)], brief=True)

        await run(settings, operation)


_switch("activate", active=True)
_switch("deactivate", active=False)


@dcmi.command("discover", example="dcmi discover")
@click.pass_obj
async def _discover(settings: Settings) -> None:
    """What the BMC can do of DCMI."""

    async def operation(bmc: Bmc) -> Report:
        found = await operations.capabilities(bmc)
        first = found[DcmiParameter.SUPPORTED]
        support = DcmiSupport.decode(first.data)
        version = f"{first.major}.{first.minor}"
        fields = [
            Field("version", "DCMI", version),
            Field("power_management", "Power management", support.power_management),
            Field("kcs", "Access by KCS", support.kcs),
            Field("serial", "Access by serial port", support.serial),
            Field("second_lan", "Second LAN channel", support.second_lan),
        ]
        if DcmiParameter.MANDATORY in found:
            log = DcmiEventLog.decode(found[DcmiParameter.MANDATORY].data)
            fields.append(Field("log_entries", "Event log entries", log.entries))
        if DcmiParameter.ACCESS in found:
            channels = DcmiChannels.decode(found[DcmiParameter.ACCESS].data)
            fields.append(Field("lan_channel", "LAN channel", channels.lan))
        if DcmiParameter.POWER_STATISTICS in found:
            periods = DcmiPowerStatistics.decode(found[DcmiParameter.POWER_STATISTICS].data).seconds
            words = ", ".join(f"{seconds} s" for seconds in periods)
            fields.append(Field("power_periods_s", "Power averaged over", periods, words))
        return Report(summary=f"DCMI {version}", fields=fields)

    await run(settings, operation)


@dcmi.command("asset-tag", example="dcmi asset-tag")
@click.pass_obj
async def _asset_tag(settings: Settings) -> None:
    """The asset tag."""

    async def operation(bmc: Bmc) -> Report:
        tag = await operations.asset_tag(bmc)
        return Report(summary=tag, fields=[Field("asset_tag", "Asset tag", tag)], brief=True)

    await run(settings, operation)


@dcmi.command("set-asset-tag", example="dcmi set-asset-tag 'rack 7, unit 12'")
@click.argument("tag")
@click.pass_obj
async def _set_asset_tag(settings: Settings, tag: str) -> None:
    """Set the asset tag, up to 63 bytes."""

    async def operation(bmc: Bmc) -> Report:
        await operations.set_asset_tag(bmc, tag)
        return Report(summary=f"Asset tag set to {tag}", fields=[Field("asset_tag", "Asset tag", tag)], brief=True)

    await run(settings, operation)


@dcmi.command("mc-id", example="dcmi mc-id")
@click.pass_obj
async def _mc_id(settings: Settings) -> None:
    """The BMC's own name."""

    async def operation(bmc: Bmc) -> Report:
        name = await operations.controller_id(bmc)
        return Report(summary=name, fields=[Field("mc_id", "Name", name)], brief=True)

    await run(settings, operation)


@dcmi.command("set-mc-id", example="dcmi set-mc-id bmc-17")
@click.argument("name")
@click.pass_obj
async def _set_mc_id(settings: Settings, name: str) -> None:
    """Name the BMC, with up to 63 bytes."""

    async def operation(bmc: Bmc) -> Report:
        await operations.set_controller_id(bmc, name)
        return Report(summary=f"Name set to {name}", fields=[Field("mc_id", "Name", name)], brief=True)

    await run(settings, operation)


@dcmi.command("sensors", example="dcmi sensors")
@click.pass_obj
async def _sensors(settings: Settings) -> None:
    """Which SDR records describe temperature sensors."""

    async def operation(bmc: Bmc) -> Report:
        found = await operations.sensor_records(bmc)
        rows = [(label(entity), number) for entity, numbers in found.items() for number in numbers]
        columns = (Column("entity", "Where"), Column("record_id", "Record", right=True))
        return Report(summary=f"{len(rows)} temperature sensors", rows=Rows(key="sensors", columns=columns, rows=rows))

    await run(settings, operation)


@dcmi.command("temps", example="dcmi temps")
@click.pass_obj
async def _temps(settings: Settings) -> None:
    """Temperatures."""

    async def operation(bmc: Bmc) -> Report:
        rows = [(label(entity), instance, celsius) for entity, instance, celsius in await operations.temperatures(bmc)]
        columns = (
            Column("entity", "Where"),
            Column("instance", "Number", right=True),
            Column("celsius", "C", right=True),
        )
        words = ", ".join(f"{where} {number}: {celsius} C" for where, number, celsius in rows)
        return Report(summary=words or "none", rows=Rows(key="temperatures", columns=columns, rows=rows))

    await run(settings, operation)


@dcmi.command("thermal", example="dcmi thermal --set 45 --seconds 60 --log")
@click.option("--set", "celsius", type=Number(0, 255, "degrees"), help="Set the limit, in degrees Celsius.")
@click.option("--seconds", type=Number(0, 0xFFFF, "seconds"), default=60, show_default=True, help="How long.")
@click.option("--log", is_flag=True, help="If it is hotter for longer, log an event.")
@click.option("--power-off", is_flag=True, help="If it is hotter for longer, switch power off.")
@click.pass_obj
async def _thermal(settings: Settings, celsius: int | None, seconds: int, log: bool, power_off: bool) -> None:
    """The limit of the air that comes in."""

    async def operation(bmc: Bmc) -> Report:
        if celsius is not None:
            wanted = ThermalLimit(power_off=power_off, log=log, celsius=celsius, seconds=seconds)
            await bmc.request(SetThermalLimit(thermal_limit=wanted))
        limit = await bmc.request(GetThermalLimit())
        fields = [
            Field("celsius", "Limit", limit.celsius, f"{limit.celsius} C"),
            Field("seconds", "For longer than", limit.seconds, f"{limit.seconds} s"),
            Field("log", "Logs an event", limit.log),
            Field("power_off", "Switches power off", limit.power_off),
        ]
        return Report(summary=f"inlet at most {limit.celsius} C for {limit.seconds} s", fields=fields)

    await run(settings, operation)
