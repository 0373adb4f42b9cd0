"""What the owner of a connection may do."""

from __future__ import annotations

import pytest

from conduit.errors import DrainingError, LocalProtocolError
from conduit.tunnel.flow import FIRST_WINDOW, Budget
from conduit.tunnel.frames import END_STREAM, ErrorCode, FrameType
from conduit.tunnel.liveness import stamp
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import encode_request, encode_response
from conduit.tunnel.receiving import MAX_ANSWERS
from conduit.tunnel.scheduler import JOIN
from conduit.tunnel.streams import LOST
from tests.fakes.mux_pair import Pair, RawPeer, data, drain, frame

REQUEST = encode_request("tcp", {})


def test_bytes_go_both_ways_and_both_ends_end() -> None:
    pair = Pair()
    near, far = pair.open()
    pair.client.send(near, memoryview(b"question"))
    pair.client.end(near)
    pair.pump()
    assert pair.server.take(far, 100, 0.0) == b"question"
    pair.server.send(far, memoryview(b"answer"))
    pair.server.end(far)
    pair.pump()
    assert pair.client.take(near, 3, 0.0) == b"ans"
    assert pair.client.take(near, 100, 0.0) == b"wer"
    assert pair.client.take(near, 100, 0.0) == b""
    assert near.is_closed
    assert far.is_closed
    assert pair.client.budget.granted == pair.server.budget.granted == 0


def test_only_the_client_opens_streams() -> None:
    with pytest.raises(LocalProtocolError, match="does not open"):
        Pair().server.open_stream(REQUEST)


def test_a_tunnel_that_closes_opens_no_streams() -> None:
    pair = Pair()
    pair.server.go_away()
    pair.pump()
    with pytest.raises(DrainingError, match="closing"):
        pair.client.open_stream(REQUEST)
    other = Pair()
    other.client.go_away()
    with pytest.raises(DrainingError, match="closing"):
        other.client.open_stream(REQUEST)


def test_a_spent_budget_opens_no_streams() -> None:
    pair = Pair(client_budget=Budget(FIRST_WINDOW))
    pair.client.open_stream(REQUEST)
    with pytest.raises(LocalProtocolError, match="budget"):
        pair.client.open_stream(REQUEST)


def test_a_peer_that_takes_no_more_streams_is_not_asked() -> None:
    pair = Pair(max_streams=1)
    stream = pair.client.open_stream(REQUEST)
    with pytest.raises(LocalProtocolError, match="no more streams than the 1"):
        pair.client.open_stream(REQUEST)
    assert pair.client.budget.granted == FIRST_WINDOW
    pair.client.reset(stream, ErrorCode.CANCEL)
    pair.client.open_stream(REQUEST)


def test_when_the_stream_ids_are_used_up_one_must_dial_anew() -> None:
    pair = Pair()
    pair.client._http2._h2.highest_outbound_stream_id = (1 << 31) - 1
    with pytest.raises(LocalProtocolError, match="dial anew"):
        pair.client.open_stream(REQUEST)
    assert pair.client.budget.granted == 0


def test_openings_that_wait_to_be_sent_are_no_offence_of_the_peer() -> None:
    pair = Pair()
    for number in range(100):
        pair.client.open_stream([*REQUEST, (b"conduit-meta-x", b"%d" % number * 2500)])
    assert len(pair.client._control) > MAX_ANSWERS
    pair.client.receive_data(b"", 0.0)


def test_a_stream_is_answered_once_and_by_who_did_not_open_it() -> None:
    pair = Pair()
    near, far = pair.open()
    for mux, stream in ((pair.client, near), (pair.server, far)):
        with pytest.raises(LocalProtocolError, match="answered before"):
            mux.answer(stream, encode_response())


def test_nothing_is_sent_before_the_answer() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    with pytest.raises(LocalProtocolError, match="not answered"):
        peer.mux.send(stream, memoryview(b"x"))
    with pytest.raises(LocalProtocolError, match="not answered"):
        peer.mux.end(stream)


def test_an_answer_to_what_is_gone_is_not_sent() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.mux.reset(stream, ErrorCode.CANCEL)
    peer.heard()
    peer.mux.answer(stream, encode_response())
    assert not peer.heard()


@pytest.mark.parametrize("how", ["end", "reset"])
def test_nothing_is_sent_after_the_end(how: str) -> None:
    pair = Pair()
    near, _ = pair.open()
    if how == "end":
        pair.client.end(near)
    else:
        pair.client.reset(near, ErrorCode.CANCEL)
    with pytest.raises(LocalProtocolError, match="takes no more"):
        pair.client.send(near, memoryview(b"x"))
    pair.client.end(near)
    pair.client.reset(near, ErrorCode.CANCEL)
    pair.client.reset(near, ErrorCode.CANCEL)


def test_what_is_sent_in_pieces_arrives_in_order() -> None:
    pair = Pair()
    near, far = pair.open()
    for part in (b"one ", b"two ", b"three"):
        pair.client.send(near, memoryview(part))
    pair.pump()
    assert pair.server.take(far, 100, 0.0) == b"one two three"


def test_no_bytes_are_no_frame() -> None:
    pair = Pair()
    near, _ = pair.open()
    pair.client.send(near, memoryview(b""))
    assert not pair.client.has_data_to_send


def test_what_has_not_left_can_be_taken_back() -> None:
    pair = Pair()
    near, far = pair.open()
    pair.client.send(near, memoryview(bytes(FIRST_WINDOW + 100)))
    pair.server.receive_data(drain(pair.client), 0.0)
    assert pair.client.unsend(near) == 100
    assert not near.pending
    pair.client.send(near, memoryview(b"instead"))
    pair.pump()
    assert far.unread == FIRST_WINDOW + 7


def test_what_was_taken_back_does_not_hold_up_the_end() -> None:
    peer = RawPeer(client_side=False)
    stream = peer.mux.open_stream(REQUEST)
    peer.say(frame(FrameType.WINDOW_UPDATE, 0, 1, (1 << 20).to_bytes(4, "big")))
    peer.mux.send(stream, memoryview(bytes(70_000)))  # more than the connection's window
    peer.heard()
    peer.mux.end(stream)
    assert not peer.heard()
    peer.mux.unsend(stream)
    assert peer.heard() == [(FrameType.DATA, END_STREAM, 1, b"")]


def test_a_stream_that_was_abandoned_is_read_to_the_end_by_the_peer_and_then_reset() -> None:
    pair = Pair()
    near, far = pair.open()
    pair.server.send(far, memoryview(b"last words"))
    pair.client.send(near, memoryview(b"unread"))
    pair.server.receive_data(drain(pair.client), 0.0)
    pair.server.abandon(far)
    assert far.unread == 0
    pair.client.send(near, memoryview(b"unwanted"))
    pair.pump()
    assert pair.client.take(near, 100, 0.0) == b"last words"
    assert (near.remote_ended, near.reset_code, near.reset_by_peer) == (True, ErrorCode.NO_ERROR, True)
    assert far.is_closed
    assert not far.chunks
    assert pair.server._window.owed == 14
    assert pair.client.budget.granted == pair.server.budget.granted == 0


def test_what_comes_for_a_stream_that_was_abandoned_is_dropped_without_more_credit() -> None:
    peer = RawPeer(client_side=False)
    stream = peer.mux.open_stream(REQUEST)
    peer.say(peer.response(1))
    peer.mux.send(stream, memoryview(bytes(100_000)))
    peer.mux.abandon(stream)
    peer.heard()
    assert not peer.say(data(1, b"unwanted"))
    assert not peer.heard()
    assert peer.mux._window.owed == 8
    peer.say(data(1, b"", end=True))
    assert not stream.is_closed


def test_an_abandoned_stream_that_has_ended_here_is_reset_at_once() -> None:
    pair = Pair()
    near, _ = pair.open()
    pair.client.end(near)
    pair.pump()
    pair.client.abandon(near)
    assert near.is_closed
    pair.client.abandon(near)


def test_an_abandoned_stream_that_was_not_answered_is_cancelled() -> None:
    peer = RawPeer(client_side=True)
    stream = peer.open()
    peer.mux.abandon(stream)
    assert stream.reset_code == ErrorCode.CANCEL


def test_an_abandoned_stream_whose_peer_has_ended_just_closes() -> None:
    pair = Pair()
    near, far = pair.open()
    pair.server.end(far)
    pair.pump()
    pair.client.abandon(near)
    pair.pump()
    assert (near.is_closed, near.reset_code) == (True, None)


def test_a_connection_that_is_lost_takes_its_streams_along() -> None:
    pair = Pair()
    near, _ = pair.open()
    pair.client.send(near, memoryview(b"x"))
    pair.client.lose(near)
    pair.client.lose(near)
    assert (near.reset_code, near.reset_by_peer, near.pending) == (LOST, False, 0)
    assert not pair.client.streams


def test_taking_little_of_much_does_not_copy_the_rest() -> None:
    pair = Pair()
    near, far = pair.open()
    pair.client.send(near, memoryview(bytes(range(200)) * 300))
    pair.pump()
    taken = bytearray()
    while far.unread:
        taken += pair.server.take(far, 7, 0.0)
        assert not far.chunks or isinstance(far.chunks[0], memoryview)
    assert taken == bytes(range(200)) * 300


def test_who_has_sent_its_last_byte_is_told_once() -> None:
    pair = Pair()
    near, _ = pair.open()
    assert pair.client.emptied() == []
    pair.client.send(near, memoryview(b"x"))
    assert pair.client.emptied() == []
    drain(pair.client)
    assert pair.client.emptied() == [near]
    assert pair.client.emptied() == []


def test_a_ping_leaves_at_the_deadline_and_its_answer_tells_the_round_trip() -> None:
    pair = Pair()
    assert pair.client.next_deadline() == 0.0
    assert pair.client.handle_deadline(0.0)
    pair.now = 0.3
    pair.pump()
    assert pair.client.liveness.round_trip == pytest.approx(0.3)
    assert pair.client.handle_deadline(1.0)
    assert not pair.client.has_data_to_send
    assert not pair.client.handle_deadline(25.3)


def test_the_ping_carries_the_time() -> None:
    peer = RawPeer(client_side=True)
    peer.mux.handle_deadline(0.0)
    assert peer.heard_of(FrameType.PING) == [(FrameType.PING, 0, 0, stamp(0.0))]


def test_goaway_says_why() -> None:
    mux = Mux(client_side=True, now=0.0)
    drain(mux)
    mux.go_away(ErrorCode.INTERNAL_ERROR, b"why")
    assert drain(mux)[-3:] == b"why"


def test_what_nobody_takes_at_once_is_kept() -> None:
    pair = Pair()
    near, far = pair.open()
    far.direct = lambda data: 0
    pair.client.send(near, memoryview(b"abc"))
    pair.pump()
    assert pair.server.take(far, 100, 0.0) == b"abc"


def test_a_small_message_is_sent_at_once_and_arrives() -> None:
    pair = Pair()
    near, far = pair.open()
    sent = pair.client.send_now(near, memoryview(b"small"))
    assert sent is not None
    assert not pair.client.has_data_to_send
    pair.server.receive_data(sent, 0.0)
    assert pair.server.take(far, 100, 0.0) == b"small"


def test_a_small_message_of_a_burst_is_copied_and_leaves_with_the_others() -> None:
    pair = Pair()
    near, far = pair.open()
    changing = bytearray(b"small")
    assert pair.client.send_soon(near, memoryview(changing))
    changing[:] = b"other"
    assert not pair.client.send_soon(near, memoryview(b"more"))  # the first is waiting
    pair.pump()
    assert pair.server.take(far, 100, 0.0) == b"small"
    assert not pair.client.send_soon(near, memoryview(b""))
    assert not pair.client.send_soon(near, memoryview(bytes(JOIN + 1)))
    near.send_window = 3
    assert not pair.client.send_soon(near, memoryview(b"four"))
    pair.client.end(near)
    assert not pair.client.send_soon(near, memoryview(b"x"))


def test_a_message_is_not_sent_at_once_where_it_is_not_its_turn() -> None:
    pair = Pair()
    near = pair.client.open_stream(REQUEST)
    pair.pump()
    far = pair.server.streams[near.stream_id]
    hello = memoryview(b"hello")
    assert pair.server.send_now(far, hello) is None  # not answered
    assert pair.client.send_now(near, hello[:0]) is None  # nothing
    pair.client.send(near, hello)
    assert pair.client.send_now(near, hello) is None  # the first is waiting
    pair.client.end(near)
    pair.pump()
    assert pair.client.send_now(near, hello) is None  # ended
    other, _ = pair.open()
    pair.client.probe()
    assert pair.client.send_now(other, hello) is None  # a PING is waiting
    pair.pump()
    assert pair.client.send_now(other, hello) is not None
    pair.client.reset(other, ErrorCode.CANCEL)
    pair.pump()
    assert pair.client.send_now(other, hello) is None
