"""Displays and viewers that take nothing any more are left, after a while that is bounded."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair

from conduit._trio import open_background_nursery
from conduit.errors import TransportError
from conduit.rfb import hub, server
from conduit.rfb.audience import Audience
from conduit.rfb.client_handshake import ClientHandshake, LoggedIn
from conduit.rfb.hub import DisplayHub
from conduit.rfb.login import Connection
from conduit.rfb.messages import FramebufferUpdateRequest, KeyEvent
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server import RfbServer
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.text_display import TextDisplay

INIT = ServerInit(64, 48, PixelFormat.BGRX, "box")


async def test_a_display_that_takes_nothing_is_left(autojump_clock: MockClock) -> None:
    ours, _theirs = lockstep_stream_pair()
    shared = DisplayHub(Connection(ours, INIT, ClientHandshake(Credentials(), LoginRules())))
    async with open_background_nursery() as nursery:
        nursery.start_soon(shared.type_moves, [[]])
        shared._take_input(KeyEvent(97, down=True))
        began = trio.current_time()
        with pytest.raises(TransportError, match="the display takes nothing"):
            await shared.run()
    assert trio.current_time() - began == pytest.approx(hub.SEND_WITHIN)


async def test_a_display_that_takes_all_may_be_silent_for_long(autojump_clock: MockClock) -> None:
    ours, theirs = lockstep_stream_pair()
    shared = DisplayHub(Connection(ours, INIT, ClientHandshake(Credentials(), LoginRules())))
    async with open_background_nursery() as nursery:
        nursery.start_soon(shared.run)
        for _ in range(3):
            shared._take_input(KeyEvent(97, down=True))
            assert await theirs.receive_some()
            await trio.sleep(10 * hub.SEND_WITHIN)


async def come_in(stream: trio.abc.Stream) -> None:
    handshake = ClientHandshake(Credentials(), LoginRules())
    while not (events := handshake.receive_data(await stream.receive_some())):
        await stream.send_all(handshake.data_to_send())
    assert isinstance(events[0], LoggedIn)


@pytest.mark.parametrize("reads", [False, True])
async def test_a_viewer_that_takes_nothing_is_left(autojump_clock: MockClock, reads: bool) -> None:
    display = TextDisplay("box")
    serving, ours = RfbServer(Audience(display)), lockstep_stream_pair()
    async with open_background_nursery() as nursery:
        nursery.start_soon(serving.serve_stream, ours[0])
        await come_in(ours[1])
        await ours[1].send_all(FramebufferUpdateRequest(display.picture.whole, False).encode())
        if reads:
            await ours[1].receive_some()
            await ours[1].send_all(FramebufferUpdateRequest(display.picture.whole, False).encode())
        await trio.sleep(server.SEND_WITHIN - 1)
        assert len(serving.audience.seats) == 1
        await trio.sleep(server.GRACE + 2)
        assert not serving.audience.seats
