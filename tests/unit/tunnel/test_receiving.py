"""What comes in: RFC 9113's rules, and what happens to who breaks them."""

from __future__ import annotations

import pytest

from conduit.errors import RemoteProtocolError
from conduit.tunnel.flow import FIRST_WINDOW, LARGEST_WINDOW, START_WINDOW, Budget
from conduit.tunnel.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    MAX_DATA,
    MAX_WINDOW,
    PADDED,
    PREFACE,
    ErrorCode,
    FrameType,
    GoAway,
    ping,
    window_update,
)
from conduit.tunnel.http2 import MAX_HEADERS
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import encode_request, encode_response
from conduit.tunnel.streams import MAX_FORGOTTEN, PeerGoing, StreamAnswered, StreamMoved, StreamOpened
from tests.fakes.mux_pair import Pair, RawPeer, data, frame

REQUEST = encode_request("tcp", {})
CANCEL = bytes((0, 0, 0, ErrorCode.CANCEL))


def setting(code: int, value: int) -> bytes:
    return frame(FrameType.SETTINGS, payload=code.to_bytes(2, "big") + value.to_bytes(4, "big"))


INITIAL_WINDOW, MAX_FRAME, MAX_CONCURRENT, TABLE = 4, 5, 3, 1


def breaks(peer: RawPeer, said: bytes, code: ErrorCode) -> None:
    """*said* ends the tunnel, with a GOAWAY of this code; nothing is done any more."""
    with pytest.raises(RemoteProtocolError):
        peer.say(said)
    goaway = peer.heard_of(FrameType.GOAWAY)[-1]
    assert goaway[3][4:8] == code.to_bytes(4, "big")
    with pytest.raises(RemoteProtocolError, match="before"):
        peer.say(ping(b"12345678"))


# --- the connection ---


def test_the_client_says_the_preface_settings_and_credit() -> None:
    peer = RawPeer(client_side=False, settle=False)
    kinds = [one[0] for one in peer.heard()]
    assert kinds == [FrameType.SETTINGS, FrameType.WINDOW_UPDATE]


def test_settings_tell_the_limits() -> None:
    peer = RawPeer(client_side=True, settle=False)
    settings, credit = peer.heard()
    values = {
        int.from_bytes(settings[3][at : at + 2], "big"): int.from_bytes(settings[3][at + 2 : at + 6], "big")
        for at in range(0, len(settings[3]), 6)
    }
    assert values[INITIAL_WINDOW] == FIRST_WINDOW
    assert values[MAX_FRAME] == MAX_DATA
    assert values[MAX_CONCURRENT] == 4096
    assert values[6] == MAX_HEADERS
    assert int.from_bytes(credit[3], "big") + 65_535 == peer.mux.budget.total + LARGEST_WINDOW


def test_whether_the_preface_has_come_can_be_told() -> None:
    peer = RawPeer(client_side=True, settle=False)
    peer.say(PREFACE)
    assert not peer.mux.is_settled
    peer.say(frame(FrameType.SETTINGS))
    assert peer.mux.is_settled


def test_settings_are_acknowledged() -> None:
    peer = RawPeer(client_side=True)
    assert (FrameType.SETTINGS, ACK, 0, b"") in peer.heard()
    assert not peer.say(frame(FrameType.SETTINGS, ACK))


def test_ping_is_answered() -> None:
    peer = RawPeer(client_side=True)
    peer.say(ping(b"12345678"))
    assert peer.heard_of(FrameType.PING) == [(FrameType.PING, ACK, 0, b"12345678")]


@pytest.mark.parametrize("client_side", [False, True])
@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(FrameType.PING, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.GOAWAY, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
        (setting(INITIAL_WINDOW, 1 << 31), ErrorCode.FLOW_CONTROL_ERROR),
        (setting(MAX_FRAME, 16_383), ErrorCode.PROTOCOL_ERROR),
        (data(1, b"x"), ErrorCode.PROTOCOL_ERROR),
        (data(2, b"x"), ErrorCode.PROTOCOL_ERROR),
        (data(0, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.DATA, PADDED, 1, b""), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.HEADERS, END_HEADERS, 0), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.HEADERS, END_HEADERS, 2), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.RST_STREAM, 0, 1, CANCEL), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.RST_STREAM, 0, 2, CANCEL), ErrorCode.PROTOCOL_ERROR),
        (window_update(1, 1), ErrorCode.PROTOCOL_ERROR),
        (window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (window_update(0, MAX_WINDOW), ErrorCode.FLOW_CONTROL_ERROR),
        (frame(FrameType.PRIORITY, 0, 1, b"\0\0\0\1\0"), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"), ErrorCode.PROTOCOL_ERROR),
        (frame(FrameType.HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff"), ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_what_a_peer_must_not_say_ends_the_tunnel(said: bytes, code: ErrorCode, *, client_side: bool) -> None:
    breaks(RawPeer(client_side=client_side), said, code)


def test_what_means_nothing_is_ignored() -> None:
    peer = RawPeer(client_side=True)
    assert not peer.say(frame(0xEE, 0xFF, 5, b"?") + frame(FrameType.PRIORITY, 0, 9, b"\0\0\0\1\0"))
    assert not peer.say(setting(0xEEEE, 7))


def test_after_a_violation_the_owner_may_go_on_and_nothing_is_said() -> None:
    peer = RawPeer(client_side=True)
    streams = [peer.open() for _ in range(5)]
    for stream in streams[:4]:
        peer.mux.answer(stream, encode_response())
    breaks(peer, data(0, b"x"), ErrorCode.PROTOCOL_ERROR)
    peer.mux.send(streams[0], memoryview(b"x"))
    peer.mux.end(streams[0])
    peer.mux.reset(streams[1], ErrorCode.CANCEL)
    peer.mux.abandon(streams[2])
    peer.mux.lose(streams[3])
    peer.mux.answer(streams[4], encode_response())
    assert {one[0] for one in peer.heard()} == {FrameType.DATA}


# --- streams ---


def test_a_request_opens_a_stream() -> None:
    peer = RawPeer(client_side=True)
    (event,) = peer.say(peer.request(1))
    assert isinstance(event, StreamOpened)
    assert list(event.headers) == REQUEST
    assert (event.stream.headers_received, event.stream.headers_sent) == (True, False)


def test_a_request_may_be_all_there_is() -> None:
    peer = RawPeer(client_side=True)
    opened, moved = peer.say(peer.request(1, END_STREAM))
    assert isinstance(opened, StreamOpened)
    assert isinstance(moved, StreamMoved)
    assert opened.stream.remote_ended


def test_trailers_end_a_stream() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 1, peer.encoder.encode([("x", "y")])))
    assert stream.remote_ended


def test_a_content_length_is_not_compared() -> None:
    peer = RawPeer(client_side=True)
    block = peer.encoder.encode([*REQUEST, (b"content-length", b"5")])
    opened, *_ = peer.say(frame(FrameType.HEADERS, END_HEADERS, 1, block) + data(1, b"12345", end=True))
    assert isinstance(opened, StreamOpened)
    assert opened.stream.remote_ended


def test_data_arrives_and_is_told_of_once() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    (event,) = peer.say(data(1, b"one") + data(1, b"two") + data(1, b"", end=True))
    assert event == StreamMoved(stream)
    assert peer.mux.take(stream, 100, 0.0) == b"onetwo"
    assert stream.remote_ended
    assert not peer.say(ping(b"12345678"))


def test_large_data_keeps_its_pieces() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(data(1, bytes(2000)) + data(1, b"small") + data(1, b"er") + data(1, bytes(1024)))
    assert [len(chunk) for chunk in stream.chunks or ()] == [2000, 7, 1024]


def test_padding_is_credited_and_not_delivered() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(frame(FrameType.DATA, PADDED, 1, b"\x03data\0\0\0"))
    assert peer.mux.take(stream, 100, 0.0) == b"data"
    peer.say(frame(FrameType.DATA, PADDED | END_STREAM, 1, b"\x03\0\0\0"))
    assert not stream.chunks
    assert stream.remote_ended
    assert peer.mux._window.owed == 12


def test_a_stream_is_opened_wide_by_its_first_data() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    peer.heard()
    peer.say(data(1, b""))
    assert not peer.heard()
    peer.say(data(1, b"x"))
    assert peer.heard() == [(FrameType.WINDOW_UPDATE, 0, 1, (START_WINDOW - FIRST_WINDOW).to_bytes(4, "big"))]


@pytest.mark.parametrize("last", [data(1, b"", end=True), frame(FrameType.RST_STREAM, 0, 1, CANCEL)])
def test_a_stream_whose_end_comes_with_its_first_data_costs_no_credit_frame(last: bytes) -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    peer.heard()
    peer.say(data(1, b"x") + last)
    assert not peer.heard()


@pytest.mark.parametrize("total", [FIRST_WINDOW, FIRST_WINDOW + 1])
def test_a_stream_is_not_opened_wide_when_it_ends_or_the_budget_is_spent(total: int) -> None:
    peer = RawPeer(client_side=True, make=lambda **options: Mux(**options, budget=Budget(total)))
    peer.open()
    peer.heard()
    peer.say(data(1, b"x"))
    peer.say(data(1, b"y", end=True))
    assert not peer.heard()


def test_data_that_ends_its_stream_costs_no_credit_frame() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    peer.heard()
    peer.say(data(1, b"x", end=True))
    assert not peer.heard()


def test_more_than_a_streams_window_is_an_error() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    breaks(peer, data(1, bytes(FIRST_WINDOW)) + data(1, bytes(START_WINDOW)), ErrorCode.FLOW_CONTROL_ERROR)


def test_more_than_the_connections_window_is_an_error() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    peer.mux._window.left = 10
    breaks(peer, data(1, bytes(11)), ErrorCode.FLOW_CONTROL_ERROR)


def test_data_after_the_end_is_an_error() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    breaks(peer, data(1, b"x", end=True) + data(1, b"y"), ErrorCode.STREAM_CLOSED)


def test_data_after_both_ends_is_an_error() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open(END_STREAM)
    peer.mux.answer(stream, encode_response())
    peer.mux.end(stream)
    peer.heard()
    assert stream.is_closed
    breaks(peer, data(1, b"y"), ErrorCode.STREAM_CLOSED)


def test_data_after_the_peers_reset_is_an_error() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    breaks(peer, frame(FrameType.RST_STREAM, 0, 1, CANCEL) + data(1, b"y"), ErrorCode.STREAM_CLOSED)


def test_data_after_our_reset_is_dropped_and_credited() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.reset(peer.open(), ErrorCode.CANCEL)
    assert not peer.say(data(1, b"late") + frame(FrameType.DATA, PADDED, 1, b"\1x\0") + data(1, b"", end=True))
    assert peer.mux._window.owed == 7


def test_a_reset_in_the_middle_of_a_frame_drops_the_rest() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    sent = data(1, b"0123456789", end=True)
    peer.say(sent[:14])
    peer.mux.reset(stream, ErrorCode.CANCEL)
    assert not peer.say(sent[14:])
    assert peer.mux._window.owed == 10
    assert peer.mux.budget.granted == 0


def test_whoever_takes_bytes_directly_is_asked_first_and_what_it_leaves_is_kept() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    taken: list[bytes] = []

    def direct(offered: memoryview) -> int:
        taken.append(bytes(offered[:3]))
        return len(taken[-1])

    stream.direct = direct
    assert not peer.say(data(1, b"all"))
    peer.say(data(1, b"somewhat") + data(1, b"more"))
    assert taken == [b"all", b"som"]
    assert peer.mux.take(stream, 100, 0.0) == b"ewhatmore"
    assert peer.mux._window.owed == 15


@pytest.mark.parametrize("how", ["reset", "abandon"])
def test_whoever_takes_bytes_directly_may_end_the_stream(how: str) -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.mux.answer(stream, encode_response())

    def direct(offered: memoryview) -> int:
        if how == "reset":
            peer.mux.reset(stream, ErrorCode.CANCEL)
        else:
            peer.mux.abandon(stream)
        return len(offered) // 2

    stream.direct = direct
    peer.say(data(1, b"data"))
    peer.heard()
    assert stream.is_closed
    assert peer.mux._window.owed == 4
    assert peer.mux.budget.granted == 0


def test_late_data_of_long_forgotten_streams_is_dropped_and_that_of_others_is_not() -> None:
    peer = RawPeer(client_side=True)
    for _ in range(MAX_FORGOTTEN + 10):
        peer.mux.reset(peer.open(), ErrorCode.CANCEL)
        peer.heard()
    assert not peer.say(data(1, b"late") + data(2 * MAX_FORGOTTEN + 19, b"late"))
    stream = peer.open()
    peer.say(frame(FrameType.RST_STREAM, 0, stream.stream_id, CANCEL))
    breaks(peer, data(stream.stream_id, b"x"), ErrorCode.STREAM_CLOSED)


def test_the_peers_reset_loses_what_was_not_read() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(data(1, b"unread"))
    (event,) = peer.say(frame(FrameType.RST_STREAM, 0, 1, CANCEL))
    assert event == StreamMoved(stream)
    assert (stream.reset_code, stream.reset_by_peer, stream.chunks) == (ErrorCode.CANCEL, True, None)
    assert peer.mux._window.owed == 6
    assert peer.mux.budget.granted == 0


def test_a_reset_without_error_after_the_end_loses_nothing() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(data(1, b"answer", end=True) + frame(FrameType.RST_STREAM, 0, 1, bytes(4)))
    assert peer.mux.budget.granted == 6
    assert peer.mux.take(stream, 100, 0.0) == b"answer"
    assert peer.mux.budget.granted == 0


def test_a_reset_of_a_stream_that_is_gone_is_ignored() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.reset(peer.open(), ErrorCode.CANCEL)
    assert not peer.say(frame(FrameType.RST_STREAM, 0, 1, CANCEL) + window_update(1, 1000))


def test_headers_of_a_stream_that_is_gone_are_ignored() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.reset(peer.open(), ErrorCode.CANCEL)
    assert not peer.say(peer.request(1, END_STREAM))


def test_what_is_unread_counts_against_the_budget_until_it_is_read() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(data(1, bytes(1000), end=True))
    assert peer.mux.budget.granted == 1000
    peer.mux.answer(stream, encode_response())
    peer.mux.end(stream)
    peer.heard()
    assert (stream.is_closed, peer.mux.budget.granted) == (True, 1000)
    peer.mux.take(stream, 400, 0.0)
    assert peer.mux.budget.granted == 600
    peer.mux.abandon(stream)
    assert peer.mux.budget.granted == 0
    assert peer.mux._window.owed == 1000


def test_credit_is_given_when_data_is_taken() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(data(1, bytes(FIRST_WINDOW)))
    peer.say(data(1, bytes(START_WINDOW // 2)))
    peer.heard()
    taken = 0
    while stream.unread:
        taken += len(peer.mux.take(stream, 100_000, 99.0))
    assert taken == FIRST_WINDOW + START_WINDOW // 2
    (update,) = peer.heard()
    assert update[2] == 1
    assert START_WINDOW // 2 <= int.from_bytes(update[3], "big") <= taken


# --- what the peer lets us send ---


def test_a_window_may_become_negative_and_its_stream_goes_on_when_it_is_not() -> None:
    peer = RawPeer(client_side=False)
    stream = peer.mux.open_stream(REQUEST)
    peer.mux.send(stream, memoryview(bytes(100_000)))
    peer.heard()
    assert stream.send_window == 0
    peer.say(setting(INITIAL_WINDOW, 1000))
    assert stream.send_window == 1000 - 65_535
    peer.say(window_update(0, 1 << 20))
    assert not peer.heard_of(FrameType.DATA)
    peer.say(window_update(1, 65_535 - 1000))
    assert not peer.heard_of(FrameType.DATA)
    peer.say(setting(INITIAL_WINDOW, 1500))
    (frame_of_500,) = peer.heard_of(FrameType.DATA)
    assert len(frame_of_500[3]) == 500
    assert peer.mux.open_stream(REQUEST).send_window == 1500


def test_settings_may_open_no_window_too_far() -> None:
    peer = RawPeer(client_side=False)
    peer.mux.open_stream(REQUEST)
    peer.say(window_update(1, MAX_WINDOW - 65_535))
    breaks(peer, setting(INITIAL_WINDOW, 65_536), ErrorCode.FLOW_CONTROL_ERROR)


def test_credit_may_open_no_window_too_far() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    breaks(peer, window_update(1, MAX_WINDOW), ErrorCode.FLOW_CONTROL_ERROR)


def test_frames_are_as_long_as_the_peer_takes() -> None:
    peer = RawPeer(client_side=False)
    stream = peer.mux.open_stream(REQUEST)
    peer.say(window_update(0, 1 << 24) + window_update(1, 1 << 24))
    peer.mux.send(stream, memoryview(bytes(20_000)))
    assert [len(one[3]) for one in peer.heard_of(FrameType.DATA)] == [16_384, 3616]
    peer.say(setting(MAX_FRAME, 20_000))
    peer.mux.send(stream, memoryview(bytes(25_000)))
    assert [len(one[3]) for one in peer.heard_of(FrameType.DATA)] == [20_000, 5000]
    peer.say(setting(MAX_FRAME, 16_777_215))
    peer.mux.send(stream, memoryview(bytes(1_000_000)))
    assert max(len(one[3]) for one in peer.heard_of(FrameType.DATA)) <= MAX_DATA


def test_a_peer_that_offers_a_large_table_does_not_make_ours_large() -> None:
    peer = RawPeer(client_side=False)
    peer.say(setting(TABLE, 1 << 30))
    assert peer.mux._http2._h2.encoder.header_table_size == 4096
    peer.say(setting(TABLE, 0))
    assert peer.mux._http2._h2.encoder.header_table_size == 0


# --- opening and answering ---


def test_an_answer_is_told_of() -> None:
    peer = RawPeer(client_side=False)
    stream = peer.mux.open_stream(REQUEST)
    (event,) = peer.say(peer.response(1))
    assert event == StreamAnswered(stream, encode_response())
    assert stream.headers_received


def test_data_comes_after_the_answer() -> None:
    peer = RawPeer(client_side=False)
    peer.mux.open_stream(REQUEST)
    breaks(peer, data(1, b"x"), ErrorCode.PROTOCOL_ERROR)


def test_the_end_comes_after_the_answer() -> None:
    peer = RawPeer(client_side=False)
    peer.mux.open_stream(REQUEST)
    breaks(peer, data(1, b"", end=True), ErrorCode.PROTOCOL_ERROR)


def test_an_answer_to_what_was_reset_is_ignored() -> None:
    peer = RawPeer(client_side=False)
    peer.mux.reset(peer.mux.open_stream(REQUEST), ErrorCode.CANCEL)
    assert not peer.say(peer.response(1) + data(1, b"late") + frame(FrameType.RST_STREAM, 0, 1, CANCEL))


def test_a_server_opens_no_stream() -> None:
    peer = RawPeer(client_side=False)
    peer.mux.open_stream(REQUEST)
    breaks(peer, peer.request(2), ErrorCode.PROTOCOL_ERROR)


def test_a_stream_beyond_the_limit_is_refused_and_the_others_go_on() -> None:
    peer = RawPeer(client_side=True, make=lambda **options: Mux(**options, max_streams=2))
    first, _ = peer.open(), peer.open()
    peer.heard()
    assert not peer.say(peer.request(5) + data(5, b"late", end=True))
    assert peer.heard() == [(FrameType.RST_STREAM, 0, 5, bytes((0, 0, 0, ErrorCode.REFUSED_STREAM)))]
    assert peer.mux.refused_streams == 1
    peer.say(data(1, b"x"))
    assert peer.mux.take(first, 10, 0.0) == b"x"
    peer.say(frame(FrameType.RST_STREAM, 0, 1, CANCEL))
    assert len(peer.say(peer.request(7))) == 1


def test_a_request_that_is_refused_with_its_end_is_refused_once() -> None:
    peer = RawPeer(client_side=True, make=lambda **options: Mux(**options, max_streams=1))
    peer.open()
    assert not peer.say(peer.request(3, END_STREAM))
    assert len(peer.heard_of(FrameType.RST_STREAM)) == 1


def test_a_stream_beyond_the_budget_is_refused() -> None:
    peer = RawPeer(client_side=True, make=lambda **options: Mux(**options, budget=Budget(2 * FIRST_WINDOW - 1)))
    peer.open()
    assert not peer.say(peer.request(3))
    assert peer.mux.budget.granted == FIRST_WINDOW


def test_closed_streams_are_forgotten_by_h2() -> None:
    pair = Pair()
    for _ in range(600):
        near, far = pair.open()
        pair.client.end(near)
        pair.server.end(far)
        pair.pump()
    assert len(pair.client._http2._h2.streams) <= 256
    assert len(pair.server._http2._h2.streams) <= 256
    assert not pair.client.streams
    assert not pair.server.streams


# --- GOAWAY ---


def test_streams_that_the_peer_will_not_look_at_are_refused() -> None:
    peer = RawPeer(client_side=False)
    first, second = peer.mux.open_stream(REQUEST), peer.mux.open_stream(REQUEST)
    moved = peer.say(GoAway(1, ErrorCode.NO_ERROR, b"bye").encode())
    assert moved == [PeerGoing(GoAway(1, 0, b"bye")), StreamMoved(second)]
    assert (second.reset_code, second.reset_by_peer) == (ErrorCode.REFUSED_STREAM, True)
    assert first.reset_code is None
    peer.say(peer.response(1) + data(1, b"x"))
    assert peer.mux.take(first, 10, 0.0) == b"x"
    assert not peer.say(data(3, b"late"))


def test_a_server_takes_note_of_goaway() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.say(GoAway(0, ErrorCode.NO_ERROR, b"").encode())
    assert peer.mux.going == GoAway(0, 0, b"")
    assert not stream.is_closed


def test_a_drain_in_two_steps_loses_no_stream() -> None:
    peer = RawPeer(client_side=True)
    peer.open()
    peer.mux.go_away(last_stream_id=MAX_WINDOW)
    peer.open()  # was on its way
    peer.mux.go_away()
    assert not peer.say(peer.request(5))
    goaways = [GoAway(3, 0, b"").encode()[9:], (MAX_WINDOW.to_bytes(4, "big") + bytes(4))]
    heard = peer.heard()
    assert [one[3] for one in heard if one[0] == FrameType.GOAWAY] == goaways[::-1]
    assert [one[2] for one in heard if one[0] == FrameType.RST_STREAM] == [5]
    peer.mux.go_away(last_stream_id=99)
    assert peer.heard()[-1][3][:4] == bytes((0, 0, 0, 3))
