"""Lines, blocks and arrows, drawn by rule so that they meet those of the next cell (8 by 16 pixels)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

FULL: Final = 0xFF
LINES: Final = range(0x2500, 0x2580)
DIAGONALS: Final = range(0x2571, 0x2574)
LOWER_BLOCKS: Final = range(0x2581, 0x2589)  # 1 to 8 eighths of the height
LEFT_BLOCKS: Final = range(0x2589, 0x2590)  # 7 to 1 eighths of the width

# Where the strokes of a line run: their columns, and their rows.
_Strokes = tuple[tuple[int, ...], tuple[int, ...]]
_LIGHT: Final[_Strokes] = (3,), (7,)
_HEAVY: Final[_Strokes] = (3, 4), (7, 8)
_DOUBLE: Final[_Strokes] = (2, 5), (6, 9)

# What a line's Unicode name says about where it goes.
_ARMS: Final[Mapping[str, str]] = {
    "HORIZONTAL": "left right",
    "VERTICAL": "up down",
    "LEFT": "left",
    "RIGHT": "right",
    "UP": "up",
    "DOWN": "down",
}

_DRAWN: Final[Mapping[str, tuple[int, ...]]] = {
    "▀": (FULL,) * 8 + (0,) * 8,
    "▐": (0x0F,) * 16,
    "░": (0x88, 0x00, 0x22, 0x00) * 4,
    "▒": (0xAA, 0x55) * 8,
    "▓": (0x77, 0xFF, 0xDD, 0xFF) * 4,
    "■": (0,) * 4 + (0x7E,) * 8 + (0,) * 4,
    "□": (0,) * 4 + (0x7E, *(0x42,) * 6, 0x7E) + (0,) * 4,
    "•": (0,) * 6 + (0x18, 0x3C, 0x3C, 0x18) + (0,) * 6,
    "●": (0,) * 4 + (0x3C, *(0x7E,) * 6, 0x3C) + (0,) * 4,
    "◆": (0,) * 5 + (0x10, 0x38, 0x7C, 0xFE, 0x7C, 0x38, 0x10) + (0,) * 4,
    "°": (0, 0, 0x38, 0x44, 0x44, 0x38) + (0,) * 10,
    "±": (0,) * 4 + (0x10, 0x10, 0xFE, 0x10, 0x10, 0, 0, 0xFE) + (0,) * 4,
    "↑": (0,) * 3 + (0x10, 0x38, 0x54, 0x92, *(0x10,) * 6) + (0,) * 3,
    "↓": (0,) * 3 + (*(0x10,) * 6, 0x92, 0x54, 0x38, 0x10) + (0,) * 3,
    "←": (0,) * 5 + (0x10, 0x20, 0x40, 0xFE, 0x40, 0x20, 0x10) + (0,) * 4,
    "→": (0,) * 5 + (0x10, 0x08, 0x04, 0xFE, 0x04, 0x08, 0x10) + (0,) * 4,
    "▲": (0,) * 4 + (0x10, 0x10, 0x38, 0x38, 0x7C, 0x7C, 0xFE, 0xFE) + (0,) * 4,
    "▼": (0,) * 4 + (0xFE, 0xFE, 0x7C, 0x7C, 0x38, 0x38, 0x10, 0x10) + (0,) * 4,
    "►": (0,) * 4 + (0x80, 0xC0, 0xF0, 0xFC, 0xFC, 0xF0, 0xC0, 0x80) + (0,) * 4,
    "◄": (0,) * 4 + (0x02, 0x06, 0x1E, 0x7E, 0x7E, 0x1E, 0x06, 0x02) + (0,) * 4,
    "…": (0,) * 10 + (0x92, 0x92) + (0,) * 4,
    "£": (0, 0, 0x1C, 0x22, 0x20, 0x20, 0x78, 0x20, 0x20, 0x20, 0x20, 0x7E) + (0,) * 4,
    "π": (0,) * 5 + (0x7E, *(0x24,) * 5, 0x26) + (0,) * 4,
    "≤": (0, 0, 0, 0x06, 0x18, 0x60, 0x18, 0x06, 0, 0x7E) + (0,) * 6,
    "≥": (0, 0, 0, 0x60, 0x18, 0x06, 0x18, 0x60, 0, 0x7E) + (0,) * 6,
    "≠": (0, 0, 0, 0x04, 0x04, 0x7E, 0x08, 0x10, 0x7E, 0x20, 0x20) + (0,) * 5,
}


def drawn_glyph(character: str) -> tuple[int, ...] | None:
    """How it looks, or None where it is nothing of this kind."""
    code = ord(character)
    if code in LINES and code not in DIAGONALS:
        return _line(unicodedata.name(character))
    if code in LOWER_BLOCKS:
        height = 2 * (code - LOWER_BLOCKS.start + 1)
        return (0,) * (16 - height) + (FULL,) * height
    if code in LEFT_BLOCKS:
        return (FULL << (code - LEFT_BLOCKS.start + 1) & FULL,) * 16
    return _DRAWN.get(character)


def _line(name: str) -> tuple[int, ...]:
    """One of BOX DRAWINGS; where its arms differ in weight, they all get the heavier one."""
    words = name.replace("-", " ").split()
    columns, rows = _LIGHT
    if "DOUBLE" in words and "DASH" not in words:
        columns, rows = _DOUBLE
    elif "HEAVY" in words:
        columns, rows = _HEAVY
    arms = {arm for word in words for arm in _ARMS.get(word, "").split()}
    upright = sum(0x80 >> column for column in columns)
    across = (FULL >> columns[0] if "right" in arms else 0) | (FULL << 7 - columns[-1] & FULL if "left" in arms else 0)
    top = 0 if "up" in arms else rows[0]
    bottom = 15 if "down" in arms else rows[-1]
    stands = bool(arms & {"up", "down"})
    return tuple(
        (across if row in rows else 0) | (upright if stands and top <= row <= bottom else 0) for row in range(16)
    )
