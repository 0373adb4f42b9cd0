"""What a terminal can do: write, move, erase, scroll. What asks for it is in :mod:`conduit.rfb.textscreen.terminal`."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from conduit.rfb.textscreen.colours import BLANK, PLAIN, Cell, Style, restyle
from conduit.rfb.textscreen.grid import Grid

TAB: Final = 8  # columns
ASCII_SET: Final = "B"
LINES_SET: Final = "0"

# DEC's line drawing, selected by ESC ( 0.
LINE_DRAWING: Final = str.maketrans(
    "`afgjklmnopqrstuvwxyz{|}~",
    "◆▒°±┘┐┌└┼▔▔─▁▁├┤┴┬│≤≥π≠£·",
)

INSERT: Final = "4"
ORIGIN: Final = "?6"
WRAP: Final = "?7"
CURSOR: Final = "?25"
ALTERNATE: Final = "?1049"
_MODES: Final = frozenset((INSERT, ORIGIN, WRAP, CURSOR))
_SCREENS: Final = frozenset(("?47", "?1047", ALTERNATE))


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the next character goes, and how it looks: what ESC 7 keeps."""

    row: int = 0
    column: int = 0
    style: Style = PLAIN
    charsets: tuple[str, str] = (ASCII_SET, ASCII_SET)
    shift: int = 0
    "Which of the two character sets is in use."


class Screen:
    """Cells, a cursor, and the settings that decide what happens to them. Counts are 1 or more."""

    def __init__(self, columns: int, rows: int) -> None:
        self.grid = Grid(columns, rows)
        self.bells = 0
        "How often it has rung."
        self.reset()

    def reset(self) -> None:
        """As if switched on: all is blank."""
        self.grid.fill_rows(0, self.grid.rows)
        self._row = self._column = 0
        self._style = PLAIN
        self._charsets, self._shift = (ASCII_SET, ASCII_SET), 0
        self._saved = Saved()
        self._wraps = False  # the last column is taken, and the next character goes to the next line
        self._top, self._bottom = 0, self.grid.rows
        self._tabs = set(range(TAB, self.grid.columns, TAB))
        self._modes = {INSERT: False, ORIGIN: False, WRAP: True, CURSOR: True}
        self._last = " "

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Row and column of the cursor, from 0, or None where it is hidden."""
        return (self._row, self._column) if self._modes[CURSOR] else None

    # --- writing ---

    def write(self, text: str) -> None:
        """Characters, from the cursor on."""
        if self._charsets[self._shift] == LINES_SET:
            text = text.translate(LINE_DRAWING)
        if not text.isascii():
            text = "".join(map(_in_columns, text))
        if text:
            self._last = text[-1]
            self._write_cells(text)

    def _write_cells(self, text: str) -> None:
        grid = self.grid
        while text:
            if self._wraps:
                self.next_line()
            room = grid.columns - self._column
            piece, text = text[:room], text[room:]
            if text and not self._modes[WRAP]:
                piece, text = piece[:-1] + text[-1], ""
            if self._modes[INSERT]:
                grid.insert(self._row, self._column, len(piece), self._blank)
            grid.put(self._row, self._column, [Cell(character, self._style) for character in piece])
            self._column += len(piece)
            if self._column == grid.columns:
                self._column -= 1
                self._wraps = self._modes[WRAP]

    def repeat(self, count: int) -> None:
        """The last character once more, or more often."""
        self._write_cells(self._last * min(count, self.grid.columns * self.grid.rows))

    @property
    def _blank(self) -> Cell:
        """What is left where something is erased: the background stays."""
        background = self._style.background
        return BLANK if background == PLAIN.background else Cell(" ", PLAIN._replace(background=background))

    # --- moving ---

    def move(self, row: int | None = None, column: int | None = None) -> None:
        """To a place on the screen, from 0; None stays."""
        row, column = self._row if row is None else row, self._column if column is None else column
        self._row = max(0, min(row, self.grid.rows - 1))
        self._column = max(0, min(column, self.grid.columns - 1))
        self._wraps = False

    def go(self, *, down: int = 0, right: int = 0) -> None:
        """Relative to where it is; the scrolling region holds whoever is inside."""
        top = self._top if self._row >= self._top else 0
        bottom = self._bottom if self._row < self._bottom else self.grid.rows
        self.move(max(top, min(self._row + down, bottom - 1)), self._column + right)

    def address(self, row: int, column: int | None = None) -> None:
        """With origin mode, rows count from the top of the scrolling region, and stay in it."""
        self.move(min(row + self._top, self._bottom - 1) if self._modes[ORIGIN] else row, column)

    def line_feed(self) -> None:
        """Down, or everything up."""
        self._wraps = False
        if self._row == self._bottom - 1:
            self.scroll(1)
        else:
            self.move(self._row + 1)

    def reverse_line_feed(self) -> None:
        """Up, or everything down."""
        self._wraps = False
        if self._row == self._top:
            self.scroll(-1)
        else:
            self.move(self._row - 1)

    def next_line(self) -> None:
        """To the beginning of the next line."""
        self.carriage_return()
        self.line_feed()

    def carriage_return(self) -> None:
        """To the beginning of the line."""
        self.move(column=0)

    def tab(self, count: int = 1) -> None:
        """To the next stop, or a later one."""
        stops = sorted(stop for stop in self._tabs if stop > self._column)[:count]
        self.move(column=stops[-1] if len(stops) == count else self.grid.columns - 1)

    def back_tab(self, count: int) -> None:
        """To the stop before, or an earlier one."""
        stops = sorted((stop for stop in self._tabs if stop < self._column), reverse=True)[:count]
        self.move(column=stops[-1] if len(stops) == count else 0)

    def save(self) -> None:
        """Remember where it is."""
        self._saved = Saved(self._row, self._column, self._style, self._charsets, self._shift)

    def restore(self) -> None:
        """Go back there."""
        saved = self._saved
        self.move(saved.row, saved.column)
        self._style, self._charsets, self._shift = saved.style, saved.charsets, saved.shift

    # --- erasing, inserting, scrolling ---

    def erase_display(self, how: int) -> None:
        """From the cursor on (0), up to it (1) or all (2)."""
        grid, blank = self.grid, self._blank
        if how == 0:
            self.erase_line(0)
            grid.fill_rows(self._row + 1, grid.rows, blank)
        elif how == 1:
            grid.fill_rows(0, self._row, blank)
            self.erase_line(1)
        elif how == 2:
            self._wraps = False
            grid.fill_rows(0, grid.rows, blank)

    def erase_line(self, how: int) -> None:
        """From the cursor on (0), up to it (1) or all (2)."""
        if how in (0, 1, 2):
            self._wraps = False
            start = 0 if how else self._column
            end = self._column + 1 if how == 1 else self.grid.columns
            self.grid.fill(self._row, start, end, self._blank)

    def erase_characters(self, count: int) -> None:
        """From the cursor on; the rest of the line stays where it is."""
        self.grid.fill(self._row, self._column, min(self._column + count, self.grid.columns), self._blank)

    def insert_characters(self, count: int) -> None:
        """Make room at the cursor."""
        self.grid.insert(self._row, self._column, count, self._blank)

    def delete_characters(self, count: int) -> None:
        """Close up at the cursor."""
        self.grid.delete(self._row, self._column, count, self._blank)

    def scroll_lines(self, count: int) -> None:
        """Delete lines at the cursor, or insert (negative), if it is in the scrolling region."""
        if self._top <= self._row < self._bottom:
            self.grid.scroll(self._row, self._bottom, count, self._blank)
            self.carriage_return()

    def scroll(self, count: int) -> None:
        """Move the scrolling region up, or down (negative)."""
        self.grid.scroll(self._top, self._bottom, count, self._blank)

    def align(self) -> None:
        """E everywhere: DEC's test of a tube's alignment."""
        self.grid.fill_rows(0, self.grid.rows, Cell("E"))
        self._top, self._bottom = 0, self.grid.rows
        self.move(0, 0)

    # --- settings ---

    def ring(self) -> None:
        """The bell."""
        self.bells += 1

    def set_tab(self) -> None:
        """A stop at the cursor."""
        self._tabs.add(self._column)

    def clear_tabs(self, which: int) -> None:
        """The stop at the cursor (0), or all (3)."""
        if which == 3:
            self._tabs.clear()
        elif which == 0:
            self._tabs.discard(self._column)

    def set_charset(self, number: int, charset: str) -> None:
        """What a character set is, by its final character."""
        g0, g1 = self._charsets
        self._charsets = (g0, charset) if number else (charset, g1)

    def set_shift(self, number: int) -> None:
        """Which character set is in use, 0 or 1."""
        self._shift = number

    def set_style(self, parameters: tuple[int, ...]) -> None:
        """How characters look from now on (SGR)."""
        self._style = restyle(self._style, parameters)

    def set_region(self, top: int, bottom: int) -> None:
        """The lines that scroll, from 1; 0 is the first and the last."""
        top, bottom = max(top, 1) - 1, min(bottom or self.grid.rows, self.grid.rows)
        if top + 1 < bottom:
            self._top, self._bottom = top, bottom
            self.address(0, 0)

    def set_mode(self, mode: str, *, on: bool) -> None:
        """One of the modes, with ``?`` where it is DEC's own; an unknown one changes nothing."""
        if mode in _SCREENS:
            self._switch_screen(mode, on=on)
        elif mode in _MODES:
            self._modes[mode] = on
            if mode == ORIGIN:
                self.address(0, 0)

    def _switch_screen(self, mode: str, *, on: bool) -> None:
        """Full-screen programs ask for a screen of their own; there is only one, which is cleared for them."""
        if mode == ALTERNATE and on:
            self.save()
        self.grid.fill_rows(0, self.grid.rows)
        if mode == ALTERNATE and not on:
            self.restore()


def _in_columns(character: str) -> str:
    """What takes one column for each character: wide ones get a space behind them, marks that combine are left out."""
    if unicodedata.combining(character):
        return ""
    return character + " " if unicodedata.east_asian_width(character) in "WF" else character
