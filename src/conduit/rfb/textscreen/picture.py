"""The picture of a terminal: rows of pixels, blue, green, red and a byte that means nothing."""

from __future__ import annotations

from typing import Final

from conduit.rfb.textscreen import font
from conduit.rfb.textscreen.colours import Cell, Rgb
from conduit.rfb.textscreen.terminal import Terminal

CURSOR_ROWS: Final = (13, 14)  # of a cell: the cursor is a line below the character
UNDERLINE_ROW: Final = 14
MAX_CACHED: Final = 4096  # cells whose pixels are kept

Pixels = tuple[bytes, ...]
"One byte string for each row of pixels."


class Picture:
    """Draws what has changed on *terminal* since it was last asked."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._cursor: tuple[int, int] | None = None
        self._cache: dict[Cell, Pixels] = {}

    @property
    def width(self) -> int:
        """Pixels."""
        return self._terminal.grid.columns * font.WIDTH

    @property
    def height(self) -> int:
        """Pixels."""
        return self._terminal.grid.rows * font.HEIGHT

    def draw(self) -> dict[int, bytes]:
        """Pixels of the rows of characters that look different, by the row of pixels where each begins."""
        grid = self._terminal.grid
        cursor = self._terminal.cursor
        if cursor != self._cursor:
            grid.dirty.update(place[0] for place in (cursor, self._cursor) if place is not None)
            self._cursor = cursor
        drawn = {row * font.HEIGHT: self._draw_row(row) for row in sorted(grid.dirty)}
        grid.dirty.clear()
        return drawn

    def redraw(self) -> dict[int, bytes]:
        """Everything."""
        self._terminal.grid.dirty.update(range(self._terminal.grid.rows))
        return self.draw()

    def _draw_row(self, number: int) -> bytes:
        cells = [self._pixels(cell) for cell in self._terminal.grid.row(number)]
        if self._cursor is not None and self._cursor[0] == number:
            column = self._cursor[1]
            cells[column] = _with_cursor(cells[column], self._terminal.grid.row(number)[column])
        return b"".join(b"".join(pixels[line] for pixels in cells) for line in range(font.HEIGHT))

    def _pixels(self, cell: Cell) -> Pixels:
        pixels = self._cache.get(cell)
        if pixels is None:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            pixels = self._cache[cell] = _draw_cell(cell)
        return pixels


def _pixel(colour: Rgb) -> bytes:
    red, green, blue = colour
    return bytes((blue, green, red, 0))


def _draw_cell(cell: Cell) -> Pixels:
    front, back = (_pixel(colour) for colour in cell.style.colours())
    glyph = font.glyph_of(cell.character)
    if cell.style.bold:
        glyph = font.bolder(glyph)
    rows = list(glyph)
    if cell.style.underlined:
        rows[UNDERLINE_ROW] = 0xFF
    return tuple(b"".join(front if row & bit else back for bit in _BITS) for row in rows)


_BITS: Final = tuple(0x80 >> column for column in range(font.WIDTH))


def _with_cursor(pixels: Pixels, cell: Cell) -> Pixels:
    line = _pixel(cell.style.colours()[0]) * font.WIDTH
    return tuple(line if row in CURSOR_ROWS else old for row, old in enumerate(pixels))
