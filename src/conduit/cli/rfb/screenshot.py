"""``conduit rfb HOST screenshot``: what the display shows, as a PNG."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import asyncclick as click

from conduit.cli.params import Seconds
from conduit.cli.rfb.options import Target
from conduit.rfb.display import PATIENCE, open_display

EPILOG: Final = "Example: conduit rfb 192.0.2.7 --password-file pw screenshot -o x.png"


def write_picture(file: str, png: bytes) -> None:
    """To a file, or to standard output where that is ``-``."""
    if file == "-":
        sys.stdout.buffer.write(png)
        sys.stdout.buffer.flush()
    else:
        Path(file).write_bytes(png)


@click.command(epilog=EPILOG)
@click.option("-o", "--output", "file", required=True, metavar="FILE", help="PNG; - is standard output.")
@click.option("--longest", type=click.IntRange(16, 16384), metavar="PIXELS", help="Scale it down to that, at most.")
@click.option("--wait", type=Seconds(min=0), default=PATIENCE, show_default=True, help="Seconds for a whole picture.")
@click.pass_obj
async def command(target: Target, file: str, longest: int | None, wait: float) -> None:
    """Write what the display shows now to a PNG file."""
    async with open_display(target.address, options=target.login, ask=target.ask) as display:
        png = await display.screenshot(longest=longest, patience=wait)
    write_picture(file, png)
