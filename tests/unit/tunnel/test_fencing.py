"""One live tunnel for each identity."""

from __future__ import annotations

import pytest
import trio

from conduit.errors import TunnelRefused
from conduit.tunnel.control import Hello
from conduit.tunnel.fencing import FENCED, Seats


class FakeTunnel:
    """Takes a moment to end."""

    def __init__(self, generation: int, identity: str = "conduit://agent/a") -> None:
        self.identity = identity
        self.hello = Hello(generation=generation)
        self.reason = ""
        self.closed = trio.Event()

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason

    async def wait_closed(self) -> None:
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        self.closed.set()


@pytest.mark.parametrize("generation", [5, 6])
async def test_an_equal_or_higher_generation_ends_the_older_tunnel_first(generation: int) -> None:
    seats, old, new = Seats(), FakeTunnel(5), FakeTunnel(generation)
    await seats.take(old)
    await seats.take(new)
    assert old.reason == FENCED
    assert old.closed.is_set()
    seats.leave(old)
    assert len(seats) == 1
    seats.leave(new)
    assert not len(seats)


async def test_a_lower_generation_is_refused_for_good() -> None:
    seats, old = Seats(), FakeTunnel(5)
    await seats.take(old)
    for judge in (seats.take(FakeTunnel(4)),):
        with pytest.raises(TunnelRefused, match="newer session") as caught:
            await judge
        assert not caught.value.may_retry
    assert not old.reason


async def test_identities_do_not_touch_each_other_and_nobody_has_no_seat() -> None:
    seats = Seats()
    tunnels = [FakeTunnel(1, name) for name in ("a", "b", "", "")]
    for tunnel in tunnels:
        await seats.take(tunnel)
    assert len(seats) == 2
    assert not any(tunnel.reason for tunnel in tunnels)


async def test_in_a_storm_at_no_moment_two_are_live() -> None:
    seats = Seats()
    live: set[FakeTunnel] = set()
    highest = [0]

    async def come(generation: int, delay: int) -> None:
        for _ in range(delay):
            await trio.lowlevel.checkpoint()
        tunnel = FakeTunnel(generation)
        try:
            await seats.take(tunnel)
        except TunnelRefused:
            return
        live.difference_update({one for one in live if one.closed.is_set()})
        live.add(tunnel)
        assert len(live) == 1
        assert generation >= highest[0]
        highest[0] = generation

    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(come, number * 7 % 30, number * 11 % 23)
    assert highest == [29]
