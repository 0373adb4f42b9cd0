"""What a BMC said, and when: answers may be used again while they are young enough for who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

MAX_KINDS: Final = 32  # of answers in one cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Generic[T]):
    """Something that a BMC said."""

    value: T
    at: float
    "When, in seconds since 1970."
    asked_at: float
    "When the BMC was asked, on the monotonic clock: it is as old as that at most."
    ordinal: int
    "Its place among all questions and readings: clocks are too coarse to tell which came first."
    protocol: str


class Cache:
    """One answer of each kind."""

    def __init__(self) -> None:
        self._known: dict[str, Observed[Any]] = {}  # Any: each kind has its own type, which its reader knows

    def get(self, kind: str, *, after: int, since: float) -> Observed[Any] | None:
        """The answer, if the BMC was asked *after* that ordinal, or at *since* or later."""
        found = self._known.get(kind)
        if found is not None and (found.ordinal > after or found.asked_at >= since):
            return found
        return None

    def put(self, kind: str, found: Observed[Any]) -> None:
        """Remember the newest."""
        if kind in self._known or len(self._known) < MAX_KINDS:
            self._known[kind] = found

    def forget(self) -> None:
        """Everything may be different now."""
        self._known.clear()
