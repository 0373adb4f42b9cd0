"""Manager and Gateway behind a transport of httpx: the real domain and the real wire, without a socket or an Agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from protobuf import Message

from conduit.errors import CallError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.api.gateway.v1.gateway_connect import GatewayServiceASGIApplication
from conduit.services.api.manager.v1.admin_connect import AdminServiceASGIApplication
from conduit.services.api.manager.v1.manager_connect import BMCManagerServiceASGIApplication
from conduit.services.clock import timestamp
from conduit.services.gateway.access import Access, Grant
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.operations import OPERATIONS
from conduit.services.gateway.rpc import GatewayRpc
from conduit.services.manager.admin_rpc import AdminRpc
from conduit.services.manager.customer_rpc import CustomerRpc
from conduit.services.manager.registry import ReportedServer
from conduit.services.tokens import TokenVerifier
from conduit.services.web.composing import compose
from conduit.services.web.errors import Errors
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import Clock, TestManager, open_test_manager

MANAGER = "https://manager.example"
GATEWAY = "https://gw1.example"
Handler = Callable[[Message[Any]], Message[Any]]


class FakeServers:
    """In place of tunnels and Agents: what the BMCs say, after the Gateway's own checks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.power: dict[str, pb.PowerState] = {}
        self.asked: list[Message[Any]] = []
        self.failures: list[CallError] = []
        "What the next calls fail with."
        self.failing: dict[str, CallError] = {}
        "By method, always."
        self.answers: dict[str, Message[Any]] = {}
        "By method, for those that nothing here knows."

    async def perform(
        self, grant: Grant, method: str, request: Any, answer: type[Message[Any]], *, deadline: float | None = None
    ) -> Message[Any]:
        grant.check(OPERATIONS[method].permission)
        grant.check_server(request.server_id)
        self.asked.append(request)
        if self.failures:
            raise self.failures.pop(0)
        if method in self.failing:
            raise self.failing[method]
        if method in self.answers:
            return self.answers[method]
        state = self.power.get(request.server_id, pb.PowerState.OFF)
        if method == "GetPowerStatus":
            return pb.PowerStatusResponse(state=state, observed_at=timestamp(self._clock()), protocol="ipmi-2.0")
        state = {"PowerOn": pb.PowerState.ON, "PowerCycle": pb.PowerState.ON, "PowerOff": pb.PowerState.OFF}.get(
            method, state
        )
        self.power[request.server_id] = state
        return pb.PowerOperationResponse(success=True, state=state, protocol="ipmi-2.0", elapsed_ms=1200)


class Hosts(httpx.AsyncBaseTransport):
    """Brings each request to its host; those that are down refuse."""

    def __init__(self) -> None:
        self.apps: dict[str, httpx.ASGITransport] = {}
        self.down: set[str] = set()
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        app = self.apps.get(request.url.host)
        if app is None or request.url.host in self.down:
            raise httpx.ConnectError("connection refused", request=request)
        return await app.handle_async_request(request)

    def calls(self, method: str) -> int:
        """How often a method was called."""
        return sum(request.url.path.endswith(f"/{method}") for request in self.requests)


@dataclass
class FakeServices:
    """All of it."""

    manager: TestManager
    servers: FakeServers
    access: Access
    hosts: Hosts = field(default_factory=Hosts)

    async def register(self, *servers: ReportedServer) -> None:
        """An Agent reports these, and a Gateway reaches them."""
        await self.manager.manager.registry.report("a1", "dc1", list(servers))
        await self.heartbeat()

    async def heartbeat(self, name: str = "gw1") -> None:
        """A Gateway is alive, and reaches the Agent."""
        await self.manager.manager.registry.heartbeat(
            gateway_id=name,
            region="eu",
            endpoint=f"https://{name}.example",
            tunnel_endpoint="x:1",
            version="",
            agents=["a1"],
        )

    async def trust(self) -> None:
        """The Gateway takes the Manager's keys of now."""
        manager = self.manager.manager
        self.access.use(TokenVerifier.from_jwks(manager.jwks()))
        self.access.use_region_keys(await manager.region_keys("eu"))


class _Link:
    """The Gateway has all the keys that it needs."""

    def check(self) -> str:
        """They are good."""
        return ""

    async def fetch_keys(self) -> None:
        """There are no others."""


@asynccontextmanager
async def open_fake_services(folder: Path) -> AsyncIterator[FakeServices]:
    """With an Agent ``a1`` and a Gateway ``gw1`` enrolled, and no servers."""
    async with open_test_manager(folder) as manager:
        access = Access(manager.clock)
        gateway = Gateway(GATEWAY, _Link(), access, Agents(), manager.clock)  # type: ignore[arg-type]
        services = FakeServices(manager, FakeServers(manager.clock), access)
        gateway.operations = services.servers  # type: ignore[assignment]
        await manager.machine("agent", "a1")
        await manager.machine("gateway", "gw1")
        await services.trust()
        apps = {
            "manager.example": compose(
                _nothing,
                [
                    BMCManagerServiceASGIApplication(CustomerRpc(manager.manager), interceptors=[Errors()]),
                    AdminServiceASGIApplication(AdminRpc(manager.manager), interceptors=[Errors()]),
                ],
            ),
            "gw1.example": compose(
                _nothing, [GatewayServiceASGIApplication(GatewayRpc(gateway), interceptors=[Errors()])]
            ),
        }
        services.hosts.apps = {host: httpx.ASGITransport(app) for host, app in apps.items()}
        yield services


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


__all__ = ["GATEWAY", "MANAGER", "Code", "FakeServers", "FakeServices", "Hosts", "open_fake_services"]
