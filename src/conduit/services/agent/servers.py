"""The servers of an Agent: each with the broker of its BMC and the hub of its console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from conduit.ipmi import Interface
from conduit.services.agent.broker import Broker, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.agent.config import AgentConfig, Control, ServerConfig, password_of

ConsoleHub = type(None)  # TEMP
from conduit.services.api.common.v1.server_pb import BMCType, SOLType
from conduit.services.api.manager.v1.machine_pb import ReportedServer

_INTERFACES: Final = {"ipmi": Interface.LANPLUS, "ipmi-1.5": Interface.LAN}


@dataclass(frozen=True, slots=True)
class Server:
    """One server, and who owns what of it."""

    id: str
    config: ServerConfig
    broker: Broker
    hub: ConsoleHub | None


@asynccontextmanager
async def open_servers(config: AgentConfig) -> AsyncIterator[Mapping[str, Server]]:
    """All that the configuration names, by id."""
    async with AsyncExitStack() as stack:
        servers = {}
        for server_id, server in config.servers.items():
            broker = await stack.enter_async_context(open_broker(endpoints_of(server_id, server)))
            hub = None
            if server.console is not None:
                spool = config.state / "consoles" / server_id
            servers[server_id] = Server(server_id, server, broker, hub)
        yield servers


def endpoints_of(server_id: str, server: ServerConfig) -> ServerEndpoints:
    """What its broker is told."""
    control = [_endpoint(server_id, number, each) for number, each in enumerate(server.control, 1)]
    return ServerEndpoints(server_id=server_id, control=control, has_console=server.console is not None)


def _endpoint(server_id: str, number: int, control: Control) -> ControlEndpoint:
    return ControlEndpoint(
        name=f"ipmi-{number}",
        host=control.address,
        port=control.port,
        username=control.user,
        password=lambda: password_of(server_id, control),
        interface=_INTERFACES[control.type],
        cipher_suite=control.cipher_suite,
        workarounds=control.workarounds,
    )


def reported(server: Server) -> ReportedServer:
    """What the Manager is told: no address, no credential."""
    config = server.config
    return ReportedServer(
        server_id=server.id,
        customer=config.customer,
        display_name=config.display_name,
        tags=list(config.tags),
        metadata=dict(config.metadata),
        control_kinds=[BMCType.BMC_IPMI for _ in config.control],
        sol_kind=SOLType.SOL_IPMI if config.console is not None else SOLType.SOL_UNSPECIFIED,
        features=["power", "sensors", "events", *(["console"] if config.console is not None else [])],
        status="online",
    )
