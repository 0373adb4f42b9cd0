from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.messages import ClientMessage, CutText, KeyEvent, PointerEvent
from tests.unit.rfb.test_messages import client_messages


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(each % (len(data) + 1) for each in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


@given(st.lists(client_messages, max_size=10), st.lists(st.integers(0, 10_000), max_size=10))
def test_any_split_of_the_stream_gives_the_same_messages(messages: list[ClientMessage], cuts: list[int]) -> None:
    reader = ClientMessageReader()
    data = b"".join(message.encode() for message in messages)
    assert [each for piece in cut(data, cuts) for each in reader.receive_data(piece)] == messages


@given(st.integers(11, 200), st.lists(st.integers(0, 10_000), max_size=5))
def test_a_clipboard_that_is_too_long_is_passed_over(length: int, cuts: list[int]) -> None:
    reader = ClientMessageReader(clipboard=10)
    key = KeyEvent(65, down=True)
    data = CutText(bytes(length)).encode() + key.encode()
    assert [each for piece in cut(data, cuts) for each in reader.receive_data(piece)] == [key]
    assert reader.dropped_clipboards == 1


def test_a_clipboard_that_never_comes_takes_no_memory() -> None:
    reader = ClientMessageReader()
    assert reader.receive_data(CutText(bytes(1 << 20)).encode()[: 1 << 19]) == []
    assert not reader.held_bytes


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(DecodeError, match="type 253"):
        ClientMessageReader().receive_data(b"\xfd")


def test_eight_buttons_and_more_are_read_once_they_were_announced() -> None:
    reader = ClientMessageReader()
    event = PointerEvent(3, 4, 0x181)
    reader.extended_pointer = True
    assert reader.receive_data(event.encode(extended=True)) == [event]
