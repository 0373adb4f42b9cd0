"""The IPMI message frame: known bytes, checksums, both directions."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError
from conduit.rmcp.lan_message import (
    LanMessage,
    checksum,
    decode_frame,
    encode_frame,
    encode_response,
)

# Get Channel Authentication Capabilities, channel 0Eh, administrator, sequence 1, laid out by hand.
REQUEST = bytes.fromhex("20 18 c8 81 04 38 0e 04 31")


def test_request_is_framed_as_the_specification_lays_it_out() -> None:
    assert encode_frame(0x06, 0x38, b"\x0e\x04", sequence=1) == REQUEST


def test_decoded_frame_has_every_field() -> None:
    assert decode_frame(REQUEST) == LanMessage(0x20, 0x06, 0, 0x81, 1, 0, 0x38, b"\x0e\x04")


def test_response_swaps_the_ends_and_repeats_the_sequence() -> None:
    request = LanMessage(0x20, 0x06, 1, 0x81, 0x2A, 2, 0x01, b"")
    response = decode_frame(encode_response(request, 0xC1, b"why"))
    assert response == LanMessage(0x81, 0x07, 2, 0x20, 0x2A, 1, 0x01, b"\xc1why")
    assert response.is_response
    assert not request.is_response


def test_checksum_brings_the_sum_to_zero() -> None:
    assert checksum(b"\x20\x18") == 0xC8
    assert checksum(b"") == 0
    assert checksum(b"\xff" * 7) == 7


@pytest.mark.parametrize("length", range(7))
def test_frame_shorter_than_its_header_is_a_decode_error(length: int) -> None:
    with pytest.raises(DecodeError, match="truncated IPMI message"):
        decode_frame(REQUEST[:length], verify=False)


@pytest.mark.parametrize("place", range(len(REQUEST)))
def test_any_changed_byte_breaks_a_checksum(place: int) -> None:
    broken = bytearray(REQUEST)
    broken[place] ^= 0x10
    with pytest.raises(DecodeError, match="wrong header checksum" if place < 3 else "wrong data checksum"):
        decode_frame(bytes(broken))


def test_checksums_are_not_looked_at_when_told_so() -> None:
    broken = bytearray(REQUEST)
    broken[2] ^= 1
    broken[-1] ^= 1
    assert decode_frame(bytes(broken), verify=False) == decode_frame(REQUEST)


def test_sequence_and_luns_share_bytes_without_touching_each_other() -> None:
    frame = encode_frame(0x3E, 0xFF, b"", sequence=0x3F, to_address=0xFF, from_address=0xFE, to_lun=3, from_lun=2)
    assert decode_frame(frame) == LanMessage(0xFF, 0x3E, 3, 0xFE, 0x3F, 2, 0xFF, b"")
