"""Which stream's time is up next: one queue for all streams of a tunnel, in place of a task for each."""

from __future__ import annotations

import heapq
import math
from typing import Final

from conduit.tunnel.streams import MuxStream

SLACK: Final = 64  # entries of closed streams that may stay in the queue whatever its size


class DeadlineQueue:
    """Streams by deadline. Those that closed are dropped when they come up, or when they are more than half."""

    __slots__ = ("_entries", "_room", "_serial")

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, MuxStream]] = []
        self._serial = 0  # decides between equal deadlines
        self._room = SLACK

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, stream: MuxStream, when: float) -> None:
        """*stream* is to end at *when*."""
        if len(self._entries) >= self._room:
            self._entries = [entry for entry in self._entries if not entry[2].is_closed]
            heapq.heapify(self._entries)
            self._room = 2 * len(self._entries) + SLACK
        self._serial += 1
        heapq.heappush(self._entries, (when, self._serial, stream))

    def next_deadline(self) -> float:
        """When to call :meth:`take_expired`; infinite when nothing waits."""
        entries = self._entries
        while entries and entries[0][2].is_closed:
            heapq.heappop(entries)
        return entries[0][0] if entries else math.inf

    def take_expired(self, now: float) -> list[MuxStream]:
        """Open streams whose time is up; each is handed out once."""
        expired: list[MuxStream] = []
        while self.next_deadline() <= now:
            expired.append(heapq.heappop(self._entries)[2])
        return expired
