"""The circuit breaker of one endpoint: a BMC that keeps failing is left alone for a while, then tried by one operation.

It touches no clock: the caller says what time it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conduit._machine import Label


class BreakerState(Label):
    """Whether operations go through."""

    CLOSED = "closed"
    "They do."
    OPEN = "open"
    "They do not, until a pause is over."
    HALF_OPEN = "half-open"
    "One does, and decides."


class Happening(Label):
    """What moves a breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    "One of those that are put up with."
    LAST_STRAW = "last straw"
    "A failure too many, or one that must not be repeated soon, as a refused password is."
    TRIAL = "trial"
    "An operation wants through after the pause."
    ABANDONED = "abandoned"
    "The trial ended without a verdict: its caller went away."


# Every legal move; a pair that is absent changes nothing.
TRANSITIONS: Final[Mapping[tuple[BreakerState, Happening], BreakerState]] = {
    (BreakerState.CLOSED, Happening.LAST_STRAW): BreakerState.OPEN,
    (BreakerState.OPEN, Happening.TRIAL): BreakerState.HALF_OPEN,
    (BreakerState.OPEN, Happening.SUCCESS): BreakerState.CLOSED,  # of one that began before
    (BreakerState.OPEN, Happening.LAST_STRAW): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Happening.SUCCESS): BreakerState.CLOSED,
    (BreakerState.HALF_OPEN, Happening.FAILURE): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Happening.LAST_STRAW): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Happening.ABANDONED): BreakerState.OPEN,
}


class Breaker:
    """See the module.

    :param failures: in a row that open it.
    :param pause: seconds that it stays open; twice as long after each trial that fails.
    :param longest_pause: seconds, at most.
    """

    def __init__(self, *, failures: int, pause: float, longest_pause: float) -> None:
        self._limit = failures
        self._first_pause = pause
        self._longest_pause = longest_pause
        self._pause = pause
        self.state = BreakerState.CLOSED
        self.failures = 0
        "In a row."
        self.retry_at = 0.0
        "When an open one lets a trial through, on the caller's clock."

    def admits(self, now: float) -> bool:
        """Whether :meth:`enter` would succeed."""
        return self.state is BreakerState.CLOSED or (self.state is BreakerState.OPEN and now >= self.retry_at)

    def enter(self, now: float) -> bool:
        """Whether an operation may go through; exactly one of the verdicts below must follow if so."""
        if not self.admits(now):
            return False
        self._move(Happening.TRIAL)
        return True

    def succeed(self) -> None:
        """It worked."""
        self._move(Happening.SUCCESS)
        self.failures = 0
        self._pause = self._first_pause

    def fail(self, now: float, *, grave: bool = False) -> None:
        """It did not.

        :param grave: once is enough.
        """
        self.failures += 1
        straw = grave or self.failures >= self._limit
        if self._move(Happening.LAST_STRAW if straw else Happening.FAILURE):
            pause = self._longest_pause if grave else self._pause
            self.retry_at = now + pause
            self._pause = min(self._pause * 2, self._longest_pause)

    def abandon(self, now: float) -> None:
        """Nobody knows: the next one may try at once."""
        if self._move(Happening.ABANDONED):
            self.retry_at = now

    def _move(self, happening: Happening) -> bool:
        target = TRANSITIONS.get((self.state, happening))
        if target is not None:
            self.state = target
        return target is not None
