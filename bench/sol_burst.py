"""A burst over serial over LAN from `ipmi_sim`, to Conduit's console and to pyghmi's.

    python -m bench.sol_burst [--repetitions 7]

A machine behind the simulator's serial port writes 12,000 bytes at once when it is told to. The clients take turns,
each in a process of its own, with simulators of its own, as one drops output beyond 16,384 bytes: a first for a burst
that warms the process up, a second for the burst that counts. Timed is from the command to the last byte; all must be
the right ones. CPU is user and system time of the client's process in that time.

Each turn is made twice. First, the scheduler puts client and simulator where it likes. Where it likes differs from one
burst to the next, and a packet there and back wakes two sleepers, which costs more across two idle cores of a virtual
machine than all of Conduit's work on the packet. So the second time both have one core, the same for both clients.
"""

from __future__ import annotations

import argparse
import os
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

from bench.servers import PASSWORD, USERNAME, ServerError, simulators

COMMAND: Final = b"GO"
BURST: Final = b"".join(b"%07d\n" % number for number in range(1500))
LIMIT: Final = 30.0  # seconds for a client
CLIENTS: Final = ("conduit", "pyghmi")


class Taken(NamedTuple):
    """Seconds of one burst."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Taken:
        """The clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, began: Taken) -> Taken:
        """What has passed."""
        return Taken(self.wall - began.wall, self.cpu - began.cpu)


class Machine(socketserver.BaseRequestHandler):
    """What is behind the serial port."""

    def handle(self) -> None:
        """A burst for each command."""
        while data := self.request.recv(4096):
            if COMMAND in data:
                self.request.sendall(BURST)


@contextmanager
def machine() -> Iterator[str]:
    """Run a :class:`Machine`; the device that ipmi_sim finds it at."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Machine) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"tcp:127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def conduit_client(host: str, port: int) -> Taken:
    """What the burst takes."""
    import trio

    from conduit.ipmi import open_bmc

    async def receive() -> Taken:
        async with (
            open_bmc(host, port=port, username=USERNAME, password=PASSWORD, cipher_suite=3) as bmc,
            bmc.console() as console,
        ):
            seen = bytearray()
            began = Taken.now()
            await console.send_all(COMMAND)
            while len(seen) < len(BURST):
                seen += await console.receive_some()
            taken = Taken.now().since(began)
            check(seen)
            return taken

    return trio.run(receive)


def pyghmi_client(host: str, port: int) -> Taken:
    """What the burst takes."""
    from pyghmi.ipmi.console import Console

    seen = bytearray()

    def take(data: Any) -> None:  # Any: bytes, or a dictionary that tells of trouble
        if isinstance(data, dict):
            raise ServerError(f"pyghmi: {data}")
        seen.extend(data)

    console = Console(host, USERNAME, PASSWORD, take, port=port)
    while not console.connected:
        Console.wait_for_rsp(0.1)
    began = Taken.now()
    console.send_data(COMMAND)
    while len(seen) < len(BURST):
        Console.wait_for_rsp(0.1)
    taken = Taken.now().since(began)
    check(seen)
    console.close()
    return taken


def check(seen: bytearray) -> None:
    """:raises ServerError: it is not what the machine sent."""
    if seen != BURST:
        raise ServerError("the burst is not what the machine sent")


def measure(client: str, device: str) -> Taken:
    """One client, with simulators of its own."""
    with tempfile.TemporaryDirectory() as directory, simulators(2, Path(directory), sol=device) as hosts:
        words = ["--client", client, "--hosts", ",".join(hosts.addresses), "--port", str(hosts.port)]
        done = subprocess.run(
            [sys.executable, "-m", "bench.sol_burst", *words],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    if done.returncode:
        raise ServerError(f"{client} failed: {done.stderr}")
    wall, cpu = done.stdout.split()
    return Taken(float(wall), float(cpu))


@contextmanager
def one_core() -> Iterator[None]:
    """What is started herein shares one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def compare(repetitions: int) -> None:
    """Measure the clients in turn and print rates, and the ratios within each turn."""
    free: list[list[Taken]] = []
    pinned: list[list[Taken]] = []
    with machine() as device:
        for _ in range(repetitions):
            free.append([measure(client, device) for client in CLIENTS])
            with one_core():
                pinned.append([measure(client, device) for client in CLIENTS])
    report("where the scheduler likes", free)
    report("client and simulator on one core", pinned)


def report(where: str, turns: list[list[Taken]]) -> None:
    """Rates and CPU of each client, and the ratios within each turn."""
    sys.stdout.write(f"ipmi_sim, burst of {len(BURST)} bytes, {where}: {len(turns)} turns\n")
    for client, taken in zip(CLIENTS, zip(*turns, strict=True), strict=True):
        rates = spread(len(BURST) / one.wall / 1e6 for one in taken)
        sys.stdout.write(f"  {client}: {rates} MB/s, CPU {spread(one.cpu * 1e3 for one in taken)} ms\n")
    wall = spread(theirs.wall / ours.wall for ours, theirs in turns)
    cpu = spread(theirs.cpu / ours.cpu for ours, theirs in turns)
    sys.stdout.write(f"  conduit is {wall} times as fast, and takes a share of pyghmi's CPU of 1 / {cpu}\n")


def spread(values: Iterable[float]) -> str:
    """Median and range."""
    found = sorted(values)
    return f"{statistics.median(found):.2f} [{found[0]:.2f} to {found[-1]:.2f}]"


def main() -> None:
    """Compare, or be one of the clients."""
    parser = argparse.ArgumentParser(description="a burst over serial over LAN from ipmi_sim")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--hosts", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client is None:
        compare(options.repetitions)
        return
    client = conduit_client if options.client == "conduit" else pyghmi_client
    _, taken = (client(host, options.port) for host in options.hosts.split(","))
    sys.stdout.write(f"{taken.wall} {taken.cpu}\n")


if __name__ == "__main__":
    main()
