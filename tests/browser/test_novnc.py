"""noVNC in Chromium at our RFB server, websockify between them: it sees the picture, and types."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from PIL import Image
from playwright.sync_api import Browser

from conduit._trio import open_background_nursery
from conduit.rfb.audience import Audience
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent
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


class Screen:
    """A text display in a thread of its own; what is typed appears on it."""

    def __init__(self) -> None:
        self.display = TextDisplay("node1")
        self.display.receive(b"\x1b[1;32mConduit\x1b[0m \x1b[44;93m blue \x1b[0m login: ")
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
            async with open_background_nursery() as nursery:
                self.port = await nursery.start(self.server.serve, HOST, 0)
                self._ready.set()
                await trio.sleep_forever()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the end of the block."""
        token: list[trio.lowlevel.TrioToken] = []

        async def main() -> None:
            token.append(trio.lowlevel.current_trio_token())
            await self._run()

        thread = threading.Thread(target=partial(trio.run, main))
        thread.start()
        assert self._ready.wait(10)
        try:
            yield
        finally:
            token[0].run_sync_soon(self._scope.cancel)
            thread.join()


def test_novnc_sees_every_dot_and_types(browser: Browser, peer: FindPeer, tmp_path: Path) -> None:
    if not NOVNC.is_dir():
        missing("noVNC is not installed (npm ci in web/)")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(PAGE)
    (site / "novnc").symlink_to(NOVNC)
    screen = Screen()
    with screen.running(), open_displays(peer, tmp_path) as displays:
        port = displays.websockify(Display(screen.port), "--web", site)
        page = browser.new_page(viewport={"width": 640, "height": 400})
        page.goto(f"http://{HOST}:{port}/index.html")
        page.wait_for_function("document.title === 'connected'", timeout=WAIT_MS)
        page.keyboard.type("Root-1")
        same = TextDisplay()
        same.receive(b"\x1b[1;32mConduit\x1b[0m \x1b[44;93m blue \x1b[0m login: Root-1")
        same.refresh()
        seen = b""
        for _ in range(100):
            with Image.open(io.BytesIO(page.locator("#screen canvas").screenshot())) as image:
                seen = image.convert("RGB").tobytes("raw", "BGRX")
            if seen == bytes(same.picture.pixels):
                break
            page.wait_for_timeout(50)
        assert screen.typed == "Root-1"
        assert seen == bytes(same.picture.pixels)
        page.close()
