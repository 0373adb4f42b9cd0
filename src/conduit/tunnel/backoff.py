"""How long to wait before dialling again: full jitter, so that a thousand Agents do not come back at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

FIRST: Final = 0.1  # seconds, at most, before the second try
LONGEST: Final = 30.0  # seconds, at most, before any
HEALTHY: Final = 60.0  # seconds that a tunnel lasts for the pauses to start over


class Backoff:
    """Pauses are random between 0 and a bound that doubles with each failure.

    :param entropy: a random number from 0 to 1, each time.
    """

    def __init__(
        self, entropy: Callable[[], float], *, first: float = FIRST, longest: float = LONGEST, healthy: float = HEALTHY
    ) -> None:
        self._entropy = entropy
        self._first = first
        self._longest = longest
        self._healthy = healthy
        self._bound = first
        self._since = math.inf  # when the tunnel came up; infinite while there is none

    def connected(self, now: float) -> None:
        """There is a tunnel."""
        self._since = now

    def failed(self, now: float, *, hopeless: bool = False) -> float:
        """It is lost, or there was none: seconds to wait.

        :param hopeless: whether trying again soon is of no use.
        """
        if now - self._since >= self._healthy:
            self._bound = self._first
        self._since = math.inf
        if hopeless:
            self._bound = self._longest
        pause = self._entropy() * self._bound
        self._bound = min(2 * self._bound, self._longest)
        return pause
