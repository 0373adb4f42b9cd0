"""Deadlines of streams, their acceptance and refusal, and what a reset says."""

from __future__ import annotations

import logging
import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import DecodeError, LocalProtocolError, StreamResetError
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.opening import (
    MAX_TIMEOUT,
    TIMEOUT,
    decode_request,
    decode_response,
    decode_timeout,
    encode_request,
    encode_response,
)
from conduit.tunnel.serving import serve_streams, was_reset
from conduit.tunnel.stream import TunnelStream
from tests.fakes.tunnel_pair import Wire, connected_tunnels


async def why(stream: TunnelStream) -> StreamResetError:
    """Why it was reset."""
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.receive_some()
    assert was_reset(caught.value)
    assert isinstance(caught.value.__cause__, StreamResetError)
    return caught.value.__cause__


# --- headers ---


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(1.0, 1000), (0.0001, 1), (0, 0), (-1, 0), (99_999.999, MAX_TIMEOUT), (2.0005, 2001)]
)
def test_a_deadline_travels_in_whole_milliseconds_and_never_shrinks(seconds: float, milliseconds: int) -> None:
    headers = encode_request("sol", {}, seconds)
    assert (TIMEOUT, b"%d" % milliseconds) in headers
    assert decode_timeout(headers) == milliseconds / 1000
    assert decode_request(headers) == ("sol", {})


@pytest.mark.parametrize("seconds", [None, 100_000.0, math.inf])
def test_without_a_deadline_or_with_one_in_days_none_travels(seconds: float | None) -> None:
    assert decode_timeout(encode_request("sol", {}, seconds)) == math.inf


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"1 s", b"123456789", "\u0661".encode()])
def test_a_timeout_is_a_number_of_eight_digits(value: bytes) -> None:
    with pytest.raises(DecodeError, match="timeout"):
        decode_timeout([(TIMEOUT, value)])


def test_an_answer_may_have_metadata() -> None:
    headers = encode_response({"port": "623"})
    assert headers == [(b":status", b"200"), (b"conduit-meta-port", b"623")]
    assert decode_response(headers) == {"port": "623"}
    with pytest.raises(LocalProtocolError):
        encode_response({"a b": "c"})


def test_an_answer_accepts() -> None:
    with pytest.raises(DecodeError, match="neither"):
        decode_response([(b":status", b"404")])


# --- deadlines ---


async def test_a_stream_is_reset_at_its_deadline_at_both_ends(autojump_clock: MockClock) -> None:
    wire = Wire()
    async with connected_tunnels(wire) as (gateway, agent):
        ours = await gateway.open_stream("sol", deadline=5)
        theirs = await agent.first_stream()
        assert ours.deadline == theirs.deadline == 5
        wire.holds = True  # each end has a clock of its own
        assert (await why(ours)).deadline_passed
        assert trio.current_time() == 5
        assert "deadline passed" in str(await why(theirs))
        assert ours.reset_code == theirs.reset_code == ErrorCode.CANCEL
        wire.release()
        await wait_all_tasks_blocked()
        assert not gateway.mux.streams


async def test_streams_end_in_the_order_of_their_deadlines(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, _), trio.open_nursery() as nursery:
        ended: list[tuple[float, float]] = []

        async def wait(seconds: float) -> None:
            await why(await gateway.open_stream("sol", deadline=seconds))
            ended.append((seconds, trio.current_time()))

        for seconds in (3.0, 1.0, 2.0):
            nursery.start_soon(wait, seconds)
            await wait_all_tasks_blocked()
        await trio.sleep(4)
        assert ended == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


async def test_an_infinite_deadline_is_none(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, _):
        stream = await gateway.open_stream("sol", deadline=math.inf)
        assert stream.deadline == math.inf


async def test_a_deadline_that_has_passed_resets_at_once(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, agent):
        stream = await gateway.open_stream("sol", deadline=0)
        assert (await why(stream)).deadline_passed
        await wait_all_tasks_blocked()
        assert not agent.mux.streams


async def test_a_sender_does_not_wait_beyond_the_deadline(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, _):
        stream = await gateway.open_stream("tcp", deadline=2)
        with pytest.raises(trio.BrokenResourceError, match="deadline passed"):
            await stream.send_all(bytes(8 << 20))
        assert trio.current_time() == 2


async def test_the_peers_clock_may_be_faster(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("sol", deadline=5)
        theirs = await agent.first_stream()
        theirs.reset()
        await wait_all_tasks_blocked()
        assert (await why(ours)).cancelled
        ours.deadline = trio.current_time()  # as if it had been the deadline that made the peer do it
        assert (await why(ours)).deadline_passed


async def test_a_stream_that_ends_in_time_is_left_alone(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("sol", deadline=5)
        theirs = await agent.first_stream()
        for stream in (ours, theirs):
            await stream.send_eof()
        for stream in (ours, theirs):
            assert await stream.receive_some() == b""
        await trio.sleep(10)
        assert ours.reset_code is theirs.reset_code is None


# --- acceptance ---


async def test_an_opener_can_wait_for_acceptance() -> None:
    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        ours = await gateway.open_stream("tcp")
        theirs = await agent.first_stream()
        answers: list[object] = []

        async def wait() -> None:
            answers.append(await ours.accepted())

        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        assert answers == []
        theirs.accept({"port": "22"})
        theirs.accept({"port": "23"})  # it is accepted already
        await wait_all_tasks_blocked()
        assert answers == [{"port": "22"}] * 2
        assert await ours.accepted() == {"port": "22"}


@pytest.mark.parametrize("use", ["send_all", "receive_some", "send_eof", "aclose"])
async def test_the_first_use_of_a_stream_accepts_it(use: str) -> None:
    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        ours = await gateway.open_stream("tcp")
        theirs = await agent.first_stream()
        nursery.start_soon(getattr(theirs, use), *([b"x"] if use == "send_all" else []))
        assert await ours.accepted() == {}
        nursery.cancel_scope.cancel()


async def test_a_refusal_is_safe_to_retry() -> None:
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("tcp")
        (await agent.first_stream()).refuse()
        with pytest.raises(trio.BrokenResourceError, match="safe to try again") as caught:
            await ours.accepted()
        assert isinstance(caught.value.__cause__, StreamResetError)
        assert caught.value.__cause__.safe_to_retry


async def test_waiting_for_acceptance_ends_with_the_stream() -> None:
    async with connected_tunnels() as (gateway, _), trio.open_nursery() as nursery:
        ours = await gateway.open_stream("tcp")

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await ours.accepted()

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await ours.aclose()


async def test_waiting_for_acceptance_ends_with_the_tunnel() -> None:
    wire = Wire()
    async with connected_tunnels(wire) as (gateway, _):
        ours = await gateway.open_stream("tcp")
        wire.cut()
        with pytest.raises(trio.BrokenResourceError, match="tunnel is gone"):
            await ours.accepted()


async def test_an_answer_that_does_not_accept_resets_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("tcp")
        theirs = await agent.first_stream()
        with caplog.at_level(logging.INFO):
            agent.mux.answer(theirs.machine, [(b":status", b"302")])
            agent.flush()
            assert (await why(ours)).protocol_error
        assert "neither accepts nor refuses" in caplog.text


async def test_a_stream_that_makes_no_sense_is_refused() -> None:
    async with connected_tunnels() as (gateway, _):
        machine = gateway.mux.open_stream([*encode_request("sol", {}), (TIMEOUT, b"soon")])
        stream = TunnelStream(gateway, machine, "sol", {})
        gateway.flush()
        assert (await why(stream)).protocol_error


# --- what a reset says ---


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (ErrorCode.CANCEL, "cancelled"),
        (ErrorCode.REFUSED_STREAM, "safe_to_retry"),
        (ErrorCode.CONNECT_ERROR, "connect_failed"),
        (ErrorCode.ENHANCE_YOUR_CALM, "limit_exceeded"),
        (ErrorCode.PROTOCOL_ERROR, "protocol_error"),
        (ErrorCode.INTERNAL_ERROR, ""),
        (0x4711, ""),
    ],
)
async def test_both_ends_learn_why_a_stream_was_reset(code: int, name: str) -> None:
    names = {
        "cancelled",
        "connect_failed",
        "deadline_passed",
        "limit_exceeded",
        "protocol_error",
        "safe_to_retry",
        "tunnel_lost",
    }
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("tcp")
        theirs = await agent.first_stream()
        theirs.reset(code)
        await wait_all_tasks_blocked()
        for stream, by_peer in ((ours, True), (theirs, False)):
            error = await why(stream)
            assert error.code == stream.reset_code == code
            assert error.by_peer is by_peer
            assert {one for one in names if getattr(error, one)} == ({name} if name else set())


async def test_the_loss_of_the_tunnel_is_no_reset_by_the_peer() -> None:
    wire = Wire()
    async with connected_tunnels(wire) as (gateway, _):
        ours = await gateway.open_stream("tcp")
        wire.cut()
        error = await why(ours)
        assert error.tunnel_lost
        assert not error.by_peer
        assert gateway.is_closed


async def test_a_block_is_cancelled_by_the_reset_of_its_stream(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        ours = await gateway.open_stream("tcp")
        theirs = await agent.first_stream()

        async def wait() -> None:
            with theirs.cancelled_by_reset():
                await trio.sleep(math.inf)
            with theirs.cancelled_by_reset() as scope:
                assert scope.cancel_called

        nursery.start_soon(wait)
        await trio.sleep(1)
        await ours.send_all(b"no reason to leave")
        await trio.sleep(1)
        ours.reset()


async def test_a_cancelled_opening_leaves_no_stream() -> None:
    async with connected_tunnels() as (gateway, agent):
        with trio.CancelScope() as scope:
            scope.cancel()
            await gateway.open_stream("tcp")
        await wait_all_tasks_blocked()
        assert not gateway.mux.streams
        assert not agent.mux.streams


async def test_the_last_bytes_and_the_end_leave_together() -> None:
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("tcp")
        await ours.send_last(b"all")
        theirs = await agent.first_stream()
        assert await theirs.receive_some() == b"all"
        assert await theirs.receive_some() == b""
        await theirs.send_last(b"")
        assert await ours.receive_some() == b""
        with pytest.raises(trio.ClosedResourceError):
            await ours.send_last(b"more")


# --- handlers by kind ---


async def test_streams_go_to_the_handler_of_their_kind() -> None:
    async def upper(stream: TunnelStream) -> None:
        await stream.send_all((await stream.receive_some()).upper())

    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        nursery.start_soon(serve_streams, agent, {"upper": upper})
        stream = await gateway.open_stream("upper")
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"HELLO"
        assert await stream.receive_some() == b""  # the handler has returned
        await stream.aclose()
        assert (await why(await gateway.open_stream("lower"))).connect_failed
        await wait_all_tasks_blocked()
        assert not gateway.mux.streams
        nursery.cancel_scope.cancel()


async def test_a_handler_that_fails_ends_its_stream_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(stream: TunnelStream) -> None:
        stream.accept()
        raise ValueError("a bug")

    async def lose(stream: TunnelStream) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(stream.send_all, bytes(8 << 20))
                await wait_all_tasks_blocked()

    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        with caplog.at_level(logging.ERROR):
            nursery.start_soon(serve_streams, agent, {"fail": fail, "lose": lose})
            error = await why(await gateway.open_stream("fail"))
            assert error.code == ErrorCode.INTERNAL_ERROR
            assert caplog.text.count("handler of a fail stream failed") == 1
            caplog.clear()
            stream = await gateway.open_stream("lose")
            await wait_all_tasks_blocked()
            stream.reset()
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_a_stream_that_is_reset_is_no_failure_of_its_handler(caplog: pytest.LogCaptureFixture) -> None:
    async def read(stream: TunnelStream) -> None:
        async with trio.open_nursery():
            await stream.receive_some()

    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        with caplog.at_level(logging.ERROR):
            nursery.start_soon(serve_streams, agent, {"read": read})
            stream = await gateway.open_stream("read")
            await wait_all_tasks_blocked()
            stream.reset()
            await wait_all_tasks_blocked()
        assert caplog.text == ""
        nursery.cancel_scope.cancel()


async def test_a_handler_that_is_cancelled_cancels_its_stream() -> None:
    async with connected_tunnels() as (gateway, agent):
        async with trio.open_nursery() as nursery:

            async def sleep(stream: TunnelStream) -> None:
                stream.accept()
                await trio.sleep_forever()

            nursery.start_soon(serve_streams, agent, {"sleep": sleep})
            stream = await gateway.open_stream("sleep")
            await stream.accepted()
            nursery.cancel_scope.cancel()
        assert (await why(stream)).cancelled


async def test_handlers_have_some_time_to_notice_the_end_of_their_tunnel(autojump_clock: MockClock) -> None:
    ended: list[float] = []

    async def sleep(stream: TunnelStream) -> None:
        stream.accept()
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    wire = Wire()
    async with connected_tunnels(wire) as (gateway, agent), trio.open_nursery() as nursery:
        nursery.start_soon(serve_streams, agent, {"sleep": sleep})
        await (await gateway.open_stream("sleep")).accepted()
        wire.cut()
        await trio.sleep(10)
        assert ended == [5]


async def test_a_stream_whose_opener_has_left_is_not_served() -> None:
    served: list[TunnelStream] = []

    async def serve(stream: TunnelStream) -> None:
        served.append(stream)

    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        (await gateway.open_stream("tcp")).reset()
        await wait_all_tasks_blocked()
        nursery.start_soon(serve_streams, agent, {"tcp": serve})
        await wait_all_tasks_blocked()
        assert served == []
        nursery.cancel_scope.cancel()


async def test_a_place_is_free_again_when_its_handler_has_ended() -> None:
    async def serve(stream: TunnelStream) -> None:
        await stream.send_all(b"x")

    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:

        async def serve_one_at_a_time() -> None:
            await serve_streams(agent, {"tcp": serve}, max_handlers=1)

        nursery.start_soon(serve_one_at_a_time)
        for _ in range(3):
            stream = await gateway.open_stream("tcp")
            assert await stream.receive_some() == b"x"
            await stream.aclose()
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["", "SOL", "so l", "-sol", "x" * 64])
def test_a_kind_is_lower_case_letters_digits_and_hyphens(kind: str) -> None:
    with pytest.raises(LocalProtocolError, match="is no kind"):
        encode_request(kind, {})


@pytest.mark.parametrize("metadata", [{"Name": "x"}, {"name": "two\r\nlines"}, {"name": " padded"}])
def test_metadata_that_headers_cannot_carry_are_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(LocalProtocolError, match="cannot travel"):
        encode_request("sol", metadata)


def test_metadata_have_a_limit() -> None:
    with pytest.raises(LocalProtocolError, match="at most can travel"):
        encode_request("sol", {f"name-{number}": "x" * 1000 for number in range(13)})


@pytest.mark.parametrize(
    "headers",
    [
        [(b":path", b"/elsewhere"), (b"conduit-kind", b"sol")],
        [(b":path", b"/tunnel/v1/stream")],
        [(b":path", b"/tunnel/v1/stream"), (b"conduit-kind", b"\xff")],
    ],
)
def test_requests_that_open_no_stream_of_ours_are_decode_errors(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(DecodeError):
        decode_request(headers)
