"""Flow control in numbers: how much a peer may send, and how far a window may grow. Pure arithmetic.

A stream's window is :data:`FIRST_WINDOW` while nothing comes, and is opened to :data:`START_WINDOW` with the first
bytes where the budget allows, unless they are all that there is. It doubles up to :data:`LARGEST_WINDOW` while the
consumer keeps up and the window is what holds the sender back. The sum of all windows is what a peer can make us store;
the budget bounds it: when three quarters are granted windows stop growing, when seven eighths are they shrink as they
are used, and when all of it is new streams are refused. A stream that is gone keeps its share until what it brought has
been read.
"""

from __future__ import annotations

from typing import Final

from conduit.tunnel.frames import MAX_WINDOW

FIRST_WINDOW: Final = 64 << 10  # bytes; what every stream may send before it hears from us
START_WINDOW: Final = 1 << 20  # bytes
LARGEST_WINDOW: Final = 16 << 20  # bytes
DEFAULT_BUDGET: Final = 256 << 20  # bytes that the streams of one tunnel may be granted in sum
DEFAULT_WINDOW: Final = 65_535  # bytes, before anything is agreed (RFC 9113, section 6.9.2)
PROMPT: Final = 4.0  # round trips; a window used up faster than this holds the sender back


class Budget:
    """What all streams of a tunnel may be granted together, in bytes."""

    __slots__ = ("granted", "total")

    def __init__(self, total: int = DEFAULT_BUDGET) -> None:
        self.total = total
        self.granted = 0

    def take(self, size: int) -> bool:
        """Grant *size* bytes more, if there is room."""
        if self.granted + size > self.total:
            return False
        self.granted += size
        return True

    def give_back(self, size: int) -> None:
        """A window has shrunk or its stream is gone."""
        self.granted -= size

    @property
    def is_tight(self) -> bool:
        """Whether three quarters are granted: then windows neither start big nor grow."""
        return self.granted * 4 > self.total * 3

    @property
    def is_short(self) -> bool:
        """Whether seven eighths are granted: then windows shrink as they are used."""
        return self.granted * 8 > self.total * 7


class ConnectionWindow:
    """What the peer may send us on all streams together.

    It is larger than the budget, so that it never holds a stream back: streams do, each by its own window.
    """

    __slots__ = ("_consumed", "left", "size")

    def __init__(self, budget: Budget) -> None:
        self.size = min(budget.total + LARGEST_WINDOW, MAX_WINDOW)
        self.left = self.size
        "Bytes that the peer may still send."
        self._consumed = 0

    @property
    def first_increment(self) -> int:
        """What opens it from the size that HTTP/2 gives it."""
        return self.size - DEFAULT_WINDOW

    @property
    def owed(self) -> int:
        """Bytes that were consumed and not yet given back."""
        return self._consumed

    def consume(self, count: int) -> int:
        """Note that *count* bytes were taken or dropped; the increment to send now, perhaps 0."""
        self._consumed += count
        if self._consumed < LARGEST_WINDOW // 4:
            return 0
        increment, self._consumed = self._consumed, 0
        self.left += increment
        return increment


class ReceiveWindow:
    """What one peer may send us on one stream, and when to tell it that it may send more."""

    __slots__ = ("_budget", "_consumed", "_opened", "left", "size", "started")

    def __init__(self, budget: Budget, size: int = FIRST_WINDOW) -> None:
        self._budget = budget
        self.size = size
        "Bytes granted in all."
        self.left = size
        "Bytes that the peer may still send."
        self._consumed = 0
        self._opened = 0.0
        self.started = False
        "Whether anything has come."

    def start(self, now: float) -> None:
        """Note that the first byte has come."""
        self.started = True
        self._opened = now

    def open_up(self) -> int:
        """The increment that answers the first bytes, perhaps 0: an idle stream must not cost a large window."""
        more = START_WINDOW - self.size
        if self._budget.is_tight or not self._budget.take(more):
            return 0
        self.size += more
        self.left += more
        return more

    def receive(self, count: int) -> bool:
        """Note that *count* bytes have come; False when the peer may not have sent them."""
        self.left -= count
        return self.left >= 0

    def consume(self, count: int, now: float, round_trip: float) -> int:
        """Note that the consumer took *count* bytes; the increment to send now, perhaps 0.

        :param round_trip: seconds, as measured; 0 when it is not known yet.
        """
        self._consumed += count
        if self._consumed * 2 < self.size:
            return 0
        increment, self._consumed = self._consumed, 0
        # The time that a window lasts grows with the window: the threshold has to grow with it.
        prompt = now - self._opened < PROMPT * round_trip * self.size / START_WINDOW
        self._opened = now
        if self._budget.is_short:
            increment -= self._shrink(increment)
        elif prompt:
            increment += self._grow()
        self.left += increment
        return increment

    def close(self, unread: int) -> None:
        """The stream is gone; the *unread* bytes that it leaves behind go on being stored."""
        self._budget.give_back(self.size - unread)
        self.size = unread

    def release(self, count: int) -> None:
        """*count* bytes that a closed stream had left behind are gone."""
        self.size -= count
        self._budget.give_back(count)

    def _grow(self) -> int:
        """Double, where that is allowed; the bytes gained."""
        more = min(self.size, LARGEST_WINDOW - self.size)
        if more <= 0 or self._budget.is_tight or not self._budget.take(more):
            return 0
        self.size += more
        return more

    def _shrink(self, increment: int) -> int:
        """Keep back what was grown, as far as *increment* allows; the bytes lost."""
        surplus = max(min(self.size - START_WINDOW, increment - 1), 0)
        self.size -= surplus
        self._budget.give_back(surplus)
        return surplus
