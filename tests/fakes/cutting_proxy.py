"""A TCP proxy on loopback that breaks its connections."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

LOCALHOST = "127.0.0.1"
CHUNK = 64 << 10  # bytes


class CuttingProxy:
    """Breaks a connection after *every* bytes in both directions, *cuts* times; then it leaves them alone."""

    def __init__(self, target: int, every: float, cuts: int) -> None:
        self._target = target
        self._every = every
        self._left = cuts
        self.cuts = 0
        "Connections that were cut."

    async def serve(self, inside: trio.SocketStream) -> None:
        with suppress(OSError):
            async with inside, await trio.open_tcp_stream(LOCALHOST, self._target) as outside:
                await self._join(inside, outside)

    async def _join(self, inside: trio.SocketStream, outside: trio.SocketStream) -> None:
        quota = self._every if self._left else math.inf
        carried = 0

        async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            nonlocal carried
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while carried < quota and (data := await source.receive_some(CHUNK)):
                    await sink.send_all(data)
                    carried += len(data)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, inside, outside)
            nursery.start_soon(pump, outside, inside)
        if carried >= quota:
            self._left -= 1
            self.cuts += 1
            for stream in (inside, outside):  # without a word above TCP, and what the kernel holds is lost
                stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def open_cutting_proxy(target: int, *, every: float, cuts: int) -> AsyncIterator[tuple[CuttingProxy, int]]:
    """The proxy, and the port on which it listens.

    :param target: port on loopback.
    """
    proxy = CuttingProxy(target, every, cuts)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=LOCALHOST)
        nursery.start_soon(trio.serve_listeners, proxy.serve, listeners)
        yield proxy, listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
