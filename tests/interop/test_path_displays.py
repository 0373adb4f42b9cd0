"""Real screens and real viewers, with all of Conduit between them: the same dots, the keys of who may, no others."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Literal

import pytest
import trio
from PIL import Image
from protobuf import Oneof

from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.display import open_display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import CutText, KeyEvent, PointerEvent
from conduit.rfb.names import Encoding
from conduit.services.api.gateway.v1 import gateway_pb as pb
from tests.conftest import FindPeer
from tests.fakes.path import RunningPath, open_path
from tests.fakes.path_client import Customer, eventually
from tests.fakes.path_displays import configure_display, watching
from tests.fakes.path_tool import PathTool, log_in
from tests.interop.displays import HOST, PASSWORD, Displays, open_displays
from tests.interop.rfb_peers import Machine, running_qemu
from tests.interop.x11 import XClient

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.rfb]
PATIENCE: Final = 30.0  # seconds, on a busy machine
TEXT: Final = "Root 1!"


@pytest.fixture
def displays(peer: FindPeer, tmp_path: Path) -> Iterator[Displays]:
    with open_displays(peer, tmp_path) as opened:
        yield opened


@pytest.fixture
def machine(peer: FindPeer, tmp_path: Path) -> Iterator[Machine]:
    """It shows all colours, and writes to its serial port what is typed."""
    folder = tmp_path / "machine"
    folder.mkdir()
    with running_qemu(peer("qemu-system-x86_64"), folder) as running:
        yield running


@asynccontextmanager
async def path_to(folder: Path, port: int, password: str = "") -> AsyncIterator[tuple[RunningPath, PathTool]]:
    """Everything, with the display on *port* as ``web-01``'s, and its owner's command line."""
    async with open_path(folder / "path") as path:
        configure_display(path, "web-01", port, password)
        for service in (path.manager(), path.gateway(), path.agent()):
            await service.start()
        await eventually(partial(_has_way, path.customer()))
        yield path, await log_in(path.seed, folder / "home")


async def _has_way(customer: Customer) -> bool:
    await customer.power("web-01")
    return True


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110  # it is in other processes
            await trio.sleep(0.05)


async def vncdo(port: int, *words: str | Path) -> None:
    program = Path(sys.executable).with_name("vncdo")
    await trio.run_process([str(program), "-s", f"{HOST}::{port}", *map(str, words)], capture_stderr=True)


def is_same(image: Path, picture: Framebuffer) -> bool:
    with Image.open(image) as opened:
        return opened.convert("RGB").tobytes("raw", "BGRX") == bytes(picture.pixels)


async def test_vncdotool_sees_a_machine_of_qemu_and_types_at_it(machine: Machine, tmp_path: Path) -> None:
    async with (
        path_to(tmp_path, machine.server.port) as (_, tool),
        tool.listening("web-01") as listening,
        open_display(DisplayAddress(HOST, machine.server.port)) as direct,
    ):
        picture = await direct.refresh()
        shot, own = tmp_path / "shot.png", tmp_path / "own.png"
        await tool.done("server", "screenshot", "web-01", "-o", str(own))
        assert is_same(own, picture)
        await vncdo(await listening.port(), "capture", shot, "type", "root")
        assert is_same(shot, picture)
        assert await trio.to_thread.run_sync(machine.read_serial, b"t") == b"root"


async def test_who_may_only_look_types_nothing_at_a_machine_of_qemu(machine: Machine, tmp_path: Path) -> None:
    async with path_to(tmp_path, machine.server.port) as (path, tool):
        customer = path.customer()
        async with watching(customer, "web-01", read_only=True) as watcher:
            await watcher.press("zzz")
            await watcher.display.refresh()  # what came before has been looked at
            await tool.done("server", "type", "web-01", TEXT)
        assert await trio.to_thread.run_sync(machine.read_serial, b"!") == TEXT.encode()


async def test_the_first_keys_of_a_login_are_right_on_a_machine_that_goes_by_scan_codes(
    machine: Machine, tmp_path: Path
) -> None:
    async with path_to(tmp_path, machine.server.port) as (path, _):
        what: Oneof[Literal["text"], str] = Oneof("text", TEXT)
        request = pb.SendKeysRequest(server_id="web-01", what=what)
        answer = await path.customer().ask("SendKeys", request, pb.SendKeysResponse)
        assert answer.keys == len(TEXT)
        assert await trio.to_thread.run_sync(machine.read_serial, b"!") == TEXT.encode()


async def test_the_tigervnc_viewer_sees_a_desktop_and_types_at_it(displays: Displays, tmp_path: Path) -> None:
    desktop = displays.xvnc("VncAuth", "-AlwaysShared")
    looks_at = displays.xvnc("None", "-geometry", "400x300")
    with XClient(int(desktop.x.removeprefix(":"))) as client:
        client.draw(10, 10, 128, 64, bytes(range(256)) * 128)
        client.listen()
        async with (
            path_to(tmp_path, desktop.port, PASSWORD) as (path, tool),
            tool.listening("web-01") as listening,
            open_display(f"{HOST}:{desktop.port}", password=PASSWORD, encodings=[Encoding.ZRLE]) as direct,
            open_display(DisplayAddress(HOST, looks_at.port)) as seen,
        ):
            # The server draws the pointer into the picture of who does not say that it can.
            words = [
                "-SecurityTypes",
                "None",
                "-FullScreen",
                "-NoJPEG",
                "-AutoSelect=0",
                f"{HOST}::{await listening.port()}",
            ]
            displays.start("xtigervncviewer", *words, env=os.environ | {"DISPLAY": looks_at.x})
            await until(lambda: any(seen.framebuffer.pixels) and seen.framebuffer == direct.framebuffer)
            async with watching(path.customer(), "web-01", read_only=True) as watcher:
                for message in (KeyEvent(ord("x"), down=True), PointerEvent(5, 5, 1), CutText(b"paste")):
                    await watcher.display._send(message.encode())
                await watcher.press("zzz")
                await watcher.display.refresh()
                await seen.move(200, 150)
                await seen.type_text(TEXT)
                for expected in TEXT:
                    assert await trio.to_thread.run_sync(next_character, client) == expected


def next_character(client: XClient) -> str:
    """The next key that is one."""
    while (keysym := client.next_keysym()) > 0xFF:
        pass
    return chr(keysym)
