"""What a terminal shows after it was written to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rfb.textscreen.colours import BASIC, BLANK, PLAIN, Cell, Style
from conduit.rfb.textscreen.terminal import COLUMNS, ROWS, Terminal


def show(data: bytes | str, columns: int = 10, rows: int = 4) -> Terminal:
    terminal = Terminal(columns, rows)
    terminal.receive(data.encode() if isinstance(data, str) else data)
    return terminal


def lines(terminal: Terminal) -> list[str]:
    return terminal.text().split("\n")


def test_a_terminal_has_the_size_of_a_pcs_screen() -> None:
    assert len(lines(Terminal())) == ROWS == 25
    assert len(Terminal().grid.row(0)) == COLUMNS == 80


@pytest.mark.parametrize(
    ("written", "seen", "cursor"),
    [
        ("ab\r\ncd", ["ab", "cd"], (1, 2)),
        ("ab\ncd", ["ab", "  cd"], (1, 4)),
        ("ab\bc", ["ac"], (0, 2)),
        ("\b\bx", ["x"], (0, 1)),
        ("a\tb", ["a       b"], (0, 9)),
        ("a\t\tb", ["a        b"], (0, 9)),
        ("a\vb\fc", ["a", " b", "  c"], (2, 3)),
        ("a\x85b", ["a", "b"], (1, 1)),
        ("a\x84b", ["a", " b"], (1, 2)),
        ("1\x1b[3G\x88\r\tx", ["1 x"], (0, 3)),
        ("1\r\n2\x8dx", ["1x", "2"], (0, 2)),
        ("0123456789", ["0123456789"], (0, 9)),
        ("0123456789a", ["0123456789", "a"], (1, 1)),
        ("0123456789\r\na", ["0123456789", "a"], (1, 1)),
        ("\x1b[?7l0123456789abc", ["012345678c"], (0, 9)),
        ("1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"], (3, 1)),
        ("1\x1bM2", [" 2", "1"], (0, 2)),
        ("1\x1bD2\x1bE3", ["1", " 2", "3"], (2, 1)),
        ("\x1b[3;4Hx", ["", "", "   x"], (2, 4)),
        ("\x1b[2fx", ["", "x"], (1, 1)),
        ("\x1b[99;99Hx", ["", "", "", "         x"], (3, 9)),
        ("\x1b[2B\x1b[3Cx\x1b[Ay\x1b[2Dz", ["", "   zy", "   x"], (1, 4)),
        ("ab\x1b[2Ex\x1b[Fy", ["ab", "y", "x"], (1, 1)),
        ("\x1b[5`x\x1b[2ay\x1b[2ez", ["    x  y", "", "        z"], (2, 9)),
        ("a\x1b[3dx", ["a", "", " x"], (2, 2)),
        ("a\x1b7\x1b[3;3Hb\x1b8c", ["ac", "", "  b"], (0, 2)),
        ("a\x1b[s\x1b[3;3Hb\x1b[uc", ["ac", "", "  b"], (0, 2)),
        ("abcdef\x1b[3D\x1b[K", ["abc"], (0, 3)),
        ("abcdef\x1b[3D\x1b[1K", ["    ef"], (0, 3)),
        ("abcdef\x1b[3D\x1b[2K", [], (0, 3)),
        ("abcdef\x1b[3D\x1b[7K", ["abcdef"], (0, 3)),
        ("1\r\n22\r\n3\x1b[2;2H\x1b[J", ["1", "2"], (1, 1)),
        ("1\r\n22\r\n3\x1b[2;1H\x1b[1J", ["", " 2", "3"], (1, 0)),
        ("1\r\n22\r\n3\x1b[2J", [], (2, 1)),
        ("1\r\n22\x1b[9J", ["1", "22"], (1, 2)),
        ("abcdef\x1b[3G\x1b[2X", ["ab  ef"], (0, 2)),
        ("abcdef\x1b[3G\x1b[2@", ["ab  cdef"], (0, 2)),
        ("abcdef\x1b[3G\x1b[2P", ["abef"], (0, 2)),
        ("abcdef\x1b[3G\x1b[99P", ["ab"], (0, 2)),
        ("abcdef\x1b[3G\x1b[4hXY", ["abXYcdef"], (0, 4)),
        ("abcdef\x1b[3G\x1b[4hX\x1b[4lY", ["abXYdef"], (0, 4)),
        ("1\r\n2\r\n3\x1b[2H\x1b[L", ["1", "", "2", "3"], (1, 0)),
        ("1\r\n2\r\n3\x1b[2H\x1b[M", ["1", "3"], (1, 0)),
        ("1\r\n2\r\n3\x1b[S", ["2", "3"], (2, 1)),
        ("1\r\n2\r\n3\x1b[T", ["", "1", "2", "3"], (2, 1)),
        ("a\x1b[3bc", ["aaaac"], (0, 5)),
        ("0\t1\x1b[2Zx", ["x       1"], (0, 1)),
        ("\x1b[9G1\x1b[Zx", ["        x"], (0, 9)),
        ("\x1b[2Ix", ["         x"], (0, 9)),
        ("\x1b[g\x1b[9G\x1b[g\r\tx", ["         x"], (0, 9)),
        ("\x1b[3g\tx", ["         x"], (0, 9)),
        ("\x1b[2g\tx", ["        x"], (0, 9)),
        ("\x1b(0lqk\x1b(Bq", ["┌─┐q"], (0, 4)),
        ("\x1b)0q\x0eq\x0fq", ["q─q"], (0, 3)),
        ("e\N{COMBINING ACUTE ACCENT}", ["e"], (0, 1)),
        ("\N{COMBINING ACUTE ACCENT}", [], (0, 0)),
        ("日本x", ["日 本 x"], (0, 5)),
        ("abc\x1bcd", ["d"], (0, 1)),
        ("\x1b]0;title\x07x", ["x"], (0, 1)),
        ("a\x1b[?1049hfull\x1b[?1049lb", [" b"], (0, 2)),
        ("a\x1b[?47hfull\x1b[?47lb", ["     b"], (0, 6)),
        ("\x1b[?2004h\x1b[>c\x1b#3\x1b[5nx\x00\x7f", ["x"], (0, 1)),
        ("a\x1b(AB", ["aB"], (0, 2)),
    ],
)
def test_what_is_written_is_seen(written: str, seen: list[str], cursor: tuple[int, int]) -> None:
    terminal = show(written)
    assert lines(terminal) == seen + [""] * (4 - len(seen))
    assert terminal.cursor == cursor


def test_lines_scroll_in_their_region() -> None:
    terminal = show("1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\nx\x1b[2;1H\x1bMy")
    assert lines(terminal) == ["1", "y", "3", "4"]


def test_outside_the_region_the_last_and_first_lines_hold_the_cursor() -> None:
    terminal = show("\x1b[2;3r\x1b[4;1H\n\nx\x1b[1;1H\x1bM\x1bMy\x1b[1;1H\x1b[Lz")
    assert lines(terminal) == ["z", "", "", "x"]


def test_the_region_holds_who_moves_inside() -> None:
    terminal = show("\x1b[2;3r\x1b[2;1H\x1b[9Ax\x1b[9By")
    assert lines(terminal) == ["", "x", " y", ""]


def test_a_region_of_one_line_is_none() -> None:
    assert lines(show("1\x1b[3;3r\x1b[99;1H\n2")) == ["", "", "", "2"]


def test_with_origin_mode_lines_count_from_the_region() -> None:
    terminal = show("\x1b[2;3r\x1b[?6h1\x1b[9;2H2\x1b[?6l3")
    assert lines(terminal) == ["3", "1", " 2", ""]


def test_the_alignment_test_fills_the_screen() -> None:
    assert lines(show("\x1b#8", 3, 2)) == ["EEE", "EEE"]


def test_the_bell_is_counted() -> None:
    assert show("\a\a").bells == 2


def test_the_cursor_hides() -> None:
    terminal = show("\x1b[?25l")
    assert terminal.cursor is None
    terminal.receive(b"\x1b[?25h")
    assert terminal.cursor == (0, 0)


def test_a_reset_forgets_all_the_middle_of_a_sequence_too() -> None:
    terminal = show("a\x1b[31mb\x1b[?25l\x1b[3")
    terminal.reset()
    terminal.receive(b"1mc")
    assert lines(terminal)[0] == "1mc"
    assert terminal.grid.row(0)[0].style == PLAIN


def test_what_is_erased_keeps_the_background() -> None:
    terminal = show("\x1b[44m\x1b[K\x1b[0m\x1b[2;1H\x1b[K")
    assert terminal.grid.row(0)[3] == Cell(" ", Style(background=BASIC[4]))
    assert terminal.grid.row(1)[3] == BLANK


def test_only_rows_that_changed_are_dirty() -> None:
    terminal = show("")
    terminal.grid.dirty.clear()
    terminal.receive(b"\x1b[2;1Hx")
    assert terminal.grid.dirty == {1}


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\x1b[", b";", b"999", b"H", b"r", b"\x1b(0"]), max_size=60))
def test_nothing_that_is_written_does_harm(pieces: list[bytes]) -> None:
    terminal, at_once = Terminal(8, 3), Terminal(8, 3)
    for piece in pieces:
        terminal.receive(piece)
    at_once.receive(b"".join(pieces))
    assert terminal.text() == at_once.text()
    assert all(len(terminal.grid.row(row)) == 8 for row in range(3))
    if terminal.cursor is not None:
        assert 0 <= terminal.cursor[0] < 3
        assert 0 <= terminal.cursor[1] < 8
