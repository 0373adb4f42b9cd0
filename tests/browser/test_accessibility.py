"""What every page owes to everybody: no finding of axe-core, readable colours, bars that fit, a theme of one's own."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import missing, sign_in
from tests.browser.fake_conduit import Running
from tests.browser.test_console_page import command, open_console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WEB = Path(__file__).parents[2] / "web"
AXE = WEB / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async rules => (await axe.run(document, {runOnly: rules})).violations
  .map(each => each.id + ": " + each.nodes.map(node => node.html.slice(0, 200)).join(" "))"""

READY = {
    "login": "#theme option",
    "servers": "tbody tr",
    "console": "html[data-console=live]",
    "display": "html[data-display=live]",
}

TEXTS = ("text", "muted", "accent", "ok", "warn", "bad", "info", "off")
GROUNDS = ("bg", "surface", "raised")
TEXT_CONTRAST, EDGE_CONTRAST = 4.5, 3.0  # WCAG 1.4.3, 1.4.11


def findings(page: Page) -> list[str]:
    """Of axe-core, in the page as it is; it runs beside the page's policy, not under it."""
    if not AXE.exists():
        missing("axe-core is not installed (make web)")
    page.evaluate(AXE.read_text() + ";0")
    found: Any = page.evaluate(FOUND, RULES)
    return list(found)


def open_page(browser: Browser, conduit: Running, theme: str, path: str, width: int = 1280) -> Page:
    context = browser.new_context(
        base_url=conduit.url,
        viewport={"width": width, "height": 720},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    if path != "/login":
        sign_in(page)
    page.goto(path)
    page.wait_for_selector(READY[path.split("/")[1]], state="attached")
    return page


@pytest.mark.parametrize("path", ["/login", "/servers", "/console/db-02", "/display/db-02"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(browser: Browser, conduit: Running, path: str, theme: str, width: int) -> None:
    conduit.do(lambda fake: fake.hub.emit(b"\x1b[32mOK\x1b[0m db-02 login: "))
    page = open_page(browser, conduit, theme, path, width)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert findings(page) == []
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_what_opens_later(browser: Browser, conduit: Running, theme: str) -> None:
    conduit.do(lambda fake: setattr(fake, "refresh_life", 100.0))
    page = open_page(browser, conduit, theme, "/console/db-02")
    conduit.do(lambda fake: fake.hub.emit(b"one\r\ntwo\r\n"))
    conduit.do(lambda fake: fake.hub.turn("busy", "Another system holds it (10.0.4.9)."))
    expect(page.get_by_role("button", name="Free it…")).to_be_visible()
    expect(page.get_by_role("button", name="Stay signed in")).to_be_visible()
    command(page, "s")
    page.keyboard.type("two")
    page.get_by_text("What happened").click()
    assert findings(page) == []
    page.get_by_role("button", name="Text view").click()
    assert findings(page) == []
    page.get_by_role("button", name="Keys…", exact=True).click()
    assert findings(page) == []
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_what_a_display_shows_later(browser: Browser, conduit: Running, theme: str) -> None:
    page = open_page(browser, conduit, theme, "/display/db-02")
    expect(page.locator("#facts")).to_contain_text("640")
    page.get_by_role("button", name="Paste…").click()
    page.get_by_label("Text to type on the screen").fill("ls\u2192")
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys…").click()
    assert findings(page) == []
    page.keyboard.press("Escape")
    conduit.do(lambda fake: setattr(fake.display, "refuses", "the display does not answer"))
    conduit.do(lambda fake: fake.display.drop())
    expect(page.locator("html")).to_have_attribute("data-display", "refused")
    page.get_by_text("What happened").click()
    assert findings(page) == []
    page.context.close()


def test_axe_finds_nothing_in_a_list_in_trouble(browser: Browser, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "refresh_life", 100.0))
    page = open_page(browser, conduit, "light", "/servers")
    page.get_by_role("button", name="Ask the power state of db-01").click()
    expect(page.locator("tbody tr").first).to_contain_text("On at")
    conduit.do(lambda fake: setattr(fake, "list_fails", True))
    page.get_by_label("Search: name, id or tag").fill("db")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_role("button", name="Stay signed in")).to_be_visible()
    assert findings(page) == []
    page.context.close()


# --- colours ---


def tokens(theme: str) -> dict[str, str]:
    """Colours by their names, as base.css has them."""
    style = (WEB / "src/base.css").read_text()
    light, dark = re.findall(r':root(?:\[data-theme="dark"\])? \{(.*?)\}', style, re.DOTALL)[:2]
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", light))
    return named | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", dark)) if theme == "dark" else named


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_what_wcag_computes() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_readable_on_every_ground_and_every_edge_is_seen(theme: str) -> None:
    colours = tokens(theme)
    pairs = [*product(TEXTS, GROUNDS), ("on-accent", "accent")]
    weak = [(text, on) for text, on in pairs if contrast(colours[text], colours[on]) < TEXT_CONTRAST]
    edges = product(("line", "focus"), GROUNDS)
    assert weak == []
    assert [(line, on) for line, on in edges if contrast(colours[line], colours[on]) < EDGE_CONTRAST] == []


def test_the_terminals_colours_are_readable_on_its_ground() -> None:
    source = (WEB / "src/console/screen.ts").read_text()
    ansi = re.findall(r"#[0-9a-f]{6}", source.split("const ANSI = ")[1].split("\n")[0])
    assert len(ansi) == 16
    assert [colour for colour in ansi[1:] if contrast(colour, "#0b0d10") < TEXT_CONTRAST] == []  # black on black apart


# --- bars ---


@pytest.mark.parametrize("width", [1280, 980, 360])
@pytest.mark.parametrize("path", ["/servers", "/console/db-02", "/display/db-02"])
def test_signing_out_is_in_the_first_line_and_no_word_of_it_wraps(
    browser: Browser, conduit: Running, path: str, width: int
) -> None:
    page = open_page(browser, conduit, "light", path, width)
    button = page.get_by_role("button", name="Sign out").bounding_box()
    assert button is not None
    assert button["y"] + button["height"] < 52
    assert button["height"] < 40
    assert button["x"] + button["width"] <= width
    page.context.close()


@pytest.mark.parametrize("path", ["/console/db-02", "/display/db-02"])
def test_what_one_came_for_has_most_of_the_page(browser: Browser, conduit: Running, path: str) -> None:
    page = open_page(browser, conduit, "light", path, 1280)
    main = page.locator("#main").bounding_box()
    assert main is not None
    assert main["height"] >= 0.8 * 720
    page.context.close()


# --- theme ---


def expect_theme(page: Page, theme: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-theme", theme)


def test_a_theme_is_chosen_kept_followed_by_other_tabs_and_left_to_the_system(page: Page) -> None:
    page.goto("/servers")
    other = page.context.new_page()
    other.goto("/console/db-01")
    expect_theme(page, "light")
    page.get_by_label("Theme").select_option("Dark")
    for each in (page, other):
        expect_theme(each, "dark")
    page.reload()
    expect_theme(page, "dark")
    expect(page.get_by_label("Theme")).to_have_value("dark")
    page.get_by_label("Theme").select_option("System theme")
    page.emulate_media(color_scheme="dark")
    expect_theme(page, "dark")
    page.emulate_media(color_scheme="light")
    expect_theme(page, "light")


def test_a_live_console_stays_when_the_theme_changes(page: Page, conduit: Running) -> None:
    open_console(page)
    page.get_by_label("Theme").select_option("Dark")
    expect(page.locator("html")).to_have_attribute("data-console", "live")
    assert len(conduit.do(lambda fake: fake.hub.attaches)) == 1
