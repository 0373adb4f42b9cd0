"""Real viewers at our RFB server: they log in, see every dot, and type. And our hub before real servers."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from PIL import Image

from conduit._trio import open_background_nursery
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.display import open_display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.hub import open_hub
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent
from conduit.rfb.names import Encoding
from conduit.rfb.server import Access, RfbServer, access_by_certificate, access_by_password
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.viewing import Input
from tests.conftest import FindPeer
from tests.fakes.certificates import Authority
from tests.interop.displays import HOST, Displays, open_displays
from tests.interop.x11 import XClient

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

PASSWORD = "sesame"
GREETING = "\x1b[1;32mConduit\x1b[0m Virtual Firmware 1.0\r\n\x1b[44;93m blue \x1b[0m ┌─┐ login: "


class Screen:
    """A text display that shows what is typed."""

    def __init__(self, access: Access | None) -> None:
        self.display, self._same = TextDisplay("node1"), TextDisplay()
        self.write(GREETING)
        self.server = RfbServer(Audience(self.display), access, on_input=self._take)
        self.typed = ""
        self.port = 0

    def _take(self, done: Input) -> None:
        if isinstance(done, KeyEvent | ExtendedKeyEvent) and done.down and done.keysym < 0xFF:
            self.typed += chr(done.keysym)

    def write(self, text: str) -> None:
        for display in (self.display, self._same):
            display.receive(text.encode())

    @property
    def picture(self) -> Framebuffer:
        """What viewers should see, drawn apart."""
        self._same.refresh()
        return self._same.picture


@asynccontextmanager
async def screen(access: Access | None = None) -> AsyncIterator[Screen]:
    made = Screen(access)
    async with open_background_nursery() as nursery:
        made.port = await nursery.start(made.server.serve, HOST, 0)
        yield made


async def until(condition: Callable[[], bool], *, patience: float = 20.0) -> None:
    with trio.fail_after(patience):
        while not condition():  # noqa: ASYNC110 - another process
            await trio.sleep(0.05)


@pytest.fixture
def displays(peer: FindPeer, tmp_path: Path) -> Iterator[Displays]:
    with open_displays(peer, tmp_path) as opened:
        yield opened


# --- vncdotool ---


@pytest.mark.parametrize("password", ["", PASSWORD])
async def test_vncdotool_sees_every_dot_and_types(password: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("vncdo")
    shot = tmp_path / "shot.png"
    words = ["-p", password] if password else []
    async with screen(access_by_password(password)) as made:
        command = [str(program), "-s", f"{HOST}::{made.port}", *words, "capture", str(shot), "type", "root"]
        await trio.run_process(command, capture_stderr=True)
        await until(lambda: made.typed == "root")
        with Image.open(shot) as image:
            assert image.convert("RGB").tobytes("raw", "BGRX") == bytes(made.picture.pixels)


async def test_vncdotool_with_a_wrong_password_is_told_so(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("vncdo")
    async with screen(access_by_password(PASSWORD)) as made:
        command = [str(program), "-s", f"{HOST}::{made.port}", "-p", "guess", "capture", str(tmp_path / "x.png")]
        ended = await trio.run_process(command, capture_stderr=True, check=False)
        assert ended.returncode
        assert b"the password is wrong" in ended.stderr


# --- the TigerVNC viewer, full screen on an X server that our client looks at ---


def make_access(way: str, folder: Path) -> tuple[Access, list[str], dict[str, str]]:
    """A server's way in, what the viewer is told on its command line, and in its environment."""
    if way == "None":
        return Access(), [], {}
    if way == "VncAuth":
        return access_by_password(PASSWORD), [], {"VNC_PASSWORD": PASSWORD}
    authority = Authority(folder)
    files = authority.issue("")
    more = {"VNC_USERNAME": "alice", "VNC_PASSWORD": PASSWORD}
    access = access_by_certificate(files.certificate, files.key, "alice", PASSWORD)
    return access, ["-X509CA", str(authority.path)], more


@pytest.mark.parametrize("way", ["None", "VncAuth", "X509Plain"])
async def test_the_tigervnc_viewer_sees_every_dot_and_types(way: str, displays: Displays, tmp_path: Path) -> None:
    access, words, more = make_access(way, tmp_path)
    x_server = displays.xvnc("None", "-geometry", "640x400")
    async with screen(access) as made, open_display(DisplayAddress(HOST, x_server.port)) as seen:
        words = ["-SecurityTypes", way, "-FullScreen", *words, f"{HOST}::{made.port}"]
        displays.start("xtigervncviewer", *words, env=os.environ | more | {"DISPLAY": x_server.x})
        await until(lambda: seen.framebuffer == made.picture)
        await seen.move(300, 200)
        await seen.type_text("Root 1!")
        await until(lambda: made.typed == "Root 1!")
        made.write("\x1b[2J\x1b[Hbye")
        made.server.stir()
        await until(lambda: seen.framebuffer == made.picture)


# --- the hub before real servers ---


@pytest.mark.parametrize("kind", ["qemu", "xvnc"])
async def test_the_hub_shows_all_viewers_what_a_real_server_shows(kind: str, displays: Displays) -> None:
    server = displays.qemu() if kind == "qemu" else displays.xvnc("None")
    async with AsyncExitStack() as stack:
        if kind == "xvnc":
            painter = stack.enter_context(XClient(int(server.x.removeprefix(":"))))
            painter.draw(10, 10, 128, 64, bytes(range(256)) * 128)
        direct = await stack.enter_async_context(open_display(DisplayAddress(HOST, server.port)))
        await until(lambda: any(direct.framebuffer.pixels))
        async with open_hub(DisplayAddress(HOST, server.port)) as hub, open_background_nursery() as nursery:
            port = await nursery.start(hub.server.serve, HOST, 0)
            for encoding in (Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.RAW):
                async with open_display(DisplayAddress(HOST, port), encodings=[encoding]) as through:
                    await until(lambda: through.framebuffer == direct.framebuffer)
                    assert any(through.framebuffer.pixels)
            assert (await hub.thumbnail(longest=100)).startswith(b"\x89PNG")
