"""A burst over serial over LAN from `ipmi_sim`, to Conduit's console and to pyghmi's.

    python -m bench.sol_burst [--repetitions 7]

A machine behind the simulator's serial port writes 12,000 bytes at once when it is told to. The clients take turns,
each in a process of its own, with simulators of its own, as one drops output beyond 16,384 bytes: a first for a burst
that warms the process up, a second for the burst that counts. Timed is from the command to the last byte; all must be
the right ones.
"""

from __future__ import annotations

import argparse
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

from bench.servers import PASSWORD, USERNAME, ServerError, simulators

COMMAND: Final = b"GO"
BURST: Final = b"".join(b"%07d\n" % number for number in range(1500))
LIMIT: Final = 30.0  # seconds for a client
CLIENTS: Final = ("conduit", "pyghmi")


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


def conduit_client(host: str, port: int) -> float:
    """Seconds that the burst takes."""
    import trio

    from conduit.ipmi import open_bmc

    async def receive() -> float:
        async with (
            open_bmc(host, port=port, username=USERNAME, password=PASSWORD, cipher_suite=3) as bmc,
            bmc.console() as console,
        ):
            seen = bytearray()
            began = time.perf_counter()
            await console.send_all(COMMAND)
            while len(seen) < len(BURST):
                seen += await console.receive_some()
            taken = time.perf_counter() - began
            check(seen)
            return taken

    return trio.run(receive)


def pyghmi_client(host: str, port: int) -> float:
    """Seconds that the burst takes."""
    from pyghmi.ipmi.console import Console

    seen = bytearray()

    def take(data: Any) -> None:  # Any: bytes, or a dictionary that tells of trouble
        if isinstance(data, dict):
            raise ServerError(f"pyghmi: {data}")
        seen.extend(data)

    console = Console(host, USERNAME, PASSWORD, take, port=port)
    while not console.connected:
        Console.wait_for_rsp(0.1)
    began = time.perf_counter()
    console.send_data(COMMAND)
    while len(seen) < len(BURST):
        Console.wait_for_rsp(0.1)
    taken = time.perf_counter() - began
    check(seen)
    console.close()
    return taken


def check(seen: bytearray) -> None:
    """:raises ServerError: it is not what the machine sent."""
    if seen != BURST:
        raise ServerError("the burst is not what the machine sent")


def measure(client: str, device: str) -> float:
    """Seconds of one client, with a simulator of its own."""
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
    return float(done.stdout)


def compare(repetitions: int) -> None:
    """Measure the clients in turn and print rates, and the ratios within each turn."""
    with machine() as device:
        turns = [[len(BURST) / measure(client, device) / 1e6 for client in CLIENTS] for _ in range(repetitions)]
    sys.stdout.write(f"ipmi_sim, burst of {len(BURST)} bytes: {repetitions} turns\n")
    for client, rates in zip(CLIENTS, zip(*turns, strict=True), strict=True):
        sys.stdout.write(
            f"  {client}: median {statistics.median(rates):.2f} MB/s [{min(rates):.2f} to {max(rates):.2f}]\n"
        )
    ratios = [ours / theirs for ours, theirs in turns]
    sys.stdout.write(
        f"  conduit / pyghmi: median {statistics.median(ratios):.2f} [{min(ratios):.2f} to {max(ratios):.2f}]\n"
    )


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
    sys.stdout.write(f"{taken}\n")


if __name__ == "__main__":
    main()
