"""Keys of a viewer as the bytes that a terminal sends for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent

CTRL_ALT_DEL: Final = b"\x1bR\x1br\x1bR"
"How a serial terminal says it to firmware."

# Keysyms (X.Org's keysymdef.h) of the keys that are no characters.
_CONTROLS: Final = frozenset((0xFFE3, 0xFFE4))
_ALTS: Final = frozenset((0xFFE7, 0xFFE8, 0xFFE9, 0xFFEA))
_DELETES: Final = frozenset((0xFFFF, 0xFF9F))
_KEYS: Final[Mapping[int, bytes]] = {
    0xFF08: b"\x7f",  # backspace
    0xFF09: b"\t",
    0xFE20: b"\x1b[Z",  # Shift and Tab
    0xFF0A: b"\n",
    0xFF0D: b"\r",
    0xFF8D: b"\r",  # of the keypad, as the others from 0xFF80 on
    0xFF1B: b"\x1b",
    0xFFFF: b"\x1b[3~",
    0xFF9F: b"\x1b[3~",
    0xFF50: b"\x1b[H",
    0xFF95: b"\x1b[H",
    0xFF51: b"\x1b[D",
    0xFF96: b"\x1b[D",
    0xFF52: b"\x1b[A",
    0xFF97: b"\x1b[A",
    0xFF53: b"\x1b[C",
    0xFF98: b"\x1b[C",
    0xFF54: b"\x1b[B",
    0xFF99: b"\x1b[B",
    0xFF55: b"\x1b[5~",
    0xFF9A: b"\x1b[5~",
    0xFF56: b"\x1b[6~",
    0xFF9B: b"\x1b[6~",
    0xFF57: b"\x1b[F",
    0xFF9C: b"\x1b[F",
    0xFF63: b"\x1b[2~",
    0xFF9E: b"\x1b[2~",
    0xFF80: b" ",
    0xFFBD: b"=",
    **{0xFFAA + number: bytes((code,)) for number, code in enumerate(b"*+,-./0123456789")},
    **{
        0xFFBE + number: b"\x1b" + ending  # F1 to F12
        for number, ending in enumerate(
            b"OP OQ OR OS [15~ [17~ [18~ [19~ [20~ [21~ [23~ [24~".split(b" "),
        )
    },
}
UNICODE: Final = 0x0100_0000  # added to a character's number


class TextKeyboard:
    """Key events in, bytes out; it knows which of Ctrl and Alt are down."""

    def __init__(self) -> None:
        self._down: set[int] = set()

    def receive(self, key: KeyEvent | ExtendedKeyEvent) -> bytes:
        """What a terminal sends, perhaps nothing. Keysyms count, not scan codes: they have the viewer's layout."""
        keysym = key.keysym
        if keysym in _CONTROLS or keysym in _ALTS:
            (self._down.add if key.down else self._down.discard)(keysym)
            return b""
        if not key.down:
            return b""
        control, alt = bool(self._down & _CONTROLS), bool(self._down & _ALTS)
        if keysym in _DELETES and control and alt:
            return CTRL_ALT_DEL
        data = _KEYS[keysym] if keysym in _KEYS else _character(keysym)
        if control and len(data) == 1 and 0x3F <= data[0] < 0x7F:
            data = bytes((data[0] & 0x1F if data != b"?" else 0x7F,))
        elif control and data == b" ":
            data = b"\0"
        return b"\x1b" + data if alt and data else data


def _character(keysym: int) -> bytes:
    """A character in UTF-8, or nothing for a key that is none."""
    code = keysym - UNICODE if keysym >= UNICODE else keysym if 0x20 <= keysym <= 0xFF else 0
    if code < 0x20 or 0x7F <= code < 0xA0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return b""
    return chr(code).encode()
