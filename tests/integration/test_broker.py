"""The broker and our virtual BMC over loopback, asked as a tunnel's handler asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from trio.testing import MockClock

from conduit.errors import CallError
from conduit.ipmi import Privilege
from conduit.ipmi.bmc import BmcConfig, UserConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.services.agent.broker import Broker, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.agent.operations import serve_call
from conduit.services.api.gateway.v1.gateway_pb import (
    PowerOperationRequest,
    PowerOperationResponse,
    PowerState,
    PowerStatusResponse,
)
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

SERVER: Final = "db-02"
PASSWORD: Final = "correct-horse"
ADMIN: Final = UserConfig(name=b"admin", password=PASSWORD.encode(), privilege=Privilege.ADMINISTRATOR)
METADATA: Final = {"customer": "acme", "user": "ops@acme.example", "request": "r1", "server": SERVER}


def control(served: ServedBmc, name: str = "ipmi-1", **changes: Any) -> ControlEndpoint:
    options = {"host": served.host, "port": served.port, "username": "admin", "password": Secret(PASSWORD)} | changes
    return ControlEndpoint(name=name, **options)


@asynccontextmanager
async def open_pair(**changes: Any) -> AsyncIterator[tuple[ServedBmc, Broker]]:
    """A virtual BMC and its broker."""
    async with (
        open_virtual_bmc(BmcConfig(users=(ADMIN,), **changes)) as served,
        open_broker(ServerEndpoints(server_id=SERVER, control=[control(served)])) as broker,
    ):
        yield served, broker


async def switch(broker: Broker, method: str, *, metadata: Mapping[str, str] = METADATA, **fields: Any) -> Any:
    request = PowerOperationRequest(**fields)
    return PowerOperationResponse.from_binary(await serve_call({SERVER: broker}, method, metadata, request.to_binary()))


async def power_state(broker: Broker) -> PowerState:
    answer = PowerStatusResponse.from_binary(await serve_call({SERVER: broker}, "GetPowerStatus", METADATA, b""))
    return answer.state


async def test_power_is_switched_and_the_bmc_itself_says_so(autojump_clock: MockClock) -> None:
    async with open_pair() as (served, broker):
        assert await power_state(broker) is PowerState.OFF
        answer = await switch(broker, "PowerOn", wait=True)
        assert answer.success
        assert (answer.state, answer.protocol) == (PowerState.ON, "ipmi-2.0")
        assert served.bmc.state.machine.is_on
        assert await power_state(broker) is PowerState.ON
        answer = await switch(broker, "PowerOff", wait=True)
        assert answer.success
        assert await power_state(broker) is PowerState.OFF


async def test_unknown_server_is_not_found(autojump_clock: MockClock) -> None:
    with pytest.raises(CallError) as caught:
        await serve_call({}, "GetPowerStatus", METADATA, b"")
    assert caught.value.code == Code.NOT_FOUND
