"""``conduit manager``: who may do what, and where."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import asyncclick as click
import trio

from conduit.cli.service_options import config_option, serve_until_stopped, settings_of, until_eof_option
from conduit.errors import CallError
from conduit.services.clock import system_clock
from conduit.services.manager.accounts import check_account
from conduit.services.manager.backup import back_up, restore
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.run import ManagerSettings, run_manager
from conduit.services.manager.vault import make_master_key
from conduit.services.secret import Secret


@click.group(name="manager")
def command() -> None:
    """The Manager: accounts, tokens, inventory, certificates."""


@command.command(epilog="Example: conduit manager init --admin ops@example.com --password-file /run/admin-password")
@config_option
@click.option("--admin", required=True, metavar="EMAIL", help="The first member of staff.")
@click.option("--password-file", type=click.Path(dir_okay=False, path_type=Path), help="Their password; or asked for.")
async def init(config: Path | None, admin: str, password_file: Path | None) -> None:
    """Make the database, the master key and the first account."""
    settings = settings_of(ManagerSettings, config, "manager")
    password = await _password(password_file)
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        check_account(admin, password)  # before there are keys
        master = make_master_key(settings.master_key)
        with opened(settings.database_url) as database:
            async with open_manager(database, master) as manager:
                await manager.accounts.create(admin, password, is_staff=True)
    except CallError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{settings.master_key} seals the keys in the database: keep a copy of it elsewhere")


@command.command(epilog="Example: conduit manager run --config /etc/conduit/manager.toml")
@config_option
@until_eof_option
async def run(config: Path | None, *, until_eof: bool) -> None:
    """Serve, until SIGTERM. SIGHUP reads the TLS certificate again."""
    settings, leave = settings_of(ManagerSettings, config, "manager"), trio.Event()
    service = partial(run_manager, settings, clock=system_clock, leave=leave)
    await serve_until_stopped(service, leave, until_eof=until_eof)


@command.command(epilog="Example: conduit manager backup /backup/manager-2026-11-25.db")
@config_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(config: Path | None, file: Path) -> None:
    """Copy the database while the Manager runs. The master key is not in it: keep that elsewhere."""
    back_up(settings_of(ManagerSettings, config, "manager"), file)
    click.echo(f"written: {file}")


@command.command(name="restore", epilog="Example: conduit manager restore /backup/manager-2026-11-25.db")
@config_option
@click.option("--replace", is_flag=True, help="Though there is a database; that one is kept beside.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore_command(config: Path | None, file: Path, *, replace: bool) -> None:
    """Put a copy in place of the database, while the Manager is stopped."""
    words = restore(settings_of(ManagerSettings, config, "manager"), file, replace=replace)
    click.echo(f"restored: {words}")


async def _password(path: Path | None) -> Secret:
    if path is not None:
        return Secret((await trio.Path(path).read_text()).rstrip("\n"))
    if not sys.stdin.isatty():
        raise click.UsageError("give --password-file, or run this on a terminal")
    return Secret(await click.prompt("Password", hide_input=True, confirmation_prompt=True))
