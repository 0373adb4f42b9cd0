"""The picture of a terminal: colours, glyphs, what is drawn again."""

from __future__ import annotations

import pytest

from conduit.rfb.textscreen import Picture, Terminal, font
from conduit.rfb.textscreen import picture as picture_module
from conduit.rfb.textscreen.boxes import drawn_glyph
from conduit.rfb.textscreen.colours import BACKGROUND, BASIC, FOREGROUND, PLAIN, Rgb, Style, colour_of, restyle


def picture_of(text: str, columns: int = 4, rows: int = 2) -> Picture:
    terminal = Terminal(columns, rows)
    terminal.receive(text.encode())
    return Picture(terminal)


def art(pixels: bytes, columns: int) -> list[str]:
    width = columns * font.WIDTH * 4
    rows = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    return ["".join(" #"[any(row[at : at + 3])] for at in range(0, width, 4)) for row in rows]


def colours_in(pixels: bytes) -> set[Rgb]:
    return {(pixels[at + 2], pixels[at + 1], pixels[at]) for at in range(0, len(pixels), 4)}


def test_letters_look_like_letters() -> None:
    picture = picture_of("\x1b[?25lL/", 2, 1)
    assert (picture.width, picture.height) == (16, 16)
    assert [row.rstrip() for row in art(picture.draw()[0], 2)] == [
        "",
        "",
        "#            #",
        "#            #",
        "#           #",
        "#           #",
        "#          #",
        "#          #",
        "#         #",
        "#         #",
        "#        #",
        "######   #",
        "",
        "",
        "",
        "",
    ]


def test_the_cursor_is_a_line_below_the_character() -> None:
    assert [row.rstrip() for row in art(picture_of("", 1, 1).draw()[0], 1)] == [""] * 13 + ["########"] * 2 + [""]


def test_only_what_changed_is_drawn_again() -> None:
    terminal = Terminal(4, 3)
    picture = Picture(terminal)
    assert sorted(picture.draw()) == [0, 16, 32]
    assert picture.draw() == {}
    terminal.receive(b"\x1b[3;1H")
    assert sorted(picture.draw()) == [0, 32]
    terminal.receive(b"\x1b[?25l")
    assert sorted(picture.draw()) == [32]
    assert sorted(picture.redraw()) == [0, 16, 32]


def test_a_row_has_all_its_pixels() -> None:
    assert {len(row) for row in picture_of("abc", 80, 25).draw().values()} == {640 * 16 * 4}


@pytest.mark.parametrize(
    ("written", "colours"),
    [
        ("x", {BACKGROUND, FOREGROUND}),
        ("\x1b[31mx", {BACKGROUND, BASIC[1]}),
        ("\x1b[1;31mx", {BACKGROUND, BASIC[9]}),
        ("\x1b[1;91mx", {BACKGROUND, BASIC[9]}),
        ("\x1b[44;93mx", {BASIC[4], BASIC[11]}),
        ("\x1b[7mx", {BACKGROUND, FOREGROUND}),
        ("\x1b[8mx", {BACKGROUND}),
        ("\x1b[102mx", {BASIC[10], FOREGROUND}),
    ],
)
def test_colours_are_seen(written: str, colours: set[Rgb]) -> None:
    assert colours_in(picture_of(written + "\x1b[?25l", 1, 1).draw()[0]) == colours


def test_bold_is_thicker_and_underline_is_a_line() -> None:
    plain, bold, underlined = (
        "".join(art(picture_of(text + "x\x1b[?25l", 1, 1).draw()[0], 1)).count("#")
        for text in ("", "\x1b[1m", "\x1b[4m")
    )
    assert bold > plain
    assert underlined == plain + font.WIDTH


@pytest.mark.parametrize(
    ("parameters", "style"),
    [
        ((), PLAIN),
        ((1, 4, 7, 8), Style(bold=True, underlined=True, inverse=True, hidden=True)),
        ((1, 4, 7, 8, 22, 24, 27, 28), PLAIN),
        ((31, 42, 39, 49), PLAIN),
        ((31, 0), PLAIN),
        ((38, 5, 9), Style(foreground=BASIC[9])),
        ((48, 5, 16), Style(background=(0, 0, 0))),
        ((38, 5, 231), Style(foreground=(255, 255, 255))),
        ((38, 5, 232), Style(foreground=(8, 8, 8))),
        ((38, 5, 9999), Style(foreground=(238, 238, 238))),
        ((38, 2, 1, 2, 999, 1), Style(foreground=(1, 2, 255), bold=True)),
        ((38, 2, 1, 2), PLAIN),
        ((48, 7, 1), PLAIN),
        ((38,), PLAIN),
        ((99, 1), Style(bold=True)),
        ((3, 110), PLAIN),
    ],
)
def test_sgr_is_understood(parameters: tuple[int, ...], style: Style) -> None:
    assert restyle(Style(foreground=FOREGROUND), parameters) == style


def test_the_cube_has_its_corners() -> None:
    assert colour_of(16 + 36 * 5 + 6 * 2 + 1) == (0xFF, 0x87, 0x5F)


def test_every_character_has_a_glyph_of_sixteen_rows() -> None:
    for code in (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2190, 0x2194), *range(0x2500, 0x25D0)):
        glyph = font.glyph_of(chr(code))
        assert len(glyph) == font.HEIGHT
        assert all(0 <= row <= 0xFF for row in glyph)


def test_ascii_characters_all_look_different() -> None:
    assert len({font.glyph_of(chr(code)) for code in range(0x20, 0x7F)}) == 95


def test_what_has_no_glyph_is_a_box_or_loses_its_accent() -> None:
    assert font.glyph_of("é") == font.glyph_of("e")
    assert font.glyph_of("日") == font.UNKNOWN
    assert font.glyph_of("—") == font.glyph_of("-")
    assert font.glyph_of("\u2571") == font.UNKNOWN


def test_lines_meet() -> None:
    corner, across, down = (drawn_glyph(each) for each in "┌─│")
    assert corner is not None
    assert across is not None
    assert down is not None
    assert corner[15] == down[0] == 0x10
    assert corner[7] & 1 == across[7] & 1
    assert corner[0] == 0
    assert across[7] == 0xFF


def test_line_weights_differ() -> None:
    assert len({drawn_glyph(each) for each in "─━═│┃║┄"}) == 6  # a dashed line is a line


def test_blocks_fill_what_they_say() -> None:
    assert drawn_glyph("█") == (0xFF,) * 16
    assert drawn_glyph("▂") == (0,) * 12 + (0xFF,) * 4
    assert drawn_glyph("▌") == (0xF0,) * 16
    assert drawn_glyph("A") is None


def test_a_screen_of_all_styles_keeps_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MAX_CACHED", 3)
    terminal = Terminal(8, 1)
    picture = Picture(terminal)
    terminal.receive(b"abcdefg")
    picture.draw()
    assert len(picture._cache) <= 3
