"""What of a picture has changed since a viewer saw it: a bit for each square of sixteen pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from conduit.rfb.messages import Area

SQUARE: Final = 16  # pixels


class Damage:
    """Squares that have changed. Its size is that of the picture, however much changes."""

    __slots__ = ("_height", "_rows", "_width")

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._rows = [0] * -(-height // SQUARE)  # a number for each row of squares, a bit for each square

    def __bool__(self) -> bool:
        return any(self._rows)

    def add(self, areas: Iterable[Area]) -> None:
        """These have changed; what is outside the picture has not."""
        for x, y, width, height in areas:
            right, bottom = min(x + width, self._width), min(y + height, self._height)
            if x < right and y < bottom:
                first, last = x // SQUARE, (right - 1) // SQUARE
                bits = (1 << last + 1) - (1 << first)
                for row in range(y // SQUARE, (bottom - 1) // SQUARE + 1):
                    self._rows[row] |= bits

    def touches(self, wanted: Area) -> bool:
        """Whether anything of *wanted* has changed."""
        return any(self._within(wanted))

    def take(self, wanted: Area) -> list[Area]:
        """What of *wanted* has changed, in whole squares, and is no longer damaged."""
        found = self._within(wanted)
        self._rows = [mine & ~theirs for mine, theirs in zip(self._rows, found, strict=True)]
        return list(self._areas(found))

    def _within(self, wanted: Area) -> list[int]:
        """The rows of squares, with what is in *wanted*."""
        only = Damage(self._width, self._height)
        only.add([wanted])
        return [mine & theirs for mine, theirs in zip(self._rows, only._rows, strict=True)]

    def _areas(self, rows: list[int]) -> Iterator[Area]:
        """Rectangles that cover the squares: what is the same in rows one below the other is one."""
        top = 0
        for row in range(1, len(rows) + 1):
            if row == len(rows) or rows[row] != rows[top]:
                y = top * SQUARE
                height = min(row * SQUARE, self._height) - y
                for x, width in self._runs(rows[top]):
                    yield Area(x, y, width, height)
                top = row

    def _runs(self, bits: int) -> Iterator[tuple[int, int]]:
        """Where neighbouring squares begin, and how wide they are together, in pixels."""
        while bits:
            first = (bits & -bits).bit_length() - 1
            length = ((bits >> first) + 1 & ~(bits >> first)).bit_length() - 1
            bits &= ~((1 << first + length) - (1 << first))
            x = first * SQUARE
            yield x, min((first + length) * SQUARE, self._width) - x
