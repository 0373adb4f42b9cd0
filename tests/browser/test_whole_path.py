"""A customer in Chromium at the real thing: Manager, Gateway, Agent and virtual BMCs, nothing of it faked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import signed_in_page
from tests.browser.test_console_page import wait_for_state, wait_for_text
from tests.whole_path import WholePath, open_whole_path

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_MS = 20_000  # until a Gateway is there again


@pytest.fixture(scope="module")
def path(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    with open_whole_path(tmp_path_factory.mktemp("path")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, path: WholePath) -> Iterator[Page]:
    """Signed in, by hand; it fails the test if a script fails or the pages' policy is broken."""
    context = browser.new_context(base_url=path.manager, viewport={"width": 1280, "height": 800})
    with signed_in_page(context, path) as page:
        yield page


def test_power_is_switched_from_the_list_at_the_bmc_itself(page: Page, path: WholePath) -> None:
    expect(page.locator("tbody tr")).to_have_count(4)
    row = page.locator("tbody tr").filter(has_text="web-01")
    page.get_by_role("button", name="Power of web-01").click()
    page.get_by_role("button", name="Power on").click()
    expect(row).to_contain_text("On at")
    assert path.is_on("web-01")
    page.get_by_role("button", name="Power of web-01").click()
    page.get_by_role("button", name="Force off").click()
    expect(page.get_by_role("heading", name="Force off web-01")).to_be_visible()
    assert path.is_on("web-01")
    page.get_by_role("button", name="Force off").click()
    expect(row).to_contain_text("Off at")
    assert not path.is_on("web-01")


def test_the_console_answers_and_survives_a_restart_of_the_gateway(page: Page, path: WholePath) -> None:
    page.locator("tbody tr").filter(has_text="web-02").get_by_role("link", name="Console of web-02").click()
    page.wait_for_url("**/console/web-02")
    wait_for_state(page, "live")
    page.keyboard.type("before")
    wait_for_text(page, "BEFORE")
    path.restart("gateway")
    expect(page.locator("html")).to_have_attribute("data-console", "live", timeout=PATIENCE_MS)
    page.keyboard.type("after")
    wait_for_text(page, "BEFOREAFTER")


def test_whoever_signs_out_is_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login*")
    page.goto("/servers")
    page.wait_for_url("**/login?next=%2Fservers")
