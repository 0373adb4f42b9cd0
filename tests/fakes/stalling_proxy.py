"""A TCP proxy on loopback whose connections can stop carrying anything, without a word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

LOCALHOST = "127.0.0.1"
CHUNK = 64 << 10  # bytes


class StallingProxy:
    """Carries, until :meth:`stall`: then what is connected is a black hole, and only what comes later is carried."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._stalled = trio.Event()
        self._forgotten = trio.Event()
        self._scope = trio.CancelScope()
        self.port = 0

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Until :meth:`end`."""
        with self._scope:
            await trio.serve_listeners(self.serve, listeners)

    def end(self) -> None:
        """Nobody gets through any more: what is connected is closed, and what comes is refused."""
        self._scope.cancel()

    def stall(self) -> None:
        self._stalled.set()
        self._stalled = trio.Event()

    def forget(self) -> None:
        """End the black holes, as those who dug them would."""
        self._forgotten.set()
        self._forgotten = trio.Event()

    async def serve(self, inside: trio.SocketStream) -> None:
        stalled, forgotten = self._stalled, self._forgotten

        async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while data := await source.receive_some(CHUNK):
                    if stalled.is_set():
                        break
                    await sink.send_all(data)
            if stalled.is_set():
                await forgotten.wait()
            nursery.cancel_scope.cancel()

        with suppress(OSError):
            outside = await trio.open_tcp_stream(LOCALHOST, self._target)
            async with inside, outside, trio.open_nursery() as nursery:
                nursery.start_soon(pump, inside, outside)
                nursery.start_soon(pump, outside, inside)


@asynccontextmanager
async def open_stalling_proxy(target: int) -> AsyncIterator[StallingProxy]:
    """The proxy before a port on loopback."""
    proxy = StallingProxy(target)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=LOCALHOST)
        proxy.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(proxy.run, listeners)
        yield proxy
        nursery.cancel_scope.cancel()
