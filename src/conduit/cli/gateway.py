"""``conduit gateway``: the region's door."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import asyncclick as click
import trio

from conduit.cli.service_options import config_option, serve_until_stopped, settings_of, until_eof_option
from conduit.services.gateway.run import GatewaySettings, run_gateway


@click.group(name="gateway")
def command() -> None:
    """The Gateway: where customers come in, and where Agents dial to."""


@command.command(epilog="Example: conduit gateway run --config /etc/conduit/gateway.toml")
@config_option
@until_eof_option
async def run(config: Path | None, *, until_eof: bool) -> None:
    """Serve, until SIGTERM. The first time it enrols with its join token. SIGHUP reads the TLS certificate again."""
    settings, leave = settings_of(GatewaySettings, config, "gateway"), trio.Event()
    await serve_until_stopped(partial(run_gateway, settings, leave=leave), leave, until_eof=until_eof)
