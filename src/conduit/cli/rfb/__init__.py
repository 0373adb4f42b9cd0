"""``conduit rfb``: displays of servers (VNC), of BMCs or of anything else that speaks RFB."""

from __future__ import annotations

from typing import Any, Final

import asyncclick as click

from conduit.cli.lazy import LazyGroup, Part
from conduit.cli.rfb.options import OPTIONS, make_target

__all__ = ["command"]

PARTS: Final = {
    "info": Part("conduit.cli.rfb.info", "What the display offers, and whether it lets us in."),
    "play": Part("conduit.cli.rfb.recording", "Show what is in a recording, or write its pictures.", "play_command"),
    "press": Part("conduit.cli.rfb.typing", "Press keys, such as ctrl+alt+delete.", "press_command"),
    "record": Part("conduit.cli.rfb.recording", "Record what the display shows.", "record_command"),
    "relay": Part("conduit.cli.rfb.relay", "Let any VNC viewer in without a password, perhaps only to look."),
    "screenshot": Part("conduit.cli.rfb.screenshot", "Write what the display shows to a PNG file."),
    "type": Part("conduit.cli.rfb.typing", "Type a text.", "type_command"),
}
WITHOUT_DISPLAY: Final = ("play",)

HELP: Final = "conduit.cli.rfb.help"  # key in a context's meta: a command's help needs no display
HELP_NAMES: Final = ("-h", "--help")
EPILOG: Final = """\
\b
HOST is one of
  192.0.2.7                  port 5900
  192.0.2.7:5901             a port; a number below 100 is a display
  192.0.2.7::1               display 1, which is port 5901
  vncs://192.0.2.7:5901      TLS first, as iDRAC has it
  wss://192.0.2.7/kvm/0      a WebSocket, as OpenBMC has it

\b
Examples:
  conduit rfb 192.0.2.7 --password-file pw info
  conduit rfb 192.0.2.7 --password-file pw screenshot -o x.png
  conduit rfb 192.0.2.7 --password-file pw type root --enter
  conduit rfb 192.0.2.7 --password-file pw relay --listen 127.0.0.1:5999 --view-only
"""


class DisplayGroup(LazyGroup):
    """A group whose first word is a display; options may stand before that word, and behind it."""

    async def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the display away, and leave the rest to click."""
        _, rest, _ = await self.make_parser(ctx).parse_args(list(args))
        at = len(args) - len(rest)
        asks_for_help = len(rest) > 1 and rest[0] in self.parts and rest[1] in HELP_NAMES
        ctx.meta[HELP] = asks_for_help
        if rest and rest[0] not in self.parts:
            ctx.obj = rest[0]
            args = args[:at] + args[at + 1 :]
        return await super().parse_args(ctx, args)


@click.group(cls=DisplayGroup, parts=PARTS, params=list(OPTIONS), epilog=EPILOG)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:  # Any: each option has its own type
    """HOST is a display. Look at it, type on it, or let viewers in.

    The password is asked for on a terminal if the display wants one, or comes
    from --password-file or CONDUIT_RFB_PASSWORD. Exit status: 0 done, 1 failed,
    2 wrong usage.
    """
    if not ctx.meta[HELP] and ctx.invoked_subcommand not in WITHOUT_DISPLAY:
        ctx.obj = make_target(ctx.obj, options)


command.options_metavar = "HOST [OPTIONS]"
