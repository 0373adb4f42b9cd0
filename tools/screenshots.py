"""Take the pictures of the web pages again: `python -m tools.screenshots`, after `make web`, with Chromium installed.

They show the real pages of a `conduit up` that is started for them: Alice logs in, asks whether
her servers are on, switches one on, logs in at one's serial console, and looks at its screen.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from playwright.sync_api import Page, expect, sync_playwright

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "images"
PROGRAMS: Final = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
EMAIL: Final = "alice@acme.example"
PASSWORD: Final = "correct-horse"  # noqa: S105  # of a system that lives for a minute, on loopback
SERVER: Final = "db-01"
VIEW: Final = {"width": 980, "height": 560}
PATIENCE: Final = 30_000  # milliseconds
PAUSE: Final = 1000  # milliseconds
AGE: Final = 21_000  # milliseconds that a small screen in the list may be old
_MANAGER: Final = re.compile(r"^Manager (\S+)")


@contextmanager
def conduit_up() -> Iterator[str]:
    """All of Conduit on free ports; the Manager's URL."""
    command = [sys.executable, "-m", "conduit", "up", "--password", PASSWORD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        yield manager_in(process.stdout)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def manager_in(lines: IO[str]) -> str:
    """The Manager's URL, from what `conduit up` says."""
    for line in lines:
        found = _MANAGER.match(line)
        if found is not None:
            return found[1]
    raise SystemExit("conduit up ended early")


def take_all(page: Page, manager: str, folder: Path) -> None:
    """Log in, ask for power, look at console and screen; a picture of each."""
    page.goto(f"{manager}/login")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    asking = page.get_by_role("button", name=re.compile("^Ask"))
    expect(asking.first).to_be_visible()
    switch_on(page, "web-01")
    take_console(page, f"{manager}/console/{SERVER}", folder / "web-console.png")
    take_display(page, f"{manager}/display/{SERVER}", folder / "web-display.png")
    page.wait_for_timeout(AGE)
    page.goto(f"{manager}/servers")
    expect(asking.first).to_be_visible()
    for picture in page.locator("tbody canvas").all():
        expect(picture).not_to_have_attribute("width", "0")
    for button in asking.all():
        button.click()
        page.wait_for_timeout(PAUSE)
    save(page, folder / "web-servers.png")


def switch_on(page: Page, server: str) -> None:
    """So that there is something on its screen."""
    page.get_by_role("button", name=f"Power of {server}").click()
    page.get_by_role("button", name="Power on").click()
    expect(page.locator("tbody tr").filter(has_text=server)).to_contain_text("On at")


def take_console(page: Page, url: str, picture: Path) -> None:
    """Log in at the serial console."""
    page.goto(url)
    expect(page.locator("#state-words")).to_contain_text("Live")
    page.locator("#terminal").click()
    for line in ("", "root", "conduit", "uptime"):
        page.keyboard.type(f"{line}\r")
        page.wait_for_timeout(PAUSE)
    save(page, picture)


def take_display(page: Page, url: str, picture: Path) -> None:
    """Type at the screen."""
    page.goto(url)
    expect(page.locator("#state-words")).to_contain_text("Live")
    page.locator("#screen").focus()
    expect(page.locator("#capture")).to_be_visible()
    page.keyboard.type("help\r")
    page.wait_for_timeout(PAUSE)
    save(page, picture)


def save(page: Page, path: Path) -> None:
    """What one sees now."""
    page.screenshot(path=path, animations="disabled", caret="hide")
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description="Take the pictures of the web pages again.")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    options = parser.parse_args()
    program = next((each for each in PROGRAMS if Path(each).exists()), None)
    with conduit_up() as manager, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": VIEW["width"], "height": VIEW["height"]})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        take_all(page, manager, options.folder)
        browser.close()


if __name__ == "__main__":
    main()
