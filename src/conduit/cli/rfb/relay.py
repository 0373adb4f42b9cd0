"""``conduit rfb HOST relay``: any VNC viewer gets in, without a password."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import asyncclick as click
import trio

from conduit.cli.bmc import parse_listen
from conduit.cli.render import printable
from conduit.cli.rfb.options import Target
from conduit.cli.tunnel.options import show_address
from conduit.rfb.login import open_connection
from conduit.rfb.relay import Relay
from conduit.rfb.viewer_filter import ViewerRules

EPILOG: Final = """\
\b
Examples:
  conduit rfb 192.0.2.7 --password-file pw relay
  conduit rfb wss://192.0.2.7/kvm/0 --header-file token relay --listen 127.0.0.1:5999 --view-only
"""
MAX_VIEWERS: Final = 64  # at once; each is a login of its own


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes viewers."""

    target: Target
    rules: ViewerRules
    room: trio.CapacityLimiter

    async def receive(self, stream: trio.SocketStream) -> None:
        """One viewer, until it leaves."""
        who = _peer(stream)
        if self.room.available_tokens <= 0:
            _say(f"{who} turned away: there are {MAX_VIEWERS} viewers already")
            await trio.aclose_forcefully(stream)
            return
        async with self.room:
            _say(f"{who} connected")
            target = self.target
            relay = Relay(stream, partial(open_connection, target.address, target.login, ask=target.ask), self.rules)
            ending = await relay.run()
        dropped = f", {relay.dropped_messages} messages not passed" if relay.dropped_messages else ""
        _say(
            f"{who} gone after {relay.sent_to_viewer} bytes down and {relay.sent_to_server} up{dropped}: {ending.text}"
        )


@click.command(epilog=EPILOG)
@click.option("--listen", default="127.0.0.1:5999", show_default=True, metavar="ADDR:PORT", help="For viewers.")
@click.option("--view-only", is_flag=True, help="Nothing that a viewer types, clicks or pastes passes.")
@click.option("--no-clipboard", is_flag=True, help="No clipboard passes, neither way.")
@click.option("--no-power", is_flag=True, help="No viewer may switch off or reset what it sees (xvp).")
@click.pass_obj
async def command(target: Target, listen: str, view_only: bool, no_clipboard: bool, no_power: bool) -> None:
    """Take VNC viewers without a password, and log in to the display for each.

    Whoever reaches ADDR:PORT is let in, so keep it on this machine, or behind
    what asks for a password. Ctrl+C ends it.
    """
    endpoint = parse_listen(listen)
    rules = ViewerRules(view_only=view_only, power=not no_power)
    if no_clipboard:
        rules = replace(rules, clipboard=0, clipboard_down=0)
    async with open_connection(target.address, target.login, ask=target.ask) as connection:
        init = connection.init  # a wrong password shall be known before the first viewer comes
    reception = Reception(target, rules, trio.CapacityLimiter(MAX_VIEWERS))
    listeners = await trio.open_tcp_listeners(endpoint.port, host=endpoint.host)
    port = listeners[0].socket.getsockname()[1]
    what = f"{init.name!r}, {init.width} x {init.height}{', to look at only' if view_only else ''}"
    _say(f"ready {show_address(endpoint.host, port)}: {what}")
    await trio.serve_listeners(reception.receive, listeners)


def _peer(stream: trio.SocketStream) -> str:
    try:
        host, port, *_ = stream.socket.getpeername()
    except OSError:
        return "a viewer"
    return show_address(host, port)


def _say(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()
