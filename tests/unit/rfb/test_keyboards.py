from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.rfb.keyboards import LAYOUTS, KeyMove, chord_moves, find_chord, layout_named, text_moves


def typed(text: str, layout: str = "us", *, scan_codes: bool = True) -> list[str]:
    """Keys by scan code or keysym, + down, - up."""
    moves = [move for moves in text_moves(text, layout_named(layout), scan_codes=scan_codes) for move in moves]
    return [f"{'+' if each.down else '-'}{each.key.scan_code if scan_codes else each.key.keysym:x}" for each in moves]


def test_a_letter_is_a_key_and_a_capital_one_needs_shift() -> None:
    assert typed("a") == ["+1e", "-1e"]
    assert typed("A") == ["+2a", "+1e", "-1e", "-2a"]


def test_servers_without_scan_codes_get_keysyms() -> None:
    assert typed("$\n", scan_codes=False) == ["+ffe1", "+24", "-24", "-ffe1", "+ff0d", "-ff0d"]
    assert typed("€ü", scan_codes=False) == ["+10020ac", "-10020ac", "+fc", "-fc"]


def test_a_layout_says_where_characters_are() -> None:
    assert typed("z", "de") == typed("y", "us") == ["+15", "-15"]
    assert typed("a", "fr") == typed("q", "us")
    assert typed("#", "gb") == ["+2b", "-2b"]


def test_altgr_is_held_where_scan_codes_count() -> None:
    assert typed("@", "de") == ["+b8", "+10", "-10", "-b8"]
    assert typed("@", "de", scan_codes=False) == ["+40", "-40"]


def test_a_dead_key_is_followed_by_a_space() -> None:
    assert typed("^", "de") == ["+29", "-29", "+39", "-39"]
    assert typed("^", "de", scan_codes=False) == ["+5e", "-5e"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ascii_can_be_typed_on_every_keyboard(layout: str) -> None:
    for character in map(chr, range(0x20, 0x7F)):
        assert typed(character, layout), character


@pytest.mark.parametrize(("text", "scan_codes"), [("ab\N{SNOWMAN}", True), ("ab\x01", False)])
def test_a_character_without_a_key_is_named_by_its_place_and_not_shown(text: str, scan_codes: bool) -> None:
    with pytest.raises(LocalProtocolError, match="character 3 of the text has no key on a keyboard of layout us"):
        typed(text, scan_codes=scan_codes)


def test_a_chord_goes_down_and_comes_up_the_other_way_round() -> None:
    moves = list(chord_moves(find_chord("Ctrl+Alt+Del", layout_named("us"))))
    assert [(each.key.scan_code, each.down) for each in moves] == [
        (0x1D, True), (0x38, True), (0xD3, True), (0xD3, False), (0x38, False), (0x1D, False),
    ]  # fmt: skip


def test_keys_have_names() -> None:
    us = layout_named("us")
    assert find_chord("F12", us)[0].keysym == 0xFFC9
    assert find_chord("esc", us) == find_chord("Escape", us)
    assert find_chord("a", us)[0].scan_code == 0x1E
    assert find_chord("=", us)[0].scan_code == 0x0D


@pytest.mark.parametrize("name", ["hyper", "A", "+", "", "ctrl+"])
def test_an_unknown_key_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="no key"):
        find_chord(name, layout_named("us"))


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="no keyboard layout dvorak; there are de, fr, gb, us"):
        layout_named("dvorak")


def test_a_move_says_nothing_of_its_key() -> None:
    key = find_chord("a", layout_named("us"))[0]
    move = KeyMove(key, down=True)
    assert "97" not in repr(move)
    assert move.encode(scan_codes=True).hex() == "ff000001000000610000001e"
    assert move.encode(scan_codes=False).hex() == "0401000000000061"
