"""``conduit agent``: in the datacenter, next to the BMCs."""

from __future__ import annotations

import sys
from contextlib import aclosing
from functools import partial
from pathlib import Path

import asyncclick as click
import trio

from conduit.cli.render import Column, Format, Report, Rows, make_console, show
from conduit.cli.service_options import serve_until_stopped, until_eof_option
from conduit.errors import LocalProtocolError
from conduit.services.agent.check import Finding, check_all
from conduit.services.agent.config import DISPLAY_USER, AgentConfig, load_config
from conduit.services.agent.run import run_agent
from conduit.services.agent.servers import store_of
from conduit.services.secret import Secret

_config = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("/etc/conduit/agent.toml"),
    show_default=True,
    help="TOML file.",
)
_output = click.option("--output", type=click.Choice([each.value for each in Format]), default="table", help="Format.")
_COLUMNS = (
    Column("server", "Server"),
    Column("endpoint", "Endpoint"),
    Column("works", "Works"),
    Column("protocol", "Protocol"),
    Column("power", "Power"),
    Column("screen", "Screen"),
    Column("seconds", "Seconds"),
    Column("trouble", "Trouble"),
)


@click.group(name="agent")
def command() -> None:
    """The Agent: holds the BMCs' passwords, and dials out."""


@command.command(epilog="Example: conduit agent run --config /etc/conduit/agent.toml")
@_config
@until_eof_option
async def run(config: Path, *, until_eof: bool) -> None:
    """Serve the Gateways, until SIGTERM. SIGHUP reads the servers again.

    The first time it enrols with its join token.
    """
    settings, leave = load_config(config), trio.Event()
    service = partial(run_agent, settings, again=partial(load_config, config), leave=leave)
    await serve_until_stopped(service, leave, until_eof=until_eof)


@command.command(epilog="Example: conduit agent check --config /etc/conduit/agent.toml")
@_config
@_output
async def check(config: Path, output: str) -> None:
    """Log in at every BMC, every way there is, and at every display; print what was found.

    Exit status 1 when one does not work.
    """
    findings = await _all(load_config(config))
    works = sum(finding.works for finding in findings)
    summary = f"{works} of {len(findings)} endpoints work"
    rows = [_row(finding) for finding in sorted(findings, key=lambda each: (each.server_id, each.endpoint))]
    report = Report(summary=summary, rows=Rows(key="endpoints", columns=_COLUMNS, rows=rows))
    show(report, Format(output), make_console())
    if works < len(findings):
        sys.exit(1)


async def _all(config: AgentConfig) -> list[Finding]:
    async with aclosing(check_all(config)) as findings:
        return [finding async for finding in findings]


def _row(finding: Finding) -> list[str | float | bool]:
    return [
        finding.server_id,
        finding.endpoint,
        finding.works,
        finding.protocol,
        finding.power,
        finding.screen,
        round(finding.seconds, 2),
        finding.trouble,
    ]


@command.group()
def secret() -> None:
    """The sealed passwords of the BMCs."""


@secret.command(name="set", epilog="Example: conduit agent secret set db-02 < password-file")
@_config
@click.argument("server")
@click.option("--user", help="The BMC's user; by default all that the configuration has for the server.")
async def set_secret(config: Path, server: str, user: str | None) -> None:
    """Seal a BMC's password, read from standard input or asked for. Its endpoints say sealed_password = true."""
    settings = load_config(config)
    password = Secret(await _read_password())
    for name in _users(settings, server, user):
        store_of(settings).set(server, name, password)
        click.echo(f"sealed: {name} on {server}")


@secret.command(name="remove", epilog="Example: conduit agent secret remove db-02")
@_config
@click.argument("server")
@click.option("--user", help="The BMC's user; by default all.")
async def remove_secret(config: Path, server: str, user: str | None) -> None:
    """Forget a sealed password."""
    settings = load_config(config)
    removed = [name for name in _users(settings, server, user) if store_of(settings).remove(server, name)]
    if not removed:
        raise LocalProtocolError(f"no password of {server} is sealed")
    click.echo(f"removed: {', '.join(removed)} on {server}")


def _users(config: AgentConfig, server_id: str, user: str | None) -> list[str]:
    server = config.servers.get(server_id)
    if server is None:
        raise LocalProtocolError(f"the configuration has no server {server_id}")
    screens = set() if server.display is None else {server.display.user or DISPLAY_USER}
    return [user] if user else sorted({control.user for control in server.control} | screens)


async def _read_password() -> str:
    if sys.stdin.isatty():
        return str(await click.prompt("Password of the BMC", hide_input=True, confirmation_prompt=True))
    line: str = await trio.to_thread.run_sync(sys.stdin.readline)
    return line.rstrip("\n")
