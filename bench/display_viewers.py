"""What one row measures: a viewer in a WebSocket, or without, at a relay or at the display itself.

    python -m bench.display_viewers RELAY down|up|small|trip|idle --folder F

Viewers are blocking sockets, which cost the least; their frames are made before the clock runs.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import socket  # noqa: TID251 - blocking sockets cost the least
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from bench.display_far import ACK, DOWN, ECHO, NO_PASSWORD, UP, VERSION, order, receive_exactly
from bench.display_relays import NAMES, Running, far, relay
from bench.measure import percentile
from conduit.rfb.messages import CutText, KeyEvent, PointerEvent
from conduit.websocket.frames import Opcode, encode_frame

Figures = dict[str, float]
HOST: Final = "127.0.0.1"
BUFFER: Final = 1 << 20  # bytes received at once
MESSAGE: Final = 64 << 10  # bytes of a message upwards: one clipboard
SIZE: Final = 1_000_000_000  # bytes downwards
SIZE_UP: Final = 5_000 * MESSAGE
WARM_UP: Final = 64 << 20  # bytes before the clock runs
SMALL: Final = 200_000  # messages
PACED: Final = 4_000
PAUSE: Final = 0.0005  # seconds between two of these
TRIPS: Final = 250  # round trips before the other way has its turn
TURNS: Final = 16
IDLE: Final = {"websockify": 100, "conduit": 1000}  # viewers
QUIET: Final = 30.0  # seconds in which nothing happens but pings, of which each viewer gets one in 25
LENGTHS: Final = {126: 2, 127: 8}  # bytes, by what the second byte of a frame says


def frame(payload: bytes) -> bytes:
    """As a client sends it."""
    return b"".join(encode_frame(Opcode.BINARY, payload, secrets.token_bytes(4)))


class Viewer:
    """One connection, in a WebSocket or without."""

    def __init__(self, port: int, *, framed: bool) -> None:
        self.sock = socket.create_connection((HOST, port), timeout=30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._framed = framed
        self._buffer = memoryview(bytearray(BUFFER))
        self._left = 0  # bytes to come of the present frame
        self._head = b""  # of a frame, not whole yet
        if framed:
            self._open()
        self._come_in()

    def _open(self) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13"
        self.sock.sendall(f"GET / HTTP/1.1\r\nHost: bench\r\n{fields}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(self.sock, 1)
        if b" 101 " not in head:
            raise RuntimeError(head.decode())

    def _come_in(self) -> None:
        self.take(len(VERSION))
        self.send(VERSION)
        self.take(len(NO_PASSWORD))
        self.send(NO_PASSWORD[1:])
        self.take(4)
        self.send(b"\x01")
        self.take(24 + len("bench"))

    def wrap(self, data: bytes) -> bytes:
        """As it goes over the connection."""
        return frame(data) if self._framed else data

    def send(self, data: bytes) -> None:
        """One message."""
        self.sock.sendall(self.wrap(data))

    def take(self, count: int) -> None:
        """*count* bytes of payload."""
        while count > 0:
            received = self.sock.recv_into(self._buffer)
            if not received:
                raise RuntimeError("the relay closed the connection")
            count -= self._payload(received) if self._framed else received

    def _payload(self, received: int) -> int:
        """Bytes of payload in what has come."""
        at = found = 0
        while at < received:
            if self._left:
                step = min(self._left, received - at)
                self._left -= step
                found += step
                at += step
                continue
            self._head += self._buffer[at : at + 1].tobytes()
            at += 1
            if len(self._head) >= 2 and len(self._head) == 2 + (more := LENGTHS.get(self._head[1], 0)):
                is_data = self._head[0] & 8 == 0
                self._left = int.from_bytes(self._head[2:]) if more else self._head[1]
                if not is_data:
                    raise RuntimeError(f"the relay sends {self._head!r}")
                self._head = b""
        return found


class Cost:
    """Time of the clock and of the relay's processors from now on."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._cpu = running.cpu()
        self._began = time.perf_counter()

    def of(self, size: int) -> Figures:
        """For so many bytes."""
        seconds, cpu = time.perf_counter() - self._began, self._running.cpu() - self._cpu
        return {"MB/s": size / seconds / 1e6, "cpu s/GB": cpu / size * 1e9}


def down(running: Running, direct: int, name: str) -> Figures:
    """Bytes from the display."""
    viewer = Viewer(running.port, framed=True)

    def pull(size: int) -> Figures:
        cost = Cost(running)
        viewer.send(order(DOWN, size))
        viewer.take(size)
        return cost.of(size)

    pull(WARM_UP)
    return pull(SIZE)


def up(running: Running, direct: int, name: str) -> Figures:
    """Clipboards of 64 KiB to the display."""
    viewer = Viewer(running.port, framed=True)
    message = viewer.wrap(CutText(bytes(MESSAGE - 8)).encode())

    def push(size: int) -> Figures:
        viewer.send(order(UP, size))
        cost = Cost(running)
        for _ in range(size // MESSAGE):
            viewer.sock.sendall(message)
        viewer.take(len(ACK))
        return cost.of(size)

    push(WARM_UP)
    return push(SIZE_UP)


def small(running: Running, direct: int, name: str) -> Figures:
    """Movements of the pointer, each in a message of its own: with pauses, and then as fast as they are taken."""
    viewer = Viewer(running.port, framed=True)
    data = PointerEvent(7, 7).encode()
    message = viewer.wrap(data)
    figures = {}
    paced, flood = ((PACED // 10, ""), (PACED, "cpu us with pauses")), ((SMALL // 10, ""), (SMALL, "cpu us"))
    rounds = [(*each, PAUSE) for each in paced] + [(*each, 0.0) for each in flood]
    for count, what, pause in rounds:
        viewer.send(order(UP, count * len(data)))
        time.sleep(0.1)  # noqa: TID251 - so that the order does not count
        cpu, began = running.cpu(), time.perf_counter()
        for _ in range(count):
            viewer.sock.sendall(message)
            if pause:
                time.sleep(pause)  # noqa: TID251
        viewer.take(len(ACK))
        seconds, cpu = time.perf_counter() - began, running.cpu() - cpu
        figures[what] = cpu / count * 1e6
        if what == "cpu us":
            figures["messages/s"] = count / seconds
    del figures[""]
    return figures


def trip(running: Running, direct: int, name: str) -> Figures:
    """A key to the display, which sends its eight bytes back; at the display itself and through the relay in turn."""
    taken: dict[str, list[float]] = {"relay": [], "direct": []}
    viewers = {"relay": Viewer(running.port, framed=True), "direct": Viewer(direct, framed=False)}
    data = KeyEvent(65, down=True).encode()
    for viewer in viewers.values():
        viewer.send(order(ECHO, (TURNS + 1) * TRIPS * len(data)))
    used = 0.0
    for turn in range(TURNS + 1):
        for which, viewer in viewers.items():
            cpu = running.cpu()
            each = trips(viewer, data)
            if turn:
                taken[which] += each
                used += running.cpu() - cpu if which == "relay" else 0.0
    relayed, bare = sorted(taken["relay"]), sorted(taken["direct"])
    return {
        "added p50 us": (percentile(relayed, 0.5) - percentile(bare, 0.5)) * 1e6,
        "p50 us": percentile(relayed, 0.5) * 1e6,
        "p99 us": percentile(relayed, 0.99) * 1e6,
        "direct p50 us": percentile(bare, 0.5) * 1e6,
        "cpu us": used / (TURNS * TRIPS) * 1e6,
    }


def trips(viewer: Viewer, data: bytes) -> list[float]:
    """Round trips in seconds."""
    message, taken = viewer.wrap(data), []
    for _ in range(TRIPS):
        began = time.perf_counter()
        viewer.sock.sendall(message)
        viewer.take(len(data))
        taken.append(time.perf_counter() - began)
    return taken


def idle(running: Running, direct: int, name: str) -> Figures:
    """Viewers of a screen on which nothing happens."""
    first, count = Viewer(running.port, framed=True), IDLE[name]
    alone, cpu, began = running.memory(), running.cpu(), time.perf_counter()
    held = [first] + [Viewer(running.port, framed=True) for _ in range(count - 1)]
    opening = running.cpu() - cpu
    took = time.perf_counter() - began
    time.sleep(2)  # noqa: TID251
    memory, cpu = running.memory(), running.cpu()
    time.sleep(QUIET)  # noqa: TID251
    quiet = running.cpu() - cpu
    for viewer in held:
        viewer.sock.close()
    return {
        "viewers": float(count),
        "MB": memory / 1e6,
        "KiB a viewer": (memory - alone) / 1024 / (count - 1),
        "cpu %": quiet / QUIET * 100,
        "opening cpu ms": opening / (count - 1) * 1e3,
        "opening ms": took / (count - 1) * 1e3,
    }


ROWS: Final[Mapping[str, Callable[[Running, int, str], Figures]]] = {
    one.__name__: one for one in (down, up, small, trip, idle)
}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("relay", choices=NAMES)
    parser.add_argument("what", choices=ROWS)
    parser.add_argument("--folder")
    options = parser.parse_args()
    with far() as target, relay(options.relay, target) as running:
        figures = ROWS[options.what](running, target, options.relay)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
