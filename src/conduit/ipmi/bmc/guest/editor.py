"""One line at a time from a terminal: echo, backspace, cursor keys, history."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from conduit.ipmi.bmc.guest.keys import Key, Typed
from conduit.ipmi.bmc.guest.wire import Wire

MAX_LINE: Final = 255  # bytes; more are answered with the bell
MAX_HISTORY: Final = 50  # lines
BELL: Final = b"\a"
CLEAR_SCREEN: Final = "\x1b[2J\x1b[H"


class Ending(Enum):
    """How a line ended other than by Enter."""

    INTERRUPTED = "Ctrl+C"
    END_OF_FILE = "Ctrl+D"


class LineEditor:
    """Reads lines.

    :param prompt: what stands before the line.
    :param echo: False for passwords; then there is no history either.
    """

    def __init__(self, wire: Wire, prompt: str, *, echo: bool = True, history: list[bytes] | None = None) -> None:
        self._wire = wire
        self._prompt = prompt
        self._echo = echo
        self._history = history if history is not None and echo else None
        self._line = bytearray()
        self._cursor = 0
        self._place = 0  # in the history, counted from its end; 0 is the line being typed
        self._draft = b""

    def show(self) -> None:
        """Write the prompt, and again what has been typed."""
        self._wire.write(("" if self._wire.at_margin else "\n") + self._prompt)
        if self._echo and self._line:
            self._wire.write_bytes(bytes(self._line))
            self._back(self._line[self._cursor :])

    def take(self, key: Typed) -> bytes | Ending | None:
        """One key. Returns the line when it is complete, or how it ended; else None."""
        if isinstance(key, bytes):
            self._insert(key)
        elif key is Key.ENTER:
            return self._finish()
        elif key is Key.INTERRUPT:
            self._wire.write("^C\n")
            return Ending.INTERRUPTED
        elif key is Key.END_OF_FILE and not self._line:
            return Ending.END_OF_FILE
        else:
            self._edit(key)
        return None

    def _finish(self) -> bytes:
        self._wire.write("\n")
        line = bytes(self._line)
        if self._history is not None and line.strip() and line not in self._history[-1:]:
            self._history.append(line)
            del self._history[:-MAX_HISTORY]
        return line

    def _insert(self, char: bytes) -> None:
        if len(self._line) >= MAX_LINE:
            self._wire.write_bytes(BELL)
            return
        self._line[self._cursor : self._cursor] = char
        self._cursor += len(char)
        if self._echo:
            tail = self._line[self._cursor :]
            self._wire.write_bytes(char + tail)
            self._back(tail)

    def _edit(self, key: Key) -> None:
        target, erases = self._span(key)
        if target is not None and erases:
            self._erase(min(target, self._cursor), max(target, self._cursor))
        elif target is not None:
            self._move(target)
        elif key in (Key.UP, Key.DOWN):
            self._recall(self._place + (1 if key is Key.UP else -1))
        elif key is Key.CLEAR and self._echo:
            self._wire.write(CLEAR_SCREEN + "\r")
            self.show()
        else:
            self._wire.write_bytes(BELL)

    def _span(self, key: Key) -> tuple[int | None, bool]:
        """Where a key moves the cursor to, and whether it erases what lies between; None if it does neither."""
        left, right, end = self._left_of(self._cursor), self._right_of(self._cursor), len(self._line)
        spans: dict[Key, tuple[int, bool]] = {
            Key.BACKSPACE: (left, True),
            Key.DELETE: (right, True),
            Key.END_OF_FILE: (right, True),
            Key.KILL_LINE: (0, True),
            Key.KILL_REST: (end, True),
            Key.KILL_WORD: (self._word_start(), True),
            Key.LEFT: (left, False),
            Key.RIGHT: (right, False),
            Key.HOME: (0, False),
            Key.END: (end, False),
        }
        return spans.get(key, (None, False))

    # --- the parts of a line; a character is a byte and the UTF-8 continuation bytes after it ---

    def _left_of(self, place: int) -> int:
        place -= 1
        while place > 0 and self._line[place] & 0xC0 == 0x80:
            place -= 1
        return max(place, 0)

    def _right_of(self, place: int) -> int:
        place += 1
        while place < len(self._line) and self._line[place] & 0xC0 == 0x80:
            place += 1
        return min(place, len(self._line))

    def _word_start(self) -> int:
        before = bytes(self._line[: self._cursor]).rstrip()
        return before.rfind(b" ") + 1

    # --- what the terminal shows ---

    def _back(self, text: Iterable[int]) -> None:
        width = _width(text)
        if width:
            self._wire.write_bytes(b"\b" * width)

    def _move(self, place: int) -> None:
        if self._echo and place < self._cursor:
            self._back(self._line[place : self._cursor])
        elif self._echo and place > self._cursor:
            self._wire.write_bytes(bytes(self._line[self._cursor : place]))
        self._cursor = place

    def _erase(self, start: int, end: int) -> None:
        """Take out a part of the line that touches the cursor."""
        self._move(start)
        gone = _width(self._line[start:end])
        del self._line[start:end]
        if self._echo and gone:
            tail = bytes(self._line[start:])
            self._wire.write_bytes(tail + b" " * gone + b"\b" * (gone + _width(tail)))

    def _recall(self, place: int) -> None:
        history = self._history or []
        if not 0 <= place <= len(history):
            self._wire.write_bytes(BELL)
            return
        if self._place == 0:
            self._draft = bytes(self._line)
        self._place = place
        text = history[-place] if place else self._draft
        self._move(len(self._line))
        self._erase(0, len(self._line))
        self._line[:] = text
        self._cursor = len(text)
        if text:
            self._wire.write_bytes(text)


def _width(text: Iterable[int]) -> int:
    """Columns that text takes: one a character."""
    return sum(byte & 0xC0 != 0x80 for byte in text)
