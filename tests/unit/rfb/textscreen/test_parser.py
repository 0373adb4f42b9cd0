"""Terminal output as actions."""

from __future__ import annotations

import pytest

from conduit.rfb.textscreen.parser import (
    MAX_INTERMEDIATES,
    MAX_PARAMETERS,
    MAX_VALUE,
    Action,
    Control,
    Csi,
    Escape,
    Parser,
    Text,
)


def parse(data: bytes) -> list[Action]:
    return Parser().receive(data)


@pytest.mark.parametrize(
    ("data", "actions"),
    [
        (b"", []),
        (b"hello", [Text("hello")]),
        ("äß€😀".encode(), [Text("äß€😀")]),
        (b"\xffa", [Text("\N{REPLACEMENT CHARACTER}a")]),
        (b"a\r\nb\x07", [Text("a"), Control("\r"), Control("\n"), Text("b"), Control("\a")]),
        (b"\x7f", [Control("\x7f")]),
        ("\x85".encode(), [Control("\x85")]),
        (b"\x1bM", [Escape("M")]),
        (b"\x1b(0x", [Escape("(0"), Text("x")]),
        (b"\x1b#8", [Escape("#8")]),
        (b"\x1b=", [Escape("=")]),
        (b"\x1b[m", [Csi("m", ())]),
        (b"\x1b[1;31m", [Csi("m", (1, 31))]),
        (b"\x1b[;5H", [Csi("H", (0, 5))]),
        (b"\x1b[38:5:9m", [Csi("m", (38, 5, 9))]),
        (b"\x1b[?25l", [Csi("?l", (25,))]),
        (b"\x1b[2 q", [Csi(" q", (2,))]),
        (b"\x1b[[A", [Csi("[", ()), Text("A")]),
        (b"\x1b[1\r2m", [Control("\r"), Csi("m", (12,))]),
        (b"\x1b[1\x07m", [Control("\a"), Csi("m", (1,))]),
        (b"\x1b[1\x18m", [Text("m")]),
        (b"\x1b\x1am", [Text("m")]),
        (b"\x1b[1\x1bM", [Escape("M")]),
        (b"\x1b(\x1bM", [Escape("M")]),
        (b"\x1b]0;title\x07x", [Text("x")]),
        (b"\x1b]0;title\x1b\\x", [Text("x")]),
        (b"\x1bPdata\x18x", [Text("x")]),
        (b"\x1bPdata\x1b\x18x", [Text("x")]),
        (b"\x1b_a\x1b\x07x", [Text("x")]),
        (b"\x1b]a\x1b\r\x1b\x1b\\x", [Text("x")]),
        (b"\x1b]a\x1b[1mx", [Csi("m", (1,)), Text("x")]),
        (b"\x1b]a\x1b]b\x07x", [Text("x")]),
        (b"\x1b[99999m", [Csi("m", (MAX_VALUE,))]),
    ],
)
def test_sequences_are_what_they_are_cut_anywhere_or_not(data: bytes, actions: list[Action]) -> None:
    assert parse(data) == actions
    for cut in range(len(data)):
        parser = Parser()
        pieces = parser.receive(data[:cut]) + parser.receive(data[cut:])
        assert join_texts(pieces) == join_texts(actions)


def join_texts(actions: list[Action]) -> list[Action]:
    joined: list[Action] = []
    for action in actions:
        before = joined[-1] if joined else None
        if isinstance(action, Text) and isinstance(before, Text):
            joined[-1] = Text(before.text + action.text)
        else:
            joined.append(action)
    return joined


def test_a_sequence_that_goes_on_and_on_takes_no_memory() -> None:
    parser = Parser()
    parser.receive(b"\x1b[")
    for _ in range(10_000):
        parser.receive(b"1;" * 10 + b"?" * 10)
    (action,) = parser.receive(b"m")
    assert isinstance(action, Csi)
    assert len(action.parameters) <= MAX_PARAMETERS
    assert action.name == "?" * MAX_INTERMEDIATES + "m"
