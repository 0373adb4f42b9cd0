"""``conduit tunnel dial``: the Agent's side."""

from __future__ import annotations

import secrets
import time
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
from conduit.errors import ConduitError
from conduit.tunnel.forward import BUFFER, GRACE, Exposure
from conduit.tunnel.link import TlsFiles, dial
from conduit.tunnel.resume_serve import open_resumables

DRAIN_TIME: Final = 30.0  # seconds that open connections have after SIGTERM
EPILOG: Final = """\
\b
Examples:
  conduit tunnel dial 127.0.0.1:7443 --keys /tmp/keys --expose web=127.0.0.1:80
  conduit tunnel dial gateway.example:7443 --cert a.pem --key a.key --ca ca.pem --expose ssh=10.0.0.5:22
"""
FIRST_PAUSE: Final = 0.1  # seconds, at most, before the second try
LONGEST_PAUSE: Final = 30.0  # seconds
HEALTHY: Final = 60.0  # seconds that a tunnel lasts for the pauses to start over


class Dialler:
    """Keeps one tunnel to a Gateway."""

    def __init__(
        self, address: Address, files: TlsFiles, server_name: str | None, events: Events, exposure: Exposure,
        max_pause: float = LONGEST_PAUSE,
    ) -> None:  # fmt: skip
        self._address = address
        self._files = files
        self._server_name = server_name
        self._events = events
        self._exposure = exposure
        self._max_pause = max_pause
        self._longest = FIRST_PAUSE

    async def serve(self, leave: trio.Event) -> None:
        """One tunnel, as long as it lasts or until we leave in good order.

        :raises ConduitError: there is none, or it was lost.
        """
        host, port = self._address
        started = trio.current_time()
        try:
            async with dial(
                host, port, tls=self._files, server_name=self._server_name, trust=is_gateway,
                generation=time.time_ns(),
            ) as tunnel:  # fmt: skip
                self._events.say("connected", identity=tunnel.identity, peer=tunnel.peer)
                await self._exposure.serve(tunnel, leave)
        finally:
            if trio.current_time() - started > HEALTHY:
                self._longest = FIRST_PAUSE

    async def keep(self, leave: trio.Event) -> None:
        """One tunnel after the other, with pauses that grow."""
        while not leave.is_set():
            try:
                await self.serve(leave)
            except ConduitError as error:
                pause = secrets.SystemRandom().uniform(0, self._longest)
                self._longest = min(2 * self._longest, self._max_pause)
                self._events.say("retry", reason=str(error), seconds=pause)
                with trio.move_on_after(pause):
                    await leave.wait()


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
@click.option("--once", is_flag=True, help="end with status 1 when there is no tunnel or it is lost, and do not retry")
@click.option(
    "--max-pause", type=Seconds(min=FIRST_PAUSE), default=LONGEST_PAUSE, show_default=True,
    help="seconds, at most, between two attempts; they are random, and the bound doubles from 0.1 s on",
)  # fmt: skip
@click.option(
    "--drain-time", type=Seconds(min=0), default=DRAIN_TIME, show_default=True,
    help="seconds that open connections have after SIGTERM",
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
    once: bool,
    max_pause: float,
    drain_time: float,
    output: str,
) -> None:
    """Connect to the Gateway at HOST:PORT, and let it reach what is named, and nothing else.

    Dials again when the tunnel is lost. Stops at once on Ctrl+C; on SIGTERM it takes nothing new and lets open
    connections end.
    """
    exposed, where = parse_expose(targets), parse_address(address)
    files, events, leave = find_files("agent", keys, cert, key, ca), Events(output), trio.Event()
    async with (
        open_background_nursery() as nursery,
        open_resumables(grace=GRACE, capacity=BUFFER, window=BUFFER) as resumables,
    ):
        nursery.start_soon(stop_on_signal, nursery.cancel_scope, leave, drain_time)
        exposure = Exposure(exposed, events.forwarded, resumables)
        dialler = Dialler(where, files, server_name, events, exposure, max_pause)
        await (dialler.serve if once else dialler.keep)(leave)
