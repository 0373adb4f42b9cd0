"""The Agent's side of a display for the pages' tests: an RFB server of ours, on the lease of the fake console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import trio
from trio.testing import memory_stream_pair

from conduit.errors import ConduitError
from conduit.rfb.audience import Audience
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent, PointerEvent
from conduit.rfb.server import RfbServer
from conduit.rfb.sides import turn_away
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.viewing import Input
from tests.browser.fake_hub import FakeHub

CHUNK = 65_536
Close = Callable[[int, str], Awaitable[None]]


@dataclass
class FakeDisplay:
    """One server's screen: what it shows, and what was done to it."""

    hub: FakeHub
    scan_codes: bool = False
    display: TextDisplay = field(default_factory=lambda: TextDisplay("db-02"))
    keys: list[tuple[int, bool]] = field(default_factory=list)
    "Keysyms, and whether they went down."
    codes: list[int] = field(default_factory=list)
    "Scan codes that went down."
    clicks: int = 0
    seats: list[str] = field(default_factory=list)
    "With which each connection came."
    refuses: str = ""
    "Why nobody is let in."
    scopes: list[trio.CancelScope] = field(default_factory=list)
    closers: list[Close] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.audience = Audience(self.display, extended_keys=self.scan_codes)
        self.server = RfbServer(self.audience, on_input=self._take)
        self.hub.on_hand = self._handed

    @property
    def dropped(self) -> int:
        """What those who are here have sent and may not."""
        return sum(seat.dropped_inputs for seat in self.audience.seats)

    def show(self, text: bytes) -> None:
        self.display.receive(text)
        self.server.stir()

    def drop(self) -> None:
        """As a cable pulled: no goodbye."""
        for scope in self.scopes:
            scope.cancel()

    def _handed(self) -> None:
        self.audience.look_at_keyboards()
        self.server.stir()

    def _take(self, done: Input) -> None:
        if isinstance(done, KeyEvent | ExtendedKeyEvent):
            self.keys.append((done.keysym, done.down))
            if isinstance(done, ExtendedKeyEvent) and done.down:
                self.codes.append(done.keycode)
        elif isinstance(done, PointerEvent) and done.buttons:
            self.clicks += 1

    async def serve(
        self,
        receive: Callable[[], Awaitable[bytes]],
        send: Callable[[bytes], Awaitable[None]],
        close: Close,
        *,
        seat: str,
        may_write: bool,
    ) -> None:
        """Until either side is gone; `receive` answers nothing at the end."""
        self.seats.append(seat)
        ours, theirs = memory_stream_pair()
        async with trio.open_nursery() as nursery:
            self.scopes.append(nursery.cancel_scope)
            self.closers.append(close)
            try:
                nursery.start_soon(self._speak, ours, seat, may_write)
                nursery.start_soon(_copy, theirs.receive_some, send, nursery.cancel_scope)
                await _copy(receive, theirs.send_all, nursery.cancel_scope)
            finally:
                self.scopes.remove(nursery.cancel_scope)
                self.closers.remove(close)

    async def _speak(self, stream: trio.abc.Stream, seat: str, may_write: bool) -> None:
        if self.refuses:
            await turn_away(stream, self.refuses)
        else:
            has_keyboard = (lambda: self._is_writer(seat)) if seat else None
            with suppress(ConduitError):
                await self.server.serve_stream(stream, may_type=may_write, has_keyboard=has_keyboard)
        await stream.aclose()  # what it said last is read first

    def _is_writer(self, seat: str) -> bool:
        return self.hub.writer is not None and self.hub.writer.number == int(seat)


async def _copy(
    receive: Callable[[], Awaitable[bytes | bytearray]],
    send: Callable[[bytes], Awaitable[None]],
    scope: trio.CancelScope,
) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await receive():
            await send(bytes(data))
    scope.cancel()
