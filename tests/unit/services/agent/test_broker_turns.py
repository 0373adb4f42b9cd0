from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.services.agent.broker_queue import QueueFullError
from conduit.services.agent.broker_turns import Turns


def turns(per_tenant: int = 16, in_all: int = 64) -> Turns:
    return Turns(per_tenant=per_tenant, in_all=in_all)


async def test_one_at_a_time(autojump_clock: MockClock) -> None:
    both, busy, most = turns(), 0, 0

    async def work(tenant: str) -> None:
        nonlocal busy, most
        async with both.turn(tenant):
            busy += 1
            most = max(most, busy)
            await trio.sleep(1)
            busy -= 1

    async with trio.open_nursery() as nursery:
        for tenant in "aabb":
            nursery.start_soon(work, tenant)
    assert most == 1
    assert not both.taken


async def test_flood_of_one_tenant_delays_another_by_one_operation(autojump_clock: MockClock) -> None:
    both, order = turns(), []

    async def work(tenant: str) -> None:
        async with both.turn(tenant):
            order.append(tenant)
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for _ in range(17):
            nursery.start_soon(work, "flood")
        await trio.sleep(0.5)
        for _ in range(3):
            nursery.start_soon(work, "quiet")
    quiet = [place for place, tenant in enumerate(order) if tenant == "quiet"]
    assert quiet == [2, 4, 6]


async def test_full_queue_refuses(autojump_clock: MockClock) -> None:
    both = turns(per_tenant=1, in_all=1)
    async with both.turn("a"), trio.open_nursery() as nursery:
        nursery.start_soon(both.take, "a")
        await wait_all_tasks_blocked()
        with pytest.raises(QueueFullError):
            await both.take("a")
        assert len(both) == 1
        nursery.cancel_scope.cancel()
    assert len(both) == 0


async def test_who_is_cancelled_in_the_moment_of_its_turn_passes_it_on() -> None:
    both, got = turns(), []
    scope = trio.CancelScope()

    async def visit(tenant: str, scope: trio.CancelScope) -> None:
        with scope:
            async with both.turn(tenant):
                got.append(tenant)

    await both.take("owner")
    async with trio.open_nursery() as nursery:
        for tenant, its in (("a", scope), ("b", trio.CancelScope())):
            nursery.start_soon(visit, tenant, its)
            await wait_all_tasks_blocked()
        scope.cancel()
        both.release()  # to the first one, who has not run since
    assert got == ["b"]
    assert not both.taken


async def test_who_is_cancelled_just_after_has_had_its_turn() -> None:
    both = turns()
    await both.take("owner")
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(_release_then_cancel, both, scope)
            async with both.turn("a"):
                await trio.lowlevel.checkpoint()
    assert not both.taken


async def _release_then_cancel(both: Turns, scope: trio.CancelScope) -> None:
    await wait_all_tasks_blocked()
    both.release()
    scope.cancel()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3), st.floats(0, 3)), max_size=12))
def test_turn_is_never_lost_whoever_is_cancelled(visits: list[tuple[str, float, float]]) -> None:
    async def main() -> None:
        both = turns()

        async def visit(tenant: str, start: float, patience: float) -> None:
            await trio.sleep(start)
            with trio.move_on_after(patience):
                async with both.turn(tenant):
                    await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            for one in visits:
                nursery.start_soon(visit, *one)
        assert not both.taken
        assert len(both) == 0

    trio.run(main, clock=MockClock(autojump_threshold=0))
