"""The Agent as a process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
import trio

from conduit import __version__
from conduit._trio import open_background_nursery, open_foreground_nursery
from conduit.errors import AuthenticationError, LocalProtocolError
from conduit.services.agent.config import AgentConfig
from conduit.services.agent.manager_link import ManagerLink
from conduit.services.agent.servers import Servers, open_servers, reported
from conduit.services.agent.serving import serve_tunnel
from conduit.services.api.agent.v1.agent_pb import Registration
from conduit.services.certificates import GATEWAY_NAME, Identity
from conduit.services.clock import Clock, system_clock
from conduit.services.connect_client import ConnectClient, open_http
from conduit.services.machine import SERVICE, JoinToken, MachineCertificate, MachineFiles
from conduit.services.started import Started
from conduit.tunnel import Addresses, dial, dial_all

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
    async with open_http(config.manager_ca) as http:
        client = ConnectClient(http, config.manager, SERVICE)
        certificate = await MachineCertificate.obtain(
            MachineFiles(config.state),
            client,
            clock,
            name=config.name,
            join_token=JoinToken(kind="agent", file=config.join_token_file, environment=config.join_token_env),
        )
        async with open_servers(config) as servers, open_background_nursery() as nursery:
            nursery.start_soon(_reload_on_request, servers, again)
            await _serve(config, client, certificate, servers, leave, task_status)


async def _serve(
    config: AgentConfig,
    client: ConnectClient,
    certificate: MachineCertificate,
    servers: Servers,
    leave: trio.Event,
    task_status: trio.TaskStatus[Started],
) -> None:
    addresses = Addresses()
    link = ManagerLink(client, certificate, addresses, lambda: [reported(each) for each in servers.by_id.values()])
    link.recall()
    certificate.on_new_identity = addresses.begin_anew
    registration = Registration(version=__version__, server_ids=list(servers.by_id))
    dialler = partial(
        dial,
        tls=certificate.files.tls,
        registration=registration.to_binary(),
        generation=certificate.files.next_generation(),
        trust=is_gateway,
        server_name=GATEWAY_NAME,
    )
    tunnels = partial(dial_all, addresses, dialler, partial(serve_tunnel, servers), leave=leave, drain_time=DRAIN)
    async with open_background_nursery() as nursery:
        nursery.start_soon(link.run)
        async with open_foreground_nursery() as draining:
            draining.start_soon(tunnels)
            task_status.started(Started(service="agent", name=config.name, addresses={}))
            await leave.wait()
            await servers.say_goodbye()


async def _reload_on_request(servers: Servers, again: Callable[[], AgentConfig]) -> None:
    """A configuration that cannot be used changes nothing."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            try:
                config = await trio.to_thread.run_sync(again)
            except LocalProtocolError as error:
                logger.warning("the new configuration cannot be used", reason=str(error))
                continue
            await servers.use(config.servers)
            logger.info("configuration read again", servers=len(servers.by_id))
