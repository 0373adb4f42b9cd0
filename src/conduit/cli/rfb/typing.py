"""``conduit rfb HOST type`` and ``press``: keys."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncclick as click

from conduit.cli.rfb.options import Target
from conduit.errors import LocalProtocolError, PeerTimeoutError
from conduit.rfb.display import Display, open_display
from conduit.rfb.keyboards import LAYOUTS

EPILOG: Final = """\
\b
Examples:
  conduit rfb 192.0.2.7 --password-file pw type root --enter
  conduit rfb 192.0.2.7 --password-file pw type - < script
"""
PRESS_EPILOG: Final = """\
\b
Examples:
  conduit rfb 192.0.2.7 press ctrl+alt+delete
  conduit rfb 192.0.2.7 press F2 down down enter
"""
MAX_TEXT: Final = 1 << 16  # characters: half an hour of typing

layout_option = click.option(
    "--layout", type=click.Choice(sorted(LAYOUTS)), default="us", show_default=True,
    help="The keyboard that the machine believes to have.",
)  # fmt: skip


@asynccontextmanager
async def keyboard_of(target: Target) -> AsyncIterator[Display]:
    """A display that has taken in all keys before it is left."""
    async with open_display(target.address, options=target.login, ask=target.ask) as display:
        yield display
        with suppress(PeerTimeoutError):  # no picture: nothing tells that the keys have arrived
            await display.refresh()


@click.command("type", epilog=EPILOG)
@click.argument("text")
@click.option("--enter", is_flag=True, help="Press Enter at the end.")
@layout_option
@click.pass_obj
async def type_command(target: Target, text: str, enter: bool, layout: str) -> None:
    """Type TEXT on the display; - reads it from standard input, which nobody else on this machine can see."""
    if text == "-":
        text = sys.stdin.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise LocalProtocolError(f"a text of more than {MAX_TEXT} characters")
    async with keyboard_of(target) as display:
        await display.type_text(text + "\n" * enter, layout=layout)


@click.command("press", epilog=PRESS_EPILOG)
@click.argument("keys", nargs=-1, required=True)
@layout_option
@click.pass_obj
async def press_command(target: Target, keys: tuple[str, ...], layout: str) -> None:
    """Press KEYS on the display, one after the other; those with + between them together."""
    async with keyboard_of(target) as display:
        await display.press_each(keys, layout=layout)
