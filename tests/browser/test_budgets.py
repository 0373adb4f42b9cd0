"""What the pages may cost: what one waits for and sees move, in a slowed-down Chromium; test_pages.py has the sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import WAIT_MS, sign_in
from tests.browser.fake_conduit import Running
from tests.browser.test_console_page import open_console, wait_for_text

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CPU_RATE = 4
NETWORK = {"offline": False, "latency": 40, "downloadThroughput": 1_250_000, "uploadThroughput": 1_250_000}  # 10 Mbit/s
MAX_PAINT_MS = 1_200
MAX_SHIFT = 0.02
MAX_TASK_MS = 200
TRIES = 3
FLOOD_LINE = b"line %06d of a flood that goes on and on, as kernels do when a disk is dying\r\n"
WATCH = """
  window.shift = 0; window.tasks = [];
  const watch = (type, see) =>
    new PerformanceObserver(list => list.getEntries().forEach(see)).observe({type, buffered: true});
  watch("layout-shift", each => { window.shift += each.hadRecentInput ? 0 : each.value; });
  watch("longtask", each => window.tasks.push(each.duration));
"""


@pytest.fixture
def watched(browser: Browser, conduit: Running) -> Iterator[Page]:
    """Signed in, with nothing in the cache."""
    context = browser.new_context(base_url=conduit.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    sign_in(page)
    context.add_init_script(WATCH)
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    devtools.send("Network.emulateNetworkConditions", NETWORK)
    yield page
    context.close()


@pytest.mark.parametrize(
    ("path", "ready"),
    [
        ("/servers", "tbody tr:nth-child(100)"),
        ("/console/db-002", "html[data-console=live]"),
        ("/display/db-002", "html[data-display=live]"),
    ],
)
def test_a_page_is_painted_soon_and_does_not_move(watched: Page, conduit: Running, path: str, ready: str) -> None:
    conduit.do(lambda fake: setattr(fake, "servers", tuple(f"db-{number:03}" for number in range(100))))
    watched.context.new_cdp_session(watched).send("Emulation.setCPUThrottlingRate", {"rate": CPU_RATE})

    def paint() -> float:
        watched.goto(path)
        watched.wait_for_selector(ready)
        watched.wait_for_load_state("networkidle")
        time: float = watched.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        return time

    assert least(paint, MAX_PAINT_MS) <= MAX_PAINT_MS
    assert watched.evaluate("window.shift") <= MAX_SHIFT


def least(measure: Callable[[], float], limit: float) -> float:
    """Of a few tries, until one is within the limit: the machine has other things to do."""
    measured = [measure()]
    while min(measured) > limit and len(measured) < TRIES:
        measured.append(measure())
    return min(measured)


def test_a_flood_leaves_the_page_answering(watched: Page, conduit: Running) -> None:
    open_console(watched, "/console/db-02")
    floods = iter(range(0, TRIES * 25_000, 25_000))

    def longest_task() -> float:
        watched.evaluate("window.tasks.length = 0")
        first = next(floods)
        for part in range(first, first + 25_000, 1_250):
            lines = b"".join(FLOOD_LINE % number for number in range(part, part + 1_250))
            conduit.do(lambda fake, lines=lines: fake.hub.emit(lines))  # type: ignore[misc]
        wait_for_text(watched, f"line {first + 24_999:06}")
        return max(watched.evaluate("window.tasks"), default=0.0)

    assert least(longest_task, MAX_TASK_MS) <= MAX_TASK_MS


def test_the_pages_ask_nobody_but_their_own_server(watched: Page, conduit: Running) -> None:
    asked: set[str] = set()
    watched.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    for path in ("/servers", "/console/db-02", "/display/db-02"):
        watched.goto(path)
        watched.wait_for_load_state("networkidle")
    assert asked == {conduit.url}
