"""The display's page, in Chromium, at an RFB server of ours."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.keyboards import KEYS
from conduit.rfb.text_display import TextDisplay
from tests.browser.conftest import sign_in, try_now, wait_until
from tests.browser.fake_conduit import FakeConduit, Running, error
from tests.browser.test_console_page import command, open_console

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.rfb]

TEXT = b"\x1b[1;32mConduit\x1b[0m \x1b[44;93m blue \x1b[0m db-02 login: "
LIVE_CANVAS = "#screen > div:not(.still) canvas"
CTRL, ALT, SHIFT = (KEYS[name].keysym for name in ("ctrl", "alt", "shift"))
DELETE, ENTER, F2 = (KEYS[name].keysym for name in ("delete", "enter", "f2"))


def wait_for_state(page: Page, state: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-display", state)


def open_display(page: Page, path: str = "/display/db-02") -> None:
    """Until there is a picture, and the page knows whose keyboard it is."""
    page.goto(path)
    wait_for_state(page, "live")
    expect(page.locator("#facts")).to_contain_text(" \N{MULTIPLICATION SIGN} ")
    page.locator("#screen").focus()


def open_to_type(page: Page, path: str = "/display/db-02") -> None:
    open_display(page, path)
    expect(page.locator("#capture")).to_be_visible()


def shown(text: bytes) -> Framebuffer:
    """What a text becomes on a screen."""
    display = TextDisplay()
    display.receive(text)
    display.refresh()
    return display.picture


def pixels(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("RGB").tobytes("raw", "BGRX")


def seen(page: Page, canvas: str = LIVE_CANVAS) -> bytes:
    url: str = page.locator(canvas).evaluate("canvas => canvas.toDataURL()")
    return pixels(base64.b64decode(url.partition(",")[2]))


def wait_for_picture(page: Page, picture: Framebuffer, canvas: str = LIVE_CANVAS) -> None:
    wait_until(page, lambda: seen(page, canvas) == bytes(picture.pixels))


def presses(*keysyms: int) -> list[tuple[int, bool]]:
    """Key after key, down and up."""
    return [(keysym, down) for keysym in keysyms for down in (True, False)]


def chord(*keysyms: int) -> list[tuple[int, bool]]:
    return [*((keysym, True) for keysym in keysyms), *((keysym, False) for keysym in reversed(keysyms))]


def wait_for_keys(page: Page, conduit: Running, expected: list[tuple[int, bool]]) -> None:
    wait_until(page, lambda: conduit.do(lambda fake: len(fake.display.keys)) >= len(expected))
    assert conduit.do(lambda fake: list(fake.display.keys)) == expected


# --- what one sees ---


def test_the_page_shows_the_screen_dot_for_dot_as_it_changes(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.display.show(TEXT))
    open_display(page)
    wait_for_picture(page, shown(TEXT))
    conduit.do(lambda fake: fake.display.show(b"root"))
    wait_for_picture(page, shown(TEXT + b"root"))
    expect(page.get_by_role("img", name="Screen of db-02, 640 by 400 dots")).to_be_visible()
    page.get_by_label("Size of the picture").select_option("1:1")
    expect(page.locator("#facts")).to_have_text("640 \N{MULTIPLICATION SIGN} 400, 1:1")
    box = page.locator(LIVE_CANVAS).bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (640, 400)


def test_a_screenshot_is_the_picture(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.display.show(TEXT))
    open_display(page)
    wait_for_picture(page, shown(TEXT))
    with page.expect_download() as download:
        page.get_by_role("button", name="Screenshot").click()
    assert re.fullmatch(r"db-02-[\dT-]+Z\.png", download.value.suggested_filename)
    assert pixels(Path(download.value.path()).read_bytes()) == bytes(shown(TEXT).pixels)


def test_a_lost_display_keeps_its_last_picture_refuses_keys_and_comes_back(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.display.show(TEXT))
    open_to_type(page)
    wait_for_picture(page, shown(TEXT))
    conduit.do(lambda fake: setattr(fake, "refuse_display", error(503, "draining")))
    conduit.do(lambda fake: fake.display.drop())
    wait_for_state(page, "reconnecting")
    expect(page.locator("#state-words")).to_contain_text("The last picture is kept.")
    expect(page.locator("#age")).to_have_text(re.compile(r"Last picture, \d+ s old"))
    assert seen(page, "#screen .still canvas") == bytes(shown(TEXT).pixels)
    page.keyboard.type("x")
    expect(page.locator("#facts")).to_have_text("The display is not live: nothing was sent.")
    conduit.do(lambda fake: fake.display.show(b"later"))
    conduit.do(lambda fake: setattr(fake, "refuse_display", None))
    try_now(page)
    wait_for_state(page, "live")
    wait_for_picture(page, shown(TEXT + b"later"))
    expect(page.locator("#screen .still")).to_have_count(0)
    expect(page.locator("#age")).to_be_hidden()
    page.locator("#screen").focus()
    page.keyboard.type("y")
    wait_for_keys(page, conduit, presses(ord("y")))


def test_a_page_that_nobody_sees_rests_until_somebody_looks(page: Page, conduit: Running) -> None:
    page.clock.install()
    conduit.do(lambda fake: fake.display.show(TEXT))
    open_display(page)
    wait_for_picture(page, shown(TEXT))
    see(page, seen=False)
    page.clock.fast_forward(61_000)
    wait_for_state(page, "resting")
    assert seen(page, "#screen .still canvas") == bytes(shown(TEXT).pixels)
    wait_until(page, lambda: conduit.do(lambda fake: len(fake.hub.viewers)) == 1)  # its seat stays
    see(page, seen=True)
    wait_for_state(page, "live")


def see(page: Page, *, seen: bool) -> None:
    """As the browser tells when a tab is hidden or shown."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        not seen,
    )


def test_a_server_that_is_off_is_said_to_be(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.turn("server-off"))
    page.goto("/display/db-02")
    wait_for_state(page, "off")
    expect(page.locator("#state-words")).to_have_text("db-02 is off. The screen stays open and will show the boot.")
    expect(page.locator("#capture")).to_be_visible()
    page.get_by_role("button", name="Power on…").click()
    page.get_by_role("button", name="Power on", exact=True).click()
    wait_until(page, lambda: conduit.do(lambda fake: list(fake.power_verbs)) == ["on"])
    conduit.do(lambda fake: fake.hub.turn("live"))
    wait_for_state(page, "live")


# --- typing ---


def test_what_is_typed_arrives_as_keys(page: Page, conduit: Running) -> None:
    open_to_type(page)
    page.keyboard.type("Hi!")
    for key in ("Enter", "Tab", "F2", "Control+c"):
        page.keyboard.press(key)
    expected = [*presses(ord("H"), ord("i"), ord("!"), ENTER, KEYS["tab"].keysym, F2), *chord(CTRL, ord("c"))]
    wait_for_keys(page, conduit, expected)


def test_one_can_type_at_once_unless_one_is_doing_something_else(page: Page, conduit: Running) -> None:
    page.goto("/display/db-02")
    expect(page.locator("#capture")).to_be_visible()
    page.keyboard.type("x")
    wait_for_keys(page, conduit, presses(ord("x")))
    page.get_by_role("button", name="Full screen").focus()
    conduit.do(lambda fake: fake.display.drop())
    wait_for_state(page, "reconnecting")
    wait_for_state(page, "live")
    wait_until(page, lambda: page.locator("#screen .still").count() == 0)
    expect(page.get_by_role("button", name="Full screen")).to_be_focused()


def test_the_pointer_arrives_where_it_is(page: Page, conduit: Running) -> None:
    open_to_type(page)
    page.locator(LIVE_CANVAS).click(position={"x": 40, "y": 30})
    wait_until(page, lambda: conduit.do(lambda fake: fake.display.clicks) == 1)


def test_buttons_send_what_browsers_keep_for_themselves(page: Page, conduit: Running) -> None:
    open_to_type(page)
    page.get_by_role("button", name="Ctrl Alt Del").click()
    page.get_by_role("button", name="Keys…").click()
    page.get_by_role("button", name="F2", exact=True).click()
    expected = [*chord(CTRL, ALT, DELETE), *presses(F2)]
    wait_for_keys(page, conduit, expected)
    command(page, "k")
    page.get_by_role("button", name="SysRq b: restart").click()
    expect(page.get_by_role("heading", name="Send SysRq b: restart to db-02?")).to_be_visible()
    wait_for_keys(page, conduit, [*expected, *presses(CTRL)])
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#capture")).to_be_visible()


def test_a_paste_is_typed_with_shift_and_says_first_what_no_key_makes(page: Page, conduit: Running) -> None:
    open_to_type(page)
    page.get_by_role("button", name="Paste…").click()
    page.get_by_label("Text to type on the screen").fill("aB$\n→\u200b")
    unmapped = "Not typed, as this keyboard has no key for them: → U+200B"
    expect(page.locator(".unmapped")).to_have_text(unmapped)
    assert conduit.do(lambda fake: list(fake.display.keys)) == []
    page.get_by_role("button", name="Type it").click()
    wait_for_keys(page, conduit, [*presses(97), *chord(SHIFT, 66), *chord(SHIFT, 36), *presses(ENTER)])
    expect(page.locator("#polite")).to_contain_text("typed 4 characters")
    expect(page.locator("#typing-banner")).to_be_hidden()
    expect(page.locator("#capture")).to_be_visible()


def test_what_is_pasted_by_the_browsers_keys_is_shown_first(page: Page, conduit: Running) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_to_type(page)
    page.evaluate("navigator.clipboard.writeText('ls -l')")
    page.keyboard.press("Control+Shift+V")
    expect(page.get_by_label("Text to type on the screen")).to_have_value("ls -l")


def test_a_paste_knows_the_servers_keyboard_and_the_layout_is_kept(page: Page, conduit: Running) -> None:
    conduit.do(with_scan_codes)
    open_to_type(page)
    command(page, "p")
    page.get_by_label("Keyboard that the server believes to have").select_option("German")
    page.get_by_label("Text to type on the screen").fill("z/@")
    page.get_by_role("button", name="Type it").click()
    expect(page.locator("#polite")).to_contain_text("typed 3 characters")
    codes = [0x15, KEYS["shift"].scan_code, 0x08, KEYS["altgr"].scan_code, 0x10]  # z is where the American y is
    wait_until(page, lambda: conduit.do(lambda fake: fake.display.codes[-5:]) == codes)
    command(page, "p")
    expect(page.get_by_label("Keyboard that the server believes to have")).to_have_value("de")


def with_scan_codes(fake: FakeConduit) -> None:
    fake.display.audience.offer_scan_codes()


def test_a_paste_can_be_cancelled_and_says_how_far_it_came(page: Page, conduit: Running) -> None:
    open_to_type(page)
    command(page, "p")
    page.get_by_label("Text to type on the screen").fill("x" * 4_000)
    page.get_by_role("button", name="Type it").click()
    expect(page.locator("#typing-banner")).to_contain_text(re.compile(r"Typing: \d+ of 4000 characters"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#polite")).to_contain_text(re.compile(r"typing stopped after \d+ of 4000 characters"))
    expect(page.locator("#typing-banner")).to_be_hidden()


def test_the_leader_leaves_helps_and_twice_sends_itself(page: Page, conduit: Running) -> None:
    open_to_type(page)
    command(page, "Control+]")
    wait_until(page, lambda: (ord("]"), True) in conduit.do(lambda fake: list(fake.display.keys)))
    command(page, "?")
    expect(page.get_by_role("heading", name="Keys of this page")).to_be_visible()
    page.keyboard.press("Escape")
    command(page, "Tab")
    expect(page.get_by_label("Size of the picture")).to_be_focused()
    assert KEYS["tab"].keysym not in [keysym for keysym, _ in conduit.do(lambda fake: list(fake.display.keys))]


def test_a_key_that_is_held_when_the_focus_goes_is_let_go(page: Page, conduit: Running) -> None:
    open_to_type(page)
    page.keyboard.down("Shift")
    page.keyboard.down("a")
    page.get_by_role("button", name="Full screen").focus()
    wait_for_keys(page, conduit, [(SHIFT, True), (ord("a"), True), (SHIFT, False), (ord("a"), False)])
    expect(page.locator("#capture")).to_be_hidden()


# --- who may type ---


def test_who_only_watches_sends_nothing(page: Page, conduit: Running) -> None:
    open_display(page, "/display/db-02?mode=read")
    expect(page.locator("#writer")).to_have_text("You are watching.")
    page.keyboard.type("x")
    expect(page.locator("#facts")).to_have_text("You are watching: nothing was sent.")
    page.locator(LIVE_CANVAS).click()
    page.get_by_role("button", name="Ctrl Alt Del").click()
    expect(page.get_by_role("button", name="Ask for keyboard")).to_be_hidden()
    conduit.do(lambda fake: fake.display.show(TEXT))
    wait_for_picture(page, shown(TEXT))
    assert conduit.do(lambda fake: (fake.display.keys, fake.display.clicks, fake.display.dropped)) == ([], 0, 0)


def test_who_may_not_write_asks_for_no_keyboard_at_the_console_either(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.permissions.remove("vnc:write"))
    open_display(page)
    expect(page.locator("#writer")).to_have_text("You are watching.")
    page.keyboard.type("x")
    expect(page.locator("#facts")).to_have_text("You are watching: nothing was sent.")
    assert conduit.do(lambda fake: [each["mode"] for each in fake.hub.attaches]) == ["read"]
    assert conduit.do(lambda fake: fake.display.dropped) == 0


@pytest.mark.parametrize("missing", [("console:read", "console:write"), ("console:write",)])
def test_who_may_not_open_consoles_has_a_keyboard_of_the_displays_own(
    page: Page, conduit: Running, missing: tuple[str, ...]
) -> None:
    conduit.do(lambda fake: setattr(fake, "permissions", [each for each in fake.permissions if each not in missing]))
    open_to_type(page)
    page.keyboard.type("x")
    wait_for_keys(page, conduit, presses(ord("x")))
    assert conduit.do(lambda fake: (fake.display.seats, fake.hub.attaches)) == ([""], [])


def test_the_keyboard_is_asked_for_given_and_taken_between_console_and_display(page: Page, conduit: Running) -> None:
    other = page.context.new_page()
    open_console(other)
    open_display(page)
    expect(page.locator("#writer")).to_have_text("You are watching. viewer 1 has the keyboard.")
    page.keyboard.type("x")
    expect(page.locator("#facts")).to_have_text("Somebody else has the keyboard: nothing was sent.")
    page.get_by_role("button", name="Ask for keyboard").click()
    expect(other.locator("#banner")).to_contain_text("viewer 2 asks for the keyboard. It passes in 10 s.")
    other.get_by_role("button", name="Give now").click()
    expect(page.locator("#writer")).to_have_text("You have the keyboard.")
    page.locator("#screen").focus()
    page.keyboard.type("y")
    wait_for_keys(page, conduit, presses(ord("y")))
    other.get_by_role("button", name="Take keyboard…").click()
    other.get_by_role("button", name="Take keyboard", exact=True).click()
    expect(page.locator("#writer")).to_have_text(re.compile(r"^viewer 1 took the keyboard at .*You are watching\.$"))
    page.keyboard.type("z")
    expect(page.locator("#facts")).to_have_text("Somebody else has the keyboard: nothing was sent.")
    conduit.do(lambda fake: fake.hub.hand(None))
    expect(page.locator("#writer")).to_have_text("Nobody has the keyboard.")
    page.keyboard.type("z")
    expect(page.locator("#facts")).to_have_text("You do not have the keyboard: nothing was sent.")
    expect(page.locator("#capture")).to_be_hidden()
    assert conduit.do(lambda fake: (list(fake.display.keys), fake.display.dropped)) == (presses(ord("y")), 0)


def test_a_seat_that_is_lost_is_taken_anew_and_the_display_follows_it(page: Page, conduit: Running) -> None:
    open_to_type(page)
    conduit.do(lambda fake: fake.hub.drop())
    wait_until(page, lambda: conduit.do(lambda fake: list(fake.display.seats)) == ["1", "2"])
    wait_for_state(page, "live")
    expect(page.locator("#capture")).to_be_visible()
    page.keyboard.type("x")
    wait_for_keys(page, conduit, presses(ord("x")))


# --- how it ends ---


def test_a_manager_that_is_away_at_first_is_asked_again_and_the_keyboard_is_there(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "refuse_token", error(503, "the database does not answer")))
    page.goto("/display/db-02")
    wait_for_state(page, "reconnecting")
    conduit.do(lambda fake: setattr(fake, "refuse_token", None))
    expect(page.locator("#capture")).to_be_visible()
    assert conduit.do(lambda fake: list(fake.display.seats)) == ["1"]


def test_a_ticket_that_is_refused_is_followed_by_another(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake, "refuse_tickets", 1))
    open_display(page)
    assert conduit.do(lambda fake: len(fake.display.seats)) == 1


def test_a_session_that_is_ended_says_why_and_can_be_opened_again(page: Page, conduit: Running) -> None:
    open_display(page)
    conduit.end_displays(1008, "Your access to this server has ended.")
    wait_for_state(page, "ended")
    expect(page.locator("#state-words")).to_have_text("Your access to this server has ended.")
    expect(page.locator("#assertive")).to_contain_text("Your access to this server has ended.")
    page.get_by_role("button", name="Open again").click()
    wait_for_state(page, "live")


def test_a_gateway_that_leaves_says_so_and_the_display_comes_back(page: Page, conduit: Running) -> None:
    open_display(page)
    conduit.do(lambda fake: setattr(fake, "refuse_display", error(503, "draining")))
    conduit.end_displays(1001, "The Gateway is being restarted. Connecting again.")
    wait_for_state(page, "reconnecting")
    expect(page.locator("#state-words")).to_contain_text("The Gateway is being restarted. Connecting again.")
    conduit.do(lambda fake: setattr(fake, "refuse_display", None))
    wait_for_state(page, "live")


def test_a_display_that_does_not_answer_says_why_and_is_tried_again(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: setattr(fake.display, "refuses", "the display does not answer"))
    page.goto("/display/db-02")
    wait_for_state(page, "refused")
    expect(page.locator("#state-words")).to_contain_text("The display does not answer. Trying again in ")
    conduit.do(lambda fake: setattr(fake.display, "refuses", ""))
    wait_for_state(page, "live")


def test_who_may_not_look_reads_why(page: Page, conduit: Running) -> None:
    words = "this token does not allow vnc:read on db-02"
    conduit.do(lambda fake: setattr(fake, "refuse_display", error(403, words)))
    page.goto("/display/db-02")
    wait_for_state(page, "denied")
    expect(page.locator("#state-words")).to_have_text(words)
    expect(page.get_by_role("heading", name="db-02")).to_be_focused()


def test_the_serial_console_is_a_link_away(page: Page) -> None:
    open_display(page, "/display/db-02?mode=read")
    page.get_by_role("link", name="Serial console").click()
    page.wait_for_url("**/console/db-02?mode=read")
    expect(page.locator("html")).to_have_attribute("data-console", "live")


def test_whoever_signs_in_anew_comes_back_to_the_display(browser: Browser, conduit: Running) -> None:
    context = browser.new_context(base_url=conduit.url)
    page = context.new_page()
    page.goto("/display/db-02")
    wait_for_state(page, "expired")
    other = context.new_page()
    sign_in(other)
    wait_for_state(page, "live")
    context.close()
