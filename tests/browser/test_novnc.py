"""noVNC in Chromium at our RFB server, websockify or our own relay between them: it sees the picture, and types."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trio
from PIL import Image
from playwright.sync_api import Browser, Page

from conduit._trio import open_background_nursery
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.hub import DisplayHub, open_hub
from conduit.rfb.login import LoginOptions
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent
from conduit.rfb.security import Credentials
from conduit.rfb.server import RfbServer, access_by_password
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.viewing import Input
from tests.browser.conftest import WAIT_MS, missing
from tests.conftest import FindPeer
from tests.interop.displays import HOST, Display, Displays, open_displays

pytestmark = [pytest.mark.browser, pytest.mark.rfb]

NOVNC = Path(__file__).parents[2] / "web/node_modules/@novnc/novnc"
PASSWORD = "sesame"
TEXT = b"\x1b[1;32mConduit\x1b[0m \x1b[44;93m blue \x1b[0m login: "
TYPED = "Root-1"
START = 30.0  # seconds
PAGE = f"""<!doctype html>
<meta charset="utf-8"><title>display</title>
<style>body {{ margin: 0 }} #screen {{ width: 640px; height: 400px }}</style>
<div id="screen"></div>
<script type="module">
import RFB from './novnc/core/rfb.js';
const place = new URLSearchParams(location.search).get('at') ?? location.host;
const screen = document.getElementById('screen');
const rfb = new RFB(screen, `ws://${{place}}/`, {{ credentials: {{ password: '{PASSWORD}' }} }});
rfb.addEventListener('connect', () => {{ document.title = 'connected'; rfb.focus(); }});
rfb.addEventListener('disconnect', () => {{ document.title = 'disconnected'; }});
</script>
"""


class Screen:
    """A text display in a thread of its own; what is typed appears on it.

    :param is_shared: a hub is before it.
    """

    def __init__(self, *, is_shared: bool = False) -> None:
        self._is_shared = is_shared
        self.hub: DisplayHub
        self.display = TextDisplay("node1")
        self.display.receive(TEXT)
        audience = Audience(self.display)
        self.server = RfbServer(audience, access_by_password(PASSWORD), on_input=self._take)
        self.typed = ""
        self.port = 0
        self._ready = threading.Event()
        self._scope = trio.CancelScope()

    def _take(self, done: Input) -> None:
        if isinstance(done, KeyEvent | ExtendedKeyEvent) and done.down and done.keysym < 0x100:
            self.typed += chr(done.keysym)
            self.display.receive(chr(done.keysym).encode())

    async def _run(self) -> None:
        with self._scope:
            async with open_background_nursery() as nursery, AsyncExitStack() as stack:
                self.port = await nursery.start(self.server.serve, HOST, 0)
                if self._is_shared:
                    login = LoginOptions(credentials=Credentials(password=PASSWORD))
                    self.hub = await stack.enter_async_context(open_hub(DisplayAddress(HOST, self.port), login))
                    self.port = await nursery.start(self.hub.server.serve, HOST, 0)
                self._ready.set()
                await trio.sleep_forever()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the end of the block."""

        async def main() -> None:
            self.token = trio.lowlevel.current_trio_token()
            await self._run()

        thread = threading.Thread(target=partial(trio.run, main))
        thread.start()
        assert self._ready.wait(10)
        try:
            yield
        finally:
            self.token.run_sync_soon(self._scope.cancel)
            thread.join()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page with noVNC in it."""
    if not NOVNC.is_dir():
        missing("noVNC is not installed (npm ci in web/)")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    (folder / "novnc").symlink_to(NOVNC)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Files, without a log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Nobody reads it."""


@contextmanager
def served(site: Path) -> Iterator[int]:
    """The page, at a port of its own."""
    with ThreadingHTTPServer((HOST, 0), partial(Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def relay(displays: Displays, screen: Screen, folder: Path, *words: str) -> int:
    """Our own command before *screen*; where it takes WebSockets."""
    password = folder / "password"
    password.write_text(PASSWORD)
    target = (f"{HOST}:{screen.port}", "--password-file", password)
    log, process = displays.conduit(
        "rfb", *target, "relay", "--listen", f"{HOST}:0", "--websocket", f"{HOST}:0", *words
    )
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"ready [\d.]+:(\d+): for WebSockets", log.read_text()):
            return int(found[1])
        time.sleep(0.05)  # noqa: TID251  # a process has no event
    raise AssertionError(log.read_text())


def look(page: Page) -> bytes:
    """The pixels that noVNC shows."""
    with Image.open(io.BytesIO(page.locator("#screen canvas").screenshot())) as image:
        return image.convert("RGB").tobytes("raw", "BGRX")


def type_and_look(page: Page, before: str = "") -> None:
    """What is typed appears, among what was there, dot by dot."""
    page.wait_for_function("document.title === 'connected'", timeout=WAIT_MS)
    page.keyboard.type(TYPED)
    same = TextDisplay()
    same.receive(TEXT + (before + TYPED).encode())
    same.refresh()
    expected, deadline = bytes(same.picture.pixels), time.monotonic() + WAIT_MS / 1000
    while (seen := look(page)) != expected and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert seen == expected


def test_novnc_sees_every_dot_and_types(browser: Browser, peer: FindPeer, site: Path, tmp_path: Path) -> None:
    screen = Screen()
    with screen.running(), open_displays(peer, tmp_path) as displays:
        port = displays.websockify(Display(screen.port), "--web", site)
        page = browser.new_page(viewport={"width": 640, "height": 400})
        page.goto(f"http://{HOST}:{port}/index.html")
        type_and_look(page)
        assert screen.typed == TYPED
        page.close()


def test_novnc_comes_in_at_our_relay_without_a_password_from_a_page_that_may(
    browser: Browser, peer: FindPeer, site: Path, tmp_path: Path
) -> None:
    screen = Screen()
    with screen.running(), served(site) as here, served(site) as elsewhere, open_displays(peer, tmp_path) as displays:
        port = relay(displays, screen, tmp_path, "--origin", f"http://{HOST}:{here}")
        page = browser.new_page(viewport={"width": 640, "height": 400})
        page.goto(f"http://{HOST}:{elsewhere}/index.html?at={HOST}:{port}")
        page.wait_for_function("document.title === 'disconnected'", timeout=WAIT_MS)
        page.goto(f"http://{HOST}:{here}/index.html?at={HOST}:{port}")
        type_and_look(page)
        assert screen.typed == TYPED
        page.close()


def test_novnc_alone_before_a_hub_gets_the_servers_bytes_until_somebody_wants_a_picture(
    browser: Browser, peer: FindPeer, site: Path, tmp_path: Path
) -> None:
    screen = Screen(is_shared=True)
    with screen.running(), open_displays(peer, tmp_path) as displays:
        port = displays.websockify(Display(screen.port), "--web", site)
        page = browser.new_page(viewport={"width": 640, "height": 400})
        page.goto(f"http://{HOST}:{port}/index.html")
        type_and_look(page)
        passed = screen.hub.is_passing
        trio.from_thread.run(screen.hub.thumbnail, trio_token=screen.token)
        type_and_look(page, before=TYPED)
        assert (passed, screen.hub.is_passing) == (True, False)
        assert screen.typed == TYPED + TYPED
        page.close()
