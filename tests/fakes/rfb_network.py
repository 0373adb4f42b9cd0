"""A network in memory, on which displays and those who look at them meet: no sockets, so the clock may jump."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import memory_stream_pair

from conduit._trio import open_background_nursery
from conduit.errors import TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.transports import TransportOptions

Serve = Callable[[trio.abc.Stream], Awaitable[None]]


class RfbNetwork:
    """Made by :func:`open_network`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.hosts: dict[str, Serve] = {}
        "Who answers under which name."
        self.connections = 0
        "So far."
        self.scopes: dict[str, trio.CancelScope] = {}

    async def connect(self, address: DisplayAddress, _: TransportOptions) -> trio.abc.Stream:
        """As ``conduit.rfb.transports.open_transport``."""
        await trio.lowlevel.checkpoint()
        self.connections += 1
        if address.host not in self.hosts:
            raise TransportError(f"cannot connect to {address.host}")
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, address.host, theirs)
        return ours

    async def _serve(self, host: str, stream: trio.abc.Stream) -> None:
        with trio.CancelScope() as self.scopes[host]:
            try:
                await self.hosts[host](stream)
            finally:
                await trio.aclose_forcefully(stream)

    def cut(self, host: str) -> None:
        """Whoever answers there has gone."""
        self.scopes[host].cancel()


@asynccontextmanager
async def open_network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RfbNetwork]:
    """All logins of this process go over it."""
    async with open_background_nursery() as nursery:
        network = RfbNetwork(nursery)
        monkeypatch.setattr("conduit.rfb.login.open_transport", network.connect)
        yield network
