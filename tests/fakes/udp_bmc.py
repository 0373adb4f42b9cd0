"""Scripted BMCs on loopback, for tests of the UDP endpoint and the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.fakes.scripted_bmc import Script, ScriptedBmc

LOCALHOST = "127.0.0.1"


class UdpBmc:
    """A scripted BMC with a socket. `lose` swallows that many of the next requests."""

    def __init__(self, bmc: ScriptedBmc, sock: trio.socket.SocketType) -> None:
        self.bmc = bmc
        self.sock = sock
        self.port: int = sock.getsockname()[1]
        self.lose = 0
        self.peers: list[tuple[str, int]] = []
        self.heard = trio.Event()

    async def serve(self) -> None:
        while True:
            datagram, peer = await self.sock.recvfrom(65_535)
            self.peers.append(peer)
            self.heard.set()
            if self.lose:
                self.lose -= 1
                continue
            for answer in self.bmc.receive(datagram):
                await self.sock.sendto(answer, peer)

    async def until_seen(self, step: str) -> None:
        """Wait for a request of that kind."""
        while step not in self.bmc.seen:
            self.heard = trio.Event()
            await self.heard.wait()
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_udp_bmc(script: Script | None = None, *, host: str = LOCALHOST) -> AsyncIterator[UdpBmc]:
    """A scripted BMC that listens on a port of its own until the block ends."""
    family = trio.socket.AF_INET6 if ":" in host else trio.socket.AF_INET
    with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as sock:
        await sock.bind((host, 0))
        bmc = UdpBmc(ScriptedBmc(script), sock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bmc.serve)
            yield bmc
            nursery.cancel_scope.cancel()
