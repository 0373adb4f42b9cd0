"""Work that is handed to threads together."""

from __future__ import annotations

import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from conduit.services.manager.turns import MOST, Turns


async def test_what_waits_for_the_only_thread_is_done_in_one_trip_in_order() -> None:
    turns, go, done = Turns(1), threading.Event(), list[tuple[int, int]]()

    async def ask(number: int) -> None:
        def work() -> int:
            if number == 0:
                go.wait(5)
            done.append((number, threading.get_ident()))
            return number

        assert await turns.run(work) == number

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, 0)
        await wait_all_tasks_blocked()
        for number in range(1, MOST + 3):
            nursery.start_soon(ask, number)
            await wait_all_tasks_blocked()
        go.set()
    assert [number for number, _ in done] == list(range(MOST + 3))


@pytest.mark.parametrize("threads", [1, 2, 8])
async def test_everybody_gets_their_own_result_in_whatever_order_they_come(threads: int) -> None:
    turns = Turns(threads)

    async def ask(number: int) -> None:
        for _ in range(5):
            assert await turns.run(lambda: number) == number

    async with trio.open_nursery() as nursery:
        for number in range(3 * MOST):
            nursery.start_soon(ask, number)


async def test_each_gets_its_own_failure_and_one_that_is_cancelled_is_not_begun() -> None:
    turns, go, begun = Turns(1), threading.Event(), list[str]()
    cancelled = trio.CancelScope()

    async def fail(text: str) -> None:
        def work() -> None:
            begun.append(text)
            go.wait(5)
            raise ValueError(text)

        with pytest.raises(ValueError, match=text):
            await turns.run(work)

    async def never() -> None:
        with cancelled:
            await turns.run(lambda: begun.append("never"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, "one")
        await wait_all_tasks_blocked()
        nursery.start_soon(never)
        nursery.start_soon(fail, "two")
        await wait_all_tasks_blocked()
        cancelled.cancel()
        await wait_all_tasks_blocked()
        go.set()
    assert begun == ["one", "two"]


async def test_several_threads_work_side_by_side() -> None:
    turns, both = Turns(2), threading.Barrier(2)

    async def meet() -> None:
        await turns.run(lambda: both.wait(5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(meet)
        nursery.start_soon(meet)
