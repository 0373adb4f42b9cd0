"""Two tunnels wired together in memory: no socket, no TLS, and a connection that can be cut at any byte."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import trio

from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, TransportError
from conduit.tunnel.mux import Mux
from conduit.tunnel.tunnel import Tunnel

PIPE = 1 << 20  # bytes that one direction holds


class Direction:
    """Bytes on their way."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.ended = False
        self.carried = 0
        self.writes = 0
        self.unread = False
        "Whether the one who should take them does not."
        self.lot = trio.lowlevel.ParkingLot()


class Wire:
    """Both directions of one connection; broken when *cut_after* bytes have passed in all."""

    def __init__(self, cut_after: float = math.inf) -> None:
        self.cut_after = cut_after
        self.directions = Direction(), Direction()
        self.is_cut = False
        self.piece = PIPE
        "Bytes that arrive at once."
        self.holds = False
        "Whether nothing passes for now: sent, and on its way."

    def pass_on(self, direction: Direction, data: memoryview) -> int:
        direction.writes += 1
        room = PIPE - len(direction.waiting)
        count = int(min(len(data), room, self.cut_after - sum(one.carried for one in self.directions)))
        direction.waiting += data[:count]
        direction.carried += count
        direction.lot.unpark_all()
        if count < min(len(data), room):
            self.cut()
        return count

    def cut(self) -> None:
        self.is_cut = True
        self.wake()

    def release(self) -> None:
        self.holds = False
        self.wake()

    def wake(self) -> None:
        for direction in self.directions:
            direction.lot.unpark_all()


class WireEnd:
    """A carrier over a :class:`Wire`."""

    peer = "the other end"

    def __init__(self, wire: Wire, incoming: Direction, outgoing: Direction) -> None:
        self._wire, self._incoming, self._outgoing = wire, incoming, outgoing
        self.interruptions = 0
        self.reader: trio.lowlevel.Task | None = None
        "Who waited last for something to read."

    def receive_nowait(self, buffer: memoryview) -> int | None:
        data = self._incoming.waiting
        if self._may_receive:
            count = min(len(buffer), len(data), self._wire.piece)
            buffer[:count] = data[:count]
            del data[:count]
            self._incoming.lot.unpark_all()
            return count
        if self._wire.is_cut:
            raise TransportError("the connection was cut")
        return 0 if self._incoming.ended else None

    def send_nowait(self, data: memoryview) -> int:
        if self._wire.is_cut:
            raise TransportError("the connection was cut")
        return self._wire.pass_on(self._outgoing, data)

    async def wait_readable(self) -> None:
        self.reader = trio.lowlevel.current_task()
        calls = self.interruptions
        await trio.lowlevel.checkpoint()
        while not (self._incoming.ended or self._wire.is_cut or self._may_receive or calls != self.interruptions):
            await self._incoming.lot.park()

    @property
    def _may_receive(self) -> bool:
        return bool(self._incoming.waiting) and not (self._wire.holds or self._incoming.unread)

    async def wait_writable(self) -> None:
        calls = self.interruptions
        await trio.lowlevel.checkpoint()
        while len(self._outgoing.waiting) >= PIPE and not self._wire.is_cut and calls == self.interruptions:
            await self._outgoing.lot.park()

    def interrupt(self) -> None:
        self.interruptions += 1
        self._wire.wake()

    def close(self) -> None:
        self._outgoing.ended = True
        self._wire.wake()


class PlainPipe:
    """What :class:`~conduit.tunnel.tls.TlsPipe` does, without TLS."""

    may_have_more = True

    def __init__(self, carrier: WireEnd) -> None:
        self.carrier = carrier
        self._unsent = bytearray()
        self.sent = 0
        self._buffer = memoryview(bytearray(256 << 10))

    def receive_nowait(self) -> memoryview | None:
        count = self.carrier.receive_nowait(self._buffer)
        return None if count is None else self._buffer[:count]

    def write(self, buffers: Iterable[bytes | memoryview]) -> None:
        for buffer in buffers:
            self._unsent += buffer

    def write_small(self, data: bytes) -> None:
        self.write([data])

    def flush(self) -> bool:
        while self._unsent:
            taken = self.carrier.send_nowait(memoryview(bytes(self._unsent)))
            if not taken:
                return False
            del self._unsent[:taken]
            self.sent += taken
        return True

    def end(self) -> None:
        with suppress(TransportError):
            self.flush()


async def _run(tunnel: Tunnel) -> None:
    with suppress(ConduitError):
        await tunnel.run()


@asynccontextmanager
async def connected_tunnels(wire: Wire | None = None) -> AsyncIterator[tuple[Tunnel, Tunnel]]:
    """The Gateway's tunnel, which opens streams, and the Agent's."""
    wire = wire or Wire()
    ends = WireEnd(wire, *wire.directions), WireEnd(wire, *reversed(wire.directions))
    now = trio.current_time()
    gateway, agent = (
        Tunnel(PlainPipe(end), Mux(client_side=first, now=now), "conduit://peer")  # type: ignore[arg-type]  # enough
        for end, first in zip(ends, (True, False), strict=True)
    )
    async with open_background_nursery() as nursery:
        nursery.start_soon(_run, gateway)
        nursery.start_soon(_run, agent)
        try:
            yield gateway, agent
        finally:
            for tunnel in (gateway, agent):
                tunnel.stop()
            with trio.CancelScope(shield=True):
                await gateway.wait_closed()
                await agent.wait_closed()
