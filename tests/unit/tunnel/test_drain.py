"""Leaving in good order, and liveness."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import CallError, DrainingError, StreamResetError, TransportError
from conduit.tunnel.calls import Unary, call, serve_calls
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.greeted_tunnels import greeted_tunnels
from tests.fakes.tunnel_pair import Wire


async def _slow(request: bytes) -> bytes:
    await trio.sleep(3)
    return request[::-1]


@pytest.mark.parametrize("who", [0, 1])
async def test_calls_in_flight_are_answered_whichever_end_drains(who: int, autojump_clock: MockClock) -> None:
    answers: list[bytes] = []
    refused: list[CallError] = []
    async with greeted_tunnels() as pair, trio.open_nursery() as nursery:
        gateway, agent = pair
        nursery.start_soon(serve_calls, agent, {"slow": Unary(_slow)})

        async def ask() -> None:
            answers.append(await call(gateway, "slow", b"x" * 100_000 + b"y"))

        for _ in range(20):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.start_soon(_ask_late, gateway, refused)
        assert await pair[who].drain(30, "maintenance")
        await agent.wait_closed()
        await gateway.wait_closed()
    assert len(answers) == 21
    assert all(answer == b"y" + b"x" * 100_000 for answer in answers)
    assert len(refused) == 1
    assert refused[0].safe_to_retry
    assert "drained: maintenance" in pair[who].closed_because
    assert "maintenance" in pair[1 - who].closed_because
    assert trio.current_time() < 5


async def _ask_late(gateway: Tunnel, refused: list[CallError]) -> None:
    await trio.sleep(1)
    with pytest.raises(CallError) as caught:
        await call(gateway, "slow", b"late")
    refused.append(caught.value)


async def test_what_is_not_done_in_time_is_cut(autojump_clock: MockClock) -> None:
    async with greeted_tunnels() as (gateway, agent):
        stream = await gateway.open_stream("sol")
        started = trio.current_time()
        assert not await agent.drain(7)
        assert trio.current_time() - started == pytest.approx(7)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def test_a_draining_tunnel_opens_no_streams_and_says_that_another_may(autojump_clock: MockClock) -> None:
    async with greeted_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        held = await gateway.open_stream("sol")
        nursery.start_soon(agent.drain, 10, "upgrade")
        await wait_all_tasks_blocked()
        assert gateway.is_draining
        assert gateway.peers_drain is not None
        assert (gateway.peers_drain.milliseconds, gateway.peers_drain.reason) == (10_000, "upgrade")
        with pytest.raises(DrainingError, match="try another"):
            await gateway.open_stream("sol")
        theirs = await agent.first_stream()
        await theirs.send_all(b"still here")
        assert await held.receive_some() == b"still here"
        await held.aclose()
        await theirs.aclose()


async def test_streams_on_their_way_are_taken_and_those_after_are_refused(autojump_clock: MockClock) -> None:
    wire = Wire()
    async with greeted_tunnels(wire) as (gateway, agent), trio.open_nursery() as nursery:
        wire.holds = True
        early = await gateway.open_stream("sol")
        nursery.start_soon(agent.drain, 10)
        await wait_all_tasks_blocked()
        wire.release()
        await wait_all_tasks_blocked()
        theirs = await agent.first_stream()
        gateway.mux.going = None  # a Gateway that does not listen
        late = await gateway.open_stream("sol")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await late.receive_some()
        assert isinstance(caught.value.__cause__, StreamResetError)
        assert caught.value.__cause__.safe_to_retry
        await theirs.send_last(b"fine")
        assert await early.receive_some() == b"fine"
        await early.aclose()


async def test_a_drain_whose_tunnel_breaks_says_so(autojump_clock: MockClock) -> None:
    wire = Wire()
    async with greeted_tunnels(wire) as (gateway, agent):
        await gateway.open_stream("sol")

        async def cut() -> None:
            await trio.sleep(1)
            wire.cut()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut)
            with pytest.raises(TransportError, match="gone"):
                await agent.drain(10)
        with pytest.raises(TransportError, match="gone"):
            await agent.drain(10)


async def test_a_drain_may_be_cancelled_at_every_step() -> None:
    for step in range(1, 12):
        async with greeted_tunnels() as (gateway, agent):
            if not await cancel_at_step(step, lambda: agent.drain(5)):  # called at once
                break
            agent.stop()
            await gateway.wait_closed()
    assert step > 2


@pytest.mark.parametrize("full", [False, True])
async def test_both_ends_notice_a_connection_that_carries_nothing(full: bool, autojump_clock: MockClock) -> None:
    wire = Wire()
    async with greeted_tunnels(wire) as (gateway, agent), trio.open_nursery() as nursery:
        stream = await gateway.open_stream("bulk")
        theirs = await agent.first_stream()
        theirs.accept()
        await wait_all_tasks_blocked()
        started = trio.current_time()
        wire.holds = True
        if full:
            nursery.start_soon(_fill, stream)
        for tunnel in (gateway, agent):
            await tunnel.wait_closed()
            assert 24 < trio.current_time() - started <= 26
            assert "silent for 25 s" in tunnel.closed_because


async def _fill(stream: trio.abc.SendStream) -> None:
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(bytes(32 << 20))
