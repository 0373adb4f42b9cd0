"""``raw``: any command by its numbers, as ipmitool takes them."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Leaf, parse_number
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Field, Report
from conduit.ipmi.client import Bmc
from conduit.ipmi.messages import NetFn

NETFNS: Final = {
    "chassis": NetFn.CHASSIS,
    "bridge": NetFn.BRIDGE,
    "sensor": NetFn.SENSOR_EVENT,
    "event": NetFn.SENSOR_EVENT,
    "app": NetFn.APP,
    "firmware": NetFn.FIRMWARE,
    "storage": NetFn.STORAGE,
    "transport": NetFn.TRANSPORT,
    "group": NetFn.GROUP_EXTENSION,
    "oem": NetFn.OEM_GROUP,
}
MAX_DATA: Final = 255  # bytes
PER_LINE: Final = 16  # bytes shown in a line


@click.command(cls=Leaf, example="raw app 0x01")
@click.argument("netfn")
@click.argument("command")
@click.argument("data", nargs=-1)
@click.pass_obj
async def raw(settings: Settings, netfn: str, command: str, data: tuple[str, ...]) -> None:
    """Send COMMAND of network function NETFN with DATA bytes, and show the bytes of the answer.

    Numbers are decimal or, with 0x, hex. NETFN is even, 0 to 62, or a name:
    chassis, bridge, sensor, event, app, firmware, storage, transport, group
    or oem. -t, -b, -T, -B and -l before `raw` send it to a controller behind
    the BMC.
    """
    number, code, payload = parse_netfn(netfn), _byte(command, "a command"), parse_data(data)
    target = settings.bridge.resolve()

    async def operation(bmc: Bmc) -> Report:
        return raw_report(await bmc.raw(number, code, payload, target=target))

    await run(settings, operation, bridges=True)


def raw_report(answer: bytes) -> Report:
    """Bytes, sixteen a line."""
    lines = [answer[start : start + PER_LINE].hex(" ") for start in range(0, len(answer), PER_LINE)]
    fields = [Field("data", "Data", answer.hex(" ")), Field("length", "Length", len(answer))]
    return Report(summary=answer.hex(" "), fields=fields, lines=lines)


def parse_netfn(text: str) -> int:
    """A network function by name or number.

    :raises click.UsageError: there is none such.
    """
    number = NETFNS.get(text.lower(), parse_number(text))
    if number is None or number not in range(0, 64, 2):
        names = ", ".join(NETFNS)
        raise click.UsageError(f"{text!r} is not a network function: an even number from 0 to 62, or one of {names}")
    return int(number)


def parse_data(words: tuple[str, ...]) -> bytes:
    """Data bytes.

    :raises click.UsageError: one is no byte, or they are too many.
    """
    if len(words) > MAX_DATA:
        raise click.UsageError(f"a request takes at most {MAX_DATA} data bytes")
    return bytes(_byte(word, "a byte") for word in words)


def _byte(text: str, what: str) -> int:
    number = parse_number(text)
    if number is None or number > 255:
        raise click.UsageError(f"{text!r} is not {what}: 0 to 255 in decimal, or 0x00 to 0xff")
    return number
