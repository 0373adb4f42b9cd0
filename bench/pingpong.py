"""The floor: 64 bytes there and back over UDP in bare Trio, with nothing on top.

    python -m bench.pingpong --port PORT --peers 500

PORT is a ``responder PORT --echo``. One unconnected non-blocking socket serves every peer: a reader task waits until it
is readable, drains it, and wakes the one task that waits for each datagram's sender. There is no deadline, no retry and
no protocol, so a client that does have them cannot be faster. With 1 peer this is PP1, with 500 it is PP500.
"""

from __future__ import annotations

import argparse
import socket  # noqa: TID251 - Trio's own socket costs a checkpoint a datagram, and this is the floor
import time
from typing import Final

import outcome
import trio

from bench.measure import Measurement, Window, addresses, emit

PAYLOAD: Final = bytes(64)
RECEIVE_BUFFER: Final = 4 << 20  # bytes; the kernel may grant less
DRAIN_LIMIT: Final = 512  # datagrams per wake-up
GRACE: Final = 5.0  # seconds for the last echoes

Address = tuple[str, int]


class PingPong:
    """One socket, many peers, one datagram outstanding to each."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._waiting: dict[Address, trio.lowlevel.Task] = {}

    async def read_forever(self) -> None:
        """Wake whoever waits for the sender of each datagram."""
        receive, waiting = self._sock.recvfrom, self._waiting
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            for _ in range(DRAIN_LIMIT):
                try:
                    data, address = receive(2048)
                except BlockingIOError:
                    break
                task = waiting.pop(address, None)
                if task is not None:
                    trio.lowlevel.reschedule(task, outcome.Value(data))

    async def exchange(self, address: Address) -> bytes:
        """Send to *address* and wait for the echo."""

        def forget(_: object) -> trio.lowlevel.Abort:
            del self._waiting[address]
            return trio.lowlevel.Abort.SUCCEEDED

        self._sock.sendto(PAYLOAD, address)
        self._waiting[address] = trio.lowlevel.current_task()
        echo: bytes = await trio.lowlevel.wait_task_rescheduled(forget)
        return echo

    async def play(self, address: Address, window: Window) -> None:
        """Exchange with one peer until the window closes."""
        clock, latencies = time.perf_counter, window.latencies
        while not window.closed:
            began = clock()
            await self.exchange(address)
            latencies.append(clock() - began)


async def ping_pong(port: int, peers: int, *, seconds: float, warmup: float) -> Measurement:
    """Measure *peers* concurrent ping-pongs against the echo on *port*."""
    window = Window()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind(("127.0.0.1", 0))
        game = PingPong(sock)
        with trio.move_on_after(warmup + seconds + GRACE) as scope:
            async with trio.open_nursery() as readers:
                readers.start_soon(game.read_forever)
                async with trio.open_nursery() as players:
                    for host in addresses(peers):
                        players.start_soon(game.play, (host, port), window)
                    await trio.sleep(warmup)
                    window.open()
                    await trio.sleep(seconds)
                    window.close()
                readers.cancel_scope.cancel()
    if scope.cancelled_caught:
        raise RuntimeError("an echo was lost: the figures would be wrong")
    return window.result


def main() -> None:
    """Measure once and print the result as JSON."""
    parser = argparse.ArgumentParser(description="bare Trio UDP ping-pong")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--peers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--warmup", type=float, default=0.3)
    options = parser.parse_args()
    emit(trio.run(lambda: ping_pong(options.port, options.peers, seconds=options.seconds, warmup=options.warmup)))


if __name__ == "__main__":
    main()
