"""``conduit up``: Manager, Gateway, Agent and six virtual servers on this machine."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncclick as click
import httpx
import trio

from conduit._trio import open_background_nursery
from conduit.cli.params import WholeNumber
from conduit.cli.up.fleet import HOST, Fleet, start_fleet
from conduit.cli.up.seed import Ports, Seed, plant
from conduit.cli.up.tour import Tour, run_tour
from conduit.cli.up.tree import Service, Tree, free_ports

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Running:
    """All that runs."""

    seed: Seed
    fleet: Fleet
    tree: Tree


@click.command(name="up", epilog="Example: conduit up --check")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder to keep; else a temporary one.")
@click.option("--port", type=WholeNumber(1, 65533), help="Manager's; Gateway and tunnels follow.  [default: free ones]")
@click.option("--check", is_flag=True, help="Show all of it by a scripted tour, and end.")
async def command(data: Path | None, port: int | None, *, check: bool) -> None:
    """Everything on this machine: Manager, Gateway, Agent and six virtual servers of different kinds."""
    started = trio.current_time()
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with _running(data, port) as running:
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
async def _running(data: Path | None, port: int | None) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory(prefix="conduit-up-") as temporary:
        folder = Path(temporary) if data is None else data
        numbers = [port, port + 1, port + 2] if port else await free_ports(3, HOST)
        async with open_background_nursery() as nursery:
            fleet = await start_fleet(nursery)
            seed = await plant(folder, Ports(*numbers), fleet)
            names = ("manager", "gateway", "agent")
            async with Tree.grow([Service(name, seed.config(name), folder) for name in names]) as tree:
                yield Running(seed, fleet, tree)
            nursery.cancel_scope.cancel()


def _tell(running: Running) -> None:
    """What to open and to type."""
    click.echo(f"\nManager {running.seed.manager_url}   Gateway {running.seed.gateway_url}\n\nLog in as:")
    for email, password in running.seed.passwords.items():
        mine = ", ".join(sorted(running.fleet.owned_by(email)))
        click.echo(f"  {email:24} {password.reveal():16} {mine or 'everything'}")
    click.echo("\nCtrl+C ends it.")
