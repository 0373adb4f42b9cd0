"""Each known fault of Hypercorn and Quart-Trio: shown by Hypercorn's own server, and absent from ours beside it.

When one that says "stock" fails, Hypercorn has mended it, and its cure may go.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import h2.events
import h2.settings
import pytest
import trio
import trio.testing
from quart_trio import QuartTrio

from conduit.services.web.asgi import Message, Receive, Scope, Send, answer
from conduit.services.web.limits import Limits
from tests.fakes.h2_client import H2Client, h2_client
from tests.fakes.web_servers import ours, stock

GRPC = [(b"content-type", b"application/grpc")]
CALLS = 1500
OPEN = 95  # at the same time
NETWORKS = (0.002, 0.005, 0.02, 0.1)  # how long a body is on its way, in seconds; a busy server needs the slow ones


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, or waits, or reads, or calls itself gRPC."""
    if scope["type"] != "http":
        raise RuntimeError("only HTTP")
    if scope["path"] == "/sleep":
        await trio.sleep(30)
    if scope["path"] == "/wait":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/test.Echo/Call":
        await say_in_grpc(receive, send)
    else:
        await answer(send, 200, b"hello", [])


async def say_in_grpc(receive: Receive, send: Send) -> None:
    message: Message = {"more_body": True}
    while message.get("more_body"):
        message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": GRPC, "trailers": True})
    await send({"type": "http.response.body", "body": b"\0\0\0\0\0"})
    await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]})


async def call_many(port: int) -> int:
    """How many of the calls were answered, of which OPEN are always open."""
    async with h2_client(port) as client:
        left, answered = CALLS, 0
        for _ in range(OPEN):
            await call(client)
        while not client.is_closed and answered < CALLS:
            client.events.clear()
            await client.read()
            for each in client.events:
                if isinstance(each, h2.events.StreamEnded):
                    answered += 1
                    if left > OPEN:
                        left -= 1
                        await call(client)
        return answered


async def call(client: H2Client) -> None:
    headers = (("te", "trailers"), ("content-type", "application/grpc"))
    await client.request("/test.Echo/Call", method="POST", headers=headers)


async def test_stock_server_ends_under_concurrent_calls_with_trailers() -> None:
    async with stock(app, keep_alive_max_requests=10**9) as server:
        assert await call_many(server.port) < CALLS
        with trio.move_on_after(20):
            await server.has_ended.wait()
        assert "TooManyStreams" in describe(server.failure)


async def test_our_server_takes_any_number_of_calls_with_trailers() -> None:
    async with ours(app) as server:
        assert await call_many(server.port) == CALLS


def describe(failure: BaseException | None) -> str:
    if isinstance(failure, BaseExceptionGroup):
        return " ".join(describe(each) for each in failure.exceptions)
    return repr(failure)


async def is_answered_beside_one_that_does_not_read(port: int, patience: float) -> bool:
    async with h2_client(port) as client:
        sleeper = await client.request("/sleep", method="POST", body=b"x")
        for _ in range(40):
            client.h2.send_data(sleeper, b"x")
            await client.flush()
        quick = await client.request("/")
        with trio.move_on_after(patience):
            return await client.until(h2.events.StreamEnded, quick) is not None
        return False


async def test_stock_lets_an_application_that_does_not_read_stop_the_others() -> None:
    async with stock(app) as server:
        assert not await is_answered_beside_one_that_does_not_read(server.port, 1)


async def test_ours_lets_no_application_stop_the_others() -> None:
    async with ours(app) as server:
        assert await is_answered_beside_one_that_does_not_read(server.port, 20)


async def is_answered_after_many(port: int, count: int, patience: float) -> bool:
    """Whether a request that is in progress outlives *count* others on its connection."""
    async with h2_client(port, patience) as client:
        slow = await client.request("/wait", method="POST", body=b"x")
        for _ in range(count):
            quick = await client.request("/")
            if await client.until(h2.events.StreamEnded, quick) is None:
                return False
            client.events.clear()
        client.h2.end_stream(slow)
        await client.flush()
        return await client.until(h2.events.StreamEnded, slow) is not None


async def test_stock_closes_a_connection_under_a_request_after_so_many() -> None:
    async with stock(app, keep_alive_max_requests=10) as server:
        assert not await is_answered_after_many(server.port, 12, 2)


async def test_ours_keeps_a_connection_for_any_number_of_requests() -> None:
    async with ours(app) as server:
        assert await is_answered_after_many(server.port, 1_010, 20)


async def ends_with_goaway(port: int) -> bool:
    async with h2_client(port) as client:
        assert await client.until(h2.events.StreamEnded, await client.request("/"))
        assert await client.until_closed()
        return client.first(h2.events.ConnectionTerminated) is not None


async def test_stock_closes_an_idle_connection_without_a_word() -> None:
    async with stock(app, keep_alive_timeout=0.1) as server:
        assert not await ends_with_goaway(server.port)


async def test_ours_says_goaway_before_it_closes_an_idle_connection() -> None:
    async with ours(app, limits=Limits(http2_keep_alive=0.1)) as server:
        assert await ends_with_goaway(server.port)


async def send_body_after_the_answer(client: H2Client) -> None:
    """The application answers without the body, which comes then."""
    stream_id = await client.request("/", method="POST", body=b"x")
    assert await client.until(h2.events.StreamEnded, stream_id)
    await trio.testing.wait_all_tasks_blocked(0.02)
    await client.stream.send_all(bytes.fromhex("000001 00 00 00000001") + b"x")


async def test_stock_server_ends_by_an_exception_in_one_connection() -> None:
    async with stock(app) as server, h2_client(server.port) as client:
        await send_body_after_the_answer(client)
        with trio.move_on_after(20):
            await server.has_ended.wait()
        assert "KeyError" in describe(server.failure)


async def test_our_server_takes_a_body_that_comes_after_the_answer() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        await send_body_after_the_answer(client)
        assert await client.until(h2.events.StreamEnded, await client.request("/"))


async def test_an_exception_in_one_of_our_connections_ends_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("conduit.services.web.http2.Http2Protocol._take_data", fail)
    async with ours(app) as server, h2_client(server.port) as victim, h2_client(server.port) as other:
        await victim.request("/wait", method="POST", body=b"x")
        assert await victim.until_closed()
        assert await other.until(h2.events.StreamEnded, await other.request("/"))


async def windows(port: int) -> tuple[int, int]:
    """What a client may send: on a stream, on the connection."""
    async with h2_client(port) as client:
        assert await client.until(h2.events.StreamEnded, await client.request("/"))
        return client.h2.remote_settings.initial_window_size, client.h2.outbound_flow_control_window


async def test_stock_has_small_windows() -> None:
    async with stock(app, h2_max_inbound_frame_size=2**20) as server:
        assert await windows(server.port) == (65_535, 65_535)


async def test_our_windows_are_the_limits() -> None:
    async with ours(app) as server:
        assert await windows(server.port) == (Limits().window, Limits().connection_window)


def rest() -> QuartTrio:
    quart = QuartTrio(__name__)

    @quart.get("/only-get")
    async def only_get() -> str:
        return "hello"

    return quart


async def answers_all(port: int) -> bool:
    """Whether connections have all answers, when each comes while the request's body is on its way."""
    for pause in 5 * NETWORKS:
        async with await trio.open_tcp_stream("127.0.0.1", port) as client:
            for _ in range(3):
                with suppress(trio.BrokenResourceError):  # then there is no answer
                    await client.send_all(b"POST /only-get HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")
                    await trio.sleep(pause)
                    await client.send_all(b"12345")
                if not await has_answer(client):
                    return False
    return True


async def has_answer(client: trio.SocketStream) -> bool:
    received = b""
    with trio.move_on_after(3), suppress(trio.BrokenResourceError):
        while data := await client.receive_some():
            received += data
            if b"Not Allowed</h1>" in received:
                return True
    return False


async def test_stock_hangs_after_a_response_without_the_body() -> None:
    async with stock(rest()) as server:
        assert not await answers_all(server.port)


async def test_ours_goes_on_after_a_response_without_the_body() -> None:
    async with ours(rest()) as server:
        assert await answers_all(server.port)
