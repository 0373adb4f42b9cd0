"""``conduit rfb HOST info``: what a display offers."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.render import Field, Format, Report, make_console, show
from conduit.cli.rfb.options import Target
from conduit.errors import ConduitError
from conduit.rfb.login import Probe, probe
from conduit.rfb.security import method_name
from conduit.rfb.server_heads import ServerInit

EPILOG: Final = "Example: conduit rfb 192.0.2.7 --password-file pw info"


@click.command(epilog=EPILOG)
@click.option("--output", type=click.Choice([each.value for each in Format]), default=Format.TABLE.value)
@click.pass_obj
async def command(target: Target, output: str) -> None:
    """Show what the display offers, and what it is once we are in.

    Exit status 1 if it does not let us in: what it offers is shown all the same.
    """
    found = await probe(target.address, target.login, ask=target.ask)
    if found.handshake is None:
        raise found.failure or ConduitError("the display says nothing")
    show(_report(target, found), Format(output), make_console())
    if found.failure is not None:
        raise found.failure


def _report(target: Target, found: Probe) -> Report:
    fields = [Field("address", "Address", str(target.address)), *_handshake_fields(found)]
    if found.init is not None:
        fields += _screen_fields(found.init)
    return Report(summary=f"{target.address}: {'in' if found.init else found.failure}", fields=fields)


def _handshake_fields(found: Probe) -> list[Field]:
    handshake = found.handshake
    if handshake is None:
        return []
    major, minor = handshake.server_version
    return [
        Field("version", "Version of RFB", f"{major}.{minor}"),
        Field("offered", "Ways to log in", [method_name(each) for each in handshake.offered]),
        Field("offered_inside", "Inside of them", [method_name(each) for each in handshake.offered_inside]),
        Field("method", "Way taken", None if handshake.method is None else method_name(handshake.method)),
        Field("encrypted", "Encrypted", found.is_encrypted),
    ]


def _screen_fields(init: ServerInit) -> list[Field]:
    pixel = init.pixel_format
    colours = f"{pixel.bits_per_pixel} bits, {pixel.depth} of them colour" if pixel.true_colour else "a colour map"
    return [
        Field("name", "Name", init.name),
        Field("width", "Width", init.width),
        Field("height", "Height", init.height),
        Field("pixels", "Pixels", colours),
    ]
