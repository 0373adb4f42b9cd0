from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import CallError
from conduit.services.agent.broker_repeats import LIFETIME, MAX_KEYS, Progress, RepeatKey, Repeats
from conduit.tunnel.call_frames import Code

KEY = RepeatKey("acme", "RESET", "k1")


class Work:
    """Takes a second, half of it before it begins."""

    def __init__(self, error: Exception | None = None, *, begins: bool = True) -> None:
        self.times = 0
        self.ended = 0
        self._error = error
        self._begins = begins

    async def __call__(self, progress: Progress) -> str:
        self.times += 1
        try:
            await trio.sleep(0.5)
            if self._begins:
                progress.begin()
            await trio.sleep(0.5)
        finally:
            self.ended += 1
        if self._error is not None:
            raise self._error
        return f"answer {self.times}"


async def test_who_comes_meanwhile_and_who_comes_later_get_the_same(autojump_clock: MockClock) -> None:
    work, answers = Work(), []
    async with trio.open_nursery() as nursery:
        repeats: Repeats[str] = Repeats(nursery)

        async def ask() -> None:
            answers.append(await repeats.once(KEY, b"", work))

        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.sleep(LIFETIME)
        await ask()
        await trio.sleep(LIFETIME)
        await ask()
    assert answers == ["answer 1", "answer 1", "answer 1", "answer 2"]


async def test_caller_who_leaves_before_it_begins_takes_it_back(autojump_clock: MockClock) -> None:
    work = Work()
    async with trio.open_nursery() as nursery:
        repeats: Repeats[str] = Repeats(nursery)
        with trio.move_on_after(0.3):
            await repeats.once(KEY, b"", work)
        assert len(repeats) == 0
        await wait_all_tasks_blocked()
        assert work.ended == 1
        assert await repeats.once(KEY, b"", work) == "answer 2"


async def test_what_began_goes_on_without_its_caller(autojump_clock: MockClock) -> None:
    work = Work()
    async with trio.open_nursery() as nursery:
        repeats: Repeats[str] = Repeats(nursery)
        with trio.move_on_after(0.7):
            await repeats.once(KEY, b"", work)
        assert await repeats.once(KEY, b"", work) == "answer 1"


async def test_failure_before_it_begins_may_be_tried_again_and_one_after_that_not(autojump_clock: MockClock) -> None:
    error = CallError(Code.UNAVAILABLE, "the BMC does not answer")
    for begins, times in ((False, 2), (True, 1)):
        work = Work(error, begins=begins)
        async with trio.open_nursery() as nursery:
            repeats: Repeats[str] = Repeats(nursery)
            for _ in range(2):
                with pytest.raises(CallError, match="does not answer"):
                    await repeats.once(KEY, b"", work)
        assert work.times == times


async def test_fault_of_ours_is_logged_and_not_told(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with trio.open_nursery() as nursery:
        repeats: Repeats[str] = Repeats(nursery)
        with caplog.at_level(logging.CRITICAL), pytest.raises(CallError) as caught:
            await repeats.once(KEY, b"", Work(ZeroDivisionError("secret")))
    assert caught.value.code == Code.INTERNAL
    assert "secret" not in caught.value.message


async def test_broker_that_ends_says_so(autojump_clock: MockClock) -> None:
    errors = []
    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
        repeats: Repeats[str] = Repeats(nursery)

        async def ask() -> None:
            try:
                await repeats.once(KEY, b"", Work())
            except CallError as error:
                errors.append(error.code)

        outer.start_soon(ask)
        await trio.sleep(0.2)
        nursery.cancel_scope.cancel()
    assert errors == [Code.UNAVAILABLE]


async def test_keys_have_limits(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        repeats: Repeats[str] = Repeats(nursery)
        for key in ("", "k" * 129):
            with pytest.raises(CallError) as caught:
                await repeats.once(RepeatKey("acme", "RESET", key), b"", Work())
            assert caught.value.code == Code.INVALID_ARGUMENT
        for number in range(MAX_KEYS):
            await repeats.once(RepeatKey("acme", "RESET", str(number)), b"", Work())
        with pytest.raises(CallError) as caught:
            await repeats.once(RepeatKey("acme", "RESET", "more"), b"", Work())
        assert caught.value.code == Code.RESOURCE_EXHAUSTED
        await repeats.once(RepeatKey("other", "RESET", "1"), b"", Work())
