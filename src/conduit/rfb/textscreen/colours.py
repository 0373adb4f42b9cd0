"""The colours of a text screen, and what a character's looks are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

Rgb = tuple[int, int, int]

# The sixteen of VGA's text mode, in ANSI's order: dark, then bright.
BASIC: Final[tuple[Rgb, ...]] = (
    (0x00, 0x00, 0x00),
    (0xAA, 0x00, 0x00),
    (0x00, 0xAA, 0x00),
    (0xAA, 0x55, 0x00),
    (0x00, 0x00, 0xAA),
    (0xAA, 0x00, 0xAA),
    (0x00, 0xAA, 0xAA),
    (0xAA, 0xAA, 0xAA),
    (0x55, 0x55, 0x55),
    (0xFF, 0x55, 0x55),
    (0x55, 0xFF, 0x55),
    (0xFF, 0xFF, 0x55),
    (0x55, 0x55, 0xFF),
    (0xFF, 0x55, 0xFF),
    (0x55, 0xFF, 0xFF),
    (0xFF, 0xFF, 0xFF),
)
FOREGROUND: Final = BASIC[7]
BACKGROUND: Final = BASIC[0]
BRIGHT: Final = 8
_CUBE: Final = (0x00, 0x5F, 0x87, 0xAF, 0xD7, 0xFF)
_CUBE_START: Final = 16
_GREY_START: Final = 232


def colour_of(index: int) -> Rgb:
    """One of xterm's 256, by its number."""
    if index < _CUBE_START:
        return BASIC[index]
    if index >= _GREY_START:
        grey = 8 + 10 * (index - _GREY_START)
        return grey, grey, grey
    rest = index - _CUBE_START
    return _CUBE[rest // 36], _CUBE[rest // 6 % 6], _CUBE[rest % 6]


class Style(NamedTuple):
    """How characters look."""

    foreground: Rgb = FOREGROUND
    background: Rgb = BACKGROUND
    bold: bool = False
    underlined: bool = False
    inverse: bool = False
    hidden: bool = False

    def colours(self) -> tuple[Rgb, Rgb]:
        """What is drawn with, and on what."""
        front, back = self.foreground, self.background
        if self.bold and front in BASIC[:BRIGHT]:
            front = BASIC[BASIC.index(front) + BRIGHT]
        if self.inverse:
            front, back = back, front
        return (back if self.hidden else front), back


PLAIN: Final = Style()


class Cell(NamedTuple):
    """One place on the screen."""

    character: str = " "
    style: Style = PLAIN


BLANK: Final = Cell()


def restyle(style: Style, parameters: tuple[int, ...]) -> Style:
    """*style* as SGR changes it (ECMA-48, 8.3.117); what it does not know changes nothing."""
    rest = list(parameters or (0,))
    while rest:
        code = rest.pop(0)
        if code in (38, 48):
            colour = _take_colour(rest)
            if colour is not None:
                style = style._replace(foreground=colour) if code == 38 else style._replace(background=colour)
        else:
            style = _restyle(style, code)
    return style


def _restyle(style: Style, code: int) -> Style:
    if code == 0:
        return PLAIN
    if code in _CHANGES:
        return _CHANGES[code](style)
    if 30 <= code <= 37:
        return style._replace(foreground=BASIC[code - 30])
    if 40 <= code <= 47:
        return style._replace(background=BASIC[code - 40])
    if 90 <= code <= 97:
        return style._replace(foreground=BASIC[code - 90 + BRIGHT])
    if 100 <= code <= 107:
        return style._replace(background=BASIC[code - 100 + BRIGHT])
    return style


_CHANGES: Final[Mapping[int, Callable[[Style], Style]]] = {
    1: lambda style: style._replace(bold=True),
    4: lambda style: style._replace(underlined=True),
    7: lambda style: style._replace(inverse=True),
    8: lambda style: style._replace(hidden=True),
    22: lambda style: style._replace(bold=False),
    24: lambda style: style._replace(underlined=False),
    27: lambda style: style._replace(inverse=False),
    28: lambda style: style._replace(hidden=False),
    39: lambda style: style._replace(foreground=FOREGROUND),
    49: lambda style: style._replace(background=BACKGROUND),
}


def _take_colour(rest: list[int]) -> Rgb | None:
    """What follows a 38 or 48: 5 and an index, or 2 and a triple; taken out of *rest*."""
    kind = rest.pop(0) if rest else 0
    if kind == 5 and rest:
        return colour_of(min(rest.pop(0), 255))
    if kind == 2 and len(rest) >= 3:
        red, green, blue = (min(value, 255) for value in rest[:3])
        del rest[:3]
        return red, green, blue
    rest.clear()
    return None
