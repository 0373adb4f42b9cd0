"""What people type at a terminal, as keys: characters, control keys, and those that arrive as escape sequences."""

from __future__ import annotations

from enum import Enum
from typing import Final

ESCAPE_PATIENCE: Final = 0.1  # seconds after which a lone Esc is the key and not the start of a sequence
MAX_SEQUENCE: Final = 8  # bytes of an escape sequence; a longer one is thrown away


class Key(Enum):
    """A key that is no character."""

    ENTER = "enter"
    BACKSPACE = "backspace"
    DELETE = "delete"
    TAB = "tab"
    ESCAPE = "escape"
    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"
    HOME = "home"
    END = "end"
    F2 = "F2"
    F10 = "F10"
    KILL_LINE = "Ctrl+U"
    KILL_WORD = "Ctrl+W"
    KILL_REST = "Ctrl+K"
    INTERRUPT = "Ctrl+C"
    END_OF_FILE = "Ctrl+D"
    CLEAR = "Ctrl+L"
    CTRL_ALT_DEL = "Ctrl+Alt+Del"


Typed = Key | bytes
"A key, or the bytes of one character in UTF-8."

_CONTROLS: Final = {
    0x01: Key.HOME,
    0x03: Key.INTERRUPT,
    0x04: Key.END_OF_FILE,
    0x05: Key.END,
    0x08: Key.BACKSPACE,
    0x09: Key.TAB,
    0x0A: Key.ENTER,
    0x0B: Key.KILL_REST,
    0x0C: Key.CLEAR,
    0x0D: Key.ENTER,
    0x0E: Key.DOWN,
    0x10: Key.UP,
    0x15: Key.KILL_LINE,
    0x17: Key.KILL_WORD,
    0x7F: Key.BACKSPACE,
}

# xterm's, a VT100's, and what terminals send for Home, End and function keys otherwise.
_SEQUENCES: Final = {
    b"[A": Key.UP,
    b"[B": Key.DOWN,
    b"[C": Key.RIGHT,
    b"[D": Key.LEFT,
    b"[H": Key.HOME,
    b"[F": Key.END,
    b"OA": Key.UP,
    b"OB": Key.DOWN,
    b"OC": Key.RIGHT,
    b"OD": Key.LEFT,
    b"OH": Key.HOME,
    b"OF": Key.END,
    b"OQ": Key.F2,
    b"[1~": Key.HOME,
    b"[3~": Key.DELETE,
    b"[4~": Key.END,
    b"[12~": Key.F2,
    b"[21~": Key.F10,
}

# Esc R, Esc r, Esc R: how a serial terminal says Ctrl+Alt+Del to firmware.
_RESET_KEYS: Final = (b"R", b"r", b"R")


class KeyReader:
    """Bytes in, keys out. A CR with an LF or NUL after it is one Enter."""

    def __init__(self) -> None:
        self._sequence: bytes | None = None
        self._escape_due: float | None = None
        self._after_return = False
        self._resets = 0
        self._char = b""  # the first bytes of a character of several

    def receive(self, data: bytes, now: float) -> list[Typed]:
        """The keys that *data* completes."""
        keys: list[Typed] = []
        for byte in data:
            keys += self._take(byte)
        self._escape_due = now + ESCAPE_PATIENCE if self._sequence == b"" else None
        return keys

    def next_deadline(self) -> float | None:
        """When a lone Esc has waited long enough, or None."""
        return self._escape_due

    def handle_deadline(self, now: float) -> list[Typed]:
        """The Esc key, if nothing came after it."""
        if self._escape_due is None or now < self._escape_due:
            return []
        self._sequence = self._escape_due = None
        return [Key.ESCAPE]

    def _take(self, byte: int) -> list[Typed]:
        if self._sequence is not None:
            return self._continue(self._sequence + bytes((byte,)))
        paired = self._after_return and byte in (0x0A, 0x00)
        self._after_return = byte == 0x0D
        if paired:
            return []
        if byte == 0x1B:
            self._sequence = b""
            return []
        self._resets = 0
        if byte >= 0x80:
            return self._assemble(byte)
        self._char = b""
        if byte >= 0x20 and byte != 0x7F:
            return [bytes((byte,))]
        return [_CONTROLS[byte]] if byte in _CONTROLS else []

    def _assemble(self, byte: int) -> list[Typed]:
        """A byte of a character of several; what is no UTF-8 is lost."""
        self._char = self._char + bytes((byte,)) if byte < 0xC0 else bytes((byte,))
        size = 2 + (self._char[0] >= 0xE0) + (self._char[0] >= 0xF0)
        if len(self._char) < size:
            return []
        char, self._char = self._char, b""
        return [char] if char.decode(errors="ignore") else []

    def _continue(self, sequence: bytes) -> list[Typed]:
        """One more byte of an escape sequence; a final byte ends it."""
        if sequence == b"\x1b":  # Esc twice: the first one was the key
            self._sequence = b""
            return [Key.ESCAPE]
        if sequence in (b"[", b"O"):
            self._sequence = sequence
            return []
        self._sequence = None
        if len(sequence) == 1:
            return self._meta(sequence)
        if sequence[0] == ord("[") and not 0x40 <= sequence[-1] <= 0x7E and len(sequence) < MAX_SEQUENCE:
            self._sequence = sequence
            return []
        return [_SEQUENCES[sequence]] if sequence in _SEQUENCES else []

    def _meta(self, char: bytes) -> list[Typed]:
        """Esc and a character: part of Ctrl+Alt+Del, or Alt and a key, which nobody here knows."""
        self._resets = self._resets + 1 if char == _RESET_KEYS[self._resets] else 0
        if self._resets < len(_RESET_KEYS):
            return []
        self._resets = 0
        return [Key.CTRL_ALT_DEL]
