"""The headers that open a stream and answer."""

from __future__ import annotations

import hpack
import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.http2 import MAX_HEADERS
from conduit.tunnel.opening import (
    MAX_METADATA,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)


def test_kind_and_metadata_survive_the_round_trip() -> None:
    metadata = {"host": "10.0.0.1", "name": "köln 🚀", "empty": ""}
    assert decode_request(encode_request("sol", metadata)) == ("sol", metadata)
    assert decode_response(encode_response(metadata)) == metadata


@pytest.mark.parametrize("kind", ["", "Sol", "-sol", "so l", "s" * 64, "ß"])
def test_a_kind_is_a_short_plain_name(kind: str) -> None:
    with pytest.raises(LocalProtocolError, match="no kind"):
        encode_request(kind, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("A", "x"), ("a", "x\n"), ("a", " x"), ("a", "x\u3000"), ("a", "\ud800"), ("a", "\0")],
)
def test_metadata_that_cannot_travel_are_the_callers_fault(name: str, value: str) -> None:
    with pytest.raises(LocalProtocolError, match="cannot travel"):
        encode_request("tcp", {name: value})


def test_what_may_travel_is_what_the_peer_takes() -> None:
    many = {f"n{number}": "" for number in range(1000)}
    with pytest.raises(LocalProtocolError, match=f"{MAX_METADATA} at most"):
        encode_request("tcp", many)
    size = next(
        size for size in range(1000, 0, -1) if sum(45 + len(name) for name in list(many)[:size]) <= MAX_METADATA
    )
    decoder = hpack.Decoder(max_header_list_size=MAX_HEADERS)
    headers = encode_request("k" * 63, dict(list(many.items())[:size]), 99_999.0)
    assert len(list(decoder.decode(hpack.Encoder().encode(headers)))) == len(headers)
    with pytest.raises(LocalProtocolError, match="at most"):
        encode_request("tcp", {"a": "é" * (MAX_METADATA // 2)})


PATH, KIND = (b":path", b"/tunnel/v1/stream"), (b"conduit-kind", b"tcp")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [PATH],
        [KIND],
        [(b":path", b"/"), KIND],
        [PATH, (b"conduit-kind", b"TCP")],
        [PATH, (b"conduit-kind", b"\xff")],
        [PATH, KIND, (b"conduit-meta-", b"x")],
        [PATH, KIND, (b"conduit-meta-\xff", b"x")],
        [PATH, KIND, (b"conduit-meta-a", b"\xff")],
        [PATH, KIND, (b"conduit-meta-a", b"\x01")],
    ],
)
def test_a_request_that_opens_no_stream_is_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(DecodeError):
        decode_request(headers)


def test_headers_of_others_are_passed_over() -> None:
    assert decode_request([PATH, KIND, (b"user-agent", b"curl")]) == ("tcp", {})


def test_an_answer_is_yes() -> None:
    with pytest.raises(DecodeError, match="neither"):
        decode_response([(b":status", b"500")])
