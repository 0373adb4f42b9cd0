"""Chromium, and the pages as `make web` builds them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.fake_conduit import COOKIE, EMAIL, PASSWORD, Running, running
from tests.whole_path import ACME, WholePath

PAGES = Path(__file__).parents[2] / "src/conduit/services/web/static"
PROGRAMS = (
    "/usr/bin/chromium-headless-shell",  # Debian's Chromium without its own window, which costs more than our pages
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
)
WAIT_MS = 20_000  # on a busy machine
LOOK_MS = 50  # between looks at what is not in the page
expect.set_options(timeout=WAIT_MS)


def missing(reason: str) -> None:
    if os.environ.get("CONDUIT_REQUIRE_PEERS", "") not in {"", "0"}:
        pytest.fail(f"{reason}, and CONDUIT_REQUIRE_PEERS is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def pages() -> Path:
    if not (PAGES / "console.html").exists():
        missing("the web pages are not built (make web)")
    return PAGES


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[Browser]:
    program = next((program for program in PROGRAMS if Path(program).exists()), None)
    if program is None:
        missing("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def conduit(pages: Path) -> Iterator[Running]:
    with running(pages) as fake:
        yield fake


@pytest.fixture
def page(browser: Browser, conduit: Running) -> Iterator[Page]:
    """A page at the fake, signed in; it fails the test if a script fails or the pages' policy is broken."""
    context = browser.new_context(base_url=conduit.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    complaints = complaints_of(page)
    conduit.do(lambda fake: setattr(fake, "signed_in", True))
    context.add_cookies(
        [{"name": COOKIE, "value": "refresh", "url": conduit.url.replace("http", "https"), "httpOnly": True}]
    )
    yield page
    context.close()
    assert complaints == []


def try_now(page: Page) -> None:
    """Press the button, if it is there: the page may have just connected by itself."""
    page.evaluate(
        """[...document.querySelectorAll("button")].find((each) => each.textContent.trim() === "Try now")?.click()"""
    )


def sign_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/servers")


@contextmanager
def signed_in_page(context: BrowserContext, path: WholePath) -> Iterator[Page]:
    """A page at the real thing, signed in by hand; no script may fail in it, nor the pages' policy be broken."""
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto("/login")
    page.get_by_label("Email").fill(ACME)
    page.get_by_label("Password").fill(path.password(ACME))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/servers")
    yield page
    context.close()
    assert complaints == []


def complaints_of(page: Page) -> list[str]:
    """Filled when a script fails or the pages' policy is broken."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    return complaints


def wait_until(page: Page, is_true: Callable[[], bool]) -> None:
    """For what no locator sees."""
    for _ in range(WAIT_MS // LOOK_MS):
        if is_true():
            return
        page.wait_for_timeout(LOOK_MS)
    pytest.fail("it did not happen")
