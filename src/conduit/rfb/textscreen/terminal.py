"""A terminal of 80 by 25 characters: what is written to it, and what is to be seen on it.

It understands what firmware, boot loaders, kernels and full-screen programs write (a VT220 with colours and UTF-8). It
answers nothing: whoever sits at the other end of the serial line does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from conduit.rfb.textscreen.grid import Grid
from conduit.rfb.textscreen.parser import Action, Control, Csi, Escape, Parser, Text
from conduit.rfb.textscreen.screen import Screen

COLUMNS: Final = 80
ROWS: Final = 25


class Terminal:
    """Bytes in; :attr:`grid`, :attr:`cursor` and :attr:`bells` are what there is to see and hear."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self._parser = Parser()
        self._screen = Screen(columns, rows)

    def reset(self) -> None:
        """As if switched on: all is blank."""
        self._parser = Parser()
        self._screen.reset()

    def receive(self, data: bytes) -> None:
        """The machine has written this."""
        for action in self._parser.receive(data):
            self._do(action)

    @property
    def grid(self) -> Grid:
        """The characters."""
        return self._screen.grid

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Row and column of the cursor, from 0, or None where it is hidden."""
        return self._screen.cursor

    @property
    def bells(self) -> int:
        """How often it has rung."""
        return self._screen.bells

    def text(self) -> str:
        """What is to be read, a line for each row."""
        return self.grid.text()

    def _do(self, action: Action) -> None:
        screen = self._screen
        if isinstance(action, Text):
            screen.write(action.text)
        elif isinstance(action, Control):
            if action.character in _CONTROLS:
                _CONTROLS[action.character](screen)
        elif isinstance(action, Escape):
            self._escape(action.name)
        else:
            self._sequence(action)

    def _escape(self, name: str) -> None:
        if name in _ESCAPES:
            _ESCAPES[name](self._screen)
        elif name[0] in _CHARSETS and len(name) == 2:
            self._screen.set_charset(_CHARSETS.index(name[0]), name[1])

    def _sequence(self, action: Csi) -> None:
        screen, parameters = self._screen, action.parameters
        first, second = (*parameters, 0, 0)[:2]
        if action.name in _COUNTS:
            _COUNTS[action.name](screen, first or 1)
        elif action.name in _CHOICES:
            _CHOICES[action.name](screen, first)
        elif action.name in _ADDRESSES:
            screen.address((first or 1) - 1, (second or 1) - 1)
        elif action.name == "m":
            screen.set_style(parameters)
        elif action.name == "r":
            screen.set_region(first, second)
        elif action.name in _MODES:
            for number in parameters:
                screen.set_mode(f"{action.name[:-1]}{number}", on=action.name[-1] == "h")


_ADDRESSES: Final = frozenset("Hf")
_MODES: Final = frozenset(("h", "l", "?h", "?l"))
_CHARSETS: Final = "()"

_CONTROLS: Final[Mapping[str, Callable[[Screen], None]]] = {
    "\a": Screen.ring,
    "\b": lambda screen: screen.go(right=-1),
    "\t": Screen.tab,
    "\n": Screen.line_feed,
    "\v": Screen.line_feed,
    "\f": Screen.line_feed,
    "\r": Screen.carriage_return,
    "\x0e": lambda screen: screen.set_shift(1),
    "\x0f": lambda screen: screen.set_shift(0),
    "\x84": Screen.line_feed,
    "\x85": Screen.next_line,
    "\x88": Screen.set_tab,
    "\x8d": Screen.reverse_line_feed,
}

_ESCAPES: Final[Mapping[str, Callable[[Screen], None]]] = {
    "7": Screen.save,
    "8": Screen.restore,
    "D": Screen.line_feed,
    "E": Screen.next_line,
    "H": Screen.set_tab,
    "M": Screen.reverse_line_feed,
    "c": Screen.reset,
    "#8": Screen.align,
}

# Sequences with a number that is 1 where it is missing or 0.
_COUNTS: Final[Mapping[str, Callable[[Screen, int], None]]] = {
    "@": Screen.insert_characters,
    "A": lambda screen, count: screen.go(down=-count),
    "B": lambda screen, count: screen.go(down=count),
    "C": lambda screen, count: screen.go(right=count),
    "D": lambda screen, count: screen.go(right=-count),
    "E": lambda screen, count: screen.go(down=count, right=-screen.grid.columns),
    "F": lambda screen, count: screen.go(down=-count, right=-screen.grid.columns),
    "G": lambda screen, column: screen.move(column=column - 1),
    "I": Screen.tab,
    "L": lambda screen, count: screen.scroll_lines(-count),
    "M": Screen.scroll_lines,
    "P": Screen.delete_characters,
    "S": Screen.scroll,
    "T": lambda screen, count: screen.scroll(-count),
    "X": Screen.erase_characters,
    "Z": Screen.back_tab,
    "`": lambda screen, column: screen.move(column=column - 1),
    "a": lambda screen, count: screen.go(right=count),
    "b": Screen.repeat,
    "d": lambda screen, row: screen.address(row - 1),
    "e": lambda screen, count: screen.go(down=count),
}

# Sequences with a number that chooses; 0 where it is missing.
_CHOICES: Final[Mapping[str, Callable[[Screen, int], None]]] = {
    "J": Screen.erase_display,
    "K": Screen.erase_line,
    "g": Screen.clear_tabs,
    "s": lambda screen, _: screen.save(),
    "u": lambda screen, _: screen.restore(),
}
