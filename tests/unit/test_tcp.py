"""A TCP connection of our own, beside what Trio demands of any stream."""

from __future__ import annotations

import socket  # noqa: TID251 - the system's own
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from conduit._tcp import CHUNK, LARGE, TcpStream

HOST = "127.0.0.1"


async def tcp_pair() -> tuple[TcpStream, TcpStream]:
    with socket.create_server((HOST, 0)) as listener:
        client = await trio.open_tcp_stream(HOST, listener.getsockname()[1])
        ours, _ = listener.accept()
    return TcpStream.take(client), TcpStream(ours)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[TcpStream, TcpStream]]:
    ours, theirs = await tcp_pair()
    async with ours, theirs:
        yield ours, theirs


async def test_bytes_go_both_ways_to_the_end() -> None:
    async with opened() as (ours, theirs):
        await ours.send_all(b"up")
        assert await theirs.receive_some() == b"up"
        await theirs.send_parts([b"do", memoryview(b"wn"), bytearray(b"!")])
        assert await ours.receive_some(3) == b"dow"
        assert await ours.receive_some() == b"n!"
        await ours.wait_send_all_might_not_block()
        await ours.aclose()
        assert await theirs.receive_some() == b""


def test_the_kernel_is_told_to_notice_a_peer_that_has_vanished() -> None:
    with socket.create_server((HOST, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        TcpStream(client)
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        wanted = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4, socket.TCP_NODELAY: 1}
        assert {option: client.getsockopt(socket.IPPROTO_TCP, option) for option in wanted} == wanted


@pytest.mark.parametrize("sizes", [(5 << 20,), (3, 4 << 20, 1 << 20), (4 << 20, 7, 1 << 20)])
async def test_what_the_kernel_has_no_room_for_waits_and_arrives_as_it_was(sizes: tuple[int, ...]) -> None:
    parts = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    expected, got = b"".join(parts), bytearray()
    async with opened() as (ours, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_parts, parts)
        await wait_all_tasks_blocked()
        largest = 0
        while len(got) < len(expected):
            data = await theirs.receive_some()
            largest = max(largest, len(data))
            got += data
    assert got == expected
    assert CHUNK < largest <= LARGE


async def test_who_waits_learns_that_it_is_closed() -> None:
    ours, theirs = await tcp_pair()
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await ours.receive_some()

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        await ours.aclose()
    await ours.aclose()
    for act in (ours.receive_some, ours.wait_send_all_might_not_block, lambda: ours.send_all(b"x")):
        with pytest.raises(trio.ClosedResourceError):
            await act()
    await theirs.aclose()


async def test_a_connection_that_is_reset_is_broken() -> None:
    ours, theirs = await tcp_pair()
    await ours.send_all(b"nobody reads this")
    theirs._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await ours.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_all(b"x")
    await ours.aclose()


async def test_receiving_can_be_cancelled_and_loses_nothing() -> None:
    async with opened() as (ours, theirs):
        with trio.move_on_after(0.01) as scope:
            await ours.receive_some()
        assert scope.cancelled_caught
        await theirs.send_all(b"late")
        assert await ours.receive_some() == b"late"
