"""One tunnel after the other between a Gateway and an Agent, each of which is cut at some byte."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

import trio

from conduit.tunnel import Tunnel, TunnelStream, serve_streams
from conduit.tunnel.serving import StreamHandler
from tests.fakes.tunnel_pair import Wire, connected_tunnels


class Roads:
    """Where a Gateway finds its tunnel to the Agent of the moment."""

    def __init__(self, handlers: Mapping[str, StreamHandler], cuts: Iterator[float]) -> None:
        self._handlers = handlers
        self._cuts = cuts
        self.tunnels = 0
        "How many there were."
        self.wire = Wire()
        self.gateway: Tunnel | None = None
        self._news = trio.Event()
        self._open = trio.Event()
        self._open.set()

    async def current(self) -> Tunnel:
        """What ``open_resumable`` asks for."""
        while self.gateway is None:
            await self._news.wait()
        return self.gateway

    def cut(self) -> None:
        """End the present tunnel; the next one is there at once, unless :meth:`block` was called before."""
        self.wire.cut()

    def block(self) -> None:
        """No further tunnel."""
        self._open = trio.Event()

    def unblock(self) -> None:
        self._open.set()

    async def run(self) -> None:
        while True:
            await self._open.wait()
            self.tunnels += 1
            self.wire = Wire(next(self._cuts, math.inf))
            async with connected_tunnels(self.wire) as (gateway, agent), trio.open_nursery() as nursery:
                self.gateway = gateway
                self._news.set()
                nursery.start_soon(serve_streams, agent, self._handlers)
                await gateway.wait_closed()
                self.gateway, self._news = None, trio.Event()


@asynccontextmanager
async def open_roads(handlers: Mapping[str, StreamHandler], cuts: Iterable[float] = ()) -> AsyncIterator[Roads]:
    """:param cuts: bytes after which each tunnel breaks; those after them do not."""
    roads = Roads(handlers, iter(cuts))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roads.run)
        yield roads
        nursery.cancel_scope.cancel()


async def accept_only(stream: TunnelStream) -> None:
    """A handler that does nothing, for ever."""
    stream.accept()
    await trio.sleep_forever()
