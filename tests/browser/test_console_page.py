"""The serial console page, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.fake_conduit import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINES = """() => {
  const rows = [...document.querySelectorAll(".xterm-rows > div")];
  return rows.map(row => row.textContent.replace(/\\u00a0/g, " ").trimEnd()).join("\\n");
}"""


def wait_for_state(page: Page, state: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-console", state)


def open_console(page: Page, path: str = "/console/db-02") -> None:
    page.goto(path)
    wait_for_state(page, "live")


def wait_for_text(page: Page, text: str) -> None:
    page.wait_for_function(f"text => ({LINES})().includes(text)", arg=text)


def test_what_is_typed_comes_back_in_upper_case(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.emit(b"db-02 login: "))
    open_console(page)
    page.keyboard.type("root")
    wait_for_text(page, "db-02 login: ROOT")
    assert conduit.do(lambda fake: bytes(fake.hub.typed)) == b"root"
