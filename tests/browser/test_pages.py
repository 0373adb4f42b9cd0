"""Login and server list, in Chromium; what is true of all pages; and the TypeScript's own tests."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import LOOK_MS, missing, sign_in, wait_until
from tests.browser.fake_conduit import EMAIL, Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
BUDGETS = {
    "login": 60_000,
    "servers": 60_000,
    "console": 150_000,
    "display": 210_000,
}  # bytes of scripts and style sheets, gzip
ASSET = re.compile(r"[\w-]+-[\w-]{8}\.(?:js|css)")


def test_the_pages_own_tests_pass() -> None:
    node = ROOT / ".node/bin/node"
    if not node.exists():
        missing("Node is not set up (make web)")
    tests = sorted(str(path) for path in (ROOT / "web/tests").glob("*.test.ts"))
    result = subprocess.run(
        [node, "--test", *tests], capture_output=True, text=True, timeout=50, check=False, env=dict(os.environ)
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", BUDGETS)
def test_a_page_stays_within_its_budget(pages: Path, name: str) -> None:
    wanted, seen = set(ASSET.findall((pages / f"{name}.html").read_text())), set[str]()
    while wanted:
        seen |= wanted
        texts = [(pages / "assets" / asset).read_text() for asset in wanted]
        wanted = {
            asset for text in texts for asset in ASSET.findall(text) if (pages / "assets" / asset).exists()
        } - seen
    size = sum(len(gzip.compress((pages / "assets" / asset).read_bytes())) for asset in seen)
    assert size <= BUDGETS[name]


def test_the_pages_have_nothing_inline_and_name_no_other_host(pages: Path) -> None:
    for page in pages.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?://", text), page.name


def test_what_others_wrote_is_named_with_its_licence(pages: Path) -> None:
    text = (pages / "third-party.txt").read_text()
    for name, version in json.loads((ROOT / "web/package.json").read_text())["dependencies"].items():
        assert f"{name} {version}" in text
    assert "Mozilla Public License" in text


def test_the_lock_file_names_no_registry() -> None:
    assert "://" not in (ROOT / "web/package-lock.json").read_text()


def test_a_wrong_password_is_said_and_can_be_typed_again(browser: Browser, conduit: Running) -> None:
    context = browser.new_context(base_url=conduit.url)
    page = context.new_page()
    page.goto("/login?next=/console/db-01")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_have_text("The email or the password is wrong.")
    expect(page.locator("#assertive")).to_contain_text("The email or the password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/db-01")
    context.close()


def test_whoever_is_not_signed_in_is_led_to_the_login_page_and_back(browser: Browser, conduit: Running) -> None:
    context = browser.new_context(base_url=conduit.url)
    page = context.new_page()
    page.goto("/servers?q=db")
    page.wait_for_url("**/login?next=%2Fservers%3Fq%3Ddb")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill("correct horse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/servers?q=db")
    expect(page.locator("tbody strong")).to_have_text(["db-01", "db-02"])
    context.close()


def test_no_script_can_read_the_refresh_token(page: Page) -> None:
    page.context.clear_cookies()
    sign_in(page)
    assert page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)") == "{}{}"
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"]) == ("__Host-conduit", True, True)


def test_the_list_is_searched_by_the_server_and_the_address_holds_the_search(page: Page) -> None:
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("gpu")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("tbody strong")).to_have_text("gpu-7")
    page.get_by_label("Search: name, id or tag").fill("nothing")
    page.keyboard.press("Enter")
    expect(page.locator("#empty-words")).to_have_text("No server matches “nothing”. Names, ids and tags are searched.")
    page.get_by_role("button", name="Show all servers").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert page.url.endswith("/servers")


def test_the_list_is_filtered_while_one_types_and_escape_shows_all(page: Page) -> None:
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.keyboard.press("/")
    expect(page.get_by_label("Search: name, id or tag")).to_be_focused()
    page.keyboard.type("gpu/")
    expect(page.locator("#empty-words")).to_contain_text("No server matches “gpu/”.")
    page.keyboard.press("Backspace")
    expect(page.locator("tbody strong")).to_have_text("gpu-7")
    page.keyboard.press("Escape")
    expect(page.locator("tbody tr")).to_have_count(3)


def test_arrows_lead_from_the_search_through_the_servers_and_back(page: Page) -> None:
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.keyboard.press("/")
    for key, name in (("ArrowDown", "db-01"), ("ArrowDown", "db-02"), ("ArrowUp", "db-01")):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=f"Console of {name}")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Search: name, id or tag")).to_be_focused()


def test_what_a_server_has_not_is_not_offered_and_arrows_find_what_it_has(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "without_console", ("db-01", "db-02")))
    conduit.do(lambda fake: setattr(fake, "without_display", ("db-02",)))
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("link", name=re.compile("^Console of"))).to_have_text(["Console"])
    page.keyboard.press("/")
    for name in ("Display of db-01", "Power of db-02", "Console of gpu-7"):
        page.keyboard.press("ArrowDown")
        expect(page.get_by_label(name)).to_be_focused()


def test_who_has_no_servers_reads_where_they_come_from(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "servers", ()))
    page.goto("/servers")
    words = "You have no servers yet. They appear here when your provider assigns them to you: ask there."
    expect(page.locator("#empty-words")).to_have_text(words)
    expect(page.get_by_role("button", name="Show all servers")).to_be_hidden()


def test_a_list_that_cannot_be_read_says_so_keeps_what_there_was_and_is_tried_again(
    page: Page, conduit: Running
) -> None:
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    conduit.do(lambda fake: setattr(fake, "list_fails", True))
    page.get_by_label("Search: name, id or tag").fill("db")
    trouble = "The list cannot be read: the database does not answer. What you see below may be old."
    expect(page.locator("#error")).to_have_text(trouble)
    expect(page.locator("#assertive")).to_contain_text(trouble)
    expect(page.locator("tbody tr")).to_have_count(3)
    conduit.do(lambda fake: setattr(fake, "list_fails", False))
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("#error")).to_be_hidden()


def test_states_are_words_with_a_colour(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "offline", ("db-02",)))
    page.goto("/servers")
    rows = page.locator("tbody tr")
    expect(rows.nth(0).locator("[data-look=ok]")).to_have_text("● Online")
    expect(rows.nth(1).locator("[data-look=bad]")).to_have_text("✕ Offline")
    expect(rows.nth(1)).to_contain_text(re.compile(r"Its Agent has not reported it since .*2026.*\."))
    conduit.do(lambda fake: setattr(fake, "power", "off"))
    page.get_by_role("button", name="Ask the power state of db-01").click()
    expect(rows.nth(0).locator("[data-look=off]")).to_have_text("○ Off")


# --- screens in the list ---


def test_each_screen_is_in_the_list_as_a_picture_and_as_a_link(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "without_display", ("gpu-7",)))
    page.goto("/servers")
    expect(page.locator("tbody canvas[width='160']")).to_have_count(2)
    assert sorted(conduit.do(lambda fake: list(fake.thumbnails))) == ["db-01", "db-02"]
    assert page.locator("tbody canvas").first.evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(80, 50, 1, 1).data].filter((_, index) => index % 2 === 0)"
    ) == [20, 200]
    expect(page.get_by_role("link", name=re.compile("^Display of"))).to_have_count(2)
    page.get_by_role("link", name="Display of db-02").click()
    page.wait_for_url("**/display/db-02")


def test_pictures_of_screens_are_of_rows_that_one_sees_and_renewed(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "servers", tuple(f"db-{number:03}" for number in range(100))))
    page.clock.install()
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(100)
    for row in range(6):
        page.locator("tbody tr").nth(row).locator("canvas[width='160']").wait_for()
    before = conduit.do(lambda fake: list(fake.thumbnails))
    assert "db-050" not in before
    assert len(before) == len(set(before)) < 40
    page.clock.fast_forward(31_000)
    wait_until(page, lambda: conduit.do(lambda fake: all(fake.thumbnails.count(each) == 2 for each in before)))
    page.locator("tbody tr").nth(50).scroll_into_view_if_needed()
    page.locator("tbody tr").nth(50).locator("canvas[width='160']").wait_for()


def test_only_a_few_screens_are_asked_for_at_once(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "servers", tuple(f"db-{number:03}" for number in range(8))))
    held: list[Route] = []
    page.route("**/screenshot?*", lambda route: held.append(route))
    page.goto("/servers")
    for answered in range(8):
        expected = min(answered + 3, 8)
        wait_until(page, lambda expected=expected: len(held) == expected)  # type: ignore[misc]
        page.wait_for_timeout(LOOK_MS)
        assert len(held) == expected
        held[answered].continue_()
    expect(page.locator("tbody canvas[width='160']")).to_have_count(8)


def test_a_screen_that_cannot_be_had_is_no_news(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "thumbnail_fails", ("db-01",)))
    page.goto("/servers")
    expect(page.locator("tbody canvas[width='160']")).to_have_count(2)
    expect(page.locator("tbody canvas.old")).to_have_count(1)
    expect(page.locator("#assertive")).to_be_empty()
    expect(page.locator("#trouble")).to_be_hidden()


def test_who_may_not_look_asks_for_no_pictures(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "permissions", ["console:read"]))
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    wait_until(page, lambda: conduit.do(lambda fake: sum(each.endswith("/token") for each in fake.requests)) == 3)
    page.wait_for_load_state("networkidle")
    assert conduit.do(lambda fake: list(fake.thumbnails)) == []


def test_a_power_verb_acts_after_its_own_question(page: Page, conduit: Running) -> None:
    page.goto("/servers")
    page.get_by_role("button", name="Power of db-02").click()
    page.get_by_role("button", name="Force off").click()
    expect(page.get_by_role("heading", name="Force off db-02?")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    assert conduit.do(lambda fake: fake.power_verbs) == []
    page.get_by_role("button", name="Force off").click()
    expect(page.locator("tbody tr").nth(1)).to_contain_text("Off at")
    assert conduit.do(lambda fake: fake.power_verbs) == ["off"]


def test_list_console_and_power_work_by_keys_alone(page: Page, conduit: Running) -> None:
    page.goto("/servers")
    expect(page.locator("tbody tr")).to_have_count(3)
    tab_to(page, "Console of db-01")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/db-01")
    expect(page.locator("html")).to_have_attribute("data-console", "live")
    page.keyboard.type("ls")
    page.keyboard.press("Control+]")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Screen reader mode")).to_be_focused()
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(3)
    tab_to(page, "Power of db-01")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Power of db-01")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Power of db-01")).to_be_focused()
    assert conduit.do(lambda fake: (bytes(fake.hub.typed), fake.power_verbs)) == (b"ls", [])


def tab_to(page: Page, label: str) -> None:
    for _ in range(40):
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == label:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {label!r}")


@pytest.mark.parametrize("path", ["/login", "/servers", "/console/db-02", "/display/db-02"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_320_pixels_in_both_themes(browser: Browser, conduit: Running, path: str, theme: str) -> None:
    context = browser.new_context(
        base_url=conduit.url,
        viewport={"width": 320, "height": 640},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    if path != "/login":
        sign_in(page)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()
