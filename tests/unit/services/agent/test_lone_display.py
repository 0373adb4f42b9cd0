"""One viewer of a server's display gets the display's own bytes, through the Agent's owner of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from conduit._trio import open_background_nursery
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.display import Display, open_display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import decode_png
from conduit.rfb.login import LoginOptions
from conduit.rfb.messages import KeyEvent
from conduit.rfb.server import RfbServer
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.viewing import Input
from conduit.services.agent.display import ServerDisplay
from conduit.services.agent.hub import ConsoleHub, open_console_hub
from tests.fakes.console import FakeBmc

HOST = "127.0.0.1"


class Stage:
    """A server's display, its owner, and a port where viewers come to it."""

    def __init__(self) -> None:
        self.screen, self._same = TextDisplay("box"), TextDisplay()
        self.done: list[Input] = []
        self.server = RfbServer(Audience(self.screen), on_input=self.done.append)
        self.owner: ServerDisplay
        self.keyboard: ConsoleHub
        self.mode = "write"
        self.port = 0

    def write(self, text: str) -> None:
        for screen in (self.screen, self._same):
            screen.receive(text.encode())
        self.server.stir()

    async def serve(self, stream: trio.SocketStream) -> None:
        await self.owner.attach(stream, user="alice", mode=self.mode)

    async def sees(self, *viewers: Display) -> None:
        """Until all see what there is."""
        self._same.refresh()
        await until(lambda: all(viewer.framebuffer == self._same.picture for viewer in viewers))

    @property
    def passes(self) -> bool:
        login = self.owner._login
        return login is not None and login.hub.is_passing

    @property
    def keys(self) -> str:
        return "".join(chr(done.keysym) for done in self.done if isinstance(done, KeyEvent) and done.down)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - the other side is some sockets away
            await trio.sleep(0.005)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    async with open_console_hub(FakeBmc().open) as made.keyboard, open_background_nursery() as nursery:
        server = await nursery.start(made.server.serve, HOST, 0)
        made.owner = ServerDisplay("box", f"vnc://{HOST}:{server}", LoginOptions, made.keyboard, nursery)
        listeners = await trio.open_tcp_listeners(0, host=HOST)
        made.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, made.serve, listeners)
        yield made


def address(made: Stage) -> DisplayAddress:
    return DisplayAddress(HOST, made.port)


async def test_one_that_is_alone_types_and_stays_when_a_screenshot_is_taken_and_another_one_comes() -> None:
    async with stage() as made:
        made.write("login: ")
        async with open_display(address(made)) as alice:
            await made.sees(alice)
            passed = [made.passes]
            await alice.type_text("ab", pause=0.0)
            await until(lambda: made.keys == "ab")
            picture = await made.owner.screenshot()
            assert Framebuffer(*decode_png(picture.png)) == made.screen.picture
            passed.append(made.passes)
            made.write("root\r\n")
            async with open_display(address(made)) as bob:
                await made.sees(alice, bob)
            await alice.type_text("c", pause=0.0)
            await until(lambda: made.keys == "abc")
            assert passed == [True, False]
            assert len(made.server.audience.seats) == 1


async def test_after_a_screenshot_one_that_is_alone_gets_the_displays_own_bytes_too() -> None:
    async with stage() as made:
        await made.owner.screenshot()
        async with open_display(address(made)) as alice:
            await made.sees(alice)
            assert made.passes
            assert (await made.owner.screenshot(max_age=60.0)).png
            assert made.passes


@pytest.mark.parametrize("mode", ["read", "write"])
async def test_keys_of_one_that_is_alone_want_the_keyboard(mode: str) -> None:
    async with stage() as made:
        made.mode = mode
        with made.keyboard.seated("carol", mode="write"):
            async with open_display(address(made)) as alice:
                await made.sees(alice)
                await alice.type_text("no", pause=0.0)
                assert made.owner._login is not None
                (seat,) = made.owner._login.hub.audience.seats
                await until(lambda: seat.dropped_inputs == 4)
                assert made.passes
        assert made.keys == ""


async def test_who_loses_the_keyboard_lets_go_of_what_it_held_while_it_is_alone() -> None:
    async with stage() as made, open_display(address(made)) as alice:
        await made.sees(alice)
        await alice._send(KeyEvent(ord("x"), down=True).encode())
        await until(lambda: made.keys == "x")
        writer = made.keyboard.machine.lease.writer
        assert writer is not None
        made.keyboard.machine.leave(writer, trio.current_time())
        made.keyboard.notify()
        await until(lambda: made.done[-1] == KeyEvent(ord("x"), down=False))
        assert made.passes
