"""A virtual BMC, and its broker asked as a tunnel's handler asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from protobuf import Message

from conduit.ipmi import Privilege
from conduit.ipmi.bmc import BmcConfig, UserConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.services.agent.broker import Broker, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.agent.operations import serve_call
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.secret import Secret

SERVER: Final = "db-02"
PASSWORD: Final = "correct-horse"
ADMIN: Final = UserConfig(name=b"admin", password=PASSWORD.encode(), privilege=Privilege.ADMINISTRATOR)
METADATA: Final = {"customer": "acme", "user": "ops@acme.example", "request": "r1", "server": SERVER}
ANSWERS: Final[dict[str, type[Message[Any]]]] = {
    **dict.fromkeys(
        ("PowerOn", "PowerOff", "PowerCycle", "Reset", "PowerSoft", "PowerDiag"), pb.PowerOperationResponse
    ),
    "GetPowerStatus": pb.PowerStatusResponse,
    "GetBMCInfo": pb.GetBMCInfoResponse,
    "GetSystemStatus": pb.GetSystemStatusResponse,
    "ListSensors": pb.ListSensorsResponse,
    "ListEvents": pb.ListEventsResponse,
    "GetBootDevice": pb.GetBootDeviceResponse,
    "SetBootDevice": pb.SetBootDeviceResponse,
    "Identify": pb.IdentifyResponse,
}


def control(served: ServedBmc, name: str = "ipmi-1", **changes: Any) -> ControlEndpoint:
    """How to reach *served*."""
    options: dict[str, Any] = {"host": served.host, "port": served.port, "username": "admin"}
    options |= {"password": Secret(PASSWORD), **changes}
    return ControlEndpoint(name=name, **options)


@asynccontextmanager
async def open_pair(
    *, endpoint: Mapping[str, Any] | None = None, server: Mapping[str, Any] | None = None, **bmc: Any
) -> AsyncIterator[tuple[ServedBmc, Broker]]:
    """Both, wired together."""
    async with (
        open_virtual_bmc(BmcConfig(**{"users": (ADMIN,), **bmc})) as served,
        open_broker(
            ServerEndpoints(server_id=SERVER, control=[control(served, **(endpoint or {}))], **(server or {}))
        ) as broker,
    ):
        yield served, broker


async def ask(
    broker: Broker,
    method: str,
    request: Message[Any] | None = None,
    *,
    customer: str = "acme",
    **options: Any,
) -> Any:
    """The answer's message. Any: each method has its own."""
    data = b"" if request is None else request.to_binary()
    metadata = {**METADATA, "customer": customer}
    return ANSWERS[method].from_binary(await serve_call({SERVER: broker}, method, metadata, data, **options))
