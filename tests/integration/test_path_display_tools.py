"""``conduit server vnc``, ``screenshot`` and ``type`` through all of the path."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.errors import ConduitError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.display import Display, open_display
from conduit.rfb.images import decode_png
from conduit.rfb.messages import Area, FramebufferUpdateRequest, KeyEvent
from tests.fakes.path import GLOBEX, HOST, RunningPath, open_path, plan
from tests.fakes.path_client import Customer, eventually
from tests.fakes.path_displays import ScreenServer, add_display, log_in_over, until, watching
from tests.fakes.path_tool import PathTool, log_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]  # each command is a process, on a busy machine


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[RunningPath, ScreenServer, PathTool]]:
    """A screen at ``web-01``, and its owner's command line."""
    async with open_path(folder / "path", plan("web-01"), plan("dark-01"), plan("other-01", GLOBEX)) as path:
        screen = await add_display(path, "web-01")
        for service in (path.manager(), path.gateway(), path.agent()):
            await service.start()
        await eventually(partial(_has_way, path.customer()))
        yield path, screen, await log_in(path.seed, folder / "home")


async def _has_way(customer: Customer) -> bool:
    await customer.power("web-01")
    return True


@asynccontextmanager
async def viewer_at(port: int) -> AsyncIterator[Display]:
    async with open_display(DisplayAddress(HOST, port)) as display:
        yield display


async def sees(display: Display, screen: ScreenServer) -> None:
    await until(lambda: bytes(display.framebuffer.pixels) == screen.picture())


async def test_any_viewer_sees_and_types_without_a_password_and_several_may(tmp_path: Path) -> None:
    async with stage(tmp_path) as (_, screen, tool), tool.listening("web-01") as listening:
        port = await listening.port()
        async with viewer_at(port) as first, viewer_at(port) as second:
            for display in (first, second):
                await sees(display, screen)
            await first.type_text("hello")
            await until(lambda: screen.keys == "hello")
            screen.write("\x1b[2J\x1b[Hbye")
            for display in (first, second):
                await sees(display, screen)
        assert len(screen.server.audience.seats) == 1


async def test_a_viewer_that_types_and_leaves_at_once_has_typed_all_of_it(tmp_path: Path) -> None:
    words = ["reboot now "] * 8
    async with stage(tmp_path) as (_, screen, tool), tool.listening("web-01") as listening:
        stream = (await log_in_over(await trio.open_tcp_stream(HOST, await listening.port()))).stream
        await stream.send_all(FramebufferUpdateRequest(Area(0, 0, 640, 400), incremental=False).encode())
        await stream.receive_some()  # and what more there is of the picture, it does not wait for
        for word in words:
            await stream.send_all(b"".join(KeyEvent(ord(key), down).encode() for key in word for down in (True, False)))
        await stream.aclose()
        await until(lambda: screen.keys == "".join(words), "all has arrived")


async def test_who_only_looks_types_nothing(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as (path, screen, tool),
        tool.listening("web-01", "--read-only") as listening,
        viewer_at(await listening.port()) as looks,
        watching(path.customer(), "web-01") as types,
    ):
        await looks.type_text("no")
        await looks.refresh()
        await types.press("yes")
        await until(lambda: screen.keys == "yes")


async def test_who_listens_is_told_why_a_viewer_was_ended_and_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as (_, screen, tool), tool.listening("web-01") as listening:
        port = await listening.port()
        await _be_ended(port, screen)
        await listening.complains("a viewer: The connection with the screen is lost. Connecting again.")
        await screen.start()
        await eventually(partial(_is_let_in, port, screen))


async def _be_ended(port: int, screen: ScreenServer) -> None:
    """A viewer looks, and its screen goes."""
    lost = r"the display closed the connection|the connection with the display was lost"  # it crosses what we say
    with pytest.raises(TransportError, match=lost):
        await _look_and_cut(port, screen)


async def _look_and_cut(port: int, screen: ScreenServer) -> None:
    async with viewer_at(port) as display:
        await sees(display, screen)
        await screen.stop()
        await display.wait_for_change(patience=30)


async def _is_let_in(port: int, screen: ScreenServer) -> bool:
    try:
        async with viewer_at(port) as display:
            await sees(display, screen)
    except ConduitError:
        return False
    return True


async def test_a_screenshot_and_a_text(tmp_path: Path) -> None:
    async with stage(tmp_path) as (_, screen, tool):
        file = tmp_path / "shot.png"
        said = await tool.done("server", "screenshot", "web-01", "-o", str(file))
        assert said.out.decode() == f"{file}: 640x400 pixels of web-01\n"
        assert decode_png(file.read_bytes()) == (640, 400, screen.picture())
        small = decode_png((await tool.done("server", "screenshot", "web-01", "-o", "-", "--width", "160")).out)
        assert small[:2] == (160, 100)
        typed = json.loads((await tool.done("server", "type", "web-01", "Root 1!", "--enter", "--output", "json")).out)
        assert typed == {"server": "web-01", "keys": 8}
        await until(lambda: "".join(key for key in screen.keys if ord(key) < 0x100) == "Root 1!")
        assert not screen.held


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("dark-01", "this server has no display here"),
        ("other-01", "there is no such server, or it is not yours"),
    ],
)
async def test_what_is_not_there_is_one_line(tmp_path: Path, server: str, words: str) -> None:
    async with stage(tmp_path) as (_, _, tool):
        for command in (["screenshot", server], ["type", server, "x"]):
            said = await tool.run("server", *command)
            assert (said.status, said.out, said.err) == (1, b"", f"Error: {words}\n")
