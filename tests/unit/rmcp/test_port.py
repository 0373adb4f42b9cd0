"""Who reads a UDP port, what is asked of the socket, and in which order what came is answered."""

from __future__ import annotations

import socket  # noqa: TID251 - what a port reads
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import ConduitError
from conduit.rmcp.port import PATIENCE, Address, Port, Waiter

LOCALHOST = "127.0.0.1"


class Recorder:
    """A socket that notes what was done with it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.log: list[str] = []

    def fileno(self) -> int:
        return self._sock.fileno()

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        try:
            datagram: tuple[bytes, Address] = self._sock.recvfrom(size)
        except BlockingIOError:
            self.log.append("nothing")
            raise
        self.log.append("receive")
        return datagram

    def sendto(self, datagram: bytes, address: Address) -> int:
        self.log.append("send")
        return self._sock.sendto(datagram, address)

    def close(self) -> None:
        self._sock.close()


def fail(error: ConduitError) -> None:
    pytest.fail(str(error))


class Side:
    """A port whose every datagram is acknowledged, and the peer that sends them."""

    def __init__(self, peer: trio.socket.SocketType) -> None:
        self.peer = peer
        self.port = Port(socket.AF_INET, self._route)
        self.port._sock.bind((LOCALHOST, 0))
        self._where = self.port._sock.getsockname()
        self._recorder = Recorder(self.port._sock)
        self.port._sock = self._recorder  # type: ignore[assignment]  # as much of a socket as a port needs
        self.waiters: list[Waiter] = []

    def _route(self, data: bytes, address: Address, _: float) -> None:
        self.port.send(b"acknowledge", address, fail)
        if self.waiters and data == b"for you":
            self.waiters.pop(0).deliver(data)

    async def send(self, data: bytes) -> None:
        await self.peer.sendto(data, self._where)

    async def exchange(self, data: bytes) -> None:
        await self.send(data)
        assert await self.peer.recv(100) == b"acknowledge"

    def expect(self) -> Waiter:
        self.waiters.append(Waiter())
        return self.waiters[-1]

    async def serve(self) -> None:
        """A wait that ends soon, whoever reads."""
        waiter = self.expect()
        await self.send(b"for you")
        await self.port.wait(waiter)
        assert await self.peer.recv(100) == b"acknowledge"

    def log(self) -> list[str]:
        """What was done with the socket since the last time."""
        log, self._recorder.log = self._recorder.log, []
        return log


@asynccontextmanager
async def open_side() -> AsyncIterator[tuple[Side, trio.Nursery]]:
    with trio.socket.socket(type=socket.SOCK_DGRAM) as peer:
        side = Side(peer)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.port.read_when_needed)
            yield side, nursery
            nursery.cancel_scope.cancel()
        side.port.close()


async def test_the_only_party_is_answered_at_once_and_nothing_is_read_in_vain() -> None:
    async with open_side() as (side, _):
        side.port.subscribe()
        for _ in range(2):
            await side.exchange(b"characters")
        assert side.log() == ["receive", "send", "receive", "send"]
        side.port.subscribe()
        await side.exchange(b"characters")
        assert side.log() == ["receive", "nothing", "send"]  # of several parties, perhaps more has come


async def test_a_command_alone_reads_one_datagram_and_nobody_reads_after_it(autojump_clock: MockClock) -> None:
    async with open_side() as (side, _):
        await side.send(b"for you")
        await side.send(b"for nobody")
        assert await side.port.wait(side.expect()) == b"for you"
        await trio.sleep(10 * PATIENCE)
        assert side.log() == ["receive", "send"]


async def test_a_console_takes_in_all_that_is_there_up_to_a_limit() -> None:
    async with open_side() as (side, _):
        for _ in range(4):
            await side.send(b"for you")
        await side.port.wait(side.expect(), most=3)
        assert side.log() == ["receive", "send"] * 3
        await side.port.wait(side.expect(), most=3)
        assert side.log() == ["receive", "send", "nothing"]


async def test_the_resident_leaves_a_console_that_it_has_served_to_read_for_itself() -> None:
    async with open_side() as (side, nursery):
        side.port.subscribe()
        nursery.start_soon(side.port.wait, side.expect())
        await wait_all_tasks_blocked()  # the resident was there first, and reads for it
        assert side.port._parked
        await side.exchange(b"for you")
        nursery.start_soon(side.port.wait, side.expect())
        await wait_all_tasks_blocked()
        assert not side.port._parked


async def test_the_resident_stays_until_all_it_reads_for_are_served() -> None:
    async with open_side() as (side, nursery):
        side.port.subscribe()
        for _ in range(2):
            nursery.start_soon(side.port.wait, side.expect())
        await wait_all_tasks_blocked()
        for left in (1, 0):
            await side.exchange(b"for you")
            await wait_all_tasks_blocked()
            assert len(side.port._parked) == left


async def test_a_console_is_answered_within_a_moment_while_its_task_does_something_else(
    autojump_clock: MockClock,
) -> None:
    async with open_side() as (side, _):
        side.port.subscribe()
        for _ in range(3):
            await side.serve()
            started = trio.current_time()
            await side.exchange(b"more")
            assert trio.current_time() - started <= PATIENCE


async def test_a_console_that_waits_again_at_once_is_not_joined_by_the_resident(autojump_clock: MockClock) -> None:
    async with open_side() as (side, nursery):
        side.port.subscribe()
        await side.serve()
        nursery.start_soon(side.port.wait, side.expect())
        await trio.sleep(10 * PATIENCE)
        assert not side.port._needed.is_set()


async def test_a_cancelled_console_leaves_the_reading_to_the_resident(autojump_clock: MockClock) -> None:
    async with open_side() as (side, _):
        side.port.subscribe()
        await side.serve()
        with trio.move_on_after(1):
            await side.port.wait(side.expect())
        await side.exchange(b"more")


async def test_whoever_waits_beside_a_lone_reader_is_served_after_it_has_gone() -> None:
    async with open_side() as (side, nursery):
        first, second = side.expect(), side.expect()
        nursery.start_soon(side.port.wait, first)
        await wait_all_tasks_blocked()
        nursery.start_soon(side.port.wait, second)
        await wait_all_tasks_blocked()
        assert len(side.port._parked) == 1  # the first reads
        await side.exchange(b"for you")
        await side.exchange(b"for you")
        await wait_all_tasks_blocked()
        assert (first.done, second.done) == (True, True)


async def test_a_closed_console_is_not_read_for_any_more(autojump_clock: MockClock) -> None:
    async with open_side() as (side, _):
        side.port.subscribe()
        await side.serve()
        side.port.unsubscribe()
        await trio.sleep(10 * PATIENCE)
        assert not side.port._reading
