"""A relay between a viewer and a display that are both streams in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from conduit.errors import AuthenticationError, ConduitError, DisplayRefused
from conduit.rfb.client_handshake import ClientHandshake, LoggedIn
from conduit.rfb.endings import End, Ending
from conduit.rfb.keep_alive import PERIOD
from conduit.rfb.login import HANDSHAKE_PATIENCE, Connection
from conduit.rfb.messages import CutText, KeyEvent
from conduit.rfb.names import ServerKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.relay import Relay
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.viewer_filter import ViewerRules
from conduit.rfb.websocket_stream import WebSocketStream
from conduit.websocket.frames import FrameReader

INIT = ServerInit(320, 200, PixelFormat.BGRX, "rack 7")
KEY = KeyEvent(65, down=True).encode()
Body = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A relay and both who are at its ends."""

    def __init__(self, rules: ViewerRules | None = None, *, failure: ConduitError | None = None) -> None:
        self.viewer, ours = memory_stream_pair()
        self.display, self._ours = memory_stream_pair()
        self._failure = failure
        self.opened = 0
        self.ending: Ending | None = None
        self.relay = Relay(ours, self.open_display, rules)

    def open_display(self) -> AbstractAsyncContextManager[Connection]:
        return self._open_display()

    @asynccontextmanager
    async def _open_display(self) -> AsyncIterator[Connection]:
        self.opened += 1
        if self._failure is not None:
            raise self._failure
        try:
            yield Connection(self._ours, INIT, ClientHandshake(Credentials(), LoginRules()))
        finally:
            await trio.aclose_forcefully(self._ours)

    async def come_in(self) -> ServerInit:
        """What any viewer does first."""
        handshake = ClientHandshake(Credentials(), LoginRules(), shared=False)
        events: list[Any] = []
        while not events:
            await self.viewer.send_all(handshake.data_to_send())
            events = handshake.receive_data(await self.viewer.receive_some())
        await self.viewer.send_all(handshake.data_to_send())
        assert isinstance(events[0], LoggedIn)
        return events[0].init


async def play(stage: Stage, body: Body) -> Ending:
    endings: list[Ending] = []

    async def run() -> None:
        endings.append(await stage.relay.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await body(stage)
    return endings[0]


async def test_bytes_pass_both_ways_until_the_viewer_leaves() -> None:
    stage = Stage()

    async def body(stage: Stage) -> None:
        assert await stage.come_in() == INIT
        await stage.viewer.send_all(KEY)
        assert await stage.display.receive_some() == KEY
        await stage.display.send_all(b"pixels")
        assert await stage.viewer.receive_some() == b"pixels"
        await stage.viewer.aclose()

    assert (await play(stage, body)).end is End.VIEWER_LEFT
    assert (stage.relay.sent_to_viewer, stage.relay.sent_to_server, stage.opened) == (6, len(KEY), 1)


async def test_what_follows_the_handshake_at_once_is_not_lost() -> None:
    async def body(stage: Stage) -> None:
        await stage.viewer.send_all(b"RFB 003.003\n\x01" + KEY)
        assert await stage.display.receive_some() == KEY
        await stage.viewer.aclose()

    await play(Stage(), body)


async def test_the_display_closes() -> None:
    async def body(stage: Stage) -> None:
        await stage.come_in()
        await stage.display.aclose()
        assert await stage.viewer.receive_some() == b""

    ending = await play(Stage(), body)
    assert ending == Ending(End.SERVER_CLOSED, "the display closed the connection")


async def test_a_viewer_that_breaks_the_rules_is_sent_away_and_the_display_hears_nothing_of_it() -> None:
    async def body(stage: Stage) -> None:
        await stage.come_in()
        await stage.viewer.send_all(b"\x07 transfer a file")
        assert await stage.viewer.receive_some() == b""
        assert await stage.display.receive_some() == b""

    ending = await play(Stage(), body)
    assert ending.end is End.VIEWER_FAULT
    assert "type 7" in ending.text


async def test_who_may_only_look_is_counted_and_not_sent_away() -> None:
    stage = Stage(ViewerRules(view_only=True))

    async def body(stage: Stage) -> None:
        await stage.come_in()
        await stage.viewer.send_all(KEY + KEY)
        await trio.testing.wait_all_tasks_blocked()
        await stage.viewer.aclose()

    await play(stage, body)
    assert (stage.relay.dropped_messages, stage.relay.sent_to_server) == (2, 0)


@pytest.mark.parametrize("failure", [AuthenticationError("the server refuses the login"), DisplayRefused("it is full")])
async def test_a_viewer_learns_why_there_is_no_display(failure: ConduitError) -> None:
    async def body(stage: Stage) -> None:
        with pytest.raises(DisplayRefused, match=f"refuses the connection: {failure}"):
            await stage.come_in()

    assert await play(Stage(failure=failure), body) == Ending(End.SERVER_REFUSED, str(failure))


async def test_nobody_logs_in_for_who_says_nothing(autojump_clock: MockClock) -> None:
    stage = Stage()

    async def body(stage: Stage) -> None:
        assert await stage.viewer.receive_some() == b"RFB 003.008\n"
        assert await stage.viewer.receive_some() == b""

    assert (await play(stage, body)).end is End.VIEWER_SILENT
    assert trio.current_time() == pytest.approx(HANDSHAKE_PATIENCE)
    assert stage.opened == 0


async def test_nobody_waits_for_ever_for_who_does_not_come_in(autojump_clock: MockClock) -> None:
    async def body(stage: Stage) -> None:
        await stage.viewer.send_all(b"RFB 003.008\n\x01")
        while await stage.viewer.receive_some():
            pass

    assert (await play(Stage(), body)).end is End.VIEWER_SILENT


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"RFB 003.008\n\x02", b"RFB 003.008\n\x01"])
async def test_who_is_no_viewer_or_leaves_early_ends_it(said: bytes) -> None:
    async def body(stage: Stage) -> None:
        await stage.viewer.send_all(said)
        await trio.testing.wait_all_tasks_blocked()
        await stage.viewer.aclose()

    assert (await play(Stage(), body)).end in (End.VIEWER_FAULT, End.VIEWER_LEFT)


async def test_a_servers_clipboard_can_be_kept_back() -> None:
    async def body(stage: Stage) -> None:
        await stage.come_in()
        await stage.display.send_all(b"\x02" + CutText(b"geheim", kind=ServerKind.CUT_TEXT).encode() + b"\x02")
        await trio.testing.wait_all_tasks_blocked()
        assert await stage.viewer.receive_some() == b"\x02\x02"
        await stage.display.send_all(b"\x07 nobody knows how long this is")
        assert await stage.viewer.receive_some() == b""

    ending = await play(Stage(ViewerRules(clipboard_down=0)), body)
    assert ending.end is End.SERVER_CLOSED
    assert "type 7" in ending.text


async def test_it_can_be_revoked() -> None:
    async def body(stage: Stage) -> None:
        await stage.come_in()
        stage.relay.revoke("your permission is gone")
        stage.relay.revoke("twice")
        assert await stage.viewer.receive_some() == b""

    assert await play(Stage(), body) == Ending(End.REVOKED, "your permission is gone")


async def test_a_viewer_in_a_websocket_is_told_why_it_is_over() -> None:
    stage = Stage()
    viewer, ours = memory_stream_pair()
    stage.relay = Relay(WebSocketStream(ours, masked=False), stage.open_display)
    stage.viewer = WebSocketStream(viewer, masked=True)  # type: ignore[assignment]  # it is a stream as well

    async def body(stage: Stage) -> None:
        await stage.come_in()
        stage.relay.revoke("your permission is gone")
        raw = b""
        while data := await viewer.receive_some():
            raw += data
        assert b"\x88\x19" + (1008).to_bytes(2) + b"your permission is gone" in raw
        FrameReader(masked=False).receive_data(memoryview(raw))

    await play(stage, body)


async def test_a_silent_websocket_is_kept_alive(autojump_clock: MockClock) -> None:
    stage = Stage()
    viewer, ours = memory_stream_pair()
    stage.relay = Relay(WebSocketStream(ours, masked=False), stage.open_display)
    stage.viewer = WebSocketStream(viewer, masked=True)  # type: ignore[assignment]  # it is a stream as well

    async def body(stage: Stage) -> None:
        await stage.come_in()
        assert await viewer.receive_some() == b"\x89\x00"  # a ping
        assert trio.current_time() == pytest.approx(PERIOD)
        await viewer.aclose()

    await play(stage, body)


async def test_an_owner_that_cancels_leaves_nothing_open() -> None:
    stage = Stage()
    with trio.CancelScope() as scope:

        async def body(stage: Stage) -> None:
            await stage.come_in()
            scope.cancel()

        await play(stage, body)
    assert await stage.viewer.receive_some() == b""
