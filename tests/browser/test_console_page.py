"""The serial console page, in Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in, try_now
from tests.browser.fake_conduit import FakeConduit, Running, error, running
from tests.browser.real_hub import RealHub

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROWS = """[...document.querySelectorAll(".xterm-rows > div")]
  .map(row => row.textContent.replace(/\\u00a0/g, " ").trimEnd()).join("\\n")"""
TAKEN = re.compile(r"^viewer 1 took the keyboard at \d+:\d\d.*\. You are watching\.$")
FLOOD = b"".join(b"line %06d of a flood\r\n" % number for number in range(4_000))


def wait_for_state(page: Page, state: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-console", state)


def open_console(page: Page, path: str = "/console/db-02") -> None:
    page.goto(path)
    wait_for_state(page, "live")


def wait_for_text(page: Page, text: str) -> None:
    page.wait_for_function(f"text => {ROWS}.includes(text)", arg=text)


def saved_text(page: Page) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save text").click()
    return Path(download.value.path()).read_text()


def command(page: Page, key: str) -> None:
    page.keyboard.press("Control+]")
    page.keyboard.press(key)


# --- typing ---


def test_what_is_typed_comes_back_in_upper_case(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.emit(b"db-02 login: "))
    open_console(page)
    page.keyboard.type("root")
    wait_for_text(page, "db-02 login: ROOT")
    assert conduit.do(lambda fake: bytes(fake.hub.typed)) == b"root"


def test_control_keys_go_to_the_server(page: Page, conduit: Running) -> None:
    open_console(page)
    for key in ("Control+c", "Tab", "Escape", "ArrowUp", "Backspace", "Enter"):
        page.keyboard.press(key)
    wait_for_typed(page, conduit, b"\x03\t\x1b\x1b[A\x7f\r")


def wait_for_typed(page: Page, conduit: Running, expected: bytes) -> None:
    for _ in range(1000):  # twenty seconds
        if len(conduit.do(lambda fake: fake.hub.typed)) >= len(expected):
            break
        page.wait_for_timeout(20)
    assert conduit.do(lambda fake: bytes(fake.hub.typed)) == expected


def test_the_leader_twice_sends_it(page: Page, conduit: Running) -> None:
    open_console(page)
    command(page, "Control+]")
    wait_for_typed(page, conduit, b"\x1d")


def test_a_break_is_asked_about_and_sent(page: Page, conduit: Running) -> None:
    open_console(page)
    command(page, "b")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Send break").click()
    page.keyboard.type("x")
    wait_for_typed(page, conduit, b"x")
    assert conduit.do(lambda fake: fake.hub.breaks) == [0]


# What a click chose has happened when the microtasks after it have; the browser's own news of a dialog come later.
CLICK_AND_PRESS_ENTER = """async (button) => {
    button.click();
    for (let turn = 0; turn < 20; turn++) await null;
    const enter = new KeyboardEvent("keydown", { key: "Enter", keyCode: 13, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(enter);
}"""


def test_a_key_right_after_an_answer_does_not_come_before_it(page: Page, conduit: Running) -> None:
    open_console(page)
    command(page, "b")
    page.get_by_role("button", name="Send break").evaluate(CLICK_AND_PRESS_ENTER)
    wait_for_typed(page, conduit, b"\r")
    assert conduit.do(lambda fake: fake.hub.breaks) == [0]


def test_the_keys_menu_sends_what_firmware_reads(page: Page, conduit: Running) -> None:
    open_console(page)
    command(page, "k")
    page.get_by_role("button", name="F10", exact=True).click()
    wait_for_typed(page, conduit, b"\x1b0")


def test_a_paste_of_lines_is_shown_first(page: Page, conduit: Running) -> None:
    open_console(page)
    command(page, "p")
    page.get_by_label("Text to type on the console").fill("one\ntwo\n")
    expect(page.get_by_text("8 bytes, 2 line ends: each one is an Enter.")).to_be_visible()
    assert conduit.do(lambda fake: bytes(fake.hub.typed)) == b""
    page.get_by_role("button", name="Paste", exact=True).click()
    wait_for_typed(page, conduit, b"one\rtwo\r")


# --- states ---

HUB_STATES = [
    ("connecting", "connecting", "", "Connecting to db-02…", "polite"),
    ("reconnecting", "bmc-lost", "", "The BMC dropped the console. The Agent is opening it again.", "polite"),
    ("server-off", "server-off", "", "db-02 is off. The console stays open and will show the boot.", "polite"),
    (
        "unreachable",
        "unreachable",
        "The BMC has not answered since 13:58.",
        "The BMC has not answered since 13:58.",
        "assertive",
    ),
    ("busy", "busy", "Another system holds it (10.0.4.9, 2 h).", "Another system holds it (10.0.4.9, 2 h).", "polite"),
]


@pytest.mark.parametrize(
    ("hub_state", "state", "text", "words", "spoken"), HUB_STATES, ids=[row[0] for row in HUB_STATES]
)
def test_what_the_hub_says_is_shown_spoken_and_stops_the_keys(
    page: Page, conduit: Running, hub_state: str, state: str, text: str, words: str, spoken: str
) -> None:
    open_console(page)
    conduit.do(lambda fake: fake.hub.turn(hub_state, text))
    wait_for_state(page, state)
    expect(page.locator("#state-words")).to_have_text(words)
    expect(page.locator(f"#{spoken}")).to_contain_text(words)
    page.keyboard.type("x")
    expect(page.locator("#facts")).to_have_text("The console is not live: nothing was sent.")
    conduit.do(lambda fake: fake.hub.turn("live"))
    wait_for_state(page, "live")
    page.keyboard.type("y")
    wait_for_typed(page, conduit, b"y")


def test_while_the_gateway_is_away_the_screen_stays_and_keys_are_refused(page: Page, conduit: Running) -> None:
    open_console(page)
    conduit.do(lambda fake: fake.hub.emit(b"before the loss"))
    wait_for_text(page, "before the loss")
    conduit.do(lambda fake: setattr(fake, "refuse_session", error(503, "draining")))
    conduit.do(lambda fake: fake.hub.drop())
    wait_for_state(page, "reconnecting")
    expect(page.locator("#state-words")).to_contain_text("Your screen is kept.")
    page.keyboard.type("\n")
    wait_for_text(page, "before the loss")
    conduit.do(lambda fake: setattr(fake, "refuse_session", None))
    try_now(page)
    wait_for_state(page, "live")
    assert conduit.do(lambda fake: bytes(fake.hub.typed)) == b""


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (403, "denied", "Rule: acme-viewers. Ask: ops@acme"),
        (401, "expired", "Signed out. Sign in and continue where you were."),
    ],
)
def test_a_refusal_is_final_and_says_why(page: Page, conduit: Running, status: int, state: str, words: str) -> None:
    conduit.do(lambda fake: setattr(fake, "refuse_session", error(status, "Rule: acme-viewers. Ask: ops@acme")))
    page.goto("/console/db-02")
    wait_for_state(page, state)
    expect(page.locator("#state-words")).to_have_text(words)
    expect(page.locator("#assertive")).to_contain_text(words)


def test_an_ended_session_says_who_and_why_and_opens_again(page: Page, conduit: Running) -> None:
    open_console(page)
    conduit.do(lambda fake: fake.hub.end("closed", 'Staff ended this session at 14:05: "maintenance".', retry=False))
    wait_for_state(page, "ended")
    expect(page.locator("#state-words")).to_have_text('Staff ended this session at 14:05: "maintenance".')
    page.get_by_role("button", name="Open again").click()
    wait_for_state(page, "live")


def test_a_device_without_network_says_so_and_comes_back_by_itself(page: Page) -> None:
    open_console(page)
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    expect(page.locator("#state-words")).to_have_text("Your device has no network.")
    page.context.set_offline(False)
    wait_for_state(page, "live")


# --- resuming ---


def test_a_cut_in_mid_flood_loses_and_doubles_no_byte(page: Page, conduit: Running) -> None:
    open_console(page)
    conduit.do(lambda fake: setattr(fake.hub, "cut_after", len(FLOOD) // 3))
    conduit.do(lambda fake: fake.hub.emit(FLOOD))
    wait_for_text(page, "line 003999 of a flood")
    assert saved_text(page).splitlines() == FLOOD.decode().splitlines()
    first, second = conduit.do(lambda fake: [attach.get("from") for attach in fake.hub.attaches])
    assert (first, second) == (None, len(FLOOD) // 3)
    page.get_by_text("What happened").click()
    expect(page.locator("#notes")).to_contain_text("nothing missed")


def test_output_that_is_gone_is_a_line_with_its_length(page: Page, conduit: Running) -> None:
    open_console(page)
    conduit.do(lambda fake: fake.hub.emit(b"before"))
    wait_for_text(page, "before")
    conduit.do(lambda fake: fake.hub.say(0x42, {"at": 6, "ms": 1500, "cause": "bmc"}))
    conduit.do(lambda fake: fake.hub.emit(b"after"))
    wait_for_text(page, "before\n── 1.5 s without a console: the BMC lost the console ──\nafter")


def test_the_history_is_marked_and_scrolling_up_stays_there(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.hub.emit(FLOOD))
    open_console(page)
    wait_for_text(page, "line 003999 of a flood")
    expect(page.locator(".mark")).to_contain_text("history above")
    page.locator(".xterm-screen").hover()
    page.mouse.wheel(0, -2000)
    expect(page.locator("#newer")).to_contain_text("newer lines")
    conduit.do(lambda fake: fake.hub.emit(b"the newest\r\n"))
    page.wait_for_timeout(100)
    assert "the newest" not in page.evaluate(ROWS)
    page.locator("#newer").click()
    wait_for_text(page, "the newest")


# --- who types ---


def test_whoever_may_only_look_is_told_and_sends_nothing(page: Page, conduit: Running) -> None:
    conduit.do(lambda fake: fake.permissions.remove("console:write"))
    open_console(page)
    page.keyboard.type("rm")
    expect(page.locator("#facts")).to_contain_text("nothing was sent")
    assert conduit.do(lambda fake: (bytes(fake.hub.typed), fake.hub.refusals)) == (b"", [])


def test_the_keyboard_is_asked_for_kept_given_and_taken(page: Page, conduit: Running) -> None:
    open_console(page)
    other = page.context.new_page()
    open_console(other)
    expect(page.locator("#writer")).to_have_text("You have the keyboard.")
    expect(other.locator("#writer")).to_have_text("You are watching. viewer 1 has the keyboard.")

    other.get_by_role("button", name="Ask for keyboard").click()
    expect(page.locator("#banner")).to_contain_text("viewer 2 asks for the keyboard. It passes in 10 s.")
    page.bring_to_front()
    page.get_by_role("button", name="Keep").click()
    expect(other.locator("#assertive")).to_contain_text("You are watching. viewer 1 has the keyboard.")

    other.bring_to_front()
    other.get_by_role("button", name="Ask for keyboard").click()
    page.bring_to_front()
    page.get_by_role("button", name="Give now").click()
    expect(other.locator("#writer")).to_have_text("You have the keyboard.")

    page.get_by_role("button", name="Take keyboard…").click()
    page.get_by_role("button", name="Take keyboard", exact=True).click()
    expect(page.locator("#writer")).to_have_text("You have the keyboard.")
    expect(other.locator("#assertive p").filter(has_text=TAKEN)).to_have_count(1)
    expect(other.locator("#writer")).to_have_text(TAKEN)


# --- the page ---


def test_the_terminal_can_be_left_by_keys(page: Page) -> None:
    open_console(page)
    command(page, "Tab")
    expect(page.get_by_role("button", name="Screen reader mode")).to_be_focused()
    expect(page.get_by_role("group", name="Serial console of db-02")).to_have_accessible_description(
        "Leave the terminal: Ctrl+] then Tab. More: Ctrl+] then ?"
    )


def test_signing_out_ends_the_console(page: Page, conduit: Running) -> None:
    open_console(page)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert conduit.do(lambda fake: fake.hub.viewers) == []
    assert page.context.cookies() == []


def test_a_gateway_of_another_origin_is_all_that_the_page_talks_to_besides(browser: Browser, pages: Path) -> None:
    with running(pages, gateway_elsewhere=True) as conduit:
        context = browser.new_context(base_url=conduit.url)
        page = context.new_page()
        asked: set[str] = set()
        page.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
        page.on("websocket", lambda socket: asked.add("/".join(socket.url.split("/")[:3])))
        sign_in(page)
        open_console(page)
        page.keyboard.type("hello")
        wait_for_text(page, "HELLO")
        gateway = conduit.fake.gateway
        context.close()
        assert asked == {conduit.url, gateway, gateway.replace("http", "ws")}


def test_the_agents_own_hub_understands_the_page(page: Page, conduit: Running) -> None:
    real = conduit.do(fake_leads_to_a_real_hub)
    conduit.do(lambda _: real.hub.output(b"db-02 login: "))
    open_console(page)
    page.keyboard.type("root")
    wait_for_text(page, "db-02 login: ROOT")
    conduit.do(lambda _: real.hub.output(FLOOD))
    conduit.do(lambda _: real.changed())
    conduit.do(lambda _: real.drop())
    wait_for_text(page, "line 003999 of a flood")
    wait_for_state(page, "live")
    assert saved_text(page) == "db-02 login: ROOT" + FLOOD.decode().replace("\r\n", "\n")

    other = page.context.new_page()
    open_console(other)
    other.get_by_role("button", name="Ask for keyboard").click()
    page.bring_to_front()
    expect(page.locator("#banner")).to_contain_text("browser asks for the keyboard. It passes in 10 s.")
    page.get_by_role("button", name="Give now").click()
    expect(other.locator("#writer")).to_have_text("You have the keyboard.")
    page.get_by_role("button", name="Take keyboard…").click()
    page.get_by_role("button", name="Take keyboard", exact=True).click()
    expect(page.locator("#writer")).to_have_text("You have the keyboard.")


def fake_leads_to_a_real_hub(fake: FakeConduit) -> RealHub:
    fake.real_hub = RealHub()
    return fake.real_hub
