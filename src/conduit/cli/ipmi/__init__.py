"""``conduit ipmi``: talks to BMCs over IPMI, with ipmitool's options, to one or to many at once."""

from __future__ import annotations

import logging
from typing import Any, Final

import asyncclick as click

from conduit.cli.ipmi.base import OUTPUT, VERBOSITY, Noun
from conduit.cli.ipmi.failures import SHOW_TRACEBACK, errors_in_one_line
from conduit.cli.ipmi.options import OPTIONS, make_settings
from conduit.cli.lazy import LazyGroup, Part
from conduit.cli.render import Format

__all__ = ["command"]

_MC: Final = Part("conduit.cli.ipmi.mc", "Management controller: what it is, its health, its resets.", "mc")
PARTS: Final = {
    "bmc": _MC,  # ipmitool's other name for it
    "channel": Part("conduit.cli.ipmi.channel", "Channels: what they are, who may use them.", "channel"),
    "chassis": Part("conduit.cli.ipmi.chassis", "Chassis: status, light, boot device, power policy.", "chassis"),
    "firewall": Part("conduit.cli.ipmi.firmware", "Firmware firewall: which commands the BMC has.", "firewall"),
    "firmware": Part("conduit.cli.ipmi.firmware", "Firmware: what runs on the BMC, its versions.", "firmware"),
    "fru": Part("conduit.cli.ipmi.fru", "Inventory (FRU): who made it, and its serial numbers.", "fru"),
    "hpm": Part("conduit.cli.ipmi.firmware", "Upgradable firmware (HPM.1), as ipmitool calls it.", "hpm"),
    "lan": Part("conduit.cli.ipmi.lan", "Network settings: addresses, VLAN, alerts, cipher suites.", "lan"),
    "dcmi": Part("conduit.cli.ipmi.dcmi", "DCMI: power readings and limits, asset tag, temperatures.", "dcmi"),
    "event": Part(
        "conduit.cli.ipmi.event",
        "Send a sample event: a temperature too high (1), a voltage too low (2), a corrected memory error (3).",
        "event",
    ),
    "mc": _MC,
    "pef": Part(
        "conduit.cli.ipmi.pef", "Platform event filtering: the BMC looks at each event, and acts on some.", "pef"
    ),
    "ping": Part("conduit.cli.ipmi.ping", "Ask whether anybody speaks RMCP, and how long the answer takes.", "ping"),
    "power": Part("conduit.cli.ipmi.power", "Chassis power: its state and its control.", "power"),
    "raw": Part("conduit.cli.ipmi.raw", "Send any command by its numbers, and show the answer.", "raw"),
    "sdr": Part("conduit.cli.ipmi.sdr", "Sensor data records: what the BMC knows of its sensors and devices.", "sdr"),
    "sensor": Part("conduit.cli.ipmi.sensor_settings", "Sensors: readings, states, thresholds.", "sensor"),
    "sel": Part("conduit.cli.ipmi.sel", "System event log: what happened to the system, with the BMC's time.", "sel"),
    "session": Part("conduit.cli.ipmi.session", "Sessions: ours, and those of others.", "session"),
    "sol": Part("conduit.cli.ipmi.sol", "Serial over LAN: the machine's serial console.", "sol"),
    "user": Part("conduit.cli.ipmi.user", "Users of the BMC: names, passwords, privileges.", "user"),
}


class IpmiGroup(Noun, LazyGroup):
    """The top of it, from where errors go out as one line."""

    async def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with errors_in_one_line(None):
            return await super().make_context(info_name, args, parent, **extra)

    async def invoke(self, ctx: click.Context) -> Any:
        with errors_in_one_line(ctx):
            return await super().invoke(ctx)


@click.group("ipmi", cls=IpmiGroup, parts=PARTS, params=list(OPTIONS), example="power status")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:  # Any: each option has its own type
    """Talk to a BMC over IPMI, or to many BMCs at once.

    Options are ipmitool's, and come before the command. The password is asked
    for on a terminal, or comes from -E or -f. Exit status: 0 done, 1 failed,
    2 wrong usage.
    """
    verbose = ctx.meta.get(VERBOSITY, 0)
    if verbose >= SHOW_TRACEBACK:
        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
    ctx.obj = make_settings(options, verbose=verbose, output=ctx.meta.get(OUTPUT, Format.TABLE))
