"""Displays of QEMU, TigerVNC and x11vnc, looked at and typed on."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
from PIL import Image

from conduit.rfb.display import open_display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.hub import open_hub
from conduit.rfb.keyboards import layout_named, text_moves
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.recording import Kind, Recording
from tests.interop.rfb_peers import Desktop, Machine, running_qemu, running_x11vnc, running_xvnc

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

LOSSLESS = (Encoding.RAW, Encoding.RRE, Encoding.HEXTILE, Encoding.ZLIB, Encoding.TIGHT, Encoding.ZRLE)
PLACE = Area(30, 20, 256, 200)


def painting() -> bytes:
    """Few colours and many, areas and single pixels."""
    rows = []
    for y in range(PLACE.height):
        for x in range(PLACE.width):
            if x < 64:
                colour = (200, 100, 50)
            elif x < 128:
                colour = ((255, 255, 255), (0, 0, 0))[x // 3 + y // 5 & 1]
            elif x < 192:
                colour = (x // 8 * 8, y // 32 * 32, 0)
            else:
                colour = (x, y, x * y % 256)
            rows.append(bytes((*colour, 0)))
    return b"".join(rows)


PAINTING = painting()
PATIENCE = 20.0  # seconds until a server has looked at its screen


@pytest.fixture(scope="module")
def machine(peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running_qemu(peer("qemu-system-x86_64"), tmp_path_factory.mktemp("qemu")) as running:
        yield running


@pytest.fixture(scope="module", params=["Xvnc", "x11vnc"])
def desktop(
    request: pytest.FixtureRequest, peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desktop]:
    folder = tmp_path_factory.mktemp("desktop")
    opened = (
        running_xvnc(peer("Xvnc"), folder, "-SecurityTypes", "None")
        if request.param == "Xvnc"
        else running_x11vnc(peer("x11vnc"), peer("Xvfb"), folder)
    )
    with opened as running, running.connect() as client:
        client.draw(*PLACE, PAINTING)
        yield running


async def look(address: str, encoding: Encoding) -> Framebuffer:
    async with open_display(address, encodings=[encoding]) as display:
        picture = await display.refresh()
        return picture.snapshot()


async def look_at_painting(address: str, encoding: Encoding) -> Framebuffer:
    """The same once the painting is there: x11vnc looks now and then for what has changed."""
    picture = await look(address, encoding)
    with trio.move_on_after(PATIENCE):
        while picture.crop(PLACE) != PAINTING:
            await trio.sleep(0.1)
            picture = await look(address, encoding)
    return picture


async def screenshot(address: str, path: Path) -> tuple[int, int, bytes]:
    """What ``conduit rfb HOST:PORT screenshot -o FILE`` wrote: width, height, and pixels as BGRX."""
    await trio.run_process([sys.executable, "-m", "conduit", "rfb", address, "screenshot", "-o", str(path)])
    with Image.open(path) as image:
        return image.width, image.height, image.convert("RGB").tobytes("raw", "BGRX")


# --- QEMU ---


@pytest.mark.parametrize("encoding", LOSSLESS)
async def test_qemus_picture_is_the_one_that_its_guest_has_painted(machine: Machine, encoding: Encoding) -> None:
    picture = await look(machine.server.address, encoding)
    scale = picture.width // 320
    assert (picture.width, picture.height) == (320 * scale, 200 * scale)
    colours = [picture.crop(Area(x * scale, 0, 1, 1)).hex() for x in range(16)]
    assert colours[:5] + colours[15:] == ["00000000", "a8000000", "00a80000", "a8a80000", "0000a800", "ffffff00"]
    assert picture.crop(Area(0, 0, 60 * scale, 1)) == picture.crop(Area(256 * scale, 0, 60 * scale, 1))
    assert picture == await look(machine.server.address, Encoding.RAW)


async def test_what_is_typed_arrives_in_qemus_guest(machine: Machine) -> None:
    text = "Hello, World! {$5 ~ #7} <a|b> \"q\" 'x' \\ ^_^ @%&*()+=[]:;?/`\n"
    async with open_display(machine.server.address) as display:
        await display.type_text(text)
        arrived = await trio.to_thread.run_sync(machine.read_serial, b"\r")
    assert arrived == text.encode().replace(b"\n", b"\r")


async def test_keys_arrive_in_qemus_guest(machine: Machine) -> None:
    async with open_display(machine.server.address) as display:
        await display.press_each(["ctrl+c", "escape", "backspace", "z", "enter"])
        arrived = await trio.to_thread.run_sync(machine.read_serial, b"\r")
    assert arrived == b"\x03\x1b\x08z\r"


async def test_the_command_takes_a_picture_of_qemu(machine: Machine, tmp_path: Path) -> None:
    taken = await screenshot(machine.server.address, tmp_path / "x.png")
    picture = await look(machine.server.address, Encoding.RAW)
    assert taken == (picture.width, picture.height, bytes(picture.pixels))


async def test_a_hub_records_what_qemu_shows(machine: Machine) -> None:
    file = io.BytesIO()
    async with open_hub(machine.server.address) as hub, hub.record(file, with_input=True):
        await hub.type_moves(text_moves("r", layout_named("us"), scan_codes=hub.takes_scan_codes))
        await trio.to_thread.run_sync(machine.read_serial, b"r")
        await trio.sleep(1)  # the guest draws it
    recording = Recording(file)
    assert recording.frame_at(recording.duration) == await look(machine.server.address, Encoding.RAW)
    assert len(recording.segments) == 1, "QEMU repeats its size, which is no other"
    assert sum(record.kind == Kind.CLIENT for record in recording.records()) == 2


# --- X ---


@pytest.mark.parametrize("encoding", LOSSLESS)
async def test_a_desktops_picture_is_the_one_that_was_drawn(desktop: Desktop, encoding: Encoding) -> None:
    picture = await look_at_painting(desktop.server.address, encoding)
    assert (picture.width, picture.height) == (800, 600)
    assert picture.crop(PLACE) == PAINTING


async def test_the_command_takes_a_picture_of_a_desktop(desktop: Desktop, tmp_path: Path) -> None:
    await look_at_painting(desktop.server.address, Encoding.RAW)
    width, height, pixels = await screenshot(desktop.server.address, tmp_path / "x.png")
    assert (width, height) == (800, 600)
    assert Framebuffer(width, height, pixels).crop(PLACE) == PAINTING


async def test_jpeg_looks_like_what_was_drawn(desktop: Desktop) -> None:
    encodings = [Encoding.TIGHT, Encoding.QUALITY_9]
    async with open_display(desktop.server.address, encodings=encodings) as display:
        seen = (await display.refresh()).crop(PLACE)
    assert seen != PAINTING  # so it was JPEG
    assert sum(abs(one - other) for one, other in zip(seen, PAINTING, strict=True)) / len(PAINTING) < 12


async def test_what_changes_is_told_and_recorded(desktop: Desktop, tmp_path: Path) -> None:
    place = Area(400, 400, 40, 30)
    red = bytes((0, 0, 255, 0)) * place.size
    file = tmp_path / "session"
    with desktop.connect() as client, file.open("wb") as opened:
        client.draw(*place, bytes(len(red)))
        async with open_display(desktop.server.address) as display:
            await display.refresh()
            async with display.record(opened):
                await trio.to_thread.run_sync(client.draw, *place, red)
                with trio.fail_after(20):
                    while display.framebuffer.crop(place) != red:
                        await display.wait_for_change(patience=20)
    with file.open("rb") as opened_again:
        recording = Recording(opened_again)
        assert recording.frame_at(0.0).crop(place) == bytes(len(red))
        last = list(recording.frames())[-1]
        assert last.picture.crop(place) == red
        assert last.picture.crop(PLACE) == PAINTING


async def test_what_is_typed_arrives_in_a_client_of_x(desktop: Desktop) -> None:
    with desktop.connect() as client:
        client.listen()
        async with open_display(desktop.server.address) as display:
            await display.type_text("aB$/")
            keysyms = [await trio.to_thread.run_sync(client.next_keysym) for _ in range(6)]
    assert [keysym for keysym in keysyms if keysym < 0xFF00] == list(b"aB$/")


async def test_the_pointer_is_where_it_was_moved(desktop: Desktop) -> None:
    with desktop.connect() as client:
        async with open_display(desktop.server.address) as display:
            for place in ((123, 45), (790, 590)):
                await display.move(*place)
                with trio.fail_after(10):
                    while client.pointer() != place:  # noqa: ASYNC110 - X tells nobody
                        await trio.sleep(0.02)


def test_the_painting_has_all_its_kinds() -> None:
    pixels = set(struct.unpack(f"<{PLACE.size}I", PAINTING))
    assert len(pixels) > 256
