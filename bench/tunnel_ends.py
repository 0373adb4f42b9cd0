"""One measurement of the tunnel, or of ``trio.SSLStream``, between two processes; what ``bench.tunnel`` starts.

    python -m bench.tunnel_ends tunnel bulk --folder CERTIFICATES [--streams 100] [--size BYTES]

This process is the Gateway: it listens and measures. It starts the Agent, which connects, serves streams and dies
with this one. CPU is that of both processes, read from their clocks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from bench import tunnel_certificates
from bench.measure import percentile
from conduit.tunnel import Tunnel, accept, dial

HOST: Final = "127.0.0.1"
PIECE: Final = 256 << 10  # bytes given to send_all at once
MESSAGE: Final = 32  # bytes of a small message
PINGS: Final = 4000
MESSAGES: Final = 80_000
TALKERS: Final = 64  # streams that send small messages
WARM_UP: Final = 64 << 20  # bytes before the clock runs
IDLE: Final = 1000
LIMIT: Final = 90.0  # seconds for one measurement
ACK: Final = b"all"
Figures = dict[str, float]
OpenStream = Callable[[str], Awaitable[trio.abc.Stream]]
"Opens a stream of the kind that is named: what the other end does with it."


def cpu_of(pid: int) -> float:
    """Processor seconds of a process so far, from its own clock."""
    return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it


def resident(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- the Agent's side: what it does with a stream ---


async def receive_exactly(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    """*count* bytes, or fewer at the end."""
    data = b""
    while len(data) < count and (more := await stream.receive_some(count - len(data))):
        data += more
    return data


async def sink(stream: trio.abc.Stream, at_once: int | None = None) -> None:
    """Take as many bytes as announced in eight, say so, and again."""
    while header := await receive_exactly(stream, 8):
        left = int.from_bytes(header, "big")
        while left > 0 and (data := await stream.receive_some(at_once)):
            left -= len(data)
        await stream.send_all(ACK)


async def big_sink(stream: trio.abc.Stream) -> None:
    """The same, and every receive_some asks for 256 KiB; trio.SSLStream allocates as much each time."""
    await sink(stream, PIECE)


async def check(stream: trio.abc.Stream) -> None:
    """The same, and the answer is the digest."""
    left = int.from_bytes(await receive_exactly(stream, 8), "big")
    digest = hashlib.sha256()
    while left > 0 and (data := await stream.receive_some()):
        digest.update(data)
        left -= len(data)
    await stream.send_all(digest.digest())


async def echo(stream: trio.abc.Stream) -> None:
    """Send everything back."""
    while data := await stream.receive_some():
        await stream.send_all(data)


async def stall(stream: trio.abc.Stream) -> None:
    """Read nothing."""
    await trio.sleep_forever()


SERVICES: Final = {"sink": sink, "big-sink": big_sink, "check": check, "echo": echo, "stall": stall, "idle": stall}


async def serve_tunnel(port: int, folder: Path) -> None:
    """The Agent."""
    held = []  # idle streams, without a task each
    files = tunnel_certificates.files(folder, tunnel_certificates.AGENT)
    async with dial(HOST, port, tls=files, server_name="localhost") as tunnel, trio.open_nursery() as nursery:
        async for stream in tunnel.incoming():
            if stream.kind == "idle":
                held.append(stream)
            else:
                nursery.start_soon(SERVICES[stream.kind], stream)


async def serve_plain(port: int, folder: Path) -> None:
    """The same over one TLS connection, whose first byte says what to do."""
    files = tunnel_certificates.files(folder, tunnel_certificates.AGENT)
    tcp = await trio.open_tcp_stream(HOST, port)
    context = files.client_context()
    stream = trio.SSLStream(tcp, context, server_hostname="localhost")
    kind = (await receive_exactly(stream, 8)).strip().decode()
    await SERVICES[kind](stream)


def die_with_parent() -> None:
    """End when standard input does."""
    sys.stdin.buffer.read()
    os._exit(0)


def agent(options: argparse.Namespace) -> None:
    """The other process."""
    threading.Thread(target=die_with_parent, daemon=True).start()
    trio.run(serve_tunnel if options.stack == "tunnel" else serve_plain, options.port, options.folder)


# --- the Gateway's side ---


class Far:
    """The other process."""

    def __init__(self, stack: str, port: int, folder: Path) -> None:
        command = [sys.executable, "-m", "bench.tunnel_ends", stack, "agent", "--folder", str(folder)]
        self._process = subprocess.Popen([*command, "--port", str(port)], stdin=subprocess.PIPE)
        self.pid = self._process.pid

    def cpu(self) -> float:
        """Processor seconds of both processes."""
        return time.process_time() + cpu_of(self.pid)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@asynccontextmanager
async def open_tunnel(folder: Path) -> AsyncIterator[tuple[Far, OpenStream]]:
    """A tunnel to an Agent in another process."""
    async with accept(HOST, 0, tls=tunnel_certificates.files(folder, tunnel_certificates.GATEWAY)) as listener:
        far = Far("tunnel", listener.port, folder)
        try:
            tunnel: Tunnel = await anext(aiter(listener))
            yield far, tunnel.open_stream
        finally:
            far.stop()


@asynccontextmanager
async def open_plain(folder: Path) -> AsyncIterator[tuple[Far, OpenStream]]:
    """One TLS connection by ``trio.SSLStream``, with the same certificates and the same socket options."""
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    far = Far("plain", listener.socket.getsockname()[1], folder)
    try:
        context = tunnel_certificates.files(folder, tunnel_certificates.GATEWAY).server_context()
        stream = trio.SSLStream(await listener.accept(), context, server_side=True)
        await stream.do_handshake()

        async def use(kind: str) -> trio.abc.Stream:
            await stream.send_all(kind.ljust(8).encode())
            return stream

        yield far, use
    finally:
        far.stop()
        await listener.aclose()


async def push(stream: trio.abc.Stream, size: int) -> None:
    """Send *size* bytes and wait until they have been taken."""
    await stream.send_all(size.to_bytes(8, "big"))
    piece = bytes(min(size, PIECE))
    left = size
    while left:
        part = piece[:left] if left < PIECE else piece
        await stream.send_all(part)
        left -= len(part)
    if await receive_exactly(stream, len(ACK)) != ACK:
        raise RuntimeError("the other end did not get everything")


async def bulk(far: Far, open_stream: OpenStream, options: argparse.Namespace) -> Figures:
    """Bytes one way, over one stream or several."""
    streams = [await open_stream(options.kind) for _ in range(options.streams)]

    async def push_all(size: int) -> None:
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(push, stream, size // len(streams))

    await push_all(WARM_UP)
    own, cpu, began = time.process_time(), far.cpu(), time.perf_counter()
    await push_all(options.size)
    seconds = time.perf_counter() - began
    own, cpu = time.process_time() - own, far.cpu() - cpu
    return {
        "MB/s": options.size / seconds / 1e6,
        "cpu s/GB": cpu / options.size * 1e9,
        "of it the sender": own / options.size * 1e9,
    }


async def ping(stream: trio.abc.Stream, count: int) -> list[float]:
    """Round trips in seconds."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        await stream.send_all(bytes(MESSAGE))
        await receive_exactly(stream, MESSAGE)
        taken.append(time.perf_counter() - began)
    return sorted(taken)


async def pings(far: Far, open_stream: OpenStream, options: argparse.Namespace) -> Figures:
    """Small messages there and back, one at a time."""
    stream = await open_stream("echo")
    await ping(stream, PINGS // 10)
    cpu = far.cpu()
    taken = await ping(stream, PINGS)
    cpu = far.cpu() - cpu
    return {
        "p50 us": percentile(taken, 0.5) * 1e6,
        "p99 us": percentile(taken, 0.99) * 1e6,
        "cpu us": cpu / PINGS * 1e6,
    }


async def messages(far: Far, open_stream: OpenStream, options: argparse.Namespace) -> Figures:
    """Small messages there and back, one at a time on each of many streams."""
    streams = [await open_stream("echo") for _ in range(TALKERS)]

    async def talk(count: int) -> None:
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(ping, stream, count)

    await talk(50)
    cpu, began = far.cpu(), time.perf_counter()
    await talk(MESSAGES // TALKERS)
    seconds = time.perf_counter() - began
    return {"messages/s": MESSAGES / seconds, "cpu us": (far.cpu() - cpu) / MESSAGES * 1e6}


async def stalled(far: Far, open_stream: OpenStream, options: argparse.Namespace) -> Figures:
    """Round trips alone, then beside a stream that nobody reads and somebody fills, in turns."""
    stream = await open_stream("echo")
    await ping(stream, PINGS // 10)
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(5):
        alone += await ping(stream, PINGS // 2)
        victim = await open_stream("stall")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(victim.send_all, bytes(64 << 20))
            await ping(stream, PINGS // 10)  # until its window is full
            beside += await ping(stream, PINGS // 2)
            nursery.cancel_scope.cancel()
        await victim.aclose()
    alone.sort()
    beside.sort()
    return {
        "alone p99 us": percentile(alone, 0.99) * 1e6,
        "p99 us": percentile(beside, 0.99) * 1e6,
        "p50 us": percentile(beside, 0.5) * 1e6,
        "ratio": percentile(beside, 0.99) / percentile(alone, 0.99),
    }


async def idle(far: Far, open_stream: OpenStream, options: argparse.Namespace) -> Figures:
    """What many open streams cost, in memory and in time to open them."""
    held = [await open_stream("idle") for _ in range(100)]
    await (await open_stream("sink")).send_all(bytes(8))
    await trio.sleep(0.2)
    ours, theirs = resident(os.getpid()), resident(far.pid)
    own, cpu = time.process_time(), far.cpu()
    held += [await open_stream("idle") for _ in range(IDLE)]
    own = time.process_time() - own
    await trio.sleep(0.3)
    cpu = far.cpu() - cpu
    return {
        "KiB here": (resident(os.getpid()) - ours) / 1024 / IDLE,
        "KiB there": (resident(far.pid) - theirs) / 1024 / IDLE,
        "cpu us here": own / IDLE * 1e6,
        "cpu us": cpu / IDLE * 1e6,
    }


async def proof(far: Far, open_stream: OpenStream, options: argparse.Namespace) -> Figures:
    """Not timed: random bytes in pieces of random sizes arrive as they were sent, on all streams at once."""
    streams = [await open_stream("check") for _ in range(options.streams)]

    async def prove(stream: trio.abc.Stream, size: int) -> None:
        await stream.send_all(size.to_bytes(8, "big"))
        digest = hashlib.sha256()
        while size:
            piece = secrets.token_bytes(min(size, 1 + secrets.randbelow(3 * PIECE)))
            digest.update(piece)
            await stream.send_all(piece)
            size -= len(piece)
        if await receive_exactly(stream, 32) != digest.digest():
            raise RuntimeError("the bytes that arrived are not those that were sent")

    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(prove, stream, options.size // len(streams))
    return {"equal": 1.0}


WHAT: Final = {f.__name__: f for f in (bulk, pings, messages, stalled, idle, proof)}


async def gateway(options: argparse.Namespace) -> Figures:
    """Measure one thing."""
    opener = open_tunnel if options.stack == "tunnel" else open_plain
    with trio.fail_after(LIMIT):
        async with opener(options.folder) as (far, open_stream):
            return await WHAT[options.what](far, open_stream, options)


def main() -> None:
    """Measure and print JSON, or be the other end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stack", choices=["tunnel", "plain"])
    parser.add_argument("what", choices=[*WHAT, "agent"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--kind", default="sink", help="who takes the bulk: sink or big-sink")
    parser.add_argument("--size", type=int, default=400_000_000)
    options = parser.parse_args()
    if options.what == "agent":
        agent(options)
    else:
        sys.stdout.write(json.dumps(trio.run(gateway, options)) + "\n")


if __name__ == "__main__":
    main()
