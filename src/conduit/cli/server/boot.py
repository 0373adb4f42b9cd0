"""``conduit server boot`` and ``identify``."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.nouns import Leaf, Verbs, logged_in, tell
from conduit.cli.params import WholeNumber
from conduit.cli.render import Field, Report
from conduit.services.api.gateway.v1 import gateway_pb as pb

__all__ = ["command", "identify_command"]

DEVICES: Final = ("none", "pxe", "disk", "cdrom", "bios", "floppy", "safe", "diag")


@click.command("get", cls=Leaf, example="server boot get db-01")
@click.argument("server")
@click.pass_context
async def get(ctx: click.Context, server: str) -> None:
    """What the next boot starts from."""
    request = pb.GetBootDeviceRequest(server_id=server)
    async with logged_in(ctx) as session:
        answer = await session.gateway(server, "GetBootDevice", request, pb.GetBootDeviceResponse, safe=True)
    tell(ctx, _report(server, answer.boot or pb.BootDevice(device="none")))


@click.command("set", cls=Leaf, example="server boot set db-01 pxe --uefi")
@click.argument("server")
@click.argument("device", type=click.Choice(DEVICES))
@click.option("--persistent", is_flag=True, help="Until it is changed, not only for the next boot.")
@click.option("--uefi", is_flag=True, help="Boot in UEFI's way.")
@click.pass_context
async def set_(ctx: click.Context, server: str, device: str, *, persistent: bool, uefi: bool) -> None:
    """Choose what the next boot starts from; none takes the choice back."""
    boot = pb.BootDevice(device=device, persistent=persistent, uefi=uefi)
    request = pb.SetBootDeviceRequest(server_id=server, boot=boot)
    async with logged_in(ctx) as session:
        await session.gateway(server, "SetBootDevice", request, pb.SetBootDeviceResponse, safe=True)
    tell(ctx, _report(server, boot))


def _report(server: str, boot: pb.BootDevice) -> Report:
    how = "always" if boot.persistent else "next time"
    from_ = f"boots from {boot.device} {how}{', UEFI' if boot.uefi else ''}"
    return Report(
        summary=f"{server} {from_ if boot.device != 'none' else 'boots as its own settings say'}",
        fields=[
            Field("server", "Server", server),
            Field("device", "Device", boot.device),
            Field("persistent", "Persistent", boot.persistent),
            Field("uefi", "UEFI", boot.uefi),
        ],
        brief=True,
    )


@click.command("identify", cls=Leaf, example="server identify db-01 --seconds 60")
@click.argument("server")
@click.option("--seconds", type=WholeNumber(min=1, max=255), default=15, show_default=True, help="For so long.")
@click.option("--on", "until_off", is_flag=True, help="Until it is turned off.")
@click.option("--off", is_flag=True, help="Turn it off.")
@click.pass_context
async def identify_command(ctx: click.Context, server: str, *, seconds: int, until_off: bool, off: bool) -> None:
    """Blink, so that somebody finds the server in its rack."""
    if until_off and off:
        raise click.UsageError("--on and --off: which of them?")
    length = 0 if off or until_off else seconds
    request = pb.IdentifyRequest(server_id=server, seconds=length, until_turned_off=until_off)
    async with logged_in(ctx) as session:
        await session.gateway(server, "Identify", request, pb.IdentifyResponse, safe=True)
    what = "blinks no more" if off else "blinks until it is told otherwise" if until_off else f"blinks for {seconds} s"
    fields = [
        Field("server", "Server", server),
        Field("seconds", "Seconds", length),
        Field("until_turned_off", "Until turned off", until_off),
    ]
    tell(ctx, Report(summary=f"{server} {what}", fields=fields, brief=True))


command = Verbs(
    "boot",
    commands={"get": get, "set": set_},
    example="server boot set db-01 pxe",
    help="What a server boots from.",
)
