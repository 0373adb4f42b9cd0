"""The bounded reader: every field by a byte pattern, and an under-run of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit._wire import Reader
from conduit.errors import DecodeError

INTEGERS: list[tuple[Callable[..., int], int, int]] = [  # method, its width in bytes, what it makes of 01 02 03 04
    (Reader.u8, 1, 0x01),
    (Reader.u16le, 2, 0x0201),
    (Reader.u24le, 3, 0x030201),
    (Reader.u32le, 4, 0x04030201),
    (Reader.u16be, 2, 0x0102),
    (Reader.u32be, 4, 0x01020304),
]
NAMES = [method.__name__ for method, _, _ in INTEGERS]


@pytest.mark.parametrize(("method", "width", "value"), INTEGERS, ids=NAMES)
def test_integer_is_read_in_its_byte_order(method: Callable[..., int], width: int, value: int) -> None:
    reader = Reader(b"\x01\x02\x03\x04\x05")
    assert method(reader) == value
    assert reader.offset == width
    assert reader.remaining == 5 - width


@pytest.mark.parametrize(("method", "width", "value"), INTEGERS, ids=NAMES)
def test_integer_cut_short_is_a_decode_error(method: Callable[..., int], width: int, value: int) -> None:
    for length in range(width):
        reader = Reader(bytes(length))
        with pytest.raises(DecodeError, match="truncated port") as caught:
            method(reader, "port")
        assert caught.value.offset == length


def test_failed_read_consumes_nothing() -> None:
    reader = Reader(b"ab")
    with pytest.raises(DecodeError):
        reader.take(3)
    assert reader.rest() == b"ab"


def test_taking_nothing_from_nothing_is_allowed() -> None:
    assert Reader(b"").take(0) == b""
    assert Reader(b"").rest() == b""


def test_reads_a_view_and_hands_out_bytes() -> None:
    taken = Reader(memoryview(b"abc")[1:]).take(2)  # type: ignore[arg-type]  # callers on the hot path hold views
    assert taken == b"bc"
    assert type(taken) is bytes


def test_end_accepts_an_exhausted_reader() -> None:
    reader = Reader(b"a")
    reader.u8()
    reader.end()
    assert reader.rest() == b""


def test_end_names_the_message_and_what_is_left_over() -> None:
    reader = Reader(b"abc")
    reader.u8()
    with pytest.raises(DecodeError, match="2 bytes after the end of the RAKP message") as caught:
        reader.end("RAKP message")
    assert caught.value.offset == 1


@pytest.mark.property
@given(data=st.binary(max_size=40), counts=st.lists(st.integers(0, 12), max_size=8))
def test_takes_and_rest_add_up_to_the_data(data: bytes, counts: list[int]) -> None:
    reader = Reader(data)
    taken = b""
    for count in counts:
        if count > reader.remaining:
            with pytest.raises(DecodeError):
                reader.take(count)
        else:
            taken += reader.take(count)
        assert reader.offset == len(taken)
    assert taken + reader.rest() == data
