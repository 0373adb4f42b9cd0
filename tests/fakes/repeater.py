"""A repeater of UltraVNC (mode II): servers come to one port, viewers to another; the same id joins them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from conduit._trio import open_background_nursery

HOST: Final = "127.0.0.1"
MESSAGE: Final = 250  # bytes in which each says whom it is about
GREETING: Final = b"RFB 000.000\n"


@dataclass
class Repeater:
    """Two ports, and what was said at them."""

    server_port: int = 0
    viewer_port: int = 0
    from_servers: list[bytes] = field(default_factory=list)
    from_viewers: list[bytes] = field(default_factory=list)
    _servers: dict[bytes, trio.abc.Stream] = field(default_factory=dict)
    _come: trio.Event = field(default_factory=trio.Event)

    async def take_server(self, stream: trio.abc.Stream) -> None:
        """One comes, and waits for its viewer."""
        said = await _receive_exactly(stream, MESSAGE)
        self.from_servers.append(said)
        self._servers[said] = stream
        self._come.set()
        await trio.sleep_forever()

    async def take_viewer(self, stream: trio.abc.Stream) -> None:
        """One comes, and gets whom it wants, or nobody."""
        await stream.send_all(GREETING)
        if not (said := await _receive_exactly(stream, MESSAGE)):
            return
        self.from_viewers.append(said)
        await self._come.wait()
        if (server := self._servers.pop(said, None)) is not None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_carry, server, stream, nursery.cancel_scope)
                nursery.start_soon(_carry, stream, server, nursery.cancel_scope)
        await trio.aclose_forcefully(stream)


async def _receive_exactly(stream: trio.abc.Stream, size: int) -> bytes:
    """Or nothing, if it leaves."""
    received = b""
    while len(received) < size:
        if not (data := await stream.receive_some(size - len(received))):
            return b""
        received += data
    return received


async def _carry(source: trio.abc.Stream, sink: trio.abc.Stream, scope: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some():
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    scope.cancel()


@asynccontextmanager
async def open_repeater() -> AsyncIterator[Repeater]:
    """On two free ports of loopback; ends with the block."""
    repeater = Repeater()
    async with open_background_nursery() as nursery:
        for name, session in (("server_port", repeater.take_server), ("viewer_port", repeater.take_viewer)):
            listeners = await nursery.start(partial(trio.serve_tcp, session, 0, host=HOST))
            setattr(repeater, name, listeners[0].socket.getsockname()[1])
        yield repeater
