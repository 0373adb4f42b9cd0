"""What fails again and again is told when it begins, once a minute with how often, and when it is over."""

from __future__ import annotations

from typing import Final

import structlog
import trio

EVERY: Final = 60.0  # seconds between two lines of one trouble
logger = structlog.get_logger(__name__)


class Trouble:
    """One thing that may fail.

    :param what: fails, in words that are the log's event.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._over = f"over: {what}"
        self._since: float | None = None
        self._told_at = 0.0
        self._told: set[str] = set()
        "Reasons that were told in this minute."
        self._times = 0

    def failed(self, reason: str) -> None:
        """Once more. A reason that was not told in this minute is told at once."""
        now = trio.current_time()
        self._times += 1
        if self._since is None:
            self._since = self._told_at = now
            self._told = set()
        elif now >= self._told_at + EVERY:
            self._told_at, self._told = now, set()
        if reason not in self._told:
            self._told.add(reason)
            logger.warning(self._what, reason=reason, times=self._times, seconds=round(now - self._since))

    def over(self) -> None:
        """It worked."""
        if self._since is None:
            return
        logger.info(self._over, times=self._times, seconds=round(trio.current_time() - self._since))
        self._since, self._times = None, 0
