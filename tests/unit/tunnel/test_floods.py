"""Floods end the tunnel, with GOAWAY ENHANCE_YOUR_CALM, and what is below the limits does not."""

from __future__ import annotations

from collections.abc import Callable

import hpack
import pytest

from conduit.tunnel.floods import INTERVAL, LIMITS, SMALL_CREDIT, Floods, Nuisance
from conduit.tunnel.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    ErrorCode,
    FrameType,
    Violation,
    ping,
    window_update,
)
from conduit.tunnel.opening import encode_request
from conduit.tunnel.receiving import MAX_ANSWERS
from tests.fakes.mux_pair import RawPeer, data, frame

CANCEL = bytes((0, 0, 0, ErrorCode.CANCEL))


def test_a_count_lasts_an_interval() -> None:
    floods = Floods(0.0)
    for _ in range(LIMITS[Nuisance.SETTINGS]):
        floods.count(Nuisance.SETTINGS, 1.0)
    floods.count(Nuisance.PING, 1.0)
    with pytest.raises(Violation, match="SETTINGS frames in 10 s"):
        floods.count(Nuisance.SETTINGS, INTERVAL - 0.1)
    floods.count(Nuisance.SETTINGS, INTERVAL)


def ends_calmly(peer: RawPeer, say: Callable[[], object]) -> None:
    """What *say* says is one too many."""
    with pytest.raises(Violation):
        say()
    goaway = peer.heard_of(FrameType.GOAWAY)[-1]
    assert int.from_bytes(goaway[3][4:8], "big") == ErrorCode.ENHANCE_YOUR_CALM


def flood(peer: RawPeer, one: bytes, what: Nuisance) -> None:
    """As many as may be, which is well, and one more; the answers are read meanwhile."""
    for _ in range(LIMITS[what] // 50):
        peer.say(one * 50)
        peer.heard()
    ends_calmly(peer, lambda: peer.say(one))


def test_ping() -> None:
    flood(RawPeer(client_side=True), ping(b"12345678"), Nuisance.PING)


def test_settings() -> None:
    peer = RawPeer(client_side=True)
    for _ in range(LIMITS[Nuisance.SETTINGS] - 1):  # one opened the connection
        peer.say(frame(FrameType.SETTINGS))
    ends_calmly(peer, lambda: peer.say(frame(FrameType.SETTINGS, ACK)))


def test_credit_of_a_byte() -> None:
    flood(RawPeer(client_side=True), window_update(0, 1), Nuisance.CREDIT)


def test_credit_that_is_worth_a_frame_is_no_flood() -> None:
    peer = RawPeer(client_side=True)
    peer.say(window_update(0, SMALL_CREDIT) * (2 * LIMITS[Nuisance.CREDIT]))


def test_data_without_data() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    flood(peer, data(1, b""), Nuisance.EMPTY)


def test_padding_without_data() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    flood(peer, frame(FrameType.DATA, PADDED, 1, b"\x02\0\0"), Nuisance.EMPTY)


def test_the_ends_of_streams_that_are_gone() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.reset(peer.open(), ErrorCode.CANCEL)
    flood(peer, data(1, b"", end=True), Nuisance.EMPTY)


def test_frames_that_say_nothing() -> None:
    flood(RawPeer(client_side=True), frame(0xEE, payload=b"?"), Nuisance.OTHER)


def test_goaway() -> None:
    flood(RawPeer(client_side=True), frame(FrameType.GOAWAY, payload=bytes(8)), Nuisance.OTHER)


def test_resets_of_a_stream_that_is_gone() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.reset(peer.open(), ErrorCode.CANCEL)
    flood(peer, frame(FrameType.RST_STREAM, 0, 1, CANCEL), Nuisance.OTHER)


def test_headers_of_a_stream_that_is_gone() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.reset(peer.open(), ErrorCode.CANCEL)
    for _ in range(LIMITS[Nuisance.OTHER]):
        peer.say(peer.request(1, END_STREAM))
        peer.heard()
    ends_calmly(peer, lambda: peer.say(peer.request(1, END_STREAM)))


def test_answers_that_are_none() -> None:
    peer = RawPeer(client_side=False)
    peer.mux.open_stream(encode_request("tcp", {}))
    early = peer.encoder.encode([(":status", "103")])
    flood(peer, frame(FrameType.HEADERS, END_HEADERS, 1, early), Nuisance.OTHER)


def test_streams_that_are_opened_and_reset() -> None:
    peer = RawPeer(client_side=True)

    def one() -> None:
        stream = peer.open()
        peer.say(frame(FrameType.RST_STREAM, 0, stream.stream_id, CANCEL))
        peer.heard()

    for _ in range(LIMITS[Nuisance.RESET]):
        one()
    assert peer.mux.budget.granted == 0
    ends_calmly(peer, one)


def test_streams_that_brought_data_may_be_reset() -> None:
    peer = RawPeer(client_side=True)
    for _ in range(LIMITS[Nuisance.RESET] + 100):
        stream = peer.open()
        peer.say(data(stream.stream_id, b"x") + frame(FrameType.RST_STREAM, 0, stream.stream_id, CANCEL))
        peer.heard()
    assert peer.mux.budget.granted == 0


def test_streams_beyond_the_limit_are_refused_until_they_are_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, Nuisance.REFUSED, 50)
    peer = RawPeer(client_side=True)
    peer.mux.go_away()
    for number in range(50):
        assert not peer.say(peer.request(2 * number + 1))
        (reset,) = peer.heard_of(FrameType.RST_STREAM)
        assert reset[3][-1] == ErrorCode.REFUSED_STREAM
    assert peer.mux.refused_streams == 50
    ends_calmly(peer, lambda: peer.say(peer.request(101)))


def test_answers_that_nobody_reads() -> None:
    peer = RawPeer(client_side=True)
    peer.heard()
    count = MAX_ANSWERS // 17 + 1
    for _ in range(count // 500):
        peer.now += 11  # seconds: no flood by count
        peer.say(ping(b"12345678") * 500)
    with pytest.raises(Violation, match="faster than it takes answers"):
        peer.say(ping(b"12345678") * 500)
    assert len(peer.heard()) <= count + 500


def test_headers_that_unpack_to_too_much() -> None:
    peer = RawPeer(client_side=True)
    bomb = hpack.Encoder()
    headers = [*encode_request("tcp", {}), (b"x", b"y" * 3000)]
    first = bomb.encode(headers)
    again = bomb.encode([*headers, *([(b"x", b"y" * 3000)] * 500)])
    assert len(again) < 1000  # and unpacks to 1.5 MB
    peer.say(frame(FrameType.HEADERS, END_HEADERS, 1, first))
    ends_calmly(peer, lambda: peer.say(frame(FrameType.HEADERS, END_HEADERS, 3, again)))


def test_too_many_headers() -> None:
    peer = RawPeer(client_side=True)
    many = peer.encoder.encode([*encode_request("tcp", {}), *((b"a", b"") for _ in range(600))])
    ends_calmly(peer, lambda: peer.say(frame(FrameType.HEADERS, END_HEADERS, 1, many)))


def test_a_block_of_headers_without_end() -> None:
    peer = RawPeer(client_side=True)
    peer.say(frame(FrameType.HEADERS, 0, 1))
    ends_calmly(peer, lambda: peer.say(frame(FrameType.CONTINUATION, 0, 1) * 100))


def test_tiny_frames_do_not_cost_more_than_they_hold() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    for _ in range(50):
        peer.say(data(1, b"x") * 1000)
    assert stream.unread == 50_000
    assert len(stream.chunks or ()) <= 50
    assert peer.mux.take(stream, 100, 0.0) == b"x" * 100
