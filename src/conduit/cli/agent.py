"""``conduit agent``: in the datacenter, next to the BMCs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import asyncclick as click
import trio

from conduit.cli.service_options import serve_until_stopped, until_eof_option
from conduit.services.agent.config import load_config
from conduit.services.agent.run import run_agent

_config = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("/etc/conduit/agent.toml"),
    show_default=True,
    help="TOML file.",
)


@click.group(name="agent")
def command() -> None:
    """The Agent: holds the BMCs' passwords, and dials out."""


@command.command(epilog="Example: conduit agent run --config /etc/conduit/agent.toml")
@_config
@until_eof_option
async def run(config: Path, *, until_eof: bool) -> None:
    """Serve the Gateways, until SIGTERM. The first time it enrols with its join token."""
    settings, leave = load_config(config), trio.Event()
    await serve_until_stopped(partial(run_agent, settings, leave=leave), leave, until_eof=until_eof)
