from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.capsules import (
    DATAGRAM,
    MAX_VARINT,
    Capsule,
    CapsuleReader,
    decode_varint,
    decode_varints,
    encode_capsule,
    encode_varint,
)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [  # RFC 9000, appendix A.1
        (151_288_809_941_952_652, "c2197c5eff14e88c"),
        (494_878_333, "9d7f3e7d"),
        (15_293, "7bbd"),
        (37, "25"),
    ],
)
def test_the_examples_of_the_rfc(value: int, encoded: str) -> None:
    assert encode_varint(value).hex() == encoded
    assert decode_varint(bytes.fromhex(encoded), 0) == (value, len(encoded) // 2)


def test_a_longer_form_than_needed_is_read_too() -> None:
    assert decode_varint(bytes.fromhex("4025"), 0) == (37, 2)


@pytest.mark.parametrize("value", [-1, MAX_VARINT + 1])
def test_a_number_has_62_bits(value: int) -> None:
    with pytest.raises(LocalProtocolError, match="62 bits"):
        encode_varint(value)


@given(st.integers(0, MAX_VARINT))
def test_numbers_round_trip_and_are_incomplete_at_every_shorter_length(value: int) -> None:
    encoded = encode_varint(value)
    assert decode_varint(encoded, 0) == (value, len(encoded))
    assert all(decode_varint(encoded[:length], 0) is None for length in range(len(encoded)))


def test_numbers_in_a_capsule_may_be_followed_by_more() -> None:
    assert decode_varints(b"\x01\x02\x03", 2) == [1, 2]
    with pytest.raises(DecodeError, match="truncated"):
        decode_varints(b"\x01\x40", 2)


capsules = st.lists(st.builds(Capsule, st.sampled_from([0, 1, 64, MAX_VARINT]), st.binary(max_size=100)), max_size=10)


@given(sent=capsules, cuts=st.lists(st.integers(0, 1000), max_size=10))
def test_any_split_gives_the_known_capsules(sent: list[Capsule], cuts: list[int]) -> None:
    data = b"".join(encode_capsule(*one) for one in sent)
    reader = CapsuleReader((0, 64), 100)
    ends = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = [one for start, end in zip([0, *ends], ends, strict=False) for one in reader.receive(data[start:end])]
    assert found == [one for one in sent if one.kind in (0, 64)]
    assert reader.skipped == len(sent) - len(found)
    assert reader.is_between_capsules


@given(st.binary(max_size=200))
def test_any_bytes_are_capsules_or_a_decode_error(data: bytes) -> None:
    with suppress(DecodeError):
        CapsuleReader((DATAGRAM,), 20).receive(data)


def test_a_capsule_that_is_too_long_is_refused_before_it_comes() -> None:
    reader = CapsuleReader((DATAGRAM,), 10)
    with pytest.raises(DecodeError, match="11 bytes, where 10"):
        reader.receive(b"\x00\x0b")


def test_an_unknown_capsule_may_have_any_length_and_is_not_stored() -> None:
    reader = CapsuleReader((DATAGRAM,), 10)
    reader.receive(b"\x17" + encode_varint(1_000_000))
    for _ in range(10):
        assert not reader.is_between_capsules
        assert reader.receive(bytes(100_000)) == []
    assert reader.is_between_capsules
    assert reader.receive(encode_capsule(DATAGRAM, b"hi")) == [Capsule(DATAGRAM, b"hi")]
