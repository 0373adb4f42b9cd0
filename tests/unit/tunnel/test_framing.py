"""Messages behind their length."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError
from conduit.tunnel.framing import MessageReader, encode_message


def test_a_message_is_five_bytes_longer() -> None:
    assert encode_message(b"abc") == b"\0\0\0\0\3abc"


@pytest.mark.parametrize("size", [1, 2, 5, 6, 100])
def test_messages_come_as_a_whole_however_they_are_cut(size: int) -> None:
    sent = encode_message(b"one") + encode_message(b"") + encode_message(b"three")
    reader = MessageReader()
    found = [message for at in range(0, len(sent), size) for message in reader.receive(sent[at : at + size])]
    assert found == [b"one", b"", b"three"]
    assert reader.is_between_messages


def test_a_message_in_part_can_be_told() -> None:
    reader = MessageReader()
    reader.receive(encode_message(b"one")[:-1])
    assert not reader.is_between_messages


def test_a_message_that_is_too_long_is_not_waited_for() -> None:
    reader = MessageReader(3)
    assert reader.receive(encode_message(b"123")) == [b"123"]
    with pytest.raises(DecodeError, match="4 bytes"):
        reader.receive(b"\0\0\0\0\4")


def test_a_compressed_message_is_an_error() -> None:
    with pytest.raises(DecodeError, match="compressed"):
        MessageReader().receive(encode_message(b"x", flag=1))


def test_flags_that_are_understood_are_told() -> None:
    reader = MessageReader(flags=(0, 0x80))
    assert reader.receive_flagged(encode_message(b"x") + encode_message(b"y", flag=0x80)) == [(0, b"x"), (0x80, b"y")]
