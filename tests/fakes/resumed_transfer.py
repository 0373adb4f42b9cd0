"""A large transfer over a tunnel that is cut and restored: both directions, TLS over TCP, checked by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import trio

from conduit.errors import ConduitError
from conduit.tunnel.link import Listener, TlsFiles, accept, dial
from conduit.tunnel.resumable import ResumableStream
from conduit.tunnel.resume_open import open_resumable
from conduit.tunnel.resume_serve import Resumables, open_resumables
from conduit.tunnel.serving import serve_streams
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.certificates import Authority
from tests.fakes.cutting_proxy import LOCALHOST, open_cutting_proxy

PIECE = 1 << 20  # bytes
ROOM = 1 << 20  # bytes that either end keeps


def pieces(size: int, seed: int) -> Iterator[bytes]:
    """Bytes that look random and are the same each time; no two pieces are alike."""
    pool = hashlib.shake_256(seed.to_bytes(4, "big")).digest(PIECE)
    for first in range(0, size, PIECE):
        turn = first // PIECE * 4099 % PIECE
        yield (first.to_bytes(8, "big") + pool[turn:] + pool[:turn])[: min(PIECE, size - first)]


class Outcome:
    """What came through."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cuts = 0
        self.attachments = 0
        self.digests: dict[str, str] = {}


def digest(size: int, seed: int) -> str:
    """What a receiver should get."""
    found = hashlib.sha256()
    for piece in pieces(size, seed):
        found.update(piece)
    return found.hexdigest()


async def _exchange(stream: ResumableStream, size: int, seed: int) -> str:
    """Send, and return the hash of what comes back."""

    async def send() -> None:
        for piece in pieces(size, seed):
            await stream.send_all(piece)
        await stream.send_eof()

    found = hashlib.sha256()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        while data := await stream.receive_some():
            found.update(data)
    return found.hexdigest()


class _Latest:
    """The tunnel of the moment."""

    def __init__(self) -> None:
        self._tunnel: Tunnel | None = None
        self._news = trio.Event()

    async def collect(self, listener: Listener) -> None:
        async for tunnel in listener:
            self._tunnel = tunnel
            self._news.set()
            self._news = trio.Event()

    async def get(self) -> Tunnel:
        while self._tunnel is None or self._tunnel.is_closed:
            await self._news.wait()
        return self._tunnel


async def transfer(folder: Path, *, down: int, up: int, cuts: int) -> Outcome:
    """Move *down* bytes from the Agent to the Gateway and *up* bytes back; the connection is cut *cuts* times."""
    authority = Authority(folder)
    agent_files, gateway_files = authority.issue("conduit://agent/a1"), authority.issue("conduit://gateway/g1")
    outcome, latest = Outcome(), _Latest()

    async def agent(stream: ResumableStream) -> None:
        outcome.digests["up"] = await _exchange(stream, down, 1)

    async with (
        accept(LOCALHOST, 0, tls=gateway_files) as listener,
        open_cutting_proxy(listener.port, every=(down + up) / (cuts + 1), cuts=cuts) as (proxy, port),
        open_resumables(capacity=ROOM, window=ROOM) as registry,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(latest.collect, listener)
        nursery.start_soon(_keep_dialling, port, agent_files, registry, agent)
        started = trio.current_time()
        async with open_resumable(latest.get, "tcp", capacity=ROOM, window=ROOM) as stream:
            outcome.digests["down"] = await _exchange(stream, up, 2)
        outcome.seconds = trio.current_time() - started
        outcome.cuts, outcome.attachments = proxy.cuts, stream.attachments
        nursery.cancel_scope.cancel()
    return outcome


async def _keep_dialling(port: int, tls: TlsFiles, registry: Resumables, agent: object) -> None:
    handlers = {"tcp": registry.serving(agent, overwrites=False)}  # type: ignore[arg-type]  # a handler
    while True:
        with suppress(ConduitError):
            async with dial(LOCALHOST, port, tls=tls) as tunnel:
                await serve_streams(tunnel, handlers)
        await trio.sleep(0.01)
