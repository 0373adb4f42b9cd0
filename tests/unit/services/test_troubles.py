"""What fails every two seconds does not fill the log."""

from __future__ import annotations

from typing import Any

import structlog.testing
import trio
from trio.testing import MockClock

from conduit.services.troubles import EVERY, Trouble

WHAT = "the Manager does not answer"


async def test_the_first_failure_then_one_line_a_minute_with_the_count_then_the_end(autojump_clock: MockClock) -> None:
    trouble = Trouble(WHAT)
    with structlog.testing.capture_logs() as lines:
        for _ in range(91):  # three minutes
            trouble.failed("connection refused")
            await trio.sleep(2)
        trouble.over()
        trouble.over()
    assert [(line["event"], line["times"], line["seconds"]) for line in lines] == [
        (WHAT, 1, 0),
        (WHAT, 31, 60),
        (WHAT, 61, 120),
        (WHAT, 91, 180),
        (f"over: {WHAT}", 91, 182),
    ]
    assert lines[-1]["log_level"] == "info"


async def test_another_reason_is_told_at_once(autojump_clock: MockClock) -> None:
    trouble = Trouble(WHAT)
    with structlog.testing.capture_logs() as lines:
        for reason in ("refused", "refused", "revoked", "refused", "revoked"):
            trouble.failed(reason)
    assert reasons(lines) == ["refused", "revoked"]


async def test_what_comes_back_is_told_anew(autojump_clock: MockClock) -> None:
    trouble = Trouble(WHAT)
    with structlog.testing.capture_logs() as lines:
        trouble.over()  # nothing was wrong
        trouble.failed("a")
        trouble.over()
        trouble.failed("a")
        await trio.sleep(EVERY)
        trouble.failed("a")
    assert [line["times"] for line in lines] == [1, 1, 1, 2]


def reasons(lines: list[Any]) -> list[str]:
    return [line["reason"] for line in lines]
