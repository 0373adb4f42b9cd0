"""``conduit up``: Manager, Gateway, Agent and six virtual servers on this machine."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncclick as click
import httpx
import trio

from conduit._trio import open_background_nursery
from conduit.cli.params import WholeNumber
from conduit.cli.up.fleet import ACME, HOST, USER, Fleet, start_fleet
from conduit.cli.up.kept import Kept, Ports, occupied
from conduit.cli.up.seed import Seed, plant, plant_again
from conduit.cli.up.tour import Tour, run_tour
from conduit.cli.up.tree import Service, ServiceFailed, Tree, are_free, free_ports

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Running:
    """All that runs."""

    seed: Seed
    fleet: Fleet
    tree: Tree


@click.command(name="up", epilog="Example: conduit up --check")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to keep; else a temporary one.",
)
@click.option(
    "--port", type=WholeNumber(1, 65533), help="Manager's; Gateway, tunnels and BMCs follow.  [default: free ones]"
)
@click.option("--password", envvar="CONDUIT_UP_PASSWORD", help="Of everybody and of every BMC; else each has its own.")
@click.option("--check", is_flag=True, help="Show all of it by a scripted tour, and end.")
async def command(data: Path | None, port: int | None, password: str | None, *, check: bool) -> None:
    """Everything on this machine: Manager, Gateway, Agent and six virtual servers of different kinds."""
    started = trio.current_time()
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with _running(data, port, password) as running:
            click.echo(f"ready after {trio.current_time() - started:.1f} s")
            if check:
                async with httpx.AsyncClient(trust_env=False) as http:
                    await run_tour(Tour(running.seed, running.fleet, running.tree, http))
                click.echo("all of it works")
            else:
                _tell(running)
                async for _ in signals:
                    break


@asynccontextmanager
async def _running(data: Path | None, port: int | None, password: str | None) -> AsyncIterator[Running]:
    with _folder(data) as folder, occupied(folder):
        kept = Kept.read(folder)
        if kept is not None:
            kept.check_password(password)
        ports = await _ports(port, kept)
        async with open_background_nursery() as nursery:
            known = {} if kept is None else kept.servers
            fleet = await start_fleet(nursery, port=port + 3 if port else 0, password=password, known=known)
            if kept is None:
                seed = await plant(folder, ports, fleet, password=password)
            else:
                seed = await plant_again(folder, ports, fleet, kept)
            names = ("manager", "gateway", "agent")
            async with Tree.grow([Service(name, seed.config(name), folder) for name in names]) as tree:
                yield Running(seed, fleet, tree)
            nursery.cancel_scope.cancel()


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """A temporary one is removed, unless somebody should look at a log in it."""
    if data is not None:
        yield data
        return
    folder = Path(tempfile.mkdtemp(prefix="conduit-up-"))
    failed = False
    try:
        yield folder
    except ServiceFailed:
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)


async def _ports(first: int | None, kept: Kept | None) -> Ports:
    """Those that were asked for; else the ones of the last time, if they are still free."""
    if first:
        return Ports(first, first + 1, first + 2)
    if kept is not None and await are_free((kept.ports.manager, kept.ports.gateway, kept.ports.tunnel), HOST):
        return kept.ports
    return Ports(*await free_ports(3, HOST))


def _tell(running: Running) -> None:
    """What to open and to type."""
    click.echo(f"\nManager {running.seed.manager_url}   Gateway {running.seed.gateway_url}\n\nLog in as:")
    for email, password in running.seed.passwords.items():
        mine = ", ".join(sorted(running.fleet.owned_by(email)))
        click.echo(f"  {email:24} {password.reveal():16} {mine or 'everything'}")
    _tell_commands(running)
    click.echo("\nCtrl+C ends it.")


def _tell_commands(running: Running) -> None:
    first = running.fleet.served["web-01"]
    secret = running.seed.data / "web-01.password"
    where = "" if shutil.which("conduit") else f", after `. {sys.prefix}/bin/activate`"
    click.echo(f"""
In a browser: {running.seed.manager_url}/

In another terminal{where}:
  conduit auth login --manager {running.seed.manager_url} --email {ACME}
  conduit server list
  conduit server power on web-01
  conduit server console web-01
  conduit server vnc web-01

Straight at a BMC, as its Agent does it:
  conduit ipmi -H {HOST} -p {first.port} -U {USER} --password-file {secret} power status""")
