"""Control messages."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.control import MESSAGES, Drain, Hello, Message, Notice, Refusal, Welcome, decode_message

EXAMPLES = [
    Hello(major=1, minor=2, generation=1 << 63, max_streams=4, registration=b"\0\xff"),
    Welcome(minor=3, answer=b"yes"),
    Refusal(reason="nö", may_retry=1),
    Drain(milliseconds=5000, reason="update"),
    Notice(name="inventory", body=b"{}"),
    Hello(),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_message_survives_the_round_trip(message: Message) -> None:
    assert decode_message(message.encode()) == message


def test_every_type_has_an_example() -> None:
    assert {type(message) for message in EXAMPLES} == set(MESSAGES.values())


def test_the_bytes_are_type_tag_length_and_value() -> None:
    assert Refusal(reason="no", may_retry=1).encode() == bytes.fromhex("0003 0001 00000002 6e6f 0002 00000008") + bytes(
        [0, 0, 0, 0, 0, 0, 0, 1]
    )


def test_unknown_types_and_tags_are_skipped() -> None:
    assert decode_message(b"\x7f\xff\0\x01\0\0\0\0") is None
    assert decode_message(Welcome(minor=1).encode() + b"\x7f\xff\0\0\0\x01?") == Welcome(minor=1)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_truncated_message_is_an_error_or_a_shorter_message(message: Message) -> None:
    encoded = message.encode()
    for length in range(len(encoded)):
        try:
            shorter = decode_message(encoded[:length])
        except DecodeError:
            continue
        assert shorter is not None
        assert encoded.startswith(shorter.encode())


@pytest.mark.parametrize("data", ["", "00", "0001 0001 00000001 00", "0003 0001 00000001 ff", "0001 0001 00000009 00"])
def test_what_is_no_message_is_an_error(data: str) -> None:
    with pytest.raises(DecodeError):
        decode_message(bytes.fromhex(data))


@pytest.mark.parametrize("message", [Hello(generation=-1), Hello(generation=1 << 64), Notice(name="\ud800")])
def test_a_value_that_cannot_travel_is_the_callers_fault(message: Message) -> None:
    with pytest.raises(LocalProtocolError, match="cannot travel"):
        message.encode()


def test_what_the_services_say_is_not_shown() -> None:
    assert "secret" not in repr(Hello(registration=b"secret"))
