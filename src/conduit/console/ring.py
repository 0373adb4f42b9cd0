"""What a console said last, by offset: the bytes that are kept, and where something is missing between them.

Readers have places in it and are not known to it. A place is an offset and the number of the next mark, as marks have
no bytes; so each reader sees each mark once, and between the bytes where it belongs.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from conduit.console.messages import Gap, Output
from conduit.console.words import Cause
from conduit.errors import LocalProtocolError

CAPACITY: Final = 256 << 10  # bytes kept, by default
MAX_MARKS: Final = 256  # kept; of more the oldest go


class Place(NamedTuple):
    """Where a reader is."""

    offset: int
    mark: int
    "Number of the next mark, counted from the first that the ring ever had."


class Ring:
    """The last bytes, each at its offset.

    :param capacity: how many.
    :param start: offset of the first byte to come.
    """

    __slots__ = ("_capacity", "_data", "_marks", "_marks_gone", "oldest")

    def __init__(self, capacity: int = CAPACITY, *, start: int = 0) -> None:
        if capacity < 1:
            raise LocalProtocolError("a ring keeps a byte at least")
        self._capacity = capacity
        self._data = bytearray()
        self._marks: deque[Gap] = deque()
        self._marks_gone = 0
        self.oldest = start
        "Offset of the first byte that is kept."

    def __len__(self) -> int:
        return len(self._data)

    @property
    def live(self) -> int:
        """Offset of the next byte to come."""
        return self.oldest + len(self._data)

    def write(self, data: bytes) -> None:
        """More was said; the oldest goes."""
        self._data += data
        self._trim()

    def resize(self, capacity: int) -> None:
        """Keep so many from now on."""
        if capacity < 1:
            raise LocalProtocolError("a ring keeps a byte at least")
        self._capacity = capacity
        self._trim()

    def forget(self) -> None:
        """Keep nothing of what was said so far; offsets go on."""
        self.oldest = self.live
        self._data.clear()
        self._marks_gone += len(self._marks)
        self._marks.clear()

    def mark(self, cause: Cause, *, milliseconds: int | None = None) -> None:
        """Something is missing here, nobody knows how much."""
        self._marks.append(Gap(at=self.live, ms=milliseconds, cause=cause))
        if len(self._marks) > MAX_MARKS:
            self._forget_mark()

    def _trim(self) -> None:
        surplus = len(self._data) - self._capacity
        if surplus > 0:
            del self._data[:surplus]
            self.oldest += surplus
            while self._marks and self._marks[0].at < self.oldest:
                self._forget_mark()

    def _forget_mark(self) -> None:
        self._marks.popleft()
        self._marks_gone += 1

    def place(self, offset: int) -> Place:
        """A reader that has everything before *offset*. A mark that is just there is told, perhaps once more.

        :raises LocalProtocolError: there is no such byte yet.
        """
        if not 0 <= offset <= self.live:
            raise LocalProtocolError(f"offset {offset} is not yet reached")
        before = sum(mark.at < offset for mark in self._marks)
        return Place(offset, self._marks_gone + before)

    def recent(self, count: int) -> Place:
        """A reader that wants the last *count* bytes, or as many as there are."""
        return self.place(max(self.oldest, self.live - max(count, 0)))

    def has_more(self, place: Place) -> bool:
        """Whether there is something to read."""
        return place.offset < self.live or place.mark < self._marks_gone + len(self._marks)

    def read(self, place: Place, most: int) -> tuple[Output | Gap | None, Place]:
        """What is next for a reader, *most* bytes of it at most, and where it is then.

        Bytes that are gone are a gap, whose cause is the reader's to say: here it is ``slow``.
        """
        if place.offset < self.oldest:
            missing = Gap(at=place.offset, bytes=self.oldest - place.offset, cause=Cause.SLOW)
            return missing, Place(self.oldest, max(place.mark, self._marks_gone))
        number = max(place.mark, self._marks_gone)
        end = self.live
        if number < self._marks_gone + len(self._marks):
            mark = self._marks[number - self._marks_gone]
            if mark.at <= place.offset:
                return mark, Place(place.offset, number + 1)
            end = mark.at
        end = min(end, place.offset + most)
        if end == place.offset:
            return None, place
        with memoryview(self._data) as view:
            data = bytes(view[place.offset - self.oldest : end - self.oldest])
        return Output(place.offset, data), Place(end, number)
