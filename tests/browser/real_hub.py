"""The pages against `conduit.console`'s own hub: what is typed is a server's echo, in upper case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from conduit.console import Attach, Happening, Hub, Mode, Ring, decode_from_viewer


class RealHub:
    """A hub and the viewers at it."""

    def __init__(self) -> None:
        self.hub = Hub(epoch="e1", ring=Ring(), now=0.0)
        self.viewers: list[RealViewer] = []
        for happening in (Happening.WANTED, Happening.OPENED):
            self.hub.happen(happening, 0.0)

    def connect(
        self, send: Callable[[bytes], Awaitable[None]], scope: trio.CancelScope, *, may_write: bool
    ) -> RealViewer:
        return RealViewer(self, send, scope, may_write=may_write)

    def changed(self) -> None:
        now = trio.current_time()
        while (keys := self.hub.begin_input(now)) is not None:
            self.hub.output(keys.data.upper())
            self.hub.end_input(keys, now)
        for viewer in self.viewers:
            viewer.woken.set()

    def drop(self) -> None:
        for viewer in self.viewers:
            viewer.scope.cancel()


class RealViewer:
    """One viewer's connection to it."""

    def __init__(
        self, real: RealHub, send: Callable[[bytes], Awaitable[None]], scope: trio.CancelScope, *, may_write: bool
    ) -> None:
        self.scope = scope
        self.woken = trio.Event()
        self._real = real
        self._send = send
        self._mode = Mode.WRITE if may_write else Mode.READ
        self._id = 0

    def leave(self) -> None:
        if self in self._real.viewers:
            self._real.viewers.remove(self)
        self._real.hub.leave(self._id, trio.current_time())
        self._real.changed()

    async def receive(self, data: bytes, nursery: trio.Nursery) -> None:
        hub, now = self._real.hub, trio.current_time()
        message = decode_from_viewer(data)
        if isinstance(message, Attach):
            self._id = hub.attach(message, now, name="", mode=self._mode, may_take=True)
            self._real.viewers.append(self)
            nursery.start_soon(self._pump)
        elif message is not None:
            hub.receive(self._id, message, now)
        self._real.changed()

    async def _pump(self) -> None:
        hub = self._real.hub
        while True:
            while hub.has_messages(self._id):
                for message in hub.messages_for(self._id, trio.current_time()):
                    await self._send(message)
            await self.woken.wait()
            self.woken = trio.Event()
