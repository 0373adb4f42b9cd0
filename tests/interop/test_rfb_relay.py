"""Through our relay: viewers see what the server shows, without its password; who may only look types on nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import trio
from PIL import Image, ImageChops

from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import LoginOptions, open_connection
from conduit.rfb.messages import (
    Area,
    AudioRequest,
    CutText,
    ExtendedKeyEvent,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetEncodings,
)
from conduit.rfb.names import Encoding
from conduit.rfb.security import Credentials, LoginRules
from tests.interop.displays import HOST, PASSWORD, Display, Displays, FindPeer, open_displays

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

LIMIT: Final = 20.0  # seconds; QEMU may run without KVM
SHOT_PATIENCE: Final = 30.0  # seconds
PICTURE: Final = "What a viewer sees\nis what the server shows."
RETURN: Final = 0xFF0D  # keysym
KEYS: Final = b"abc"  # typed by whoever may not
SENTINEL: Final = b"z"  # typed by whoever may, afterwards

# A boot sector: writes ">" to COM1 (3F8h), then each key that is pressed (BIOS, interrupt 16h).
KEY_TELLER: Final = bytes.fromhex("BAF803 B03E EE B400 CD16 BAF803 EE EBF6").ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture(scope="module")
def displays(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Displays]:
    with open_displays(peer, tmp_path_factory.mktemp("displays")) as running:
        yield running


def relay(displays: Displays, target: str, *words: str) -> Display:
    """Our own command before *target*."""
    log, process = displays.conduit("rfb", target, "--password-file", password_file(displays), "relay",
                                    "--listen", f"{HOST}:0", *words)  # fmt: skip
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"ready [\d.]+:(\d+)", log.read_text()):
            return Display(int(found[1]))
        time.sleep(0.05)  # noqa: TID251  # a process has no event
    raise AssertionError(log.read_text())


def password_file(displays: Displays) -> Path:
    path = displays.folder / "password"
    path.write_text(PASSWORD)
    return path


def capture(port: int, path: Path, *words: str) -> Image.Image:
    """What vncdotool sees."""
    tool = Path(sys.executable).with_name("vncdo")
    command = [str(tool), "-s", f"{HOST}::{port}", *words, "capture", str(path)]
    subprocess.run(command, check=True, timeout=SHOT_PATIENCE, capture_output=True)
    with Image.open(path) as image:
        return image.convert("RGB")


def is_same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


def contains(screen: Image.Image, picture: Image.Image) -> bool:
    """Whether all rows of *picture*, which has not one colour, are somewhere in *screen*."""
    width, height = picture.size
    row = 3 * width
    rows = [picture.tobytes()[at : at + row] for at in range(0, row * height, row)]
    whole = screen.tobytes()
    wide = 3 * screen.size[0]
    first = whole.find(rows[0])
    while first >= 0:
        if all(whole[first + wide * at :].startswith(each) for at, each in enumerate(rows)):
            return True
        first = whole.find(rows[0], first + 1)
    return False


@pytest.fixture(scope="module")
def desktop(displays: Displays) -> Display:
    """An X server with a password and a picture."""
    display = displays.xvnc("VncAuth", "-AlwaysShared")
    displays.x_client(
        display.x, "xmessage", "-geometry", "360x200+20+20", "What a viewer sees\nis what the server shows."
    )
    return display


async def test_vncdotool_sees_through_the_relay_what_it_sees_without(
    displays: Displays, desktop: Display, tmp_path: Path
) -> None:
    relayed = relay(displays, f"{HOST}:{desktop.port}")
    direct = await wait_for_picture(desktop, tmp_path)
    assert is_same(capture(relayed.port, tmp_path / "relayed.png"), direct)


async def wait_for_picture(desktop: Display, folder: Path) -> Image.Image:
    with trio.fail_after(LIMIT):
        while True:
            picture = capture(desktop.port, folder / "direct.png", "-p", PASSWORD)
            if len(picture.getcolors() or range(99)) > 2:
                return picture
            await trio.sleep(0.1)


@pytest.mark.parametrize("view_only", [False, True])
async def test_tigervncs_viewer_shows_the_picture_without_a_password(
    displays: Displays, desktop: Display, tmp_path: Path, view_only: bool
) -> None:
    picture = await wait_for_picture(desktop, tmp_path)
    words = picture.crop((40, 40, 300, 120))  # no edges, and no pointer
    relayed = relay(displays, f"{HOST}:{desktop.port}", *(["--view-only"] if view_only else []))
    screen = displays.xvnc("None", "-AlwaysShared", "-geometry", "800x600")
    displays.x_client(screen.x, "xtigervncviewer", "-SecurityTypes=None", "-PreferredEncoding=Raw", "-AutoSelect=0",
                      "-LowColorLevel=2", "-FullColor=1", f"{HOST}::{relayed.port}")  # fmt: skip
    with trio.fail_after(LIMIT):
        while not contains(capture(screen.port, tmp_path / "screen.png"), words):  # noqa: ASYNC110 - nor has a screen
            await trio.sleep(0.2)


# --- what does not arrive ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def viewer(display: Display, password: str | None = None) -> AsyncIterator[trio.abc.Stream]:
    """A connection whose other end believes that we are any viewer."""
    login = LoginOptions(credentials=Credentials(password=password), rules=LoginRules())
    async with open_connection(DisplayAddress.parse(f"{HOST}:{display.port}"), login) as connection:
        await connection.stream.send_all(SetEncodings((Encoding.RAW, Encoding.QEMU_EXTENDED_KEY)).encode())
        yield connection.stream


def stroke(key: int) -> bytes:
    return KeyEvent(key, down=True).encode() + KeyEvent(key, down=False).encode()


def attacks() -> Iterator[bytes]:
    """Keys in every disguise that we know of."""
    strokes = b"".join(stroke(key) for key in KEYS)
    yield strokes
    yield b"".join(ExtendedKeyEvent(ord("a"), 0x1E, down=down).encode() for down in (True, False))
    yield PointerEvent(5, 5, 0x80).encode() + strokes  # a seventh byte, for who takes it for one
    yield CutText(strokes).encode() + CutText(strokes, extended=True).encode()
    yield FenceMessage(0, strokes[:48]).encode()  # for who knows no fences
    yield AudioRequest(0).encode()[:2] + bytes(2) + strokes  # for who knows QEMU's keys, and not its sound
    yield FramebufferUpdateRequest(Area(0, 0, 1, 1)).encode() + strokes


async def attack(display: Display) -> None:
    """Each on a connection of its own, in pieces and as a whole; some end it."""
    for data in attacks():
        for size in (1, 5, len(data)):
            async with viewer(display) as stream:
                try:
                    for at in range(0, len(data), size):
                        await stream.send_all(data[at : at + size])
                    await stream.send_all(FramebufferUpdateRequest(Area(0, 0, 8, 8), incremental=False).encode())
                    with trio.move_on_after(1.0):
                        await stream.receive_some()
                except trio.BrokenResourceError:
                    continue


async def wait_for(path: Path, words: bytes) -> bytes:
    with trio.fail_after(LIMIT):
        while words not in (said := path.read_bytes() if path.exists() else b""):  # noqa: ASYNC110, ASYNC240 - a file
            await trio.sleep(0.05)
    return said


async def test_who_may_only_look_types_nothing_on_a_machine(displays: Displays, tmp_path: Path) -> None:
    image, serial = tmp_path / "boot.img", tmp_path / "serial"
    image.write_bytes(KEY_TELLER + bytes((16 << 20) - 512))  # SeaBIOS reads nothing from less than a cylinder
    machine = displays.qemu("password-secret=password", "-drive", f"file={image},format=raw", serial=serial)
    await wait_for(serial, b">")
    target = f"{HOST}:{machine.port}"
    watching, typing = relay(displays, target, "--view-only"), relay(displays, target)
    await attack(watching)
    async with viewer(typing) as stream:
        await stream.send_all(stroke(SENTINEL[0]))
        said = await wait_for(serial, SENTINEL)
    assert said.partition(b">")[2] == SENTINEL
    async with viewer(typing) as stream:
        await stream.send_all(b"".join(stroke(key) for key in KEYS))
        assert (await wait_for(serial, KEYS)).endswith(SENTINEL + KEYS)  # the same keys, from who may


async def test_who_may_only_look_moves_clicks_and_types_nothing_on_a_desktop(displays: Displays) -> None:
    desktop = displays.xvnc("VncAuth", "-AlwaysShared")
    log = displays.x_client(desktop.x, "xev", "-geometry", "400x300+0+0", "-event", "keyboard", "-event", "button")
    target = f"{HOST}:{desktop.port}"
    watching, typing = relay(displays, target, "--view-only"), relay(displays, target)
    async with viewer(typing) as stream:  # until the window is there
        with trio.fail_after(LIMIT):
            while b"keysym 0x7a, z" not in log.read_bytes():
                await stream.send_all(PointerEvent(200, 150).encode() + stroke(SENTINEL[0]))
                await trio.sleep(0.1)
    before = len(log.read_bytes())
    await attack(watching)
    async with viewer(watching) as stream:
        await stream.send_all(PointerEvent(100, 100, 1).encode() + PointerEvent(100, 100).encode())
    async with viewer(typing) as stream:
        await stream.send_all(stroke(RETURN))
        await wait_for(log, b"keysym 0xff0d, Return")
    said = log.read_bytes()[before:].decode()
    assert set(re.findall(r"keysym 0x[0-9a-f]+, (\w+)", said)) == {"Return"}
    assert "ButtonPress" not in said
    async with viewer(typing) as stream:
        await stream.send_all(PointerEvent(100, 100, 1).encode() + PointerEvent(100, 100).encode())
        await wait_for(log, b"ButtonPress")
