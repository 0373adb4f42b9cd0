"""Keys: their keysyms and scan codes, and which of them make a text on a keyboard of a country.

Servers that know only keysyms find the key themselves. Those that know scan codes (QEMU) go by these alone, so what a
text becomes depends on the keyboard that the machine believes to have: that is what a layout is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from conduit.errors import LocalProtocolError
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent

UNICODE: Final = 0x0100_0000  # keysyms from here on are characters
LATIN_1: Final = range(0x20, 0x100)  # characters that are their own keysyms
EXTENDED: Final = 0x80  # a scan code that has 0xE0 before it


class Key(NamedTuple):
    """A key of a keyboard."""

    keysym: int
    scan_code: int = 0
    "Of set 1; 0 when nobody knows it."


@dataclass(frozen=True, slots=True)
class KeyMove:
    """A key goes down or up."""

    key: Key = field(repr=False)  # what is typed may be a password
    down: bool

    def as_event(self, *, scan_codes: bool) -> KeyEvent | ExtendedKeyEvent:
        """What a viewer says then.

        :param scan_codes: the server understands them.
        """
        if scan_codes and self.key.scan_code:
            return ExtendedKeyEvent(self.key.keysym, self.key.scan_code, self.down)
        return KeyEvent(self.key.keysym, self.down)

    def encode(self, *, scan_codes: bool) -> bytes:
        """The message."""
        return self.as_event(scan_codes=scan_codes).encode()


SHIFT: Final = Key(0xFFE1, 0x2A)
ALT_GR: Final = Key(0xFE03, 0x38 | EXTENDED)
SPACE: Final = Key(0x20, 0x39)

KEYS: Final[Mapping[str, Key]] = {
    "alt": Key(0xFFE9, 0x38),
    "altgr": ALT_GR,
    "backspace": Key(0xFF08, 0x0E),
    "capslock": Key(0xFFE5, 0x3A),
    "ctrl": Key(0xFFE3, 0x1D),
    "delete": Key(0xFFFF, 0x53 | EXTENDED),
    "down": Key(0xFF54, 0x50 | EXTENDED),
    "end": Key(0xFF57, 0x4F | EXTENDED),
    "enter": Key(0xFF0D, 0x1C),
    "escape": Key(0xFF1B, 0x01),
    **{f"f{number}": Key(0xFFBD + number, 0x3A + number) for number in range(1, 11)},
    "f11": Key(0xFFC8, 0x57),
    "f12": Key(0xFFC9, 0x58),
    "home": Key(0xFF50, 0x47 | EXTENDED),
    "insert": Key(0xFF63, 0x52 | EXTENDED),
    "left": Key(0xFF51, 0x4B | EXTENDED),
    "menu": Key(0xFF67, 0x5D | EXTENDED),
    "numlock": Key(0xFF7F, 0x45 | EXTENDED),
    "pagedown": Key(0xFF56, 0x51 | EXTENDED),
    "pageup": Key(0xFF55, 0x49 | EXTENDED),
    "pause": Key(0xFF13, 0x46 | EXTENDED),
    "printscreen": Key(0xFF61, 0x37 | EXTENDED),
    "right": Key(0xFF53, 0x4D | EXTENDED),
    "rightalt": Key(0xFFEA, 0x38 | EXTENDED),
    "rightctrl": Key(0xFFE4, 0x1D | EXTENDED),
    "rightshift": Key(0xFFE2, 0x36),
    "scrolllock": Key(0xFF14, 0x46),
    "shift": SHIFT,
    "space": SPACE,
    "super": Key(0xFFEB, 0x5B | EXTENDED),
    "sysrq": Key(0xFF15, 0x54),
    "tab": Key(0xFF09, 0x0F),
    "up": Key(0xFF52, 0x48 | EXTENDED),
}
SYNONYMS: Final[Mapping[str, str]] = {
    "control": "ctrl",
    "del": "delete",
    "esc": "escape",
    "ins": "insert",
    "meta": "super",
    "pgdn": "pagedown",
    "pgup": "pageup",
    "return": "enter",
    "win": "super",
    "windows": "super",
}
CONTROLS: Final[Mapping[str, Key]] = {
    "\n": KEYS["enter"],
    "\r": KEYS["enter"],
    "\t": KEYS["tab"],
    "\b": KEYS["backspace"],
    "\x7f": KEYS["backspace"],
    "\x1b": KEYS["escape"],
    " ": SPACE,
}

# From the upper left to the lower right: the digits' row, three rows of letters; of the last, its first key is the one
# that American keyboards have not.
_POSITIONS: Final = (0x29, *range(0x02, 0x0E), *range(0x10, 0x1C), *range(0x1E, 0x29), 0x2B, 0x56, *range(0x2C, 0x36))


class Press(NamedTuple):
    """What makes a character."""

    key: Key
    shift: bool = False
    alt_gr: bool = False
    dead: bool = False
    "The key waits for a letter to put its accent on, so a space must follow."


class Layout:
    """Which keys make which characters.

    :param plain: characters in the order of the keys, a space where there is none.
    :param shift: the same with Shift.
    :param alt_gr: characters with AltGr, and those of the same keys without.
    :param dead: characters whose keys are dead.
    """

    def __init__(self, name: str, plain: str, shift: str, alt_gr: Mapping[str, str], dead: str = "") -> None:
        self.name = name
        codes = dict(zip(plain, _POSITIONS, strict=True))
        self._presses: dict[str, Press] = {}
        for character, base in alt_gr.items():
            key = Key(keysym_of(character), codes[base])
            self._presses[character] = Press(key, alt_gr=True, dead=character in dead)
        for characters, shifted in ((shift, True), (plain, False)):
            for character, code in zip(characters, _POSITIONS, strict=True):
                key = Key(keysym_of(character), code)
                self._presses[character] = Press(key, shift=shifted, dead=character in dead)
        self._presses |= {character: Press(key) for character, key in CONTROLS.items()}

    def find(self, character: str) -> Press | None:
        """What makes it, or None."""
        return self._presses.get(character)


def keysym_of(character: str) -> int:
    """The keysym of a character."""
    code = ord(character)
    return code if code in LATIN_1 else UNICODE | code


LAYOUTS: Final[Mapping[str, Layout]] = {
    layout.name: layout
    for layout in (
        Layout(
            "us",
            "`1234567890-=" "qwertyuiop[]" "asdfghjkl;'\\" " zxcvbnm,./",
            "~!@#$%^&*()_+" "QWERTYUIOP{}" 'ASDFGHJKL:"|' " ZXCVBNM<>?",
            {},
        ),
        Layout(
            "gb",
            "`1234567890-=" "qwertyuiop[]" "asdfghjkl;'#" "\\zxcvbnm,./",
            '¬!"£$%^&*()_+' "QWERTYUIOP{}" "ASDFGHJKL:@~" "|ZXCVBNM<>?",
            {"€": "4"},
        ),
        Layout(
            "de",
            "^1234567890ß\N{ACUTE ACCENT}" "qwertzuiopü+" "asdfghjklöä#" "<yxcvbnm,.-",
            '°!"§$%&/()=?`' "QWERTZUIOPÜ*" "ASDFGHJKLÖÄ'" ">YXCVBNM;:_",
            dict(zip("²³{[]}\\@€~|µ", "237890ßqe+<m", strict=True)),
            "^\N{ACUTE ACCENT}`",
        ),
        Layout(
            "fr",
            "²&é\"'(-è_çà)=" "azertyuiop^$" "qsdfghjklmù*" "<wxcvbn,;:!",
            " 1234567890°+" "AZERTYUIOP¨£" "QSDFGHJKLM%µ" ">WXCVBN?./§",
            dict(zip("~#{[|`\\@]}€", "é\"'(-è_à)=e", strict=True)),
            "^¨",
        ),
    )
}  # fmt: skip


def layout_named(name: str) -> Layout:
    """A layout.

    :raises LocalProtocolError: there is none of that name.
    """
    try:
        return LAYOUTS[name]
    except KeyError:
        raise LocalProtocolError(f"no keyboard layout {name}; there are {', '.join(sorted(LAYOUTS))}") from None


def text_moves(text: str, layout: Layout, *, scan_codes: bool) -> Iterator[list[KeyMove]]:
    """What types *text*, character by character.

    :param scan_codes: the server goes by them, so a character needs a key.
    :raises LocalProtocolError: a character has no key on such a keyboard.
    """
    for place, character in enumerate(text, start=1):
        press = layout.find(character)
        if press is None:
            if scan_codes or not character.isprintable():
                raise LocalProtocolError(
                    f"character {place} of the text has no key on a keyboard of layout {layout.name}"
                )
            press = Press(Key(keysym_of(character)))
        yield list(_moves(press, scan_codes=scan_codes))


def _moves(press: Press, *, scan_codes: bool) -> Iterator[KeyMove]:
    """Servers without scan codes know by themselves what AltGr and accents are for."""
    modifiers = [SHIFT] * press.shift + [ALT_GR] * (press.alt_gr and scan_codes)
    yield from chord_moves([*modifiers, press.key])
    if press.dead and scan_codes:
        yield from chord_moves([SPACE])


def chord_moves(keys: list[Key]) -> Iterator[KeyMove]:
    """All go down, the last one goes up first."""
    for key in keys:
        yield KeyMove(key, down=True)
    for key in reversed(keys):
        yield KeyMove(key, down=False)


def find_chord(name: str, layout: Layout) -> list[Key]:
    """Keys by name, such as ``ctrl+alt+delete``, ``F2`` or ``a``.

    :raises LocalProtocolError: one is unknown.
    """
    parts = name.split("+") if name != "+" else [name]
    return [_find_key(part, layout) for part in parts]


def _find_key(name: str, layout: Layout) -> Key:
    lower = name.lower()
    key = KEYS.get(SYNONYMS.get(lower, lower))
    if key is not None:
        return key
    press = layout.find(name) if len(name) == 1 else None
    if press is None or press.shift or press.alt_gr:
        raise LocalProtocolError(f"no key {name!r}; there are characters without Shift, and {', '.join(sorted(KEYS))}")
    return press.key
