"""Control messages: fields by tag, what is newer is skipped, what is broken is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.tunnel.control import Drain, Hello, Message, Notice, Refusal, Welcome, decode_message

EXAMPLES: list[Message] = [
    Hello(major=1, minor=2, generation=1 << 60, max_streams=4096, registration=b"\0servers"),
    Welcome(minor=1, answer=b"ok"),
    Refusal(reason="not today", may_retry=1),
    Drain(milliseconds=30_000, reason="update"),
    Notice(name="reload", body=b"{}"),
]


def field(tag: int, value: bytes) -> bytes:
    return struct.pack(">HI", tag, len(value)) + value


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_message_is_read_as_it_was_written(message: Message) -> None:
    assert decode_message(message.encode()) == message


@pytest.mark.parametrize("kind", [type(message) for message in EXAMPLES])
def test_fields_with_their_default_are_left_out(kind: type[Message]) -> None:
    assert kind().encode() == struct.pack(">H", kind.type_number)
    assert decode_message(kind().encode()) == kind()


def test_the_layout_is_type_tag_length_value() -> None:
    assert Refusal(reason="no").encode() == bytes.fromhex("0003 0001 00000002 6e6f")


def test_unknown_types_and_unknown_tags_are_skipped() -> None:
    assert decode_message(b"\x7f\xff" + field(1, b"new")) is None
    assert decode_message(b"\0\x05" + field(1, b"reload") + field(99, b"new")) == Notice(name="reload")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "truncated control message"),
        (b"\0", "truncated control message"),
        (b"\0\x01\0\x01\0", "truncated field"),
        (b"\0\x01" + struct.pack(">HI", 1, 9) + b"12345678", "truncated field"),
        (b"\0\x01" + field(1, b"1234"), "number of 4 bytes"),
        (b"\0\x03" + field(1, b"\xff"), "no UTF-8"),
    ],
)
def test_broken_messages_are_decode_errors(data: bytes, error: str) -> None:
    with pytest.raises(DecodeError, match=error):
        decode_message(data)


@pytest.mark.property
@given(data=st.binary(max_size=60))
def test_anything_else_is_a_message_nothing_or_a_decode_error(data: bytes) -> None:
    try:
        message = decode_message(data)
    except DecodeError:
        return
    assert message is None or decode_message(message.encode()) == message
