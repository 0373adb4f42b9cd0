"""``conduit tunnel dial``: the Agent's side."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.params import Seconds
from conduit.cli.tunnel.events import Events
from conduit.cli.tunnel.options import (
    GATEWAY_URI,
    Address,
    find_files,
    output_option,
    parse_address,
    parse_expose,
    tls_options,
)
from conduit.cli.tunnel.signals import stop_on_signal
from conduit.errors import ConduitError, LocalProtocolError
from conduit.tunnel.backoff import FIRST, LONGEST, Backoff
from conduit.tunnel.forward import BUFFER, GRACE, Exposure
from conduit.tunnel.link import TlsFiles, dial
from conduit.tunnel.reconnect import Retry, keep_dialling
from conduit.tunnel.resume_serve import open_resumables
from conduit.tunnel.roads import USE_ENVIRONMENT, Proxy, check_road
from conduit.tunnel.tunnel import Tunnel

DRAIN_TIME: Final = 30.0  # seconds that open connections have after a signal
EPILOG: Final = """\
\b
Examples:
  conduit tunnel dial 127.0.0.1:7443 --keys /tmp/keys --expose web=127.0.0.1:80
  conduit tunnel dial gateway.example:7443 --cert a.pem --key a.key --ca ca.pem --expose ssh=10.0.0.5:22
"""


class Tunnels:
    """One after the other, with a Gateway."""

    def __init__(
        self, files: TlsFiles, server_name: str | None, events: Events, exposure: Exposure,
        proxy: Proxy = USE_ENVIRONMENT, websocket: str | None = None,
    ) -> None:  # fmt: skip
        self._dial = partial(
            dial, tls=files, server_name=server_name, trust=is_gateway, generation=time.time_ns(), proxy=proxy,
            websocket=websocket,
        )  # fmt: skip
        self._events = events
        self._exposure = exposure
        self._only: Tunnel | None = None

    async def serve(self, tunnel: Tunnel) -> None:
        """Use a tunnel until it ends."""
        self._events.say("connected", identity=tunnel.identity, peer=tunnel.peer)
        await self._exposure.serve(tunnel)

    async def have_one(self, address: Address, leave: trio.Event, drain_time: float) -> None:
        """One tunnel, as long as it lasts or until we leave in good order.

        :raises ConduitError: there is none, or it was lost.
        """
        async with open_background_nursery() as nursery:
            nursery.start_soon(self._leave, leave, drain_time, nursery.cancel_scope)
            async with self._dial(*address) as self._only:
                await self.serve(self._only)

    async def _leave(self, leave: trio.Event, drain_time: float, scope: trio.CancelScope) -> None:
        await leave.wait()
        if self._only is not None:
            with suppress(ConduitError):
                await self._only.drain(drain_time, "the Agent leaves")
        scope.cancel()

    async def keep(self, address: Address, leave: trio.Event, max_pause: float, drain_time: float) -> None:
        """One after the other, with pauses that grow."""
        backoff = Backoff(secrets.SystemRandom().random, longest=max_pause)
        await keep_dialling(
            self._dial, address, self.serve, leave=leave, drain_time=drain_time, backoff=backoff, report=self._report
        )

    def _report(self, retry: Retry) -> None:
        self._events.say("retry", reason=retry.reason, seconds=retry.pause)


def is_gateway(identity: str) -> bool:
    """Whether a certificate is a Gateway's."""
    return identity.startswith(GATEWAY_URI)


@click.command(epilog=EPILOG)
@click.argument("address", metavar="HOST:PORT")
@click.option(
    "--expose", "targets", multiple=True, required=True, metavar="NAME=HOST:PORT",
    help="what the Gateway may reach, and as what; may be repeated",
)  # fmt: skip
@tls_options
@click.option("--server-name", metavar="NAME", help="the name in the Gateway's certificate, when it is not HOST")
@click.option(
    "--proxy", metavar="URL",
    help="go through this HTTP proxy, or none where it is empty; without it HTTPS_PROXY and NO_PROXY decide",
)  # fmt: skip
@click.option("--websocket", metavar="URL", help="connect to this ws or wss URL; HOST is then only a name")
@click.option("--once", is_flag=True, help="end with status 1 when there is no tunnel or it is lost, and do not retry")
@click.option(
    "--max-pause", type=Seconds(min=FIRST), default=LONGEST, show_default=True,
    help="seconds, at most, between two attempts; they are random, and the bound doubles from 0.1 s on",
)  # fmt: skip
@click.option(
    "--drain-time", type=Seconds(min=0), default=DRAIN_TIME, show_default=True,
    help="seconds that open connections have after Ctrl+C or SIGTERM",
)  # fmt: skip
@output_option
async def command(
    address: str,
    targets: tuple[str, ...],
    keys: Path | None,
    cert: Path | None,
    key: Path | None,
    ca: Path | None,
    server_name: str | None,
    proxy: str | None,
    websocket: str | None,
    once: bool,
    max_pause: float,
    drain_time: float,
    output: str,
) -> None:
    """Connect to the Gateway at HOST:PORT, and let it reach what is named, and nothing else.

    Dials again when the tunnel is lost. On Ctrl+C or SIGTERM it takes nothing new and lets open connections end; a
    second one stops at once.
    """
    try:
        check_road(proxy, websocket)
    except LocalProtocolError as error:
        raise click.BadParameter(str(error)) from None
    exposed, where = parse_expose(targets), parse_address(address)
    files, events, leave = find_files("agent", keys, cert, key, ca), Events(output), trio.Event()
    async with (
        open_background_nursery() as nursery,
        open_resumables(grace=GRACE, capacity=BUFFER, window=BUFFER) as resumables,
    ):
        nursery.start_soon(stop_on_signal, nursery.cancel_scope, leave, drain_time, events)
        exposure = Exposure(exposed, events.forwarded, resumables)
        road = USE_ENVIRONMENT if proxy is None else proxy or None
        tunnels = Tunnels(files, server_name, events, exposure, road, websocket)
        if once:
            await tunnels.have_one(where, leave, drain_time)
        else:
            await tunnels.keep(where, leave, max_pause, drain_time)
