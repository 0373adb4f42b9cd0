"""Keys as a terminal sends them."""

from __future__ import annotations

import pytest

from conduit.ipmi.bmc.guest.keys import Key, KeyReader
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent
from conduit.rfb.text_keyboard import CTRL_ALT_DEL, UNICODE, TextKeyboard

CONTROL, ALT = 0xFFE3, 0xFFE9


def press(*keysyms: int) -> bytes:
    """Hold all but the last, which is pressed and released."""
    keyboard = TextKeyboard()
    data = b"".join(keyboard.receive(KeyEvent(keysym, down=True)) for keysym in keysyms)
    return data + b"".join(keyboard.receive(KeyEvent(keysym, down=False)) for keysym in reversed(keysyms))


@pytest.mark.parametrize(
    ("keysyms", "data"),
    [
        ([ord("a")], b"a"),
        ([0xFFE1, ord("A")], b"A"),
        ([ord("~")], b"~"),
        ([0xE9], "é".encode()),
        ([UNICODE + 0x20AC], "€".encode()),
        ([UNICODE + 0x7F], b""),
        ([UNICODE + 0xD800], b""),
        ([UNICODE + 0x110000], b""),
        ([0x0170], b""),
        ([0xFF14], b""),
        ([0xFF0D], b"\r"),
        ([0xFF8D], b"\r"),
        ([0xFF08], b"\x7f"),
        ([0xFF1B], b"\x1b"),
        ([0xFF52], b"\x1b[A"),
        ([0xFFBE], b"\x1bOP"),
        ([0xFFC9], b"\x1b[24~"),
        ([0xFFB0], b"0"),
        ([0xFFB9], b"9"),
        ([0xFFAF], b"/"),
        ([CONTROL, ord("c")], b"\x03"),
        ([CONTROL, ord("C")], b"\x03"),
        ([0xFFE4, ord("[")], b"\x1b"),
        ([CONTROL, ord("?")], b"\x7f"),
        ([CONTROL, ord(" ")], b"\0"),
        ([CONTROL, ord("1")], b"1"),
        ([CONTROL, 0xFF52], b"\x1b[A"),
        ([ALT, ord("x")], b"\x1bx"),
        ([ALT, 0xFF14], b""),
        ([CONTROL, ALT, 0xFFFF], CTRL_ALT_DEL),
        ([CONTROL, 0xFFFF], b"\x1b[3~"),
    ],
)
def test_keys_are_what_a_terminal_sends(keysyms: list[int], data: bytes) -> None:
    assert press(*keysyms) == data


def test_a_modifier_that_was_lifted_counts_no_more() -> None:
    keyboard = TextKeyboard()
    keyboard.receive(KeyEvent(CONTROL, down=True))
    keyboard.receive(KeyEvent(CONTROL, down=False))
    assert keyboard.receive(KeyEvent(ord("c"), down=True)) == b"c"


def test_the_viewers_layout_counts_and_not_the_scan_code() -> None:
    assert TextKeyboard().receive(ExtendedKeyEvent(ord("z"), 0x15, down=True)) == b"z"


@pytest.mark.parametrize(
    ("keysyms", "key"),
    [
        ([0xFFBF], Key.F2),
        ([0xFFC7], Key.F10),
        ([0xFFFF], Key.DELETE),
        ([0xFF54], Key.DOWN),
        ([0xFF57], Key.END),
        ([CONTROL, ALT, 0xFFFF], Key.CTRL_ALT_DEL),
        ([CONTROL, ord("d")], Key.END_OF_FILE),
    ],
)
def test_the_virtual_machine_understands_them(keysyms: list[int], key: Key) -> None:
    assert KeyReader().receive(press(*keysyms), 0.0) == [key]
