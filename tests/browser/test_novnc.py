"""noVNC in Chromium at our RFB server, websockify between them: it sees the picture, and types."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
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
from tests.interop.displays import HOST, Display, open_displays

pytestmark = pytest.mark.browser

NOVNC = Path(__file__).parents[2] / "web/node_modules/@novnc/novnc"
PASSWORD = "sesame"
PAGE = f"""<!doctype html>
<meta charset="utf-8"><title>display</title>
<style>body {{ margin: 0 }} #screen {{ width: 640px; height: 400px }}</style>
<div id="screen"></div>
<script type="module">
import RFB from './novnc/core/rfb.js';
const url = `ws://${{location.host}}/`;
const rfb = new RFB(document.getElementById('screen'), url, {{ credentials: {{ password: '{PASSWORD}' }} }});
rfb.addEventListener('connect', () => {{ document.title = 'connected'; rfb.focus(); }});
rfb.addEventListener('disconnect', () => {{ document.title = 'disconnected'; }});
</script>
"""


GREETING = b"\x1b[1;32mConduit\x1b[0m \x1b[44;93m blue \x1b[0m login: "


class Screen:
    """A text display in a thread of its own; what is typed appears on it.

    :param is_shared: a hub is before it.
    """

    def __init__(self, *, is_shared: bool = False) -> None:
        self._is_shared = is_shared
        self.hub: DisplayHub
        self.display = TextDisplay("node1")
        self.display.receive(GREETING)
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


@contextmanager
def opened(screen: Screen, browser: Browser, peer: FindPeer, folder: Path) -> Iterator[Page]:
    """noVNC, connected."""
    if not NOVNC.is_dir():
        missing("noVNC is not installed (npm ci in web/)")
    site = folder / "site"
    site.mkdir()
    (site / "index.html").write_text(PAGE)
    (site / "novnc").symlink_to(NOVNC)
    with screen.running(), open_displays(peer, folder) as displays:
        port = displays.websockify(Display(screen.port), "--web", site)
        page = browser.new_page(viewport={"width": 640, "height": 400})
        page.goto(f"http://{HOST}:{port}/index.html")
        page.wait_for_function("document.title === 'connected'", timeout=WAIT_MS)
        yield page
        page.close()


def check_picture(page: Page, typed: str) -> None:
    """Every dot of it."""
    same = TextDisplay()
    same.receive(GREETING + typed.encode())
    same.refresh()
    seen = b""
    for _ in range(100):
        with Image.open(io.BytesIO(page.locator("#screen canvas").screenshot())) as image:
            seen = image.convert("RGB").tobytes("raw", "BGRX")
        if seen == bytes(same.picture.pixels):
            break
        page.wait_for_timeout(50)
    assert seen == bytes(same.picture.pixels)


def test_novnc_sees_every_dot_and_types(browser: Browser, peer: FindPeer, tmp_path: Path) -> None:
    screen = Screen()
    with opened(screen, browser, peer, tmp_path) as page:
        page.keyboard.type("Root-1")
        check_picture(page, "Root-1")
        assert screen.typed == "Root-1"


def test_novnc_alone_before_a_hub_gets_the_servers_bytes_until_somebody_wants_a_picture(
    browser: Browser, peer: FindPeer, tmp_path: Path
) -> None:
    screen = Screen(is_shared=True)
    with opened(screen, browser, peer, tmp_path) as page:
        page.keyboard.type("Root")
        check_picture(page, "Root")
        passed = screen.hub.is_passing
        trio.from_thread.run(screen.hub.thumbnail, trio_token=screen.token)
        page.keyboard.type("-1")
        check_picture(page, "Root-1")
        assert (passed, screen.hub.is_passing) == (True, False)
        assert screen.typed == "Root-1"
