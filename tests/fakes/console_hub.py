"""A real hub in this process, whose ways in can be cut: no Gateway, no BMC, no socket."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from conduit.console import Attach, Happening, Hub, Mode, Ring, decode_from_viewer
from conduit.console.messages import Input
from conduit.errors import CallError, TransportError
from conduit.tunnel.call_frames import Code


class Way:
    """One viewer's connection."""

    def __init__(self, server: HubServer) -> None:
        self._server = server
        self.viewer: int | None = None
        self.is_cut = False
        self.changed = trio.Event()
        self._ready: list[bytes] = []

    async def send(self, message: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_cut:
            raise TransportError("cut")
        decoded = decode_from_viewer(message)
        hub, now = self._server.hub, trio.current_time()
        if isinstance(decoded, Attach):
            self.viewer = hub.attach(decoded, now, name=decoded.name, mode=Mode.WRITE, may_take=True)
        elif decoded is not None and self.viewer is not None:
            if isinstance(decoded, Input):
                self._server.typed.append(decoded.data)
            hub.receive(self.viewer, decoded, now)
        self._server.wake()

    async def receive(self) -> bytes | None:
        while True:
            if self._ready:
                await trio.lowlevel.checkpoint()
                return self._ready.pop(0)
            if self.is_cut or (self.viewer is not None and self._server.hub.is_over(self.viewer)):
                return None
            if self.viewer is not None:
                self._ready = self._server.hub.messages_for(self.viewer, trio.current_time())
            if not self._ready:
                await self.changed.wait()


class HubServer:
    """The hub, and everybody's way to it."""

    def __init__(self, epoch: str = "e1") -> None:
        self.hub = Hub(epoch=epoch, ring=Ring(), now=0.0)
        self.ways: list[Way] = []
        self.typed: list[bytes] = []
        self.refusals: list[CallError] = []
        "What the next attempts to connect fail with."
        self.attempts: list[float] = []
        self.open()

    def open(self) -> None:
        """The console is live."""
        self.hub.happen(Happening.WANTED, 0.0)
        self.hub.happen(Happening.OPENED, 0.0)

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Way]:
        self.attempts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.refusals:
            raise self.refusals.pop(0)
        way = Way(self)
        self.ways.append(way)
        try:
            yield way
        finally:
            if way.viewer is not None:
                self.hub.leave(way.viewer, trio.current_time())
            self.ways.remove(way)
            self.wake()

    def say(self, data: bytes) -> None:
        """The server says something."""
        self.hub.output(data)
        self.wake()

    def happen(self, happening: Happening) -> None:
        """Something happens to the console."""
        self.hub.happen(happening, trio.current_time())
        self.wake()

    def cut(self) -> None:
        """All ways break, as when a Gateway is killed."""
        for way in self.ways:
            way.is_cut = True
        self.wake()

    def wake(self) -> None:
        """Let the ways look for what is new."""
        for way in self.ways:
            way.changed.set()
            way.changed = trio.Event()


AWAY = CallError(Code.UNAVAILABLE, "the Gateway is away", safe_to_retry=True)
FOREVER = math.inf
