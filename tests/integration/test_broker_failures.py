"""The broker when its BMC is silent, restarts, goes away in the middle, or is reached another way."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.ipmi import Bmc, Interface
from conduit.ipmi.bmc import PlusConfig
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.ipmi.bmc.virtual_machine import Timings
from conduit.services.agent.broker import AGENT, Broker, open_broker
from conduit.services.agent.broker_breaker import BreakerState
from conduit.services.agent.broker_endpoints import RETRIES, BrokerLimits, ServerEndpoints
from conduit.services.agent.broker_failures import FateUnknownError
from conduit.services.agent.operations import served_methods
from conduit.services.api.gateway.v1.gateway_pb import (
    PowerOperationRequest,
    PowerOperationResponse,
    PowerState,
    SetBootDeviceRequest,
)
from conduit.services.secret import Secret
from conduit.tunnel import Code, call, serve_calls
from tests.fakes.broker_pair import ADMIN, METADATA, SERVER, ask, control, open_pair
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.restarting_bmc import open_restarting
from tests.fakes.tunnel_pair import connected_tunnels


async def code_of(broker: Broker, method: str = "GetPowerStatus", request: Any = None, **options: Any) -> CallError:
    with pytest.raises(CallError) as caught:
        await ask(broker, method, request, **options)
    return caught.value


async def test_what_the_block_raises_comes_out(autojump_clock: MockClock) -> None:
    async def fail() -> None:
        async with open_pair() as (_, broker):
            await ask(broker, "GetPowerStatus")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


# --- silence ----------------------------------------------------------------------------------------------------------


async def test_silent_bmc_is_unavailable_then_left_alone_then_back(autojump_clock: MockClock) -> None:
    async with (
        open_restarting(running=True) as bmc,
        open_broker(ServerEndpoints(server_id=SERVER, control=[control(bmc.served)])) as broker,
    ):
        assert (await ask(broker, "GetPowerStatus")).state is PowerState.ON
        await bmc.stop()
        for _ in range(3):
            error = await code_of(broker)
            assert (error.code, error.message) == (Code.UNAVAILABLE, "the BMC does not answer")
        snapshot = broker.snapshot()
        assert snapshot.endpoints[0].breaker is BreakerState.OPEN
        assert not snapshot.reachable
        assert snapshot.endpoints[0].last_error == "the BMC does not answer"
        started = trio.current_time()
        error = await code_of(broker)
        assert error.message == "the BMC does not answer; the Agent tries again in 5 s"
        assert trio.current_time() == started
        await bmc.start()
        assert (await code_of(broker)).code == Code.UNAVAILABLE  # the pause is not over
        await trio.sleep(5)
        assert (await ask(broker, "GetPowerStatus")).state is PowerState.ON
        assert broker.snapshot().reachable


async def test_bmc_that_restarts_while_one_waits_for_power_does_not_end_the_wait(autojump_clock: MockClock) -> None:
    async with (
        open_restarting(timings=Timings(power_on=30)) as bmc,
        open_broker(ServerEndpoints(server_id=SERVER, control=[control(bmc.served)])) as broker,
        trio.open_nursery() as nursery,
    ):
        answers = []

        async def switch_on() -> None:
            answers.append(await ask(broker, "PowerOn", PowerOperationRequest(wait=True)))

        nursery.start_soon(switch_on)
        await trio.sleep(2)
        await bmc.stop()
        await trio.sleep(5)
        assert not answers
        await bmc.start(running=True)
        await trio.sleep(30)
        assert (answers[0].success, answers[0].state) == (True, PowerState.ON)
        assert answers[0].elapsed_ms > 7000


async def test_bmc_that_takes_the_command_and_tells_no_state_is_said_so(autojump_clock: MockClock) -> None:
    async with open_pair() as (served, broker):
        machine = served.bmc.state.machine
        switch = machine.command

        def command(*arguments: Any, **options: Any) -> None:
            switch(*arguments, **options)
            machine.status = fail  # type: ignore[method-assign]

        def fail() -> Any:
            raise RuntimeError("the BMC's firmware crashes")

        machine.command = command  # type: ignore[method-assign]
        answer = await ask(broker, "PowerOn")
        assert (answer.success, answer.state) == (True, PowerState.UNKNOWN)
        assert "did not tell the power state" in answer.message


async def test_command_whose_fate_is_unknown_is_not_repeated(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (served, broker):
        commands = 0

        def die(*_: object, **__: object) -> None:
            nonlocal commands
            commands += 1
            raise RuntimeError("the BMC's firmware crashes")

        await ask(broker, "GetPowerStatus")
        served.bmc.state.machine.command = die  # type: ignore[method-assign]
        error = await code_of(broker, "Reset")
        assert error.code == Code.ABORTED
        assert "may or may not" in error.message
        assert commands == 1 + RETRIES  # the same request under the same number, which a BMC carries out once


async def test_fate_unknown_is_no_reason_for_another_endpoint(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as served:
        links = [control(served), control(served, "ipmi-2")]
        async with open_broker(ServerEndpoints(server_id=SERVER, control=links)) as broker:
            times = 0

            async def work(bmc: Bmc) -> None:
                nonlocal times
                times += 1
                raise FateUnknownError

            with pytest.raises(CallError):
                await broker.run(AGENT, work)
            assert times == 1
            assert [one.failures for one in broker.snapshot().endpoints] == [1, 0]


# --- other ways -------------------------------------------------------------------------------------------------------


async def test_second_endpoint_is_used_while_the_first_fails_and_that_is_recorded(autojump_clock: MockClock) -> None:
    async with (
        open_restarting() as first,
        open_virtual_bmc(users=(ADMIN,), plus=PlusConfig(enabled=False), running=True) as second,
    ):
        links = [control(first.served), control(second, "ipmi-2", interface=Interface.LAN)]
        async with open_broker(ServerEndpoints(server_id=SERVER, control=links), clock=lambda: 1000.0) as broker:
            assert (await ask(broker, "GetPowerStatus")).protocol == "ipmi-2.0"
            assert broker.snapshot().fallback is None
            await first.stop()
            answer = await ask(broker, "GetPowerStatus")
            assert (answer.state, answer.protocol) == (PowerState.ON, "ipmi-1.5")
            fallback = broker.snapshot().fallback
            assert fallback is not None
            assert (fallback.chosen, fallback.instead_of, fallback.since) == ("ipmi-2", "ipmi-1", 1000.0)
            assert fallback.reason == "the BMC does not answer"
            for _ in range(2):
                await ask(broker, "GetPowerStatus")
            started = trio.current_time()
            await ask(broker, "GetPowerStatus")  # the first one's breaker is open: no time is lost with it
            assert trio.current_time() - started < 1
            await first.start()
            await trio.sleep(10)
            assert (await ask(broker, "GetPowerStatus")).protocol == "ipmi-2.0"
            assert broker.snapshot().fallback is None
            assert broker.snapshot().active == "ipmi-1"


async def test_refused_password_is_no_reason_for_a_weaker_protocol(autojump_clock: MockClock) -> None:
    """Anybody on the way can forge the refusal: it must not get us to talk IPMI 1.5."""
    async with open_virtual_bmc(users=(ADMIN,)) as served:
        links = [control(served, password=Secret("wrong")), control(served, "ipmi-2", interface=Interface.LAN)]
        async with open_broker(ServerEndpoints(server_id=SERVER, control=links)) as broker:
            for _ in range(2):  # also while the first one is left alone
                assert (await code_of(broker)).code == Code.FAILED_PRECONDITION
            assert broker.snapshot().endpoints[1].operations == 0


# --- tenants ----------------------------------------------------------------------------------------------------------


async def test_flood_of_one_tenant_is_refused_and_does_not_keep_another_out(autojump_clock: MockClock) -> None:
    limits = BrokerLimits(waiting_per_tenant=4, waiting=8)
    async with open_pair(server={"limits": limits}) as (_, broker), trio.open_nursery() as nursery:
        codes: list[int] = []
        order: list[str] = []

        async def one(customer: str, method: str) -> None:
            try:
                await ask(broker, method, customer=customer)
                order.append(customer)
            except CallError as error:
                codes.append(error.code)

        gate = trio.Event()

        async def hold(_: Bmc) -> None:
            await gate.wait()

        nursery.start_soon(broker.run, AGENT, hold)
        await wait_all_tasks_blocked()
        for _ in range(20):
            nursery.start_soon(one, "flood", "Identify")
        await wait_all_tasks_blocked()
        nursery.start_soon(one, "quiet", "Identify")
        await wait_all_tasks_blocked()
        assert broker.snapshot().waiting == 5
        gate.set()
        await trio.sleep(60)
        assert codes == [Code.RESOURCE_EXHAUSTED] * 16
        assert order == ["flood", "quiet", "flood", "flood", "flood"]
        assert broker.snapshot().waiting == 0


async def test_who_asks_the_same_meanwhile_shares_the_answer(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (_, broker), trio.open_nursery() as nursery:
        await ask(broker, "GetPowerStatus")
        before = broker.snapshot().endpoints[0].operations
        for _ in range(12):
            nursery.start_soon(ask, broker, "ListSensors")
        await trio.sleep(60)
        assert broker.snapshot().endpoints[0].operations == before + 2  # that under way, and one for all who came since


# --- cancellation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GetPowerStatus", "PowerOn", "ListEvents", "GetSystemStatus"])
async def test_cancelled_at_any_step_it_leaves_the_bmc_usable(method: str, autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        for step in range(1, 60):
            if not await cancel_at_step(step, lambda: ask(broker, method)):
                break
            assert not broker.snapshot().busy
        assert (await ask(broker, "GetPowerStatus")).state in {PowerState.ON, PowerState.OFF}
        assert broker.snapshot().waiting == 0
        assert broker.snapshot().endpoints[0].failures == 0


async def test_log_in_cancelled_at_any_step_leaves_no_session_that_lasts(autojump_clock: MockClock) -> None:
    """One that was never confirmed to us, between RAKP 3 and 4, is the BMC's to drop, as it does after a minute."""
    async with open_virtual_bmc(users=(ADMIN,)) as served:
        for step in range(1, 60):
            async with open_broker(ServerEndpoints(server_id=SERVER, control=[control(served)])) as broker:
                whole = not await cancel_at_step(step, lambda: ask(broker, "GetPowerStatus"))
                assert (await ask(broker, "GetPowerStatus")).state is PowerState.OFF
            assert len(served.bmc.state.sessions) <= 1
            await trio.sleep(61)
            assert len(served.bmc.state.sessions) == 0
            if whole:
                return
        pytest.fail("it never ended")


# --- the tunnel -------------------------------------------------------------------------------------------------------


async def test_gateway_switches_power_through_a_tunnel(autojump_clock: MockClock) -> None:
    async with (
        open_pair() as (served, broker),
        connected_tunnels() as (gateway, agent),
        open_background_nursery() as nursery,
    ):
        nursery.start_soon(serve_calls, agent, served_methods({SERVER: broker}))
        request = PowerOperationRequest(server_id=SERVER, wait=True).to_binary()
        answer = await call(gateway, "PowerOn", request, metadata=METADATA, deadline=60)
        assert PowerOperationResponse.from_binary(answer).state is PowerState.ON
        assert served.bmc.state.machine.is_on
        with pytest.raises(CallError) as caught:
            await call(gateway, "SetBootDevice", SetBootDeviceRequest().to_binary(), metadata=METADATA)
        assert caught.value.code == Code.INVALID_ARGUMENT
        with pytest.raises(CallError) as caught:
            await call(gateway, "GetPowerStatus", b"", metadata={**METADATA, "server": "web-01"})
        assert caught.value.code == Code.NOT_FOUND
