from __future__ import annotations

import pytest

from conduit.ipmi.bmc.guest.editor import MAX_HISTORY, MAX_LINE, Ending, LineEditor
from conduit.ipmi.bmc.guest.keys import ESCAPE_PATIENCE, Key, KeyReader, Typed
from conduit.ipmi.bmc.guest.wire import MAX_PENDING, Script, Wire


def keys(data: bytes) -> list[Typed]:
    return KeyReader().receive(data, 0.0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\x7f", [b"a", Key.BACKSPACE]),
        (b"\r\n", [Key.ENTER]),
        (b"\r\x00\n", [Key.ENTER, Key.ENTER]),
        (b"\n\r\r", [Key.ENTER] * 3),
        (b"\x1b[A\x1bOB\x1b[3~\x1b[12~", [Key.UP, Key.DOWN, Key.DELETE, Key.F2]),
        (b"\x1b[1;5C\x1b[99;9Zx", [b"x"]),
        (b"\x1b[999999999", [b"9", b"9"]),
        ("é€\U0001f600".encode(), ["é".encode(), "€".encode(), "\U0001f600".encode()]),
        (b"\x80\x80\xc3a\xff\xff\x80\x80\x80", [b"a"]),
        (b"\x1bx\x02", []),
        (b"\x1b\x1b[A", [Key.ESCAPE, Key.UP]),
        (b"\x1bR\x1br\x1bR", [Key.CTRL_ALT_DEL]),
        (b"\x1bR\x1br \x1bR", [b" "]),
    ],
)
def test_bytes_become_keys(data: bytes, expected: list[Typed]) -> None:
    assert keys(data) == expected
    reader = KeyReader()
    assert [key for byte in data for key in reader.receive(bytes((byte,)), 0.0)] == expected


def test_a_lone_escape_is_the_key_after_a_moment() -> None:
    reader = KeyReader()
    assert reader.receive(b"\x1b", 1.0) == []
    assert reader.next_deadline() == 1.0 + ESCAPE_PATIENCE
    assert reader.handle_deadline(1.05) == []
    assert reader.handle_deadline(1.2) == [Key.ESCAPE]
    assert reader.next_deadline() is None
    assert reader.receive(b"[A", 1.3) == [b"[", b"A"]


class Terminal:
    """Shows one row, as a terminal would."""

    def __init__(self) -> None:
        self.row: list[str] = []
        self.column = 0
        self.bells = 0

    def show(self, data: bytes) -> None:
        for char in data.decode():
            if char == "\b":
                assert self.column > 0
                self.column -= 1
            elif char == "\a":
                self.bells += 1
            elif char == "\r":
                self.column = 0
            elif char != "\n":
                self.row[self.column : self.column + 1] = [char]
                self.column += 1


def edit(*typed: bytes, history: list[bytes] | None = None) -> tuple[LineEditor, Terminal, bytes | Ending | None]:
    wire, terminal, result = Wire(), Terminal(), None
    editor = LineEditor(wire, "", history=history)
    for key in keys(b"".join(typed)):
        result = editor.take(key)
        terminal.show(wire.take())
    return editor, terminal, result


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (b"abc\x7f\x7f\x7f\x7fx", b"x"),
        (b"ac\x1b[Db", b"abc"),
        (b"bc\x01a\x05d", b"abcd"),
        (b"one two  \x17x", b"one x"),
        (b"one two\x01\x1b[C\x0b", b"o"),
        (b"one\x1b[D\x15", b"e"),
        (b"abc\x01\x1b[3~\x04", b"c"),
        ("aé\x7fü".encode(), "aü".encode()),
        ("aéx\x1b[D\x1b[D\x1b[C\x1b[D\x1b[3~".encode(), b"ax"),
        (b"\x1b[C\x1b[D\x1b[3~a", b"a"),
    ],
)
def test_a_line_is_edited_and_the_screen_shows_it(typed: bytes, line: bytes) -> None:
    editor, terminal, _ = edit(typed)
    assert "".join(terminal.row).rstrip() == line.decode()
    assert editor.take(Key.ENTER) == line


def test_history_is_recalled_and_the_draft_comes_back() -> None:
    history = [b"first", b"second"]
    _, terminal, _ = edit(b"dra\x1b[A\x1b[A\x1b[A\x1b[B\x1b[B\x1b[B", history=history)
    assert "".join(terminal.row).rstrip() == "dra"
    assert terminal.bells == 2
    _, terminal, _ = edit(b"\x1b[A\x1b[B", history=history)
    assert "".join(terminal.row).rstrip() == ""
    _, _, line = edit(b"\x1b[A\r", history=history)
    assert (line, history) == (b"second", [b"first", b"second"])


def test_history_and_line_are_bounded_and_unknown_keys_ring() -> None:
    history = [b"%d" % number for number in range(MAX_HISTORY)]
    edit(b"new\r", history=history)
    assert (len(history), history[-1]) == (MAX_HISTORY, b"new")
    editor, terminal, _ = edit(b"x" * (MAX_LINE + 3) + b"\t")
    assert terminal.bells == 4
    assert editor.take(Key.ENTER) == b"x" * MAX_LINE
    assert edit(b"\x1b[A")[1].bells == 1


def test_ctrl_c_and_ctrl_d() -> None:
    assert edit(b"abc\x03")[2] is Ending.INTERRUPTED
    assert edit(b"\x04")[2] is Ending.END_OF_FILE


def test_a_password_is_not_shown_in_any_way() -> None:
    wire = Wire()
    editor = LineEditor(wire, "Password: ", echo=False)
    editor.show()
    for key in keys(b"secret\x1b[D\x01\x05\x7ft\x0c"):
        editor.take(key)
    editor.show()
    assert wire.take() == b"Password: \a\r\nPassword: "
    assert editor.take(Key.ENTER) == b"secret"


def test_the_screen_is_cleared_and_the_line_shown_again() -> None:
    wire = Wire()
    editor = LineEditor(wire, "$ ")
    for key in keys(b"abc\x1b[D\x0c"):
        editor.take(key)
    assert wire.take().endswith(b"\x1b[2J\x1b[H\r$ abc\b")


def test_the_wire_is_bounded() -> None:
    wire = Wire()
    wire.write("x" * MAX_PENDING)
    wire.write("yz")
    wire.write("")
    assert wire.lost == 2
    assert len(wire.take()) == MAX_PENDING


def test_a_script_keeps_its_times() -> None:
    script = Script([(0.0, "a"), (1.0, "b")], 10.0)
    assert script.next_deadline() == 10.0
    assert script.due(10.5) == [(10.0, "a")]
    assert script.due(12.0) == [(11.0, "b")]
    assert script.next_deadline() is None
