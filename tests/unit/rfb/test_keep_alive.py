"""One task pings every WebSocket that somebody watches."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import trio
from trio.testing import MemoryReceiveStream, MockClock, memory_stream_pair

from conduit._trio import open_background_nursery
from conduit.rfb.keep_alive import PERIOD, TURN, KeepAlive
from conduit.rfb.websocket_stream import WebSocketStream

PING = b"\x89\x00"


def viewer() -> tuple[WebSocketStream, MemoryReceiveStream]:
    ours, theirs = memory_stream_pair()
    assert isinstance(theirs.receive_stream, MemoryReceiveStream)
    return WebSocketStream(ours, masked=False), theirs.receive_stream


async def test_each_gets_a_ping_in_each_period_until_nobody_watches_it(autojump_clock: MockClock) -> None:
    keep_alive, (first, first_hears), (second, second_hears) = KeepAlive(), viewer(), viewer()
    plain, _ = memory_stream_pair()
    async with open_background_nursery() as nursery:
        nursery.start_soon(keep_alive.run)
        await trio.sleep(10)
        with ExitStack() as both, keep_alive.watching((first, plain)):
            await trio.sleep(0.2)
            both.enter_context(keep_alive.watching((second,)))
            await trio.sleep(PERIOD + TURN)
            await trio.sleep(PERIOD)
            both.close()
            await trio.sleep(PERIOD)
        await trio.sleep(2 * PERIOD)
    assert bytes(await first_hears.receive_some()) == 3 * PING
    assert bytes(await second_hears.receive_some()) == 2 * PING


async def test_one_that_takes_nothing_stops_no_other_and_gets_no_second_ping(autojump_clock: MockClock) -> None:
    keep_alive, (other, hears) = KeepAlive(), viewer()
    ours, _theirs = trio.testing.lockstep_stream_pair()
    stuck = WebSocketStream(ours, masked=False)
    async with open_background_nursery() as nursery:
        nursery.start_soon(keep_alive.run)
        with keep_alive.watching((stuck, other)):
            assert bytes(await hears.receive_some()) == PING
            assert trio.current_time() == pytest.approx(PERIOD)
            tasks = trio.lowlevel.current_statistics().tasks_living
            for _ in range(3):
                assert bytes(await hears.receive_some()) == PING
            assert trio.lowlevel.current_statistics().tasks_living <= tasks
