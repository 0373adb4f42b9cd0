"""What a viewer that is alone costs a hub: the display's own bytes passed on, beside decoding and encoding them.

    python -m bench.lone_viewer [--reps 3] [--seconds 6]

The display, the hub and the viewer are processes of their own; figures are the hub's processor time by /proc. The
viewer asks for the next update when it has one and draws nothing, so that it is never what the others wait for. The
display draws a new picture thirty times a second: a terminal that scrolls, or a wide picture that moves as a whole. It
encodes while we measure, so on a machine with two cores it may be the display that keeps the rate down: compare the
processor time of an update.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import trio

from bench.run import ROOT, environment
from conduit._trio import open_background_nursery
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience, Source
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.hub import open_hub
from conduit.rfb.login import LoginOptions, open_connection
from conduit.rfb.messages import Area, FramebufferUpdateRequest, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server import RfbServer
from conduit.rfb.server_filter import ServerFilter
from conduit.rfb.text_display import TextDisplay

HOST: Final = "127.0.0.1"
FRAME: Final = 1 / 30  # seconds
WIDTH, HEIGHT = 1024, 768
CHUNK: Final = 1 << 18  # bytes
ENCODINGS: Final = {"tight": Encoding.TIGHT, "zrle": Encoding.ZRLE, "hextile": Encoding.HEXTILE, "raw": Encoding.RAW}


class Moving:
    """A picture of 256 colours that moves to the left."""

    name = "moving"

    def __init__(self) -> None:
        row = b"".join(bytes((at & 255, (at * 3) & 255, (at >> 2) & 255, 0)) for at in range(2 * WIDTH))
        self._rows = [row[4 * (y // 8) : 4 * (y // 8 + WIDTH)] for y in range(HEIGHT)]
        self.picture = Framebuffer(WIDTH, HEIGHT)
        self._has_moved = False

    def step(self) -> None:
        self._rows = [row[64:] + row[:64] for row in self._rows]
        self._has_moved = True

    def refresh(self) -> list[Area]:
        moved, self._has_moved = self._has_moved, False
        if moved:
            self.picture.blit(self.picture.whole, b"".join(self._rows))
        return [self.picture.whole] if moved else []


class Scrolling(TextDisplay):
    """A terminal that writes three lines at a time."""

    count = 0

    def step(self) -> None:
        for _ in range(3):
            self.count += 1
            self.receive(
                b"[%8.3f] \x1b[32mdevice %d\x1b[0m: probed, %d\r\n" % (self.count / 7, self.count, self.count % 97)
            )


SCREENS: Final = {"scrolling": Scrolling, "moving": Moving}


# --- the processes ---


async def show(name: str) -> None:
    """The display; its port on standard output."""
    screen = SCREENS[name]()
    source: Source = screen
    server = RfbServer(Audience(source))
    async with open_background_nursery() as nursery:
        print(await nursery.start(server.serve, HOST, 0), flush=True)
        while True:
            screen.step()
            server.stir()
            await trio.sleep(FRAME)


async def share(port: int, passes: bool) -> None:
    """The hub; its port on standard output."""
    async with open_hub(DisplayAddress(HOST, port), passes=passes) as hub, open_background_nursery() as nursery:
        print(await nursery.start(hub.server.serve, HOST, 0), flush=True)
        await trio.sleep_forever()


async def look(port: int, encoding: Encoding, seconds: float, hub: int) -> Figures:
    """The viewer."""
    async with open_connection(DisplayAddress(HOST, port), LoginOptions()) as connection:
        stream, init = connection.stream, connection.init
        whole = Area(0, 0, init.width, init.height)
        wishes = SetEncodings((encoding, Encoding.RAW, Encoding.LAST_RECT))
        request = FramebufferUpdateRequest(whole).encode()
        await stream.send_all(SetPixelFormat(PixelFormat.BGRX).encode() + wishes.encode() + request)
        walker, size = ServerFilter(0, lambda: PixelFormat.BGRX), 0
        started, cpu, updates = trio.current_time() + 1.0, 0.0, 0  # the first second does not count
        while trio.current_time() < started + seconds:
            data = await stream.receive_some(CHUNK)
            before = walker.updates
            walker.walk(data)
            await stream.send_all(request * (walker.updates - before))
            if trio.current_time() < started or not cpu:
                cpu, updates, size = cpu_of(hub), walker.updates, 0
            size += len(data)
        count = walker.updates - updates
        return Figures(count / seconds, (cpu_of(hub) - cpu) / count * 1e3, size / count / 1e3)


class Figures(NamedTuple):
    """Of one run."""

    rate: float
    "Updates a second."
    cost: float
    "Milliseconds of the hub's processor for each."
    size: float
    "Kilobytes of each, as the viewer got it."


def cpu_of(process: int) -> float:
    """Seconds of user and system time."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(*words: str) -> Iterator[tuple[int, int]]:
    """One of them; its process and its port."""
    command = [sys.executable, "-m", "bench.lone_viewer", *words]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.terminate()


def measure(screen: str, encoding: Encoding, passes: bool, seconds: float) -> Figures:
    """One run."""
    with running("show", screen) as (_, port), running("share", str(port), str(int(passes))) as (hub, hub_port):
        return trio.run(partial(look, hub_port, encoding, seconds, hub))


def main(arguments: list[str]) -> int:
    """The table."""
    if arguments[:1] == ["show"]:
        trio.run(show, arguments[1])
    elif arguments[:1] == ["share"]:
        trio.run(share, int(arguments[1]), arguments[2] == "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args(arguments)
    print("| screen | encoding | passed on: ms CPU an update (updates/s, kB) | decoded: ms CPU (updates/s, kB) | x |")
    print("|---|---|---|---|---|")
    for screen in SCREENS:
        for name, encoding in ENCODINGS.items():
            runs: dict[bool, list[Figures]] = {True: [], False: []}
            for _ in range(given.reps):
                for passes, figures in runs.items():
                    figures.append(measure(screen, encoding, passes, given.seconds))
            middle = {
                passes: Figures(*map(statistics.median, zip(*each, strict=True))) for passes, each in runs.items()
            }
            cells = [f"{each.cost:.2f} ({each.rate:.0f}, {each.size:.1f})" for each in middle.values()]
            ratio = middle[False].cost / middle[True].cost if middle[True].cost else float("inf")
            print(f"| {screen} | {name} | {' | '.join(cells)} | {ratio:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
