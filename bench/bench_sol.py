"""Serial over LAN, next to what bare Trio makes of one datagram there and back.

    python -m bench.bench_sol [--repetitions 5] [--megabytes 10] [--only responder|virtual|burst]

The floor is a connected socket that sends 320 bytes, about what a SOL packet with 255 characters has, waits with Trio
until it is readable, and reads the echo, which a C program sends. Its round trip bounds a protocol with one packet on
the way: 255 characters in each. The speed of a shared machine changes by two from one second to the next, so all rows
are measured in slices of a quarter second, and each ratio is made within a slice. Printed is the median of each
repetition's slices: the best of the repetitions, and their range.

At the other end is `responder.c`, so that the client is what is measured; then our own virtual BMC, which is Python, as
half of its figures are. What the machine sends is compared byte by byte, after the clock has stopped. Last comes a
burst from `ipmi_sim`, with pyghmi beside it: see `sol_burst.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import socket  # noqa: TID251 - the floor is no slower than it must be
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final, NamedTuple

import trio

from bench import sol_burst
from bench.servers import PASSWORD, USERNAME, compile_responder, responder
from conduit.ipmi import open_bmc
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.serve import ServedBmc, serve
from conduit.ipmi.console import Console

HOST: Final = "127.0.0.1"
FLOOR_BYTES: Final = 320
CHARACTERS: Final = 255
SLICES: Final = 20  # of a repetition
EXCHANGES: Final = 500  # of a slice, and so on
ECHOES: Final = 200
SOURCE_SLICE: Final = 400_000  # bytes
SINK_SLICE: Final = 100_000
LIMIT: Final = 60.0  # seconds for one row
SOURCE: Final = b"\x01"  # typed: a stream of as many bytes as the rest says
ECHO: Final = b"\x02"  # typed: the same comes back
PERIOD: Final = 65_521  # bytes after which the stream begins anew


def stream(size: int) -> bytes:
    """The first bytes of what a machine sends that was told :data:`SOURCE`; as `stream_fill` in responder.c."""
    state, period = 1, bytearray()
    for _ in range(PERIOD):
        state = (state * 1_103_515_245 + 12_345) & 0xFFFF_FFFF
        period.append(state >> 16 & 0xFF)
    return (bytes(period) * (size // PERIOD + 1))[:size]


class Figures(NamedTuple):
    """One slice: the rows and the floor, measured within a quarter of a second."""

    floor: float
    "Seconds of a round trip in bare Trio, median."
    source: float
    "Bytes a second from the machine."
    sink: float
    "Bytes a second to the machine."
    echo: float
    "Seconds until eight characters are back, median."

    def source_share(self) -> float:
        """Of what one packet of 255 characters in each of the floor's round trips makes."""
        return self.source * self.floor / CHARACTERS

    def sink_share(self) -> float:
        """The same the other way."""
        return self.sink * self.floor / CHARACTERS

    def echo_trips(self) -> float:
        """The floor's round trips in an echo."""
        return self.echo / self.floor


class Machine:
    """What is behind the virtual BMC's serial port: it echoes, or sends as much as it was asked for."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port
        self._owed = memoryview(b"")
        port.wake_host = self.look

    def look(self) -> None:
        """Read what was typed, write what is owed."""
        while data := self._port.host_read(4096):
            if data[:1] == SOURCE:
                self._owed = memoryview(stream(int.from_bytes(data[1:9], "big")))
            elif data[:1] == ECHO:
                self._port.host_write(data)
        while self._owed and (accepted := self._port.host_write(bytes(self._owed[: 1 << 14]))):
            self._owed = self._owed[accepted:]


async def serve_virtual(pipe: Pipe) -> None:
    """Our own BMC, until the parent has gone."""
    users = (UserConfig(name=USERNAME.encode(), password=PASSWORD.encode()),)
    bmc = VirtualBmc(BmcConfig(users=users), entropy=secrets.token_bytes)
    async with trio.open_nursery() as nursery:
        served: ServedBmc = await nursery.start(serve, bmc, HOST, 0)
        Machine(bmc.state.sol.port)
        pipe.send(served.port)
        while not await trio.to_thread.run_sync(pipe.poll, 1.0):
            pass
        nursery.cancel_scope.cancel()


def server(pipe: Pipe) -> None:
    """The other process."""
    trio.run(serve_virtual, pipe)


@contextmanager
def virtual() -> Iterator[int]:
    """Our own BMC in a process of its own; its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=server, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("enough")
        process.join(5)


async def floor(port: int) -> float:
    """Median seconds of one exchange."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, port))
        sock.setblocking(False)
        taken = []
        for _ in range(EXCHANGES):
            began = time.perf_counter()
            sock.send(bytes(FLOOR_BYTES))
            await trio.lowlevel.wait_readable(sock)
            sock.recv(4096)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def from_machine(console: Console, size: int) -> float:
    """Bytes a second that the machine's output comes in with; a wrong one is an error."""
    await console.send_all(SOURCE + size.to_bytes(8, "big"))
    pieces: list[bytes] = []
    began, seen = time.perf_counter(), 0
    while seen < size:
        piece = await console.receive_some()
        pieces.append(piece)
        seen += len(piece)
    taken = time.perf_counter() - began
    if b"".join(pieces) != stream(size):
        raise ValueError("the machine's output is not what it sent")
    return size / taken


async def to_machine(console: Console, size: int) -> float:
    """Bytes a second that the machine takes."""
    began = time.perf_counter()
    await console.send_all(bytes(size))
    return size / (time.perf_counter() - began)


async def echoes(console: Console) -> float:
    """Median seconds until eight characters are back, at a task that does nothing but read, as a terminal has one."""
    taken: list[float] = []
    typed = ECHO + b"7 bytes"
    async with trio.open_nursery() as nursery:
        keys, key_pressed = trio.open_memory_channel[None](1)
        nursery.start_soon(type_each, console, typed, key_pressed, taken)
        for _ in range(ECHOES):
            seen = b""
            keys.send_nowait(None)
            while len(seen) < len(typed):
                seen += await console.receive_some()
            taken[-1] += time.perf_counter()
            if seen != typed:
                raise ValueError("the echo is not what was typed")
        keys.close()
    return statistics.median(taken)


async def type_each(
    console: Console, typed: bytes, key_pressed: trio.MemoryReceiveChannel[None], taken: list[float]
) -> None:
    """Type at each press of a key, and note when it was, negated."""
    async for _ in key_pressed:
        taken.append(-time.perf_counter())
        await console.send_all(typed)


async def measure(bmc_port: int, echo_port: int, repetitions: int, size: int) -> tuple[list[list[Figures]], float]:
    """The slices of each repetition, and the rate of one long stream of *size* bytes."""
    async with (
        open_bmc(HOST, port=bmc_port, username=USERNAME, password=PASSWORD, cipher_suite=3) as bmc,
        bmc.console() as console,
    ):
        rows: list[list[Figures]] = []
        for _ in range(repetitions):
            with trio.fail_after(LIMIT):
                rows.append([await measure_slice(console, echo_port) for _ in range(SLICES)])
        with trio.fail_after(LIMIT):
            return rows, await from_machine(console, size)


async def measure_slice(console: Console, echo_port: int) -> Figures:
    """A little of everything."""
    return Figures(
        floor=await floor(echo_port),
        source=await from_machine(console, SOURCE_SLICE),
        sink=await to_machine(console, SINK_SLICE),
        echo=await echoes(console),
    )


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def spread(values: list[float], *, best: Callable[[list[float]], float]) -> str:
    """The best value and the range."""
    return f"{best(values):.2f} [{min(values):.2f} to {max(values):.2f}]"


def report(title: str, rows: list[list[Figures]], sustained: float, size: int) -> None:
    """Print figures, and ratios within each slice: the median of a repetition, the best and the range of those."""
    slices = [figures for row in rows for figures in row]

    def shares(ratio: Callable[[Figures], float]) -> list[float]:
        return [statistics.median(map(ratio, row)) for row in rows]

    floors = [figures.floor * 1e6 for figures in slices]
    say(f"{title}: {len(rows)} repetitions of {SLICES} slices")
    middle = statistics.median(floors)
    say(f"  bare Trio, {FLOOR_BYTES} B there and back: {middle:.0f} us [{min(floors):.0f} to {max(floors):.0f}]")
    source = statistics.median(figures.source for figures in slices) / 1e6
    sink = statistics.median(figures.sink for figures in slices) / 1e6
    echo = statistics.median(figures.echo for figures in slices) * 1e6
    say(f"  from the machine: {source:.2f} MB/s, {spread(shares(Figures.source_share), best=max)} of the floor")
    say(f"  to the machine: {sink:.2f} MB/s, {spread(shares(Figures.sink_share), best=max)} of the floor")
    say(f"  echo p50: {echo:.0f} us, {spread(shares(Figures.echo_trips), best=min)} round trips")
    say(f"  one stream of {size / 1e6:.1f} MB, bit by bit as sent: {sustained / 1e6:.2f} MB/s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="serial over LAN against bare Trio")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--only", choices=("responder", "virtual", "burst"))
    options = parser.parse_args()
    rows = {options.only} if options.only else {"responder", "virtual", "burst"}
    size = options.megabytes << 20
    with tempfile.TemporaryDirectory() as directory:
        program = compile_responder(Path(directory))
        with responder(program, echo=True) as echo_port:
            if "responder" in rows:
                with responder(program) as port:
                    report("responder.c", *trio.run(measure, port, echo_port, options.repetitions, size), size)
            if "virtual" in rows:
                with virtual() as port:
                    report("our virtual BMC", *trio.run(measure, port, echo_port, options.repetitions, size), size)
    if "burst" in rows:
        sol_burst.compare(options.repetitions)


if __name__ == "__main__":
    main()
