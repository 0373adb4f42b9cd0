"""The whole path for tests of faults: Manager, Gateways and an Agent, each a process or tasks of this one, over virtual
BMCs whose serial ports say numbered lines.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import trio

from conduit.cli.up.fleet import ACME, GLOBEX, HOST, USER, Fleet, ServerPlan
from conduit.cli.up.seed import STAFF, Ports, Seed, plant, write_private
from conduit.cli.up.tree import NOTHING, Service, free_ports
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serve import ServedBmc, serve_many
from conduit.ipmi.bmc.state import Reset
from conduit.services.agent.config import AgentConfig, load_config
from conduit.services.agent.run import run_agent
from conduit.services.clock import Clock, system_clock
from conduit.services.connect_client import ConnectClient
from conduit.services.gateway.run import GatewaySettings, run_gateway
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.run import ManagerSettings, run_manager
from conduit.services.manager.vault import read_master_key
from conduit.services.settings import load
from tests.fakes.path_client import Customer
from tests.fakes.usage import Leaks

BMC: Final = BmcConfig()
NO_KEEPING: Final = httpx.Limits(max_keepalive_connections=0)  # tests count what is open


class Runs(Protocol):
    """A service, wherever it runs."""

    async def start(self) -> None:
        """Return when it serves."""
        ...

    async def stop(self) -> None:
        """In good order."""
        ...


class Hosted:
    """A service as tasks of this process.

    :param run: takes ``leave`` and ``task_status``.
    """

    def __init__(self, nursery: trio.Nursery, run: Callable[..., Awaitable[None]]) -> None:
        self._scope = trio.CancelScope()
        self._nursery = nursery
        self._run_service = run
        self._leave = trio.Event()
        self._done = trio.Event()
        self._done.set()

    async def start(self) -> None:
        self._leave, self._done = trio.Event(), trio.Event()
        await self._nursery.start(self._run)

    async def _run(self, task_status: trio.TaskStatus[Any]) -> None:
        try:
            with trio.CancelScope() as self._scope:
                await self._run_service(leave=self._leave, task_status=task_status)
        finally:
            self._done.set()

    async def stop(self) -> None:
        self._leave.set()
        await self._done.wait()

    async def cut(self) -> None:
        """As :meth:`stop`, without waiting for what is open."""
        self._leave.set()
        self._scope.cancel()
        await self._done.wait()


class Lines:
    """What a server says on its serial port: numbered lines, without end."""

    def __init__(self, served: ServedBmc, pause: float = 0.005) -> None:
        self.port = served.bmc.state.sol.port
        self.pause = pause
        self.said = 0
        "Lines so far."
        self.heard = b""
        "What was typed."

    async def run(self) -> None:
        while True:
            line = b"%08d\r\n" % self.said
            while line:
                line = line[self.port.host_write(line) :]
                self.heard += self.port.host_read(4096)
                await trio.sleep(self.pause)
            self.said += 1


class Mute:
    """A BMC of which nobody hears, and which hears nobody, while the block lasts."""

    def __init__(self, served: ServedBmc) -> None:
        self._served = served
        self.bmc = served.bmc

    def __enter__(self) -> None:
        self._served.bmc = self  # type: ignore[assignment]  # as far as its socket goes

    def __exit__(self, *_: object) -> None:
        self._served.bmc = self.bmc

    def receive_datagram(self, data: bytes, address: object, now: float) -> None:
        """Lost."""

    def datagrams_to_send(self) -> tuple[()]:
        self.bmc.datagrams_to_send()
        return ()

    def handle_deadline(self, now: float) -> None:
        self.bmc.handle_deadline(now)

    def next_deadline(self) -> float | None:
        return self.bmc.next_deadline()


@dataclass
class RunningPath:
    """All of it; made by :func:`open_path`."""

    seed: Seed
    fleet: Fleet
    nursery: trio.Nursery
    http: httpx.AsyncClient
    lines: dict[str, Lines] = field(default_factory=dict)
    running: list[Runs] = field(default_factory=list)

    # --- services ---

    def process(self, name: str, environment: Mapping[str, str] = NOTHING) -> Service:
        """A service as a process."""
        service = Service(name, self.seed.config(name), self.seed.data, environment)
        self.running.append(service)
        return service

    async def start_all(self, environment: Callable[[], Mapping[str, str]] = lambda: NOTHING) -> dict[str, Service]:
        """Manager, Gateway and Agent as processes, one after the other.

        :param environment: of each, asked for as it starts.
        """
        services: dict[str, Service] = {}
        for name in ("manager", "gateway", "agent"):
            services[name] = self.process(name, environment())
            await services[name].start()
        return services

    def manager(self) -> Hosted:
        """The Manager, here."""
        settings = load(ManagerSettings, self.seed.config("manager"), "manager", {})
        return self._host(partial(run_manager, settings))

    def gateway(self, name: str = "gateway", clock: Clock = system_clock, **changes: Any) -> Hosted:
        """A Gateway, here."""
        settings = replace(load(GatewaySettings, self.seed.config(name), "gateway", {}), **changes)
        return self._host(partial(run_gateway, settings, clock=clock))

    def agent(self, **changes: Any) -> Hosted:
        """The Agent, here."""

        def config() -> AgentConfig:
            return replace(load_config(self.seed.config("agent")), **changes)

        return self._host(partial(run_agent, config(), again=config))

    def _host(self, run: Callable[..., Awaitable[None]]) -> Hosted:
        service = Hosted(self.nursery, run)
        self.running.append(service)
        return service

    async def second_gateway(self) -> str:
        """Configure one more, by this name."""
        port, tunnel = await free_ports(2, HOST)
        name, data = "gateway2", self.seed.data
        settings = load(ManagerSettings, self.seed.config("manager"), "manager", {})
        with opened(settings.database_url) as database:
            async with open_manager(database, read_master_key(settings.master_key)) as manager:
                token, _ = await manager.machines.create_join_token(
                    kind="gateway", datacenter_id="", region="local", ttl=600, uses=1, created_by="test"
                )
        write_private(data / f"{name}.join-token", token.reveal())
        text = self.seed.config("gateway").read_text()
        for old, new in (
            ('"gw1"', '"gw2"'),
            (f"{data}/gateway", f"{data}/{name}"),
            (f"port = {self.seed.ports.gateway}", f"port = {port}"),
            (f"tunnel_port = {self.seed.ports.tunnel}", f"tunnel_port = {tunnel}"),
        ):
            text = text.replace(old, new)
        write_private(self.seed.config(name), text)
        return name

    async def agent_health(self) -> str:
        """Have the Agent serve its health and metrics, at this URL; before it starts."""
        (port,) = await free_ports(1, HOST)
        config = self.seed.config("agent")
        config.write_text(config.read_text().replace('health = ""', f'health = "{HOST}:{port}"'))
        return f"http://{HOST}:{port}"

    async def leaks(self) -> Leaks:
        """For a test whose services are processes; before the Agent starts."""
        return Leaks(self.seed.manager_url, self.seed.gateway_url, await self.agent_health())

    def gateway_port(self, name: str) -> int:
        """Where its clients come in."""
        return load(GatewaySettings, self.seed.config(name), "gateway", {}).port

    # --- clients ---

    def customer(self, email: str = ACME) -> Customer:
        """Somebody who has not logged in yet."""
        manager = ConnectClient(self.http, self.seed.manager_url, "manager.v1.BMCManagerService")
        return Customer(self.http, manager, email, self.seed.passwords[email].reveal())

    def mute(self, server_id: str) -> Mute:
        """Its BMC is silent while the block lasts."""
        return Mute(self.fleet.served[server_id])

    def forget(self, server_id: str) -> None:
        """Its BMC's idle sessions have timed out, as they do after a minute; output waits for the next console."""
        served = self.fleet.served[server_id]
        served.bmc.state.sessions.clear()
        served.bmc.state.sol.check_owner()
        served.wake()

    def end_console(self, server_id: str) -> None:
        """Its BMC ends the console, whoever has it."""
        served = self.fleet.served[server_id]
        served.bmc.state.sol.deactivate()
        served.wake()

    def reboot(self, server_id: str) -> None:
        """Its BMC forgets its sessions."""
        served = self.fleet.served[server_id]
        served.bmc.state.restart(Reset.COLD, trio.current_time())
        served.wake()

    def speak(self, server_id: str, pause: float = 0.005) -> Lines:
        """Have a server say its lines from now on."""
        lines = self.lines[server_id] = Lines(self.fleet.served[server_id], pause)
        self.nursery.start_soon(lines.run)
        return lines


def plan(server_id: str, owner: str = ACME, config: BmcConfig = BMC) -> ServerPlan:
    """A server with a console, where nobody lives but the test."""
    password = secrets.token_urlsafe(9)
    users = (UserConfig(name=USER.encode(), password=password.encode()),)
    return ServerPlan(id=server_id, owner=owner, words="test", config=replace(config, users=users), password=password)


@asynccontextmanager
async def open_path(folder: Path, *plans: ServerPlan) -> AsyncIterator[RunningPath]:
    """BMCs that answer, and services that are configured, not started; those that were are stopped with the block."""
    plans = plans or (plan("web-01"),)
    ports = Ports(*await free_ports(3, HOST))
    async with trio.open_nursery() as nursery, httpx.AsyncClient(trust_env=False, limits=NO_KEEPING) as http:
        bmcs = [(VirtualBmc(each.config, entropy=secrets.token_bytes), HOST, 0) for each in plans]
        served = await nursery.start(serve_many, bmcs)
        names = [each.id for each in plans]
        fleet = Fleet(dict(zip(names, plans, strict=True)), dict(zip(names, served, strict=True)))
        seed = await plant(folder, ports, fleet)
        path = RunningPath(seed, fleet, nursery, http)
        try:
            yield path
        finally:
            with trio.CancelScope(shield=True):
                await http.aclose()
                for service in reversed(path.running):
                    await service.stop()
        nursery.cancel_scope.cancel()


__all__ = ["ACME", "GLOBEX", "HOST", "STAFF", "Hosted", "Lines", "RunningPath", "open_path", "plan"]
