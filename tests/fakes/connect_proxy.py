"""An HTTP proxy on loopback, and what else stands between an Agent and its Gateway."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio

HOST = "127.0.0.1"


async def pump(here: trio.abc.Stream, there: trio.abc.Stream) -> None:
    try:
        async for data in here:
            await there.send_all(data)
        if isinstance(there, trio.SocketStream):
            await there.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def join(one: trio.abc.Stream, other: trio.abc.Stream) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pump, one, other)
        nursery.start_soon(pump, other, one)


class ConnectProxy:
    """An HTTP proxy; *port* is where it leads, whatever is asked for: 0 is the port that is asked for, on loopback."""

    def __init__(self, port: int, *, answer: bytes = b"", wants: str = "") -> None:
        self.asked: list[bytes] = []
        self._port, self._answer, self._wants = port, answer, wants

    async def serve(self, user: trio.abc.Stream) -> None:
        async with user:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await user.receive_some(1)
            self.asked.append(head.split(b"\r\n")[0])
            answer = self._answer
            if self._wants and base64.b64encode(self._wants.encode()) not in head:
                answer = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n"
            if answer:
                await user.send_all(answer if answer != b"-" else b"")
                return
            port = self._port or int(head.split(maxsplit=2)[1].rpartition(b":")[2])
            async with await trio.open_tcp_stream(HOST, port) as gateway:
                await user.send_all(b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n")
                await join(user, gateway)


@asynccontextmanager
async def serving(handler: Callable[[trio.SocketStream], Awaitable[object]]) -> AsyncIterator[int]:
    listeners = await trio.open_tcp_listeners(0, host=HOST)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, handler, listeners))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
