from __future__ import annotations

import pytest

from conduit.cli.terminal.escapes import Action, EscapeParser, Step, parse_escape
from conduit.errors import LocalProtocolError

TABLE = [
    (b"~.", [Action.QUIT]),
    (b"ls\r~.", [b"ls\r", Action.QUIT]),
    (b"ls~.", [b"ls~."]),
    (b"\n~B~B", [b"\n", Action.BREAK, Action.BREAK]),
    (b"~~x~.", [b"~x~."]),
    (b"~x\r", [b"~x\r"]),
    (b"~?~\x1a", [Action.HELP, Action.SUSPEND]),
    (b"\x03\x04\x1a", [b"\x03\x04\x1a"]),
    (b"ab\x1dq", [b"ab", Action.MENU, Action.QUIT]),
    (b"\x1db\x1ds\x1d?", [Action.MENU, Action.BREAK, Action.MENU, Action.STATUS, Action.MENU, Action.HELP]),
    (b"\x1d]\x1d\x1d", [Action.MENU, b"\x1d", Action.MENU, b"\x1d"]),
    (b"\x1dxy", [Action.MENU, Action.RESUME, b"y"]),
    (b"", []),
]


def joined(steps: list[Step]) -> list[Step]:
    """Neighbouring bytes as one piece."""
    result: list[Step] = []
    for step in steps:
        last = result[-1] if result else None
        if isinstance(step, bytes) and isinstance(last, bytes):
            result[-1] = last + step
        else:
            result.append(step)
    return result


@pytest.mark.parametrize(("typed", "steps"), TABLE)
def test_what_is_typed_in_one_piece_and_byte_by_byte(typed: bytes, steps: list[Step]) -> None:
    assert joined(EscapeParser().feed(typed)) == steps
    parser = EscapeParser()
    assert joined([step for byte in typed for step in parser.feed(bytes((byte,)))]) == steps


def test_another_escape_character_or_none() -> None:
    assert EscapeParser(escape=ord("%")).feed(b"~.\r%.") == [b"~.\r", Action.QUIT]
    assert EscapeParser(escape=None).feed(b"~.\x1dq") == [b"~.\x1dq"]
    assert EscapeParser(escape=None).feed(b"") == []
    assert "%." in EscapeParser(escape=ord("%")).help


@pytest.mark.parametrize("text", ["", "ab", " ", "\x01", "é"])
def test_what_cannot_be_an_escape_character(text: str) -> None:
    assert parse_escape("~") == ord("~")
    with pytest.raises(LocalProtocolError, match="one printable character"):
        parse_escape(text)
