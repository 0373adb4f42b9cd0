"""The WebSocket client against another implementation's server, and against servers that are none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio_websocket

from conduit.errors import CallError, LocalProtocolError, RemoteProtocolError, TransportError
from conduit.services.websocket_client import MAX_MESSAGE, WebSocketStream, open_websocket
from conduit.tunnel.call_frames import Code

HOST = "127.0.0.1"
Handler = Callable[[trio_websocket.WebSocketRequest], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, handler, HOST, 0, None)
        yield f"ws://{HOST}:{server.port}/path?q=1"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def speaking(answer: bytes) -> AsyncIterator[str]:
    """A server that says the same to everybody, and hangs up."""

    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(answer)
        await stream.send_eof()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, handler, 0)
        yield f"ws://{HOST}:{listeners[0].socket.getsockname()[1]}/secret-path"
        nursery.cancel_scope.cancel()


async def echo(request: trio_websocket.WebSocketRequest) -> None:
    websocket = await request.accept(subprotocol="conduit.console.1")
    assert request.proposed_subprotocols == ("conduit.console.1", "ticket.abc")
    await websocket.send_message(b"hello")
    await websocket.send_message("text is nobody's")
    await websocket.ping(b"x")
    while True:
        try:
            message = await websocket.get_message()
        except trio_websocket.ConnectionClosed:
            return
        if message == b"bye":
            await websocket.aclose(4000, "bye")
            return
        await websocket.send_message(message)


async def test_what_was_sent_has_been_read_when_it_is_closed() -> None:
    heard = 0

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        nonlocal heard
        websocket = await request.accept()
        await websocket.send_message(bytes(MAX_MESSAGE // 2))  # which nobody reads
        with suppress(trio_websocket.ConnectionClosed):
            while True:
                heard += len(await websocket.get_message())

    async with serving(handler) as url:
        async with open_websocket(url) as websocket:
            for _ in range(100):
                await websocket.send(b"key")
        with trio.fail_after(10):
            while heard < 300:  # noqa: ASYNC110  # the handler is a task of its own
                await trio.sleep(0.01)


async def test_messages_go_both_ways_until_the_peer_closes() -> None:
    async with (
        serving(echo) as url,
        open_websocket(url, subprotocols=["conduit.console.1", "ticket.abc"]) as websocket,
    ):
        assert await websocket.receive() == b"hello"
        for size in (0, 1, 125, 126, 70_000):
            await websocket.send(b"x" * size)
            assert await websocket.receive() == b"x" * size
        await websocket.send(b"bye")
        assert await websocket.receive() is None
        assert websocket.close_reason == "bye"
        assert websocket.close_code == 4000
        with pytest.raises(TransportError):
            await websocket.send(b"more")


async def test_a_message_beyond_the_cap_ends_it() -> None:
    async def flood(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        try:
            await websocket.send_message(b"x" * (MAX_MESSAGE + 1))
            await websocket.get_message()
        except trio_websocket.ConnectionClosed:
            pass

    async with serving(flood) as url, open_websocket(url) as websocket:
        with pytest.raises(RemoteProtocolError, match="more than"):
            await websocket.receive()


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, Code.UNAUTHENTICATED), (403, Code.PERMISSION_DENIED), (404, Code.NOT_FOUND), (503, Code.UNAVAILABLE)],
)
async def test_a_refusal_comes_in_the_servers_words(status: int, code: Code) -> None:
    async def refuse(request: trio_websocket.WebSocketRequest) -> None:
        await request.reject(status, body=b"the ticket is used up")

    async with serving(refuse) as url:
        with pytest.raises(CallError) as raised:
            async with open_websocket(url):
                pytest.fail("opened")
    assert (raised.value.code, raised.value.message) == (code, "the ticket is used up")


async def test_nobody_there_is_told_without_the_path() -> None:
    async with speaking(b"") as url:
        pass
    with pytest.raises(CallError, match="cannot reach") as raised:
        async with open_websocket(url):
            pytest.fail("opened")
    assert raised.value.code == Code.UNAVAILABLE
    assert "secret-path" not in str(raised.value)


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 500 x\r\n"]
)
async def test_what_is_no_websocket_is_told_in_a_line(answer: bytes) -> None:
    async with speaking(answer) as url:
        with pytest.raises(CallError) as raised:
            async with open_websocket(url):
                pytest.fail("opened")
    assert "\n" not in raised.value.message
    assert "secret-path" not in raised.value.message


async def test_another_subprotocol_than_ours_is_refused() -> None:
    async def choose(request: trio_websocket.WebSocketRequest) -> None:
        try:
            websocket = await request.accept()
            await websocket.get_message()
        except trio_websocket.ConnectionClosed:
            pass

    async with serving(choose) as url:
        with pytest.raises(RemoteProtocolError, match="does not speak conduit"):
            async with open_websocket(url, subprotocols=["conduit.console.1"]):
                pytest.fail("opened")


@pytest.mark.parametrize("url", ["http://h/", "ws://", "", "wss:///x"])
async def test_what_is_no_address_of_a_websocket_is_refused(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="no address"):
        async with open_websocket(url):
            pytest.fail("opened")


async def test_bytes_pass_wherever_messages_begin_and_end() -> None:
    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        await websocket.send_message(b"")
        await websocket.send_message((await websocket.get_message()) * 2)
        await websocket.aclose()

    async with serving(handler) as url, open_websocket(url, source=HOST) as websocket:
        stream = WebSocketStream(websocket)
        await stream.wait_send_all_might_not_block()
        await stream.send_all(memoryview(b"abc"))
        assert await stream.receive_some(4) == b"abca"
        assert [await stream.receive_some() for _ in range(2)] == [b"bc", b""]
        await stream.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"late")


async def test_a_stream_says_when_its_connection_broke() -> None:
    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        await websocket.send_message(bytes(MAX_MESSAGE + 1))

    async with serving(handler) as url, open_websocket(url) as websocket:
        with pytest.raises(trio.BrokenResourceError, match="more than"):
            await WebSocketStream(websocket).receive_some()
