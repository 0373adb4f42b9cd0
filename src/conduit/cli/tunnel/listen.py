"""``conduit tunnel listen``: the Gateway's side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit.cli.params import Seconds
from conduit.cli.tunnel.events import Events
from conduit.cli.tunnel.options import (
    AGENT_URI,
    Forward,
    find_files,
    output_option,
    parse_address,
    parse_forward,
    parse_name,
    show_address,
    tls_options,
)
from conduit.cli.tunnel.signals import stop_on_signal
from conduit.errors import ConduitError
from conduit.tunnel.forward import Entrance, listen
from conduit.tunnel.link import Listener, accept
from conduit.tunnel.tunnel import Tunnel

DRAIN_TIME: Final = 30.0  # seconds that open connections have after a signal
EPILOG: Final = """\
\b
Examples:
  conduit tunnel listen --keys /tmp/keys --listen 127.0.0.1:7443 --forward 127.0.0.1:8080=web
  conduit tunnel listen --cert g.pem --key g.key --ca ca.pem --agent rack7 --forward 127.0.0.1:2222=rack7/ssh
"""


class Agents:
    """Those who are connected."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._tunnels: list[Tunnel] = []  # the newest last
        self._arrived = trio.lowlevel.ParkingLot()

    def newest(self, agent: str) -> Tunnel | None:
        """The newest tunnel of *agent*, or of anybody when that is empty."""
        for tunnel in reversed(self._tunnels):
            if not tunnel.is_draining and agent in ("", tunnel.identity.removeprefix(AGENT_URI)):
                return tunnel
        return None

    async def next(self, agent: str) -> Tunnel:
        """The same, waiting until there is one."""
        while (tunnel := self.newest(agent)) is None:
            await self._arrived.park()
        return tunnel

    async def keep(self, tunnel: Tunnel) -> None:
        """Know *tunnel* until it ends."""
        self._tunnels.append(tunnel)
        self._arrived.unpark_all()
        self._events.say("connected", identity=tunnel.identity, peer=tunnel.peer)
        try:
            await tunnel.wait_closed()
        finally:
            self._tunnels.remove(tunnel)
        self._events.say("lost", identity=tunnel.identity, peer=tunnel.peer, reason=tunnel.closed_because)

    async def drain(self, seconds: float) -> None:
        """Have the streams of all tunnels end, then the tunnels."""
        async with trio.open_nursery() as nursery:
            for tunnel in self._tunnels:
                nursery.start_soon(_drain, tunnel, seconds)

    async def gather(self, listener: Listener) -> None:
        """Take all who come."""
        async with trio.open_nursery() as nursery:
            async for tunnel in listener:
                nursery.start_soon(self.keep, tunnel)


async def _drain(tunnel: Tunnel, seconds: float) -> None:
    with suppress(ConduitError):
        await tunnel.drain(seconds, "the Gateway leaves")


def trust_in(names: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether an identity is one of *names*; every Agent's when there are none."""
    allowed = {AGENT_URI + name for name in names}
    return lambda identity: identity in allowed if allowed else identity.startswith(AGENT_URI)


async def serve(
    listener: Listener, forwards: list[Forward], events: Events, drain_time: float, *, resumable: bool
) -> None:
    """Forward until somebody asks us to stop."""
    agents, leave = Agents(events), trio.Event()
    async with trio.open_nursery() as background:
        background.start_soon(stop_on_signal, background.cancel_scope, leave, drain_time, events)
        background.start_soon(agents.gather, listener)
        async with trio.open_nursery() as handlers, trio.open_nursery() as taking:
            for one in forwards:
                listeners = await listen(one.host, one.port)
                port = listeners[0].socket.getsockname()[1]
                events.say("ready", what=one.name, address=show_address(one.host, port))
                later = partial(agents.next, one.agent) if resumable else None
                entrance = Entrance(one.name, partial(agents.newest, one.agent), events.forwarded, later)
                taking.start_soon(entrance.serve, listeners, handlers)
            await leave.wait()
            taking.cancel_scope.cancel()
            handlers.start_soon(agents.drain, drain_time)
        background.cancel_scope.cancel()


@click.command(epilog=EPILOG)
@click.option(
    "--listen", "address", default="127.0.0.1:7443", show_default=True, metavar="HOST:PORT", help="for Agents"
)
@click.option(
    "--forward", "forwards", multiple=True, required=True, metavar="HOST:PORT=[AGENT/]NAME",
    help="listen for users there, and bring them to what an Agent exposes as NAME; may be repeated",
)  # fmt: skip
@tls_options
@click.option("--agent", "agents", multiple=True, metavar="ID", help="let only this Agent in; may be repeated")
@click.option(
    "--drain-time", type=Seconds(min=0), default=DRAIN_TIME, show_default=True,
    help="seconds that open connections have after Ctrl+C or SIGTERM",
)  # fmt: skip
@click.option(
    "--resumable", is_flag=True,
    help="connections wait for the next tunnel when theirs is lost, up to 60 s, and no byte is lost; a little slower",
)  # fmt: skip
@click.option(
    "--websocket", is_flag=True, help="Agents come in WebSockets (ws); for wss put what ends that TLS before it"
)
@output_option
async def command(
    address: str,
    forwards: tuple[str, ...],
    keys: Path | None,
    cert: Path | None,
    key: Path | None,
    ca: Path | None,
    agents: tuple[str, ...],
    drain_time: float,
    resumable: bool,
    websocket: bool,
    output: str,
) -> None:
    """Be the Gateway: take Agents, and forward TCP ports to them.

    On Ctrl+C or SIGTERM it takes nothing new and lets open connections end; a second one stops at once.
    """
    host, port = parse_address(address, lowest=0)
    parsed = [parse_forward(text) for text in forwards]
    files = find_files("gateway", keys, cert, key, ca)
    trust = trust_in(tuple(parse_name(name) for name in agents))
    events = Events(output)
    async with accept(host, port, tls=files, trust=trust, websocket=websocket) as listener:
        events.say("ready", what="agents", address=show_address(host, listener.port))
        await serve(listener, parsed, events, drain_time, resumable=resumable)
