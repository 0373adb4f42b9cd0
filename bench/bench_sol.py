"""Serial over LAN on our own virtual BMC, next to what bare Trio makes of one datagram there and back.

    python -m bench.bench_sol [--repetitions 5] [--megabytes 2]

The BMC and the echo run in a process of their own. The floor is a connected socket that sends 320 bytes, about what a
SOL packet with 255 characters has, waits with Trio until it is readable, and reads the echo. Its round trip bounds a
protocol with one packet on the way: 255 characters in each. All rows are measured in turn, several times; each ratio is
made within one repetition, and the range of the ratios is printed.

The BMC is Python too, and so is half of every figure here but the floor, whose echo costs little.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import socket  # noqa: TID251 - the floor is no slower than it must be
import statistics
import time
from multiprocessing.connection import Connection as Pipe
from typing import Final

import trio

from conduit.ipmi import open_bmc
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.serve import ServedBmc, serve
from conduit.ipmi.console import Console

HOST: Final = "127.0.0.1"
FLOOR_BYTES: Final = 320
CHARACTERS: Final = 255
EXCHANGES: Final = 3000
ECHOES: Final = 1000
LIMIT: Final = 60.0  # seconds for one row
SOURCE: Final = b"\x01"  # typed: a burst of as many bytes as the rest says
ECHO: Final = b"\x02"  # typed: the same comes back


class Machine:
    """What is behind the serial port: it echoes, or sends as much as it was asked for."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port
        self._owed = 0
        port.wake_host = self.look

    def look(self) -> None:
        """Read what was typed, write what is owed."""
        while data := self._port.host_read(4096):
            if data[:1] == SOURCE:
                self._owed = int.from_bytes(data[1:9], "big")
            elif data[:1] == ECHO:
                self._port.host_write(data)
        while self._owed and (accepted := self._port.host_write(bytes(min(self._owed, 1 << 14)))):
            self._owed -= accepted


async def serve_all(pipe: Pipe) -> None:
    """The BMC and the floor's echo, until the parent has gone."""
    users = (UserConfig(name=b"admin", password=b"secret"),)
    bmc = VirtualBmc(BmcConfig(users=users), entropy=secrets.token_bytes)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind((HOST, 0))
        echo.setblocking(False)
        async with trio.open_nursery() as nursery:
            served: ServedBmc = await nursery.start(serve, bmc, HOST, 0)
            Machine(bmc.state.sol.port)
            pipe.send((served.port, echo.getsockname()[1]))
            nursery.start_soon(answer, echo)
            while not await trio.to_thread.run_sync(pipe.poll, 1.0):
                pass
            nursery.cancel_scope.cancel()


async def answer(echo: socket.socket) -> None:
    """Send every datagram back."""
    while True:
        await trio.lowlevel.wait_readable(echo)
        data, address = echo.recvfrom(4096)
        echo.sendto(data, address)


def server(pipe: Pipe) -> None:
    """The other process."""
    trio.run(serve_all, pipe)


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
    """Bytes a second that the machine's output comes in with."""
    await console.send_all(SOURCE + size.to_bytes(8, "big"))
    began, seen = time.perf_counter(), 0
    while seen < size:
        seen += len(await console.receive_some())
    return size / (time.perf_counter() - began)


async def to_machine(console: Console, size: int) -> float:
    """Bytes a second that the machine takes."""
    began = time.perf_counter()
    await console.send_all(bytes(size))
    return size / (time.perf_counter() - began)


async def echoes(console: Console) -> float:
    """Median seconds until eight characters are back."""
    taken = []
    for _ in range(ECHOES):
        began, seen = time.perf_counter(), 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.send_all, ECHO + bytes(7))
            while seen < 8:
                seen += len(await console.receive_some())
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def measure(bmc_port: int, echo_port: int, repetitions: int, size: int) -> list[tuple[float, ...]]:
    """One row of figures for each repetition."""
    rows: list[tuple[float, ...]] = []
    async with (
        open_bmc(HOST, port=bmc_port, username="admin", password="secret", cipher_suite=3) as bmc,
        bmc.console() as console,
    ):
        for _ in range(repetitions):
            with trio.fail_after(LIMIT):
                rows.append(
                    (
                        await floor(echo_port),
                        await from_machine(console, size),
                        await to_machine(console, size),
                        await echoes(console),
                    )
                )
    return rows


def report(rows: list[tuple[float, ...]]) -> None:
    """Print figures, and ratios within each repetition."""
    best = min(row[0] for row in rows)
    print(f"bare Trio, {FLOOR_BYTES} B there and back: {best * 1e6:.1f} us, so {CHARACTERS / best / 1e6:.2f} MB/s")
    for name, place in (("from the machine", 1), ("to the machine", 2)):
        shares = sorted(row[place] * row[0] / CHARACTERS for row in rows)
        fastest = max(row[place] for row in rows)
        print(f"{name}: {fastest / 1e6:.2f} MB/s, {shares[-1]:.2f} of that [{shares[0]:.2f} to {shares[-1]:.2f}]")
    times = sorted(row[3] / row[0] for row in rows)
    print(f"echo p50: {min(row[3] for row in rows) * 1e6:.0f} us, {times[0]:.1f} round trips [to {times[-1]:.1f}]")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="serial over LAN against bare Trio")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=2)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=server, args=(theirs,), daemon=True)
    process.start()
    try:
        bmc_port, echo_port = ours.recv()
        report(trio.run(measure, bmc_port, echo_port, options.repetitions, options.megabytes << 20))
    finally:
        ours.send("enough")
        process.join(5)


if __name__ == "__main__":
    main()
