"""A serial console that does what a test says, and viewers of a hub on streams in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import trio
from trio.testing import memory_stream_pair

from conduit.console import Mode, ViewerSession
from conduit.console import messages as m
from conduit.ipmi.console_events import ConsoleEvent, ConsoleEventKind
from conduit.services.agent.hub import ConsoleHub
from conduit.tunnel.framing import MessageReader, encode_message

MessageT = TypeVar("MessageT", bound=m.Message)


class FakeConsole:
    """What a hub opens."""

    def __init__(self) -> None:
        self.output, self._output = trio.open_memory_channel[bytes](1000)
        self._event_sender, self._events = trio.open_memory_channel[ConsoleEvent](64)
        self.typed: list[bytes] = []
        self.stuck = False
        "Whether the BMC takes no input."
        self.just_before: list[ConsoleEventKind] = []
        "What it tells in the same turn of the loop in which it hands out its next output."
        self.closed = trio.Event()

    def tell(self, kind: ConsoleEventKind, reason: str = "") -> None:
        self._event_sender.send_nowait(ConsoleEvent(kind=kind, reason=reason))

    def say(self, data: bytes) -> None:
        self.output.send_nowait(data)

    def end(self, reason: str) -> None:
        self.tell(ConsoleEventKind.DEACTIVATED, reason)
        self.output.close()

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.stuck:
            await trio.sleep_forever()
        self.typed.append(data)

    async def send_break(self) -> None:
        await self.send_all(b"<break>")

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = await self._output.receive()
        except trio.EndOfChannel:
            return b""
        while self.just_before:
            self.tell(self.just_before.pop(0))
        return data

    def events(self) -> trio.MemoryReceiveChannel[ConsoleEvent]:
        return self._events.clone()

    def close(self) -> None:
        for channel in (self.output, self._output, self._event_sender, self._events):
            channel.close()
        self.closed.set()


class FakeBmc:
    """Opens consoles, or fails as it is told."""

    def __init__(self) -> None:
        self.consoles: list[FakeConsole] = []
        self.error: Exception | None = None
        self.attempts = 0
        self.stolen = 0
        "How often it was taken from somebody, which always works."

    @property
    def console(self) -> FakeConsole:
        return self.consoles[-1]

    @asynccontextmanager
    async def open(self, *, steal: bool = False) -> AsyncIterator[FakeConsole]:
        self.attempts += 1
        if steal:
            self.stolen, self.error = self.stolen + 1, None
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        console = FakeConsole()
        self.consoles.append(console)
        try:
            yield console
        finally:
            console.close()


class FakeViewer:
    """A viewer, connected when :meth:`attach` was called."""

    def __init__(self, nursery: trio.Nursery, name: str = "Li", mode: Mode = Mode.WRITE) -> None:
        self.nursery = nursery
        self.name = name
        self.mode = mode
        self.session = ViewerSession(name=name, mode=mode)
        self.shown: list[m.Message] = []
        self.remembers = True
        self.stream: trio.StapledStream[Any, Any]

    async def attach(self, hub: ConsoleHub, *, may_take: bool = False, tenant: str | None = None) -> None:
        self.stream, theirs = memory_stream_pair()
        serve = partial(hub.attach, viewer_name=self.name, mode=self.mode.value, may_take=may_take, tenant=tenant)
        self.nursery.start_soon(serve, theirs)
        await self.send(self.session.attach())
        self.nursery.start_soon(self.read, self.stream)

    async def read(self, stream: trio.abc.ReceiveStream) -> None:
        reader = MessageReader()
        try:
            while data := await stream.receive_some():
                for wire in reader.receive(bytes(data)):
                    shown = self.session.receive(wire)
                    self.shown += shown if self.remembers else ()
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return

    async def send(self, wire: bytes) -> None:
        await self.stream.send_all(encode_message(wire))

    async def type_keys(self, data: bytes) -> None:
        for wire in self.session.type(data):
            await self.send(wire)

    async def leave(self) -> None:
        await self.stream.aclose()

    def of(self, kind: type[MessageT]) -> list[MessageT]:
        return [message for message in self.shown if isinstance(message, kind)]

    def ends_with(self, end: bytes) -> bool:
        return self.text.endswith(end)

    @property
    def text(self) -> bytes:
        return b"".join(message.data for message in self.of(m.Output))


async def until(true: Callable[[], bool], seconds: float = 100) -> None:
    """Wait until something is so."""
    with trio.fail_after(seconds):
        while not true():  # noqa: ASYNC110 - it looks from outside
            await trio.sleep(0.01)
