"""How much of what costs its sender nothing a peer may send: counts by kind, in intervals, against named limits.

Each is far above what an honest peer needs. Memory is bounded elsewhere; this bounds the work.
"""

from __future__ import annotations

from typing import Final

from conduit._machine import Label
from conduit.tunnel.frames import ErrorCode, Violation

INTERVAL: Final = 10.0  # seconds that a count lasts
SMALL_CREDIT: Final = 256  # bytes; a WINDOW_UPDATE of less is counted


class Nuisance(Label):
    """What is counted; the value says it to people."""

    PING = "PING frames"
    SETTINGS = "SETTINGS frames"
    RESET = "streams that were opened and reset without data"
    REFUSED = "streams beyond the limit"
    EMPTY = "DATA frames without data"
    CREDIT = "WINDOW_UPDATE frames of a few bytes"
    OTHER = "frames that say nothing"


LIMITS: Final = {
    Nuisance.PING: 1_000,
    Nuisance.SETTINGS: 100,
    Nuisance.RESET: 2_000,  # CVE-2023-44487
    Nuisance.REFUSED: 10_000,
    Nuisance.EMPTY: 1_000,
    Nuisance.CREDIT: 10_000,
    Nuisance.OTHER: 1_000,
}


class Floods:
    """The counts of one connection."""

    __slots__ = ("_counts", "_until")

    def __init__(self, now: float) -> None:
        self._until = now + INTERVAL
        self._counts = dict.fromkeys(LIMITS, 0)

    def count(self, what: Nuisance, now: float) -> None:
        """One more.

        :raises Violation: it is one too many.
        """
        if now >= self._until:
            self._until = now + INTERVAL
            self._counts = dict.fromkeys(LIMITS, 0)
        self._counts[what] += 1
        if self._counts[what] > LIMITS[what]:
            raise Violation(f"more than {LIMITS[what]} {what.value} in {INTERVAL:g} s", ErrorCode.ENHANCE_YOUR_CALM)
