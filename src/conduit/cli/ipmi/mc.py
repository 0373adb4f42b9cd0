"""``mc``: the management controller itself, its resets and its watchdog."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.ipmi.watchdog import watchdog
from conduit.cli.render import Field, Report
from conduit.errors import PeerTimeoutError, SessionLostError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.app import ColdReset, DeviceId, GetDeviceId, GetSelfTestResults, WarmReset
from conduit.ipmi.commands.guid import GetDeviceGuid, GetSystemGuid, GuidOrder

RESET_PATIENCE: Final = 5.0  # seconds that a resetting controller gets to acknowledge
ORDERS: Final = ["auto", *(order.value for order in GuidOrder)]


@click.group(cls=Noun, example="mc info")
def mc() -> None:
    """Management controller: what it is, its health, its resets."""


mc.add_command(watchdog)


@mc.command(example="mc info")
@click.pass_obj
async def info(settings: Settings) -> None:
    """Firmware, manufacturer, product; of a controller behind the BMC with -t and -b."""
    target = settings.bridge.resolve()

    async def operation(bmc: Bmc) -> Report:
        return device_report(await bmc.request(GetDeviceId(), target=target))

    await run(settings, operation, bridges=True)


def device_report(device: DeviceId) -> Report:
    """All of Get Device ID."""
    known = device.manufacturer or ("not in our list" if device.manufacturer_id else "unspecified")
    maker = device.manufacturer or f"manufacturer {device.manufacturer_id or 'unspecified'}"
    fields = [
        Field("device_id", "Device ID", device.device_id),
        Field("device_revision", "Device revision", device.device_revision),
        Field("firmware_revision", "Firmware revision", device.firmware),
        Field("ipmi_version", "IPMI version", device.ipmi_version),
        Field("manufacturer_id", "Manufacturer ID", device.manufacturer_id),
        Field("manufacturer_name", "Manufacturer name", device.manufacturer, known),
        Field("product_id", "Product ID", device.product_id, f"{device.product_id} ({device.product_id:#06x})"),
        Field("available", "Device available", not device.updating),
        Field("provides_sdrs", "Provides device SDRs", device.provides_sdrs),
        Field("roles", "Additional support", list(device.roles)),
    ]
    if device.aux_firmware is not None:
        fields.append(Field("aux_firmware", "Aux. firmware revision", device.aux_firmware.hex(" ")))
    return Report(summary=f"{maker}, firmware {device.firmware}, IPMI {device.ipmi_version}", fields=fields)


@mc.command(example="mc guid")
@click.argument("order", type=click.Choice(ORDERS), default="auto")
@click.option("--device", is_flag=True, help="The controller's own GUID, not that of the system it manages.")
@click.pass_obj
async def guid(settings: Settings, order: str, device: bool) -> None:
    """The system's GUID, its bytes read in ORDER: the specification's, SMBIOS's, RFC 4122's or the likeliest (auto)."""

    async def operation(bmc: Bmc) -> Report:
        answer = await bmc.request(GetDeviceGuid() if device else GetSystemGuid())
        chosen = answer.likely_order if order == "auto" else GuidOrder(order)
        value = str(answer.uuid(chosen))
        fields = [
            Field("guid", "Device GUID" if device else "System GUID", value),
            Field("order", "Byte order", chosen.value),
            Field("raw", "As sent", answer.raw.hex()),
        ]
        return Report(summary=value, fields=fields)

    await run(settings, operation)


@mc.command(example="mc selftest")
@click.pass_obj
async def selftest(settings: Settings) -> None:
    """How the controller's last self test went."""

    async def operation(bmc: Bmc) -> Report:
        result = await bmc.request(GetSelfTestResults())
        fields = [
            Field("result", "Self test", result.text),
            Field("passed", "Passed", result.passed),
            Field("code", "Code", int(result.outcome), f"{int(result.outcome):#04x}"),
            Field("detail", "Detail", result.detail, f"{result.detail:#04x}"),
        ]
        return Report(summary=f"self test: {result.text}", fields=fields)

    await run(settings, operation)


@mc.command(example="mc reset cold")
@click.argument("kind", type=click.Choice(["warm", "cold"]))
@click.pass_obj
async def reset(settings: Settings, kind: str) -> None:
    """Restart the controller, not the system: `cold` as if power came back, `warm` keeping its settings."""
    command = ColdReset() if kind == "cold" else WarmReset()

    async def operation(bmc: Bmc) -> Report:
        try:
            await bmc.request(command, deadline=RESET_PATIENCE)
        except (PeerTimeoutError, SessionLostError):
            acknowledged = False  # a controller that starts anew at once says nothing more (section 20.2)
        else:
            acknowledged = True
        fields = [Field("reset", "Reset", kind), Field("acknowledged", "Acknowledged", acknowledged)]
        note = "" if acknowledged else "; it did not answer, as controllers do that restart at once"
        return Report(summary=f"Sent {kind} reset to the controller{note}", fields=fields, brief=True)

    await run(settings, operation)
