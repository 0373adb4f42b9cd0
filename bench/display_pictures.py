"""A boot screen of 1024x768 that scrolls, decoded from one encoding and encoded in another, as a hub does it.

    python -m bench.display_pictures ours|xvnc --folder F

Without connections: what a server sends goes into a Mirror, and what one viewer of its Audience gets comes out. The
server's bytes are made before the clock runs, by our own encoders, or by TigerVNC's Xvnc on whose root window each
picture is drawn.
"""

from __future__ import annotations

import argparse
import json
import random  # noqa: TID251  # which lines scroll by is no secret
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import trio

from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.login import LoginOptions, open_connection
from conduit.rfb.messages import Area, FramebufferUpdateRequest, SetEncodings, SetPixelFormat
from conduit.rfb.mirror import Mirror
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.server_messages import ServerMessageReader
from conduit.rfb.textscreen import Picture, Terminal
from tests.interop.rfb_peers import running_xvnc
from tests.interop.x11 import XClient

COLUMNS: Final = 128  # of eight pixels
ROWS: Final = 48  # of sixteen
UPDATES: Final = 20
ENCODINGS: Final = (Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT)
PATIENCE: Final = 30.0  # seconds for a picture
CHUNK: Final = 256 << 10  # bytes received at once
WHOLE: Final = Area(0, 0, COLUMNS * 8, ROWS * 16)
ASK: Final = FramebufferUpdateRequest(WHOLE).encode()
WORDS: Final = (
    "pci 0000:00:1f.2: reg 0x{0:02x}: [mem 0x{1:08x}-0x{1:08x} 64bit pref]",
    "ACPI: PRMT 0x00000000{1:08X} {0:06X} (v01 BOCHS  BXPC {0:08X})",
    "usb {0}-1: new high-speed USB device number {0} using xhci_hcd",
    "systemd[1]: Mounted /sys/kernel/debug - Kernel Debug File System {1:x}.",
    "EXT4-fs (sda{0}): mounted filesystem {1:08x} with ordered data mode. Quota mode: none.",
)


def boot_lines() -> bytes:
    """A few lines of a boot, of which each is another."""
    text = ""
    for _ in range(random.randint(1, 3)):
        number, large = random.randrange(256), random.randrange(1 << 32)
        line = random.choice(WORDS).format(number, large)
        stamp = f"\x1b[32m[{random.random() * 10:12.6f}]\x1b[0m "
        text += random.choice((stamp, "[\x1b[1;32m  OK  \x1b[0m] ")) + line + "\r\n"
    return text.encode()


def boot() -> list[Framebuffer]:
    """A full screen, which scrolls on."""
    random.seed(6)
    terminal = Terminal(COLUMNS, ROWS)
    drawing, shown = Picture(terminal), []
    for _ in range(ROWS):
        terminal.receive(boot_lines())
    for _ in range(UPDATES + 1):
        picture = Framebuffer(drawing.width, drawing.height)
        for y, pixels in drawing.redraw().items():
            picture.blit(Area(0, y, picture.width, len(pixels) // picture.width // 4), pixels)
        shown.append(picture)
        terminal.receive(boot_lines())
    return shown


def by_us(pictures: Sequence[Framebuffer], encoding: int) -> list[bytes]:
    """A whole update of each."""
    encoder = UpdateEncoder()
    encoder.set_encodings([encoding])
    return [encoder.encode(picture, [picture.whole]) for picture in pictures]


async def by_xvnc(pictures: Sequence[Framebuffer], encoding: int, x: XClient, port: int) -> list[bytes]:
    """What Xvnc sends until each is there."""
    sent = []
    async with open_connection(DisplayAddress.parse(f"127.0.0.1:{port}"), LoginOptions()) as connection:
        stream = connection.stream
        await stream.send_all(SetPixelFormat(PixelFormat.BGRX).encode() + SetEncodings((encoding,)).encode())
        await stream.send_all(FramebufferUpdateRequest(WHOLE, incremental=False).encode())
        reader = ServerMessageReader(Framebuffer(connection.init.width, connection.init.height))
        for picture in pictures:
            await trio.to_thread.run_sync(x.draw, 0, 0, picture.width, picture.height, bytes(picture.pixels))
            data = b""
            with trio.fail_after(PATIENCE):
                while reader.picture != picture:
                    received = await stream.receive_some(CHUNK)
                    data += received
                    if reader.receive_data(received):
                        await stream.send_all(ASK)
            sent.append(data)
    return sent


def relay(sent: Sequence[bytes], pictures: Sequence[Framebuffer], encoding: int) -> list[float]:
    """Seconds of processor time for each update; the viewer sees what was drawn."""
    mirror = Mirror(ServerInit(WHOLE.width, WHOLE.height, PixelFormat.BGRX, "bench"))
    mirror.is_watched = True
    audience = Audience(mirror)
    viewer = audience.attach(0.0)
    audience.receive(viewer, SetEncodings((encoding,)).encode())
    screen = ServerMessageReader(Framebuffer(WHOLE.width, WHOLE.height))
    taken = []
    for number, (data, picture) in enumerate(zip(sent, pictures, strict=True)):
        began = time.process_time()
        mirror.receive_data(data)
        audience.receive(viewer, ASK)
        encoded = b"".join(iter(partial(audience.data_to_send, viewer, float(number)), b""))
        taken.append(time.process_time() - began)
        screen.receive_data(encoded)
        if screen.picture != picture:
            raise RuntimeError("the viewer does not see what was drawn")
    return taken[1:]


async def measure(source: str, folder: Path) -> dict[str, float]:
    """Every encoding in every other one."""
    pictures = boot()
    sent: dict[Encoding, list[bytes]] = {}
    if source == "ours":
        sent = {encoding: by_us(pictures, encoding) for encoding in ENCODINGS}
    else:
        program = shutil.which("Xvnc")
        if program is None:
            raise RuntimeError("Xvnc is not installed")
        size = f"{WHOLE.width}x{WHOLE.height}"
        options = ("-SecurityTypes", "None", "-geometry", size)
        with running_xvnc(Path(program), folder, *options) as desktop, desktop.connect() as x:
            for encoding in ENCODINGS:
                sent[encoding] = await by_xvnc(pictures, encoding, x, desktop.server.port)
    figures: dict[str, float] = {}
    for came in ENCODINGS:
        for goes in ENCODINGS:
            taken = relay(sent[came], pictures, goes)
            figures[f"{came.name} to {goes.name} ms"] = sum(taken) / len(taken) * 1e3
    slowest = max(figures.values())
    return {"updates/s": 1e3 / slowest, **figures}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", choices=["ours", "xvnc"])
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        figures = trio.run(measure, options.source, Path(name))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
