"""A customer in Chromium at screens through the real thing: a virtual machine's, and QEMU's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from PIL import Image, ImageChops
from playwright.sync_api import Browser, BrowserContext, Page, expect

from conduit.cli.up.seed import Seed
from conduit.rfb.display import open_display
from tests.browser.conftest import signed_in_page, wait_until
from tests.browser.test_console_page import open_console
from tests.browser.test_display_page import open_display as open_display_page
from tests.browser.test_display_page import open_to_type, seen, wait_for_state
from tests.conftest import FindPeer
from tests.interop.rfb_peers import Machine, running_qemu
from tests.whole_path import ACME, WholePath, open_whole_path

pytestmark = [pytest.mark.browser, pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

VIRTUAL, REAL, ALONE = "db-01", "web-02", "legacy-01"  # the last one has no console
SIZE = (640, 400)
LIKE = 12.0  # mean difference of a colour, of 255, that JPEG may make
PATIENCE_MS = 20_000  # until a Gateway is there again
KEEP_SOCKET = """
  window.WebSocket = new Proxy(WebSocket, {construct: (Real, words) => {
    const socket = new Real(...words);
    if (String(words[0]).includes("/displays/")) window.displaySocket = socket;
    return socket;
  }});
"""


@pytest.fixture(scope="module")
def machine(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """It shows all colours, and tells each key on its serial port."""
    with running_qemu(peer("qemu-system-x86_64"), tmp_path_factory.mktemp("qemu")) as running:
        yield running


@pytest.fixture(scope="module")
def path(pages: Path, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """The display of one of the servers is QEMU's."""

    def configure(seed: Seed) -> None:
        config = seed.config("agent")
        section = re.compile(rf"(?<=\[servers\.{REAL}\.display\]\n)(?:[^\[\n].*\n)+")
        text, found = section.subn(f'url = "vnc://{machine.server.address}"\n', config.read_text())
        assert found == 1
        config.write_text(text)

    with open_whole_path(tmp_path_factory.mktemp("path"), configure) as running:
        yield running


@pytest.fixture
def context(browser: Browser, path: WholePath) -> BrowserContext:
    return browser.new_context(base_url=path.manager, viewport={"width": 1280, "height": 800})


@pytest.fixture
def page(context: BrowserContext, path: WholePath) -> Iterator[Page]:
    with signed_in_page(context, path) as page:
        yield page


def test_a_virtual_screen_is_seen_dot_for_dot_and_typed_on(page: Page, path: WholePath) -> None:
    open_to_type_at(page, VIRTUAL)
    wait_until(page, lambda: seen(page) == path.screen(VIRTUAL)[1])
    log_in(page, path)
    wait_until(page, lambda: seen(page) == path.screen(VIRTUAL)[1])


def log_in(page: Page, path: WholePath) -> None:
    """Unless somebody has, on this machine's only terminal."""
    wait_until(page, lambda: path.screen(VIRTUAL)[0].rstrip().endswith(("login:", "#")))
    if path.screen(VIRTUAL)[0].rstrip().endswith("#"):
        return
    for words, answer in (("root", "Password:"), ("conduit", "#")):
        page.keyboard.type(f"{words}\n")
        wait_until(page, lambda answer=answer: path.screen(VIRTUAL)[0].rstrip().endswith(answer))  # type: ignore[misc]


def type_there(page: Page, path: WholePath, words: str) -> None:
    log_in(page, path)
    page.keyboard.type(f"echo {words}\n")
    wait_until(page, lambda: words in path.screen(VIRTUAL)[0].splitlines())


def open_to_type_at(page: Page, server_id: str) -> None:
    page.goto(f"/servers?q={server_id}")
    page.get_by_role("link", name=f"Display of {server_id}").click()
    page.wait_for_url(f"**/display/{server_id}")
    open_to_type(page, f"/display/{server_id}")


def test_the_list_shows_screens(page: Page) -> None:
    for server_id in (VIRTUAL, REAL):
        row = page.locator("tbody tr").filter(has_text=server_id)
        expect(row.locator("canvas[width='160']")).to_be_visible()


def test_a_real_machines_picture_is_seen_and_what_is_typed_arrives_there(page: Page, machine: Machine) -> None:
    open_to_type_at(page, REAL)
    direct = trio.run(screenshot, machine)
    wait_until(page, lambda: is_like(picture(page), direct))
    page.keyboard.type("abc")
    assert machine.read_serial(b"c") == b"abc"


def picture(page: Page) -> Image.Image:
    pixels = seen(page)
    return (
        Image.frombytes("RGB", SIZE, pixels, "raw", "BGRX")
        if len(pixels) == 4 * SIZE[0] * SIZE[1]
        else Image.new("RGB", SIZE)
    )


async def screenshot(machine: Machine) -> Image.Image:
    async with open_display(machine.server.address) as display:
        return Image.frombytes("RGB", SIZE, bytes((await display.refresh()).pixels), "raw", "BGRX")


def is_like(one: Image.Image, other: Image.Image) -> bool:
    """JPEG keeps what is light and dark, and colours of single dots less so."""
    histogram = ImageChops.difference(one.convert("L"), other.convert("L")).histogram()
    return sum(value * count for value, count in enumerate(histogram)) / (SIZE[0] * SIZE[1]) <= LIKE


def test_keys_of_who_only_watches_do_not_arrive_whatever_the_page_does(
    context: BrowserContext, page: Page, machine: Machine
) -> None:
    context.add_init_script(KEEP_SOCKET)
    open_display_page(page, f"/display/{REAL}?mode=read")
    page.keyboard.type("x")
    expect(page.locator("#facts")).to_have_text("You are watching: nothing was sent.")
    page.evaluate("displaySocket.send(new Uint8Array([4, 1, 0, 0, 0, 0, 0, 120, 4, 0, 0, 0, 0, 0, 0, 120]))")
    page.evaluate("displaySocket.send(new Uint8Array([255, 0, 0, 1, 0, 0, 0, 120, 0, 0, 0, 45]))")
    writer = context.new_page()
    open_to_type(writer, f"/display/{REAL}")
    writer.keyboard.type("y")
    assert machine.read_serial(b"y") == b"y"


def test_the_command_leads_to_the_page_to_watch_or_to_type(page: Page, path: WholePath, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(path.password(ACME))
    conduit(tmp_path, "auth", "login", "--manager", path.manager, "--email", ACME, "--password-file", password)
    url = conduit(tmp_path, "server", "vnc", VIRTUAL)
    assert url == f"{path.manager}/display/{VIRTUAL}\n"
    open_display_page(page, conduit(tmp_path, "server", "vnc", VIRTUAL, "--read-only").strip())
    expect(page.locator("#writer")).to_have_text("You are watching.")


def conduit(home: Path, *words: str | Path) -> str:
    """What a command says."""
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"), str(home))
    env = os.environ | homes | {"CONDUIT_KEYRING": "off"}
    command = [sys.executable, "-m", "conduit", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=True).stdout


def test_a_display_without_a_console_has_a_keyboard_to_share_too(context: BrowserContext, page: Page) -> None:
    open_display_page(page, f"/display/{ALONE}")
    expect(page.locator("#writer")).to_have_text("You have the keyboard.")
    other = context.new_page()
    open_display_page(other, f"/display/{ALONE}")
    expect(other.locator("#writer")).to_contain_text("You are watching.")
    page.get_by_role("button", name="Release keyboard").click()
    other.get_by_role("button", name="Ask for keyboard").click()
    expect(other.locator("#writer")).to_have_text("You have the keyboard.")
    page.goto(f"/console/{ALONE}")
    expect(page.locator("#state-words")).to_contain_text("this server has no serial console here")


def test_display_and_console_have_one_keyboard(context: BrowserContext, page: Page, path: WholePath) -> None:
    open_console(page, f"/console/{VIRTUAL}")
    expect(page.locator("#writer")).to_have_text("You have the keyboard.")
    screen = context.new_page()
    open_display_page(screen, f"/display/{VIRTUAL}")
    expect(screen.locator("#writer")).to_contain_text("You are watching.")
    screen.keyboard.type("x")
    expect(screen.locator("#facts")).to_have_text("Somebody else has the keyboard: nothing was sent.")
    screen.get_by_role("button", name="Ask for keyboard").click()
    page.get_by_role("button", name="Give now").click()
    expect(screen.locator("#writer")).to_have_text("You have the keyboard.")
    screen.locator("#screen").focus()
    expect(screen.locator("#capture")).to_be_visible()
    type_there(screen, path, "asked")


def test_the_display_survives_a_restart_of_the_gateway(page: Page, path: WholePath) -> None:
    open_to_type_at(page, VIRTUAL)
    path.restart("gateway")
    expect(page.locator("#age")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#capture")).to_be_visible(timeout=PATIENCE_MS)
    wait_for_state(page, "live")
    type_there(page, path, "again")
