from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import CallError, LocalProtocolError
from conduit.tunnel import Bidirectional, Code, Tunnel, Unary, call, open_call, serve_calls
from conduit.tunnel.call_frames import Status
from conduit.tunnel.calls import Call, Method, ServedCall
from conduit.tunnel.framing import encode_message
from tests.fakes.tunnel_pair import Wire, connected_tunnels


@asynccontextmanager
async def served(methods: Mapping[str, Method], wire: Wire | None = None, **options: int) -> AsyncIterator[Tunnel]:
    """The caller's tunnel."""
    async with connected_tunnels(wire) as (gateway, agent), trio.open_nursery() as nursery:

        async def serve() -> None:
            await serve_calls(agent, methods, **options)

        nursery.start_soon(serve)
        yield gateway
        await trio.testing.wait_all_tasks_blocked()
        assert not gateway.mux.streams  # nothing is left open
        assert not agent.mux.streams
        nursery.cancel_scope.cancel()


async def upper(request: bytes) -> bytes:
    return request.upper()


async def echo(call: ServedCall) -> None:
    async for message in call:
        await call.send(message)


class Sleeper:
    """A handler that takes for ever, and knows that it was cancelled."""

    def __init__(self) -> None:
        self.started = trio.Event()
        self.cancelled_at: float | None = None

    async def __call__(self, _: object) -> NoReturn:
        self.started.set()
        try:
            await trio.sleep_forever()
        finally:
            self.cancelled_at = trio.current_time()

    async def talk(self, call: ServedCall) -> None:
        await self(call)


async def test_a_call_returns_what_its_handler_returns() -> None:
    async with served({"upper": Unary(upper)}) as tunnel:
        assert await call(tunnel, "upper", b"hello") == b"HELLO"
        assert await call(tunnel, "upper", b"") == b""


async def test_long_messages_travel_both_ways() -> None:
    long = bytes(range(256)) * (12 << 10)
    async with served({"reverse": Unary(lambda request: _later(request[::-1]))}) as tunnel:
        assert await call(tunnel, "reverse", long) == long[::-1]


async def _later(answer: bytes) -> bytes:
    await trio.lowlevel.checkpoint()
    return answer


async def test_messages_go_both_ways_in_turn() -> None:
    async with served({"echo": Bidirectional(echo)}) as tunnel, open_call(tunnel, "echo") as one:
        for message in (b"a", b"", b"ccc"):
            await one.send(message)
            assert await anext(one) == message
        await one.end()
        assert [message async for message in one] == []


async def test_a_handler_sees_what_the_caller_said() -> None:
    seen: list[Mapping[str, str]] = []

    async def look(call: ServedCall) -> None:
        seen.append(call.metadata)

    async with (
        served({"look": Bidirectional(look)}) as tunnel,
        open_call(tunnel, "look", metadata={"user": "ann"}) as one,
    ):
        assert [message async for message in one] == []
    assert seen == [{"user": "ann", "method": "look"}]


async def test_a_failure_has_code_message_and_details() -> None:
    async def fail(_: bytes) -> bytes:
        raise CallError(Code.NOT_FOUND, "no such machine: 100 % Ä", b"\x00\xff")

    async with served({"fail": Unary(fail)}) as tunnel:
        with pytest.raises(CallError, match="no such machine") as caught:
            await call(tunnel, "fail", b"")
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.message == "no such machine: 100 % Ä"
    assert caught.value.details == b"\x00\xff"
    assert not caught.value.safe_to_retry


async def test_a_failure_comes_out_of_the_nurseries_of_its_handler() -> None:
    async def fail(_: bytes) -> bytes:
        async with trio.open_nursery():
            raise CallError(Code.ABORTED, "not now")

    async with served({"fail": Unary(fail)}) as tunnel:
        with pytest.raises(CallError, match="not now"):
            await call(tunnel, "fail", b"")


@pytest.mark.parametrize("failure", [ValueError("secret"), CallError(Code.OK, "secret")])
async def test_a_bug_in_a_handler_is_logged_and_not_told(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: bytes) -> bytes:
        raise failure

    async with served({"fail": Unary(fail), "upper": Unary(upper)}) as tunnel:
        with caplog.at_level(logging.ERROR), pytest.raises(CallError, match="the handler failed") as caught:
            await call(tunnel, "fail", b"")
        assert await call(tunnel, "upper", b"on it goes") == b"ON IT GOES"
    assert caught.value.code is Code.INTERNAL
    assert "secret" in caplog.text
    assert "secret" not in str(caught.value)


async def test_an_unknown_method_is_unimplemented() -> None:
    async with served({}) as tunnel:
        with pytest.raises(CallError, match="no method 'nothing'") as caught:
            await call(tunnel, "nothing", b"x" * 1000)
    assert caught.value.code is Code.UNIMPLEMENTED


async def test_messages_before_a_failure_arrive() -> None:
    async def talk(call: ServedCall) -> None:
        await call.send(b"one")
        raise CallError(Code.DATA_LOSS, "the rest is gone")

    async with served({"talk": Bidirectional(talk)}) as tunnel, open_call(tunnel, "talk") as one:
        assert await anext(one) == b"one"
        with pytest.raises(CallError, match="the rest is gone"):
            await anext(one)
        with pytest.raises(CallError, match="the rest is gone"):
            await anext(one)


async def test_a_call_that_takes_too_long_fails_at_both_ends(autojump_clock: MockClock) -> None:
    sleeper = Sleeper()
    async with served({"sleep": Unary(sleeper)}) as tunnel:
        with pytest.raises(CallError, match="too long") as caught:
            await call(tunnel, "sleep", b"", deadline=7)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert sleeper.cancelled_at == pytest.approx(7)
    assert trio.current_time() == pytest.approx(7)


async def test_a_handler_is_cancelled_at_the_deadline_of_a_caller_that_is_not_heard(autojump_clock: MockClock) -> None:
    wire, sleeper = Wire(), Sleeper()
    async with served({"sleep": Unary(sleeper)}, wire) as tunnel:
        async with trio.open_nursery() as nursery:

            async def try_it() -> None:
                with pytest.raises(CallError, match="too long"):
                    await call(tunnel, "sleep", b"", deadline=7)

            nursery.start_soon(try_it)
            await sleeper.started.wait()
            wire.holds = True
            await trio.sleep(7.5)
            assert sleeper.cancelled_at == pytest.approx(7)
        wire.release()


async def test_a_handler_knows_its_deadline(autojump_clock: MockClock) -> None:
    seen: list[float] = []

    async def look(call: ServedCall) -> None:
        seen.append(call.deadline)

    async with served({"look": Bidirectional(look)}) as tunnel, open_call(tunnel, "look", deadline=3) as one:
        assert [message async for message in one] == []
    assert seen == [pytest.approx(3)]


async def test_a_cancelled_call_cancels_its_handler(autojump_clock: MockClock) -> None:
    sleeper = Sleeper()
    async with served({"sleep": Unary(sleeper)}) as tunnel:
        with trio.move_on_after(2) as scope:
            await call(tunnel, "sleep", b"")
        assert scope.cancelled_caught
        await trio.sleep(1)
    assert sleeper.cancelled_at == pytest.approx(2)


async def test_leaving_a_call_cancels_its_handler(autojump_clock: MockClock) -> None:
    sleeper = Sleeper()
    async with served({"sleep": Bidirectional(sleeper.talk)}) as tunnel:
        async with open_call(tunnel, "sleep"):
            await sleeper.started.wait()
        await trio.sleep(1)
    assert sleeper.cancelled_at == pytest.approx(0)


async def test_the_loss_of_the_tunnel_ends_both_ends_of_a_call(autojump_clock: MockClock) -> None:
    wire, sleeper = Wire(), Sleeper()
    async with served({"sleep": Unary(sleeper)}, wire) as tunnel, trio.open_nursery() as nursery:

        async def try_it() -> None:
            with pytest.raises(CallError, match="tunnel is gone") as caught:
                await call(tunnel, "sleep", b"")
            assert caught.value.code is Code.UNAVAILABLE
            assert not caught.value.safe_to_retry  # it may have been done

        nursery.start_soon(try_it)
        await sleeper.started.wait()
        wire.cut()
    assert sleeper.cancelled_at == pytest.approx(0)


async def test_a_call_without_a_tunnel_may_be_tried_again() -> None:
    wire = Wire()
    async with connected_tunnels(wire) as (gateway, _):
        wire.cut()
        await gateway.wait_closed()
        with pytest.raises(CallError, match="the tunnel is gone") as caught:
            await call(gateway, "upper", b"")
        assert caught.value.code is Code.UNAVAILABLE
        assert caught.value.safe_to_retry


async def test_what_cannot_travel_is_the_callers_fault() -> None:
    async with served({}) as tunnel:
        with pytest.raises(LocalProtocolError, match="cannot travel"):
            await call(tunnel, "new\nline", b"")


async def test_one_call_too_many_is_refused_and_may_be_tried_again() -> None:
    sleeper = Sleeper()
    methods: dict[str, Method] = {"sleep": Bidirectional(sleeper.talk), "upper": Unary(upper)}
    async with served(methods, max_calls=1) as tunnel, open_call(tunnel, "sleep"):
        await sleeper.started.wait()
        with pytest.raises(CallError) as caught:
            await call(tunnel, "upper", b"")
        assert caught.value.code is Code.UNAVAILABLE
        assert caught.value.safe_to_retry


async def test_a_peer_that_serves_no_calls_implements_no_method() -> None:
    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        nursery.start_soon(serve_nothing, agent)
        with pytest.raises(CallError) as caught:
            await call(gateway, "upper", b"")
        assert caught.value.code is Code.UNIMPLEMENTED
        assert not caught.value.safe_to_retry
        nursery.cancel_scope.cancel()


async def serve_nothing(tunnel: Tunnel) -> None:
    from conduit.tunnel import serve_streams

    await serve_streams(tunnel, {})


async def test_messages_that_are_too_long_do_not_leave() -> None:
    async with served({"upper": Unary(upper)}) as tunnel:
        with pytest.raises(LocalProtocolError, match="11 bytes, where 10"):
            await call(tunnel, "upper", b"hello world", max_message=10)


async def test_a_request_that_is_too_long_is_refused() -> None:
    async with served({"upper": Unary(upper)}, max_message=10) as tunnel:
        with pytest.raises(CallError, match="11 bytes, where 10") as caught:
            await call(tunnel, "upper", b"hello world")
    assert caught.value.code is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("size", [11, 100_000])
async def test_an_answer_that_is_too_long_is_not_read(size: int) -> None:
    async with served({"make": Unary(lambda _: _later(bytes(size)))}) as tunnel:
        with pytest.raises(CallError, match=f"{size} bytes, where") as caught:
            await call(tunnel, "make", b"", max_message=10)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("requests", [[], [b"a", b"b"]])
async def test_a_method_for_one_message_takes_one(requests: list[bytes]) -> None:
    async with served({"upper": Unary(upper)}) as tunnel, open_call(tunnel, "upper") as one:
        for request in requests:
            await one.send(request)
        await one.end()
        with pytest.raises(CallError, match="exactly one") as caught:
            await anext(one)
        assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("answers", [[], [b"a", b"b"]])
async def test_a_call_for_one_message_takes_one(answers: list[bytes]) -> None:
    async def talk(call: ServedCall) -> None:
        for answer in answers:
            await call.send(answer)

    async with served({"talk": Bidirectional(talk)}) as tunnel:
        with pytest.raises(CallError, match="exactly one") as caught:
            await call(tunnel, "talk", b"")
    assert caught.value.code is Code.INTERNAL


async def test_a_handler_that_answers_early_ends_the_call_although_the_caller_goes_on() -> None:
    async def refuse(call: ServedCall) -> None:
        raise CallError(Code.PERMISSION_DENIED, "not you")

    async with served({"refuse": Bidirectional(refuse)}) as tunnel, open_call(tunnel, "refuse") as one:
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(CallError, match="nothing more is wanted"):
            await one.send(b"a")
        with pytest.raises(CallError, match="nothing more is wanted"):
            await one.end()
        with pytest.raises(CallError, match="not you"):
            await anext(one)


async def test_a_sender_waits_for_a_handler_that_does_not_read() -> None:
    sleeper = Sleeper()
    sent = 0

    async def send(one: Call) -> None:
        nonlocal sent
        while True:
            await one.send(bytes(100_000))
            sent += 100_000

    async with (
        served({"sleep": Bidirectional(sleeper.talk)}) as tunnel,
        open_call(tunnel, "sleep") as one,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(send, one)
        await sleeper.started.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert sent < 2 << 20
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (encode_message(b"x"), "without a status"),
        (encode_message(b"x")[:4], "without a status"),
        (encode_message(b"x") + Status().encode() + encode_message(b"y"), "after the status"),
        (encode_message(b"x", 1), "compressed"),
        (encode_message(b"grpc-message:x\r\n", 0x80), "without a number"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error_and_never_an_answer(answer: bytes, what: str) -> None:
    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:

        async def serve() -> None:
            async for stream in agent.incoming():
                await stream.send_last(answer)

        nursery.start_soon(serve)
        with pytest.raises(CallError, match=what) as caught:
            await call(gateway, "upper", b"")
        assert caught.value.code is Code.INTERNAL
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("request_", [encode_message(b"x")[:4], b"\x01\0\0\0\0"])
async def test_a_request_that_makes_no_sense_is_told_so(request_: bytes) -> None:
    async with served({"upper": Unary(upper)}) as tunnel:
        stream = await tunnel.open_stream("call", {"method": "upper"})
        await stream.send_last(request_)
        answer = b""
        while data := await stream.receive_some():
            answer += data
        assert b"grpc-status:3" in answer


@pytest.mark.property
async def test_wherever_the_connection_breaks_there_is_the_right_answer_or_an_error() -> None:
    outcomes = set()
    for cut_after in range(0, 1300, 3):
        async with served({"upper": Unary(upper)}, Wire(cut_after)) as tunnel:
            try:
                answer: object = await call(tunnel, "upper", b"hello" * 30)
            except CallError as error:
                answer = error.code
            outcomes.add(answer)
    assert outcomes == {b"HELLO" * 30, Code.UNAVAILABLE}


@pytest.mark.property
async def test_a_call_that_is_cancelled_at_any_checkpoint_leaves_nothing_open() -> None:
    async with served({"upper": Unary(upper), "echo": Bidirectional(echo)}) as tunnel:
        finished = False
        ticks = 0
        while not finished:
            with trio.CancelScope() as scope:
                trio.lowlevel.spawn_system_task(_cancel_after, scope, ticks)
                await call(tunnel, "upper", b"hello")
                async with open_call(tunnel, "echo") as one:
                    await one.send(b"x")
                    assert await anext(one) == b"x"
                    await one.end()
                    assert [message async for message in one] == []
                finished = True
            ticks += 1
            await trio.testing.wait_all_tasks_blocked()
            assert not tunnel.mux.streams
        assert ticks > 5


async def _cancel_after(scope: trio.CancelScope, ticks: int) -> None:
    for _ in range(ticks):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_opening_request_and_end_of_a_short_call_are_one_write() -> None:
    wire = Wire()
    async with served({"upper": Unary(upper)}, wire) as tunnel:
        await call(tunnel, "upper", b"first")  # what is said once at the start is said
        from_agent, from_gateway = wire.directions
        before = from_gateway.writes, from_agent.writes
        await call(tunnel, "upper", b"hello")
        assert from_gateway.writes - before[0] == 1
        assert from_agent.writes - before[1] <= 2  # the answer as a whole, and credit
