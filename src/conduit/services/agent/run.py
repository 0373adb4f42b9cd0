"""The Agent as a process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
import trio
from prometheus_client import CollectorRegistry

from conduit import __version__
from conduit._trio import open_background_nursery, open_foreground_nursery
from conduit.errors import AuthenticationError, LocalProtocolError
from conduit.services.agent.broker_metrics import BrokerMetrics
from conduit.services.agent.config import AgentConfig
from conduit.services.agent.manager_link import ManagerLink
from conduit.services.agent.reports import Reports
from conduit.services.agent.server_metrics import ServerMetrics
from conduit.services.agent.servers import Servers, open_servers
from conduit.services.agent.serving import serve_tunnel
from conduit.services.agent.standing import Standing
from conduit.services.api.agent.v1.agent_pb import Registration
from conduit.services.certificates import GATEWAY_NAME, Identity
from conduit.services.clock import Clock, system_clock
from conduit.services.connect_client import ConnectClient, open_http
from conduit.services.machine import SERVICE, JoinToken, MachineCertificate, MachineFiles
from conduit.services.started import Started
from conduit.tunnel import Addresses, Tunnel, dial, dial_all

logger = structlog.get_logger(__name__)
DRAIN: Final = 20.0  # seconds that calls and consoles have when we leave


def is_gateway(uri: str) -> bool:
    """Whether a certificate's identity is a Gateway's."""
    try:
        return Identity.parse(uri).kind == "gateway"
    except AuthenticationError:
        return False


async def run_agent(
    config: AgentConfig,
    *,
    again: Callable[[], AgentConfig],
    clock: Clock = system_clock,
    leave: trio.Event,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until *leave* is set.

    :param again: reads the configuration once more; called at SIGHUP. Only the servers may change.
    """
    standing, registry = Standing(clock), CollectorRegistry()
    registry.register(standing)
    async with open_background_nursery() as watched, open_http(config.manager_ca) as http:
        if config.health:
            await watched.start(_serve_health, config, registry, standing, leave)
        client = ConnectClient(http, config.manager, SERVICE)
        standing.certificate = await MachineCertificate.obtain(
            MachineFiles(config.state),
            client,
            clock,
            name=config.name,
            join_token=JoinToken(kind="agent", file=config.join_token_file, environment=config.join_token_env),
        )
        async with open_servers(config) as servers, open_background_nursery() as nursery:
            standing.has_servers = True
            metrics = BrokerMetrics(registry, servers.brokers)
            ServerMetrics(registry, servers.by_id)
            agent = _Agent(config.name, client, standing.certificate, servers, metrics, standing)
            nursery.start_soon(agent.reload_on_request, again)
            await agent.serve(leave, task_status)


async def _serve_health(
    config: AgentConfig,
    registry: CollectorRegistry,
    standing: Standing,
    leave: trio.Event,
    *,
    task_status: trio.TaskStatus[Any],
) -> None:
    from conduit.services.agent.app import serve_health  # a web framework: who has no use for it starts sooner

    await serve_health(config, registry, standing, leave, task_status=task_status)


@dataclass(frozen=True, slots=True)
class _Agent:
    """One that has enrolled."""

    name: str
    client: ConnectClient
    certificate: MachineCertificate
    servers: Servers
    metrics: BrokerMetrics
    standing: Standing

    async def serve(self, leave: trio.Event, task_status: trio.TaskStatus[Started]) -> None:
        """Have tunnels, and tell the Manager."""
        addresses = Addresses()
        link = ManagerLink(self.client, self.certificate, addresses, Reports(self.servers, self.name), self.standing)
        link.recall()
        self.certificate.on_new_identity = addresses.begin_anew
        registration = Registration(version=__version__, server_ids=list(self.servers.by_id))
        dialler = partial(
            dial,
            tls=self.certificate.files.tls,
            registration=registration.to_binary(),
            generation=self.certificate.files.next_generation(),
            trust=is_gateway,
            server_name=GATEWAY_NAME,
        )
        tunnels = partial(dial_all, addresses, dialler, self._serve_tunnel, leave=leave, drain_time=DRAIN)
        async with open_background_nursery() as nursery:
            nursery.start_soon(link.run)
            async with open_foreground_nursery() as draining:
                draining.start_soon(tunnels)
                task_status.started(Started(service="agent", name=self.name, addresses={}))
                await leave.wait()
                await self.servers.say_goodbye()

    async def _serve_tunnel(self, tunnel: Tunnel) -> None:
        with self.standing.tunnel():
            await serve_tunnel(self.servers, self.metrics, tunnel)

    async def reload_on_request(self, again: Callable[[], AgentConfig]) -> None:
        """A configuration that cannot be used changes nothing."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            async for _ in signals:
                try:
                    config = await trio.to_thread.run_sync(again)
                except LocalProtocolError as error:
                    self.standing.reload_failed = True
                    logger.warning("the new configuration cannot be used", reason=str(error))
                    continue
                await self.servers.use(config.servers)
                self.standing.reload_failed = False
                logger.info("configuration read again", servers=len(self.servers.by_id))
