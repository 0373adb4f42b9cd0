"""A viewer that is alone gets a real server's bytes through our hub, and stays when another one comes."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from PIL import Image

from conduit._trio import open_background_nursery
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.display import Display as Seen
from conduit.rfb.display import open_display
from conduit.rfb.hub import DisplayHub, open_hub
from conduit.rfb.names import Encoding
from tests.conftest import FindPeer
from tests.interop.displays import HOST, Display, Displays, open_displays
from tests.interop.x11 import XClient

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

LIMIT = 40.0  # seconds
CASES = [
    *(("qemu", each) for each in (Encoding.TIGHT, Encoding.ZRLE, Encoding.ZLIB, Encoding.HEXTILE, Encoding.RAW)),
    *(("xvnc", each) for each in (Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.RRE, Encoding.RAW)),
]


@pytest.fixture
def displays(peer: FindPeer, tmp_path: Path) -> Iterator[Displays]:
    with open_displays(peer, tmp_path) as opened:
        yield opened


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(LIMIT):
        while not condition():  # noqa: ASYNC110 - another process
            await trio.sleep(0.05)


@asynccontextmanager
async def hub_before(server: Display) -> AsyncIterator[tuple[DisplayHub, DisplayAddress]]:
    """A hub, and where its viewers go."""
    async with open_hub(DisplayAddress(HOST, server.port)) as hub, open_background_nursery() as nursery:
        port = await nursery.start(hub.server.serve, HOST, 0)
        yield hub, DisplayAddress(HOST, port)


def passes(hub: DisplayHub) -> bool:
    return hub.is_passing


class Painter:
    """Draws on an X server; nothing on one that is none."""

    def __init__(self, server: Display, stack: ExitStack) -> None:
        self._count = 0
        self.is_tired = False
        self._client = stack.enter_context(XClient(int(server.x.removeprefix(":")))) if server.x else None

    def paint(self) -> None:
        """Something somewhere, plain or coloured."""
        self._count += 1
        if self._client is not None:
            width, height = 8 + self._count * 37 % 140, 8 + self._count * 53 % 90
            colour = (self._count * 0x9E3779B1 & 0xFFFFFFFF).to_bytes(4)
            plain, coloured = colour * width * height, bytes(at * at * 7 & 255 for at in range(4 * width * height))
            pixels = coloured if self._count % 3 == 0 else plain
            self._client.draw(self._count * 71 % 240, self._count * 31 % 190, width, height, pixels)

    async def keep_on(self) -> None:
        """Until it is told to stop."""
        while not self.is_tired:
            self.paint()
            await trio.sleep(0.01)


def is_shown(direct: Seen, *viewers: Seen) -> bool:
    return any(direct.framebuffer.pixels) and all(each.framebuffer == direct.framebuffer for each in viewers)


@pytest.mark.parametrize(("kind", "encoding"), CASES)
async def test_all_see_what_the_server_shows_before_and_after_another_one_comes(
    kind: str, encoding: Encoding, displays: Displays
) -> None:
    server = displays.qemu() if kind == "qemu" else displays.xvnc("None", "-AlwaysShared")
    with ExitStack() as stack:
        painter = Painter(server, stack)
        painter.paint()
        async with (
            open_display(DisplayAddress(HOST, server.port)) as direct,
            hub_before(server) as (hub, where),
            open_display(where, encodings=[encoding]) as alone,
            open_background_nursery() as nursery,
        ):
            await until(lambda: is_shown(direct, alone))
            assert passes(hub)
            nursery.start_soon(painter.keep_on)
            await trio.sleep(0.3)
            async with open_display(where, encodings=[Encoding.ZRLE]) as other:
                await until(lambda: not passes(hub))
                painter.is_tired = True
                await until(lambda: is_shown(direct, alone, other))
                painter.paint()
                await until(lambda: is_shown(direct, alone, other))


async def test_a_thumbnail_of_what_one_looks_at_alone_is_taken_in_the_middle(displays: Displays) -> None:
    server = displays.xvnc("None", "-AlwaysShared")
    with ExitStack() as stack:
        painter = Painter(server, stack)
        async with hub_before(server) as (hub, where), open_display(where) as alone:
            async with open_background_nursery() as nursery:
                nursery.start_soon(painter.keep_on)
                await until(lambda: passes(hub) and any(alone.framebuffer.pixels))
                assert (await hub.thumbnail(longest=100)).startswith(b"\x89PNG")
                assert not passes(hub)
            painter.paint()
            async with open_display(DisplayAddress(HOST, server.port)) as direct:
                await until(lambda: is_shown(direct, alone))


# --- other people's viewers ---


async def test_vncdotool_gets_the_servers_own_bytes(displays: Displays, tmp_path: Path) -> None:
    server, shot = displays.xvnc("None", "-AlwaysShared"), tmp_path / "shot.png"
    with ExitStack() as stack:
        Painter(server, stack).paint()
        async with open_display(DisplayAddress(HOST, server.port)) as direct, hub_before(server) as (hub, where):
            program, passed = Path(sys.executable).with_name("vncdo"), list[bool]()
            command = [str(program), "-s", f"{HOST}::{where.port}", "capture", str(shot), "pause", "1"]
            async with open_background_nursery() as nursery:
                nursery.start_soon(note_passing, hub, passed)
                await trio.run_process(command, capture_stderr=True)
            assert any(passed)
            with Image.open(shot) as image:
                assert image.convert("RGB").tobytes("raw", "BGRX") == bytes(direct.framebuffer.pixels)


async def note_passing(hub: DisplayHub, passed: list[bool]) -> None:
    while True:
        passed.append(hub.is_passing)
        await trio.sleep(0.01)


async def test_tigervncs_viewer_stays_when_another_one_comes(displays: Displays) -> None:
    server, screen = displays.xvnc("None", "-AlwaysShared"), displays.xvnc("None", "-geometry", "400x300")
    with ExitStack() as stack:
        painter = Painter(server, stack)
        painter.paint()
        async with (
            open_display(DisplayAddress(HOST, server.port)) as direct,
            hub_before(server) as (hub, where),
            open_display(DisplayAddress(HOST, screen.port)) as seen,
        ):
            words = ["-SecurityTypes", "None", "-NoJPEG", "-FullScreen", f"{HOST}::{where.port}"]
            displays.start("xtigervncviewer", *words, env=os.environ | {"DISPLAY": screen.x})
            await until(lambda: is_shown(direct, seen))
            assert passes(hub)
            painter.paint()
            await until(lambda: is_shown(direct, seen))
            async with open_display(where) as other:
                painter.paint()
                await until(lambda: is_shown(direct, seen, other))
                assert not passes(hub)
            painter.paint()
            await until(lambda: is_shown(direct, seen))
