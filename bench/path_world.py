"""All of Conduit for the benchmarks of the path: BMCs in this process, the three services each in its own.

    python -m bench.path_world --folder F --servers 20 --customers 4

Prints where everything is, as JSON, when each server can be reached, and ends with its standard input. Every server's
serial port answers in capitals, which no local echo can do.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import sqlalchemy as sa
import trio

from bench.run import ROOT, environment
from bench.tunnel_ends import cpu_of, resident
from conduit.cli.up.fleet import HOST, USER, Fleet, Screen, ServerPlan
from conduit.cli.up.seed import Ports, Seed, plant
from conduit.cli.up.tree import Service, Tree, free_ports
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serve import ServedBmc, serve_many
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.run import ManagerSettings
from conduit.services.manager.vault import read_master_key
from conduit.services.secret import Secret
from conduit.services.settings import load

PASSWORD: Final = "twenty are the most"  # of what the bench makes, for as long as it runs
SERVICES: Final = ("manager", "gateway", "agent")
START: Final = 90.0  # seconds
STOP: Final = 60.0


def customer(number: int) -> str:
    """An email."""
    return f"customer{number}@bench.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where everything is, for clients."""

    manager: str
    gateway: str
    pids: dict[str, int]
    "Of the services, and of the process with the BMCs."
    owners: dict[str, str]
    "Each server's customer."
    bmcs: dict[str, int]
    "Each server's UDP port."

    def cpu(self) -> dict[str, float]:
        """Processor seconds of each process so far."""
        return {name: cpu_of(pid) for name, pid in self.pids.items()}

    def memory(self, name: str) -> int:
        """Resident bytes of one process."""
        return resident(self.pids[name])

    @classmethod
    @contextmanager
    def open(cls, folder: Path, *, servers: int, customers: int, screen: int = 0) -> Iterator[Self]:
        """All of it, in a process of its own, until the block ends.

        :param screen: the port of a display without a password that all servers have; 0 for none.
        """
        folder.mkdir()
        command = [sys.executable, "-m", "bench.path_world", "--folder", str(folder), "--screen", str(screen)]
        command += ["--servers", str(servers), "--customers", str(customers)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT
        ) as process:
            try:
                yield cls(**json.loads(process.stdout.readline() if process.stdout else ""))
            finally:
                if process.stdin:
                    process.stdin.close()
                process.wait(STOP)


def plans(servers: int, customers: int) -> list[ServerPlan]:
    """Servers, dealt out to customers."""
    users = (UserConfig(name=USER.encode(), password=PASSWORD.encode()),)
    config = BmcConfig(users=users)
    return [
        ServerPlan(
            id=f"server-{number:03}",
            owner=customer(number % customers),
            words="bench",
            config=config,
            password=PASSWORD,
        )
        for number in range(servers)
    ]


def answer_in_capitals(served: ServedBmc) -> None:
    """What is typed comes back in capitals."""
    port = served.bmc.state.sol.port

    def answer() -> None:
        while data := port.host_read(1024):
            port.host_write(data.upper())

    port.wake_host = answer


async def add_customers(seed: Seed, count: int) -> None:
    """Accounts beside those of ``conduit up``."""
    settings = load(ManagerSettings, seed.config("manager"), "manager", {})
    with opened(settings.database_url) as database:
        async with open_manager(database, read_master_key(settings.master_key)) as manager:
            for number in range(count):
                await manager.accounts.create(customer(number), Secret(PASSWORD))


def count_servers(connection: sa.Connection) -> int:
    """That the Manager knows."""
    return int(connection.exec_driver_sql("SELECT count(*) FROM servers").scalar_one())


async def until_owned(seed: Seed, servers: int) -> None:
    """Until the Agent has registered all its servers."""
    settings = load(ManagerSettings, seed.config("manager"), "manager", {})
    with opened(settings.database_url) as database:
        while await database.run(count_servers) < servers:  # noqa: ASYNC110  # nobody tells us
            await trio.sleep(0.1)


async def serve(options: argparse.Namespace) -> None:
    """All of it, until standard input ends."""
    async with trio.open_nursery() as nursery:
        every = plans(options.servers, options.customers)
        bmcs = [(VirtualBmc(plan.config, entropy=secrets.token_bytes), HOST, 0) for plan in every]
        served = await nursery.start(serve_many, bmcs)
        for one in served:
            answer_in_capitals(one)
        names = [plan.id for plan in every]
        screens = {name: Screen(options.screen) for name in names if options.screen}
        fleet = Fleet(dict(zip(names, every, strict=True)), dict(zip(names, served, strict=True)), screens)
        seed = await plant(options.folder, Ports(*await free_ports(3, HOST)), fleet)
        await add_customers(seed, options.customers)
        async with Tree.grow([Service(name, seed.config(name), options.folder) for name in SERVICES]) as tree:
            with trio.fail_after(START):
                await until_owned(seed, options.servers)
            tell(seed, fleet, tree)
            await trio.lowlevel.wait_readable(sys.stdin.fileno())
        nursery.cancel_scope.cancel()


def tell(seed: Seed, fleet: Fleet, tree: Tree) -> None:
    """Where it is, to whoever started us."""
    world = World(
        manager=seed.manager_url,
        gateway=seed.gateway_url,
        pids={**{name: service.pid for name, service in tree.services.items()}, "bmcs": os.getpid()},
        owners={name: plan.owner for name, plan in fleet.plans.items()},
        bmcs={name: served.port for name, served in fleet.served.items()},
    )
    sys.stdout.write(json.dumps(asdict(world)) + "\n")
    sys.stdout.flush()


def time_start(folder: Path) -> dict[str, float]:
    """Seconds until ``conduit up`` says that it is ready, Python's own start included."""
    command = [sys.executable, "-m", "conduit", "up", "--data", str(folder)]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - began
        process.terminate()
        process.communicate(timeout=STOP)
    if not line.startswith("ready after"):
        raise RuntimeError(f"conduit up says {line!r}")
    return {"ready s": seconds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--servers", type=int, required=True)
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--screen", type=int, default=0)
    trio.run(serve, parser.parse_args())
