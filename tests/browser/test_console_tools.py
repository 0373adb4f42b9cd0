"""What the console page has beside its terminal: search, text view, keys for phones, each state's actions, warnings."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.fake_conduit import Running
from tests.browser.test_console_page import (
    FLOOD,
    command,
    open_console,
    wait_for_state,
    wait_for_text,
    wait_for_typed,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG_AGO_MS = 7_300_000


def count(page: Page, words: str) -> None:
    expect(page.locator("#find-count")).to_have_text(words)


# --- search ---


def test_search_goes_over_the_scrollback_from_the_newest_line_up_and_round(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.emit(FLOOD))
    open_console(page)
    wait_for_text(page, "line 003999 of a flood")
    command(page, "s")
    expect(page.get_by_label("Search the console's lines")).to_be_focused()
    page.keyboard.type("line 0020")
    count(page, "100 of 100")
    wait_for_text(page, "line 002099 of a flood")
    page.keyboard.press("Shift+Enter")
    count(page, "1 of 100")
    page.keyboard.press("Enter")
    count(page, "100 of 100")
    page.get_by_role("button", name="Older match").click()
    count(page, "99 of 100")
    page.get_by_label("Search the console's lines").fill("LINE 002099")
    count(page, "1 of 1")
    page.get_by_label("Match case").check()
    count(page, "No match")


def test_closing_the_search_gives_the_keys_back_to_the_server(page: Page, conduit: Running) -> None:
    open_console(page)
    page.get_by_role("button", name="Search…").click()
    page.keyboard.type("not for the server")
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()
    page.keyboard.type("ls")
    wait_for_typed(page, conduit, b"ls")


# --- text view ---


def test_the_text_view_has_all_lines_stands_still_and_is_renewed_by_its_button(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.emit(FLOOD))
    open_console(page)
    wait_for_text(page, "line 003999 of a flood")
    command(page, "t")
    lines = page.get_by_role("region", name="Lines of the console")
    expect(lines).to_be_focused()
    assert lines.inner_text().splitlines() == FLOOD.decode().splitlines()
    expect(page.locator("#polite")).to_contain_text("4000 lines, as of")
    conduit.do(lambda fake: fake.hub.emit(b"a new one\r\n"))
    page.keyboard.type("x")  # for nobody
    page.get_by_role("button", name="Renew").click()
    expect(lines).to_contain_text("a new one")
    page.get_by_role("button", name="Back to the terminal").click()
    expect(lines).to_be_hidden()
    page.keyboard.type("y")
    wait_for_typed(page, conduit, b"y")


def test_the_text_view_is_searched_with_the_same_bar_and_copied_whole(page: Page, conduit: Running) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    conduit.do(lambda fake: fake.hub.emit(b"alpha\r\nbeta\r\nalphabet\r\n"))
    open_console(page)
    page.get_by_role("button", name="Text view").click()
    page.get_by_role("button", name="Search…").click()
    page.keyboard.type("alpha")
    count(page, "2 of 2")
    page.keyboard.press("Enter")
    count(page, "1 of 2")
    marked = "[...CSS.highlights.get('found')].map(range => [range.startOffset, range.toString()])"
    assert page.evaluate(marked) == [[0, "alpha"]]
    page.get_by_role("button", name="Copy all").click()
    expect(page.locator("#text-facts")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "alpha\nbeta\nalphabet\n"


def test_the_hidden_terminal_takes_no_keys_and_no_focus(page: Page, conduit: Running) -> None:
    open_console(page)
    command(page, "t")
    page.keyboard.type("rm")
    for _ in range(30):
        page.keyboard.press("Tab")
        assert not page.evaluate("document.getElementById('terminal').contains(document.activeElement)")
    assert conduit.do(lambda fake: bytes(fake.hub.typed)) == b""


# --- a phone ---


def test_a_phone_has_the_keys_that_its_keyboard_has_not(browser: Browser, conduit: Running) -> None:
    context = browser.new_context(
        base_url=conduit.url, viewport={"width": 360, "height": 720}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    sign_in(page)
    open_console(page)
    page.locator("#terminal textarea").focus()
    strip = page.get_by_role("toolbar", name="Keys that a small keyboard has not")
    for key in ("Esc", "Tab", "Up", "Ctrl"):
        strip.get_by_role("button", name=key, exact=True).tap()
    expect(strip.get_by_role("button", name="Ctrl")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#terminal textarea")).to_be_focused()
    page.keyboard.type("cd")
    expect(strip.get_by_role("button", name="Ctrl")).to_have_attribute("aria-pressed", "false")
    strip.get_by_role("button", name="Alt").tap()
    page.keyboard.type("b")
    wait_for_typed(page, conduit, b"\x1b\t\x1b[A\x03d\x1bb")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_on_a_narrow_page_the_tools_are_in_a_menu_that_keys_open_and_close(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 720})
    open_console(page)
    menu = page.get_by_role("button", name="Menu")
    expect(page.get_by_role("button", name="Save text")).to_be_hidden()
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Search…")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(page.get_by_role("button", name="Save text")).to_be_hidden()


# --- what the states say and allow ---


def test_a_busy_slot_tells_who_and_how_long_and_is_freed_after_a_question(page: Page, conduit: Running) -> None:
    open_console(page)
    words = "The BMC allows one serial session, and another system holds it (10.0.4.9). Trying again."
    conduit.do(lambda fake: setattr(fake.hub, "since_ms", LONG_AGO_MS))
    conduit.do(lambda fake: setattr(fake.hub, "holder", "10.0.4.9"))
    conduit.do(lambda fake: fake.hub.turn("busy", words))
    wait_for_state(page, "busy")
    expect(page.locator("#state-words")).to_have_text(f"{words} Waiting for 2 h.")
    page.get_by_role("button", name="Free it…").click()
    expect(page.get_by_role("dialog")).to_contain_text("10.0.4.9 has it now, loses it at once, and is not asked.")
    page.keyboard.press("Escape")
    assert conduit.do(lambda fake: fake.hub.frees) == 0
    page.get_by_role("button", name="Free it…").click()
    page.get_by_role("button", name="Free it", exact=True).click()
    wait_for_state(page, "live")
    assert conduit.do(lambda fake: fake.hub.frees) == 1


def test_who_may_not_free_a_busy_slot_reads_who_may(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake.hub, "may_take", False))
    open_console(page)
    conduit.do(lambda fake: fake.hub.turn("busy"))
    expect(page.locator("#actions")).to_contain_text("Only your provider may free it.")
    expect(page.get_by_role("button", name="Free it…")).to_have_count(0)
    expect(page.get_by_role("button", name="Take keyboard…")).to_have_count(0)


def test_a_server_that_is_off_is_switched_on_from_its_console_after_a_question(page: Page, conduit: Running) -> None:
    open_console(page)
    conduit.do(lambda fake: fake.hub.turn("server-off"))
    page.get_by_role("button", name="Power on…").click()
    assert conduit.do(lambda fake: fake.power_verbs) == []
    page.get_by_role("button", name="Power on", exact=True).click()
    expect(page.locator("#polite")).to_contain_text("power is on")
    assert conduit.do(lambda fake: fake.power_verbs) == ["on"]


def test_an_unreachable_bmc_leaves_the_history_to_read(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.emit(b"the last words\r\n"))
    open_console(page)
    conduit.do(lambda fake: setattr(fake.hub, "since_ms", LONG_AGO_MS))
    conduit.do(lambda fake: fake.hub.turn("unreachable"))
    wait_for_state(page, "unreachable")
    expect(page.locator("#state-words")).to_contain_text("The server itself may be running. Waiting for 2 h.")
    page.get_by_role("button", name="Show history").click()
    expect(page.get_by_role("region", name="Lines of the console")).to_contain_text("the last words")


def test_a_refusal_has_the_focus_on_its_heading(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.permissions.clear())
    page.goto("/console/nobodys")
    wait_for_state(page, "denied")
    expect(page.get_by_role("heading", name="nobodys")).to_be_focused()


def test_the_way_of_a_key_is_shown_once_the_hub_knows_the_bmcs_part(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake.hub, "bmc_ms", 26))
    open_console(page)
    expect(page.locator("#delays")).to_have_text(re.compile(r"^you to Agent \d+ ms, Agent to BMC 26 ms$"))
    expect(page.locator("#state-words")).to_have_text(re.compile(r"^Live \d+ ms$"))


# --- what ends by the clock ---


def test_before_the_sign_in_ends_the_page_warns_and_renews_it(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "refresh_life", 100.0))
    open_console(page)
    banner = page.locator("#sign-in-banner")
    expect(banner).to_contain_text("Your sign-in ends in 2 min.")
    expect(page.locator("#assertive")).to_contain_text("Your sign-in ends in 2 min.")
    conduit.do(lambda fake: setattr(fake, "refresh_life", 1e6))
    page.get_by_role("button", name="Stay signed in").click()
    expect(banner).to_be_hidden()
    wait_for_state(page, "live")


def test_a_sign_in_that_has_ended_leads_to_another_and_other_tabs_renewal_counts(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "refresh_life", -1.0))
    page.goto("/servers")
    banner = page.locator("#sign-in-banner")
    expect(banner).to_contain_text("Your sign-in has ended. Sign in, and go on where you were.")
    expect(banner.get_by_role("button", name="Sign in")).to_be_visible()
    conduit.do(lambda fake: setattr(fake, "refresh_life", 1e6))
    page.context.new_page().goto("/servers")
    expect(banner).to_be_hidden()


def test_a_console_session_that_ends_soon_is_replaced_without_a_gap(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "session_life", 100.0))
    conduit.do(lambda fake: fake.hub.emit(b"before "))
    open_console(page)
    expect(page.locator("#session-banner")).to_contain_text("This console session ends in 2 min.")
    conduit.do(lambda fake: setattr(fake, "session_life", 1e5))
    page.get_by_role("button", name="Stay", exact=True).click()
    expect(page.locator("#session-banner")).to_be_hidden()
    wait_for_state(page, "live")
    conduit.do(lambda fake: fake.hub.emit(b"after"))
    wait_for_text(page, "before after")
    assert conduit.do(lambda fake: [attach.get("from") for attach in fake.hub.attaches]) == [None, 7]
