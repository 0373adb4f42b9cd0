"""Pairing of responses with requests, queueing, repeats and bridging, frame by frame."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import LocalProtocolError
from conduit.ipmi.exchange import BMC, Answered, Exchange, Hop, Pending, Target, Unanswered
from conduit.rmcp.lan_message import LanMessage, decode_frame, encode_frame, encode_response
from conduit.rmcp.retry import RetryPolicy

RETRY = RetryPolicy(timeout=1.0, retries=2, backoff=2)  # 1, 2, 4 s
APP, CHASSIS = 0x06, 0x00
SEND_MESSAGE = 0x34
SINGLE = Target(0x72, lun=1, bridges=(Hop(0, 0x72),))
DOUBLE = Target(0x92, bridges=(Hop(0, 0x72), Hop(7, 0x92)))


def pending(token: object = "it", netfn: int = APP, command: int = 0x01, target: Target = BMC) -> Pending:
    return Pending(token, netfn, command, b"\x05", target)


def submitted(exchange: Exchange, request: Pending, now: float = 0.0) -> LanMessage:
    frame = exchange.submit(request, now)
    assert frame is not None
    return decode_frame(frame)


def test_response_with_the_same_sequence_and_command_is_the_answer() -> None:
    exchange = Exchange(RETRY)
    request = submitted(exchange, pending())
    assert request == LanMessage(0x20, APP, 0, 0x81, request.sequence, 0, 0x01, b"\x05")
    assert exchange.receive(encode_response(request, 0xC1, b"data")) == Answered("it", 0xC1, b"data")
    assert exchange.is_idle


def test_answer_counts_once() -> None:
    exchange = Exchange(RETRY)
    response = encode_response(submitted(exchange, pending()), 0)
    assert exchange.receive(response) is not None
    assert exchange.receive(response) is None
    assert exchange.stale_replies == 1


@pytest.mark.parametrize(
    "difference", [{"sequence": 9}, {"command": 2}, {"netfn": CHASSIS}], ids=["sequence", "command", "netFn"]
)
def test_response_to_something_else_is_stale(difference: dict[str, int]) -> None:
    exchange = Exchange(RETRY)
    request = submitted(exchange, pending())
    assert exchange.receive(encode_response(request._replace(**difference), 0)) is None  # type: ignore[arg-type]
    assert exchange.stale_replies == 1
    assert exchange.receive(encode_response(request, 0)) == Answered("it", 0, b"")


def test_our_own_request_reflected_is_stale() -> None:
    exchange = Exchange(RETRY)
    frame = exchange.submit(pending(), 0.0)
    assert frame is not None
    assert exchange.receive(frame) is None
    assert (exchange.stale_replies, exchange.is_idle) == (1, False)


def test_response_without_completion_code_is_stale() -> None:
    exchange = Exchange(RETRY)
    request = submitted(exchange, pending())
    empty = encode_frame(APP | 1, 0x01, b"", sequence=request.sequence, to_address=0x81, from_address=0x20)
    assert exchange.receive(empty) is None
    assert exchange.stale_replies == 1


@pytest.mark.parametrize("place", range(8))
def test_changed_byte_is_counted_as_wrong_and_ignored_only_under_the_workaround(place: int) -> None:
    exchange = Exchange(RETRY)
    response = bytearray(encode_response(submitted(exchange, pending()), 0))
    response[place] ^= 0x40
    assert exchange.receive(bytes(response)) is None
    assert exchange.wrong_replies == 1


def test_checksums_are_not_looked_at_when_told_so() -> None:
    exchange = Exchange(RETRY, verify=False)
    response = bytearray(encode_response(submitted(exchange, pending()), 0))
    response[2] ^= 1
    response[-1] ^= 1
    assert exchange.receive(bytes(response)) == Answered("it", 0, b"")


def test_requests_beyond_the_limit_wait_their_turn_in_order() -> None:
    exchange = Exchange(RETRY, max_outstanding=2)
    frames = [exchange.submit(pending(token), 0.0) for token in range(5)]
    assert [frame is not None for frame in frames] == [True, True, False, False, False]
    assert exchange.next_frame(0.0) is None
    tokens = []
    waiting = [frame for frame in frames if frame is not None]
    while waiting:
        answered = exchange.receive(encode_response(decode_frame(waiting.pop(0)), 0))
        assert answered is not None
        tokens.append(answered.token)
        frame = exchange.next_frame(1.0)
        waiting += [frame] if frame is not None else []
    assert tokens == [0, 1, 2, 3, 4]
    assert exchange.next_frame(2.0) is None


@pytest.mark.parametrize("limit", [0, 65, -1])
def test_impossible_limit_is_refused(limit: int) -> None:
    with pytest.raises(LocalProtocolError, match="1 to 64 requests can be outstanding"):
        Exchange(RETRY, max_outstanding=limit)


def test_sequence_number_of_a_request_on_the_way_is_not_given_to_another() -> None:
    exchange = Exchange(RETRY, max_outstanding=64)
    sequences = {submitted(exchange, pending(token)).sequence for token in range(64)}
    assert sequences == set(range(64))
    assert exchange.submit(pending(), 0.0) is None


def test_sequence_number_in_use_is_skipped() -> None:
    exchange = Exchange(RETRY, max_outstanding=2)
    slow = submitted(exchange, pending("slow"))
    for _ in range(63):
        quick = submitted(exchange, pending("quick"))
        assert quick.sequence != slow.sequence
        exchange.receive(encode_response(quick, 0))
    assert submitted(exchange, pending("quick")).sequence not in (slow.sequence, 0)


def test_silence_repeats_the_frame_and_then_gives_up() -> None:
    exchange = Exchange(RETRY)
    frame = exchange.submit(pending(), 10.0)
    assert exchange.next_deadline() == 11.0
    assert exchange.handle_deadline(10.9) == ([], [])
    assert exchange.handle_deadline(11.0) == ([frame], [])
    assert exchange.next_deadline() == 13.0
    assert exchange.handle_deadline(13.0) == ([frame], [])
    assert exchange.handle_deadline(17.0) == ([], [Unanswered("it")])
    assert exchange.next_deadline() is None


def test_request_may_have_delays_of_its_own() -> None:
    exchange = Exchange(RETRY)
    request = pending()
    request.delays = (0.25,)
    exchange.submit(request, 0.0)
    assert exchange.next_deadline() == 0.25
    assert exchange.handle_deadline(0.25) == ([], [Unanswered("it")])


def test_deadline_is_that_of_the_most_urgent_request() -> None:
    exchange = Exchange(RETRY, max_outstanding=2)
    exchange.submit(pending("first"), 0.0)
    exchange.submit(pending("second"), 0.5)
    assert exchange.next_deadline() == 1.0
    assert len(exchange.handle_deadline(1.2)[0]) == 1
    assert exchange.next_deadline() == 1.5


def test_answer_to_a_forgotten_request_is_stale() -> None:
    exchange = Exchange(RETRY)
    request = pending()
    response = encode_response(submitted(exchange, request), 0)
    exchange.forget(request)
    exchange.forget(request)
    assert exchange.receive(response) is None
    assert (exchange.stale_replies, exchange.is_idle) == (1, True)


def test_forgotten_request_that_still_waits_is_never_sent() -> None:
    exchange = Exchange(RETRY)
    first, second = pending("first"), pending("second")
    exchange.submit(first, 0.0)
    exchange.submit(second, 0.0)
    exchange.forget(second)
    exchange.forget(second)
    exchange.forget(first)
    assert exchange.next_frame(0.0) is None


def test_abandoned_requests_are_all_unanswered() -> None:
    exchange = Exchange(RETRY)
    for token in range(3):
        exchange.submit(pending(token), 0.0)
    assert exchange.abandon() == [Unanswered(0), Unanswered(1), Unanswered(2)]
    assert exchange.abandon() == []
    assert (exchange.is_idle, exchange.next_deadline(), exchange.next_frame(0.0)) == (True, None, None)


# --- bridging ---


def inner(message: LanMessage) -> LanMessage:
    """The message that a Send Message request passes on."""
    assert (message.netfn, message.command) == (APP, SEND_MESSAGE)
    return decode_frame(message.data[1:])


def test_bridged_request_is_wrapped_in_send_message_with_tracking() -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=SINGLE))
    assert (outer.to_address, outer.data[0]) == (0x20, 0x40)
    assert inner(outer) == LanMessage(0x72, APP, 1, 0x20, outer.sequence, 0, 0x01, b"\x05")


def test_doubly_bridged_request_is_wrapped_twice() -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=DOUBLE))
    middle = inner(outer)
    assert (outer.data[0], middle.to_address, middle.from_address, middle.data[0]) == (0x40, 0x72, 0x20, 0x47)
    assert inner(middle) == LanMessage(0x92, APP, 0, 0x72, outer.sequence, 0, 0x01, b"\x05")


@pytest.mark.parametrize("target", [SINGLE, DOUBLE])
def test_answer_of_its_own_after_sent_is_taken(target: Target) -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=target))
    assert exchange.receive(encode_response(outer, 0)) is None
    assert not exchange.is_idle
    proper = LanMessage(0x72, APP, 0, 0x81, outer.sequence, 0, 0x01, b"")
    assert exchange.receive(encode_response(proper, 0, b"late")) == Answered("it", 0, b"late")


@pytest.mark.parametrize("target", [SINGLE, DOUBLE])
def test_answer_inside_the_response_to_send_message_is_taken(target: Target) -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=target))
    messages = [outer]
    while messages[-1].command == SEND_MESSAGE:
        messages.append(inner(messages[-1]))
    response = encode_response(messages.pop(), 0xC9, b"no")
    while messages:
        response = encode_response(messages.pop(), 0, response)
    assert exchange.receive(response) == Answered("it", 0xC9, b"no")


@pytest.mark.parametrize("depth", [0, 1])
def test_refusal_to_pass_a_message_on_is_the_answer(depth: int) -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=DOUBLE))
    response = encode_response(inner(outer) if depth else outer, 0x83)
    if depth:
        response = encode_response(outer, 0, response)
    assert exchange.receive(response) == Answered("it", 0x83, b"", by_bridge=True)


@pytest.mark.parametrize(
    "wrapped", [b"\x01", b"\x01" * 7, encode_frame(APP | 1, 0x01, b"", sequence=1)], ids=["cut", "checksum", "empty"]
)
def test_wrapped_answer_that_makes_no_sense_is_counted(wrapped: bytes) -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=SINGLE))
    assert exchange.receive(encode_response(outer, 0, wrapped)) is None
    assert (exchange.wrong_replies, exchange.is_idle) == (1, False)


def test_bridged_answer_to_another_command_is_stale() -> None:
    exchange = Exchange(RETRY)
    outer = submitted(exchange, pending(target=SINGLE))
    other = LanMessage(0x72, APP, 0, 0x81, outer.sequence, 0, 0x02, b"")
    assert exchange.receive(encode_response(other, 0)) is None
    assert exchange.stale_replies == 1


def test_ways_add_the_bytes_of_a_frame_and_a_channel_each() -> None:
    for target, frames in ((BMC, 0), (SINGLE, 1), (DOUBLE, 2)):
        assert target.overhead() == 8 * frames
        frame = Exchange(RETRY).submit(pending(target=target), 0.0)
        assert frame is not None
        assert len(frame) == 8 + target.overhead()


@pytest.mark.parametrize(
    "target",
    [
        Target(256),
        Target(-1),
        Target(lun=4),
        Target(bridges=(Hop(16, 0x72),)),
        Target(bridges=(Hop(0, 0x72), Hop(0, 256))),
    ],
)
def test_way_that_does_not_exist_is_refused(target: Target) -> None:
    with pytest.raises(LocalProtocolError, match="is nowhere"):
        target.overhead()


def test_request_that_cannot_be_framed_takes_no_place() -> None:
    exchange = Exchange(RETRY)
    with pytest.raises(OverflowError):
        exchange.submit(pending(target=Target(256)), 0.0)
    assert exchange.is_idle


@pytest.mark.property
@given(st.data())
def test_each_request_is_answered_or_unanswered_exactly_once(data: st.DataObject) -> None:
    exchange = Exchange(RETRY, max_outstanding=data.draw(st.integers(1, 4)))
    total = data.draw(st.integers(1, 12))
    on_the_way: list[bytes] = []
    outcomes: list[Any] = []
    now, next_token = 0.0, 0
    while len(outcomes) < total:
        actions = [*["submit"] * (next_token < total), *["answer", "repeat"] * bool(on_the_way), "wait"]
        match data.draw(st.sampled_from(actions)):
            case "submit":
                frame = exchange.submit(pending(next_token), now)
                next_token += 1
                on_the_way += [frame] if frame else []
            case "answer":
                frame = on_the_way.pop(data.draw(st.integers(0, len(on_the_way) - 1)))
                answered = exchange.receive(encode_response(decode_frame(frame), 0))
                outcomes += [answered.token] if answered else []
            case "repeat":
                exchange.receive(on_the_way[0])
            case "wait":
                now += 1.5
                again, dead = exchange.handle_deadline(now)
                on_the_way += again
                outcomes += [unanswered.token for unanswered in dead]
        while (frame := exchange.next_frame(now)) is not None:
            on_the_way.append(frame)
    assert sorted(outcomes) == list(range(total))
    assert exchange.is_idle
