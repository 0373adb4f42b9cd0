"""The console that a broker opens: in the session of the commands, or in its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from conduit.console import Phase
from conduit.console import messages as m
from conduit.errors import CallError, CompletionCodeError
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.services.agent.broker import Broker, open_broker
from conduit.services.agent.broker_breaker import BreakerState
from conduit.services.agent.broker_endpoints import ServerEndpoints
from conduit.services.agent.config import AgentConfig, Console, Control, ServerConfig
from conduit.services.agent.servers import open_servers
from conduit.services.api.gateway.v1.gateway_pb import (
    PowerState,
)
from conduit.tunnel import Code
from tests.fakes.broker_pair import ADMIN, PASSWORD, SERVER, ask, control, open_pair
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.console import FakeViewer, until
from tests.fakes.restarting_bmc import open_restarting


async def code_of(broker: Broker, method: str = "GetPowerStatus", request: Any = None, **options: Any) -> CallError:
    with pytest.raises(CallError) as caught:
        await ask(broker, method, request, **options)
    return caught.value


# --- the console ------------------------------------------------------------------------------------------------------


async def test_console_shares_the_session_and_keeps_it_open(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (_, broker):
        async with broker.open_console():
            assert broker.snapshot().consoles == 1
            await ask(broker, "GetPowerStatus")
            assert broker.snapshot().endpoints[0].log_ins == 1
            await trio.sleep(1000)
            assert broker.snapshot().endpoints[0].connected
        assert broker.snapshot().consoles == 0
        await trio.sleep(700)
        assert not broker.snapshot().endpoints[0].connected


async def test_console_of_its_own_session(autojump_clock: MockClock) -> None:
    async with open_pair(running=True, server={"share_session": False}) as (_, broker):
        await ask(broker, "GetPowerStatus")
        async with broker.open_console():
            assert broker.snapshot().endpoints[0].log_ins == 2


async def test_console_that_somebody_has_is_told_and_may_be_taken(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(users=(ADMIN,), running=True) as served:
        server = ServerEndpoints(server_id=SERVER, control=[control(served)])
        async with open_broker(server) as one, open_broker(server) as other, one.open_console():
            with pytest.raises(CompletionCodeError) as caught:
                async with other.open_console():
                    pytest.fail("opened")
            assert caught.value.code == 0x80
            async with other.open_console(steal=True):
                pass
            assert (await ask(other, "GetPowerStatus")).state is PowerState.ON
            assert other.snapshot().endpoints[0].breaker is BreakerState.CLOSED


async def test_console_that_somebody_has_is_freed_by_a_viewer_who_may(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with open_virtual_bmc(users=(ADMIN,), running=True) as served, trio.open_nursery() as nursery:
        way = Control(type="ipmi", address=served.host, port=served.port, user="admin", password=PASSWORD)
        theirs = ServerEndpoints(server_id=SERVER, control=[control(served)])
        config = AgentConfig(
            manager="http://127.0.0.1:1",
            name="agent-1",
            state=tmp_path,
            inline_secrets=True,
            servers={SERVER: ServerConfig(control=[way], console=Console())},
        )
        async with open_broker(theirs) as one, one.open_console() as console, open_servers(config) as servers:
            hub = servers.by_id[SERVER].hub
            assert hub is not None
            eva = FakeViewer(nursery, "Eva")
            await eva.attach(hub, may_take=True)
            await until(lambda: hub.machine.phase is Phase.BUSY)
            await trio.sleep(60)
            assert hub.machine.phase is Phase.BUSY
            await eva.send(m.Free().encode())
            await until(lambda: eva.session.is_live, 5)
            with trio.fail_after(30):
                assert await console.receive_some() == b""  # it is gone for the other system
        nursery.cancel_scope.cancel()


async def test_session_that_a_refused_password_took_away_is_closed_when_its_console_is(
    autojump_clock: MockClock,
) -> None:
    async with (
        open_restarting(running=True) as bmc,
        open_broker(ServerEndpoints(server_id=SERVER, control=[control(bmc.served)])) as broker,
    ):
        async with broker.open_console():
            await bmc.stop()
            await bmc.start(users=(replace(ADMIN, password=b"changed"),))
            assert (await code_of(broker)).code == Code.FAILED_PRECONDITION
            assert not broker.snapshot().endpoints[0].connected
        await bmc.stop()
        await bmc.start(users=(ADMIN,))
        await trio.sleep(61)
        assert (await ask(broker, "GetPowerStatus")).state is PowerState.ON


async def test_server_without_a_console_is_told_so(autojump_clock: MockClock) -> None:
    async with open_pair(server={"has_console": False}) as (_, broker):
        with pytest.raises(CallError, match="no serial console"):
            async with broker.open_console():
                pytest.fail("opened")


async def test_console_is_opened_in_turn(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (_, broker):
        for step in range(1, 60):

            async def look() -> None:
                async with broker.open_console():
                    pass

            if not await cancel_at_step(step, look):
                break
            assert broker.snapshot().consoles == 0
        await ask(broker, "GetPowerStatus")
        await trio.sleep(700)
        assert not broker.snapshot().endpoints[0].connected  # no pin is left
