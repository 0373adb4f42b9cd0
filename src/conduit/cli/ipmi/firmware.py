"""``firmware`` and ``firewall``: what runs on the BMC, and which commands it has."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import CHANNEL, Noun
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import CompletionCodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands import COMMANDS
from conduit.ipmi.commands.app import GetDeviceId
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import PRESENT_CHANNEL
from conduit.ipmi.operations.firmware import read_commands, read_firmware

COMPONENT_COLUMNS: Final = (
    Column("component", "Component", right=True),
    Column("description", "What it is"),
    Column("version", "Version"),
    Column("rollback_version", "Before"),
)
COMMAND_COLUMNS: Final = (Column("netfn", "NetFn"), Column("command", "Command"), Column("name", "Name"))


@click.group(cls=Noun, example="firmware info")
def firmware() -> None:
    """Firmware: what runs on the BMC, its versions."""


async def _info(bmc: Bmc) -> Report:
    device = await bmc.request(GetDeviceId())
    fields = [Field("firmware_revision", "Firmware revision", device.firmware)]
    try:
        found = await read_firmware(bmc)
    except CompletionCodeError as error:
        if error.code != CompletionCode.INVALID_COMMAND:
            raise
        return Report(summary=f"firmware {device.firmware}", fields=[*fields, Field("hpm", "HPM.1", False)])
    abilities: list[Value] = [str(bit.name).lower() for bit in found.capabilities.abilities]
    fields += [Field("hpm", "HPM.1", True), Field("abilities", "Abilities", abilities)]
    rows = [[one.number, one.description, one.version, one.rollback_version] for one in found.components]
    table = Rows(key="components", columns=COMPONENT_COLUMNS, rows=rows)
    return Report(summary=f"firmware {device.firmware}, {len(rows)} components", fields=fields, rows=table)


@firmware.command(example="firmware info")
@click.pass_obj
async def info(settings: Settings) -> None:
    """Versions of the BMC's firmware and of what else can be upgraded through it."""
    await run(settings, _info)


@click.group(cls=Noun, example="hpm check")
def hpm() -> None:
    """Upgradable firmware (HPM.1), as ipmitool calls it."""


@hpm.command(example="hpm check")
@click.pass_obj
async def check(settings: Settings) -> None:
    """The same as firmware info."""
    await run(settings, _info)


@click.group(cls=Noun, example="firewall info")
def firewall() -> None:
    """Firmware firewall: which commands the BMC has."""


@firewall.command("info", example="firewall info")
@click.argument("channel", type=CHANNEL, default=PRESENT_CHANNEL)
@click.pass_obj
async def firewall_info(settings: Settings, channel: int) -> None:
    """The commands of CHANNEL (the one we talk over), by network function."""

    async def operation(bmc: Bmc) -> Report:
        found = await read_commands(bmc, channel)
        rows = [[f"{netfn:#04x}", f"{number:#04x}", _name(netfn, number)] for netfn in found for number in found[netfn]]
        return Report(summary=f"{len(rows)} commands", rows=Rows(key="commands", columns=COMMAND_COLUMNS, rows=rows))

    await run(settings, operation)


def _name(netfn: int, number: int) -> str:
    known = COMMANDS.get((netfn, number, None))
    return known.__name__ if known else ""
