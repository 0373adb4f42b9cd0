from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import LocalProtocolError, StreamResetError, TransportError
from conduit.tunnel import ErrorCode, Tunnel, TunnelStream, forward_udp, open_datagrams, relay_udp, serve_streams
from conduit.tunnel.capsules import encode_capsule
from conduit.tunnel.datagrams import MAX_DATAGRAM, MAX_QUEUE, MAX_QUEUED_BYTES, DatagramQueue
from tests.fakes.tunnel_pair import Wire, connected_tunnels

LOCALHOST = "127.0.0.1"


@asynccontextmanager
async def stream_pair(wire: Wire | None = None) -> AsyncIterator[tuple[TunnelStream, TunnelStream]]:
    async with connected_tunnels(wire) as (gateway, agent):
        ours = await gateway.open_stream("udp")
        yield ours, await agent.first_stream()


@asynccontextmanager
async def udp_socket() -> AsyncIterator[tuple[trio.socket.SocketType, int]]:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock:
        await sock.bind((LOCALHOST, 0))
        yield sock, sock.getsockname()[1]


@asynccontextmanager
async def relayed(port: int) -> AsyncIterator[Tunnel]:
    """A tunnel to an Agent that relays to that UDP port."""

    async def relay(stream: TunnelStream) -> None:
        await relay_udp(stream, LOCALHOST, port)

    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:
        nursery.start_soon(serve_streams, agent, {"udp": relay})
        yield gateway
        nursery.cancel_scope.cancel()


async def test_a_queue_gives_what_it_got_and_then_ends() -> None:
    queue = DatagramQueue()
    for data in (b"a", b"", b"c"):
        queue.put(data)
    queue.end()
    assert [await queue.get() for _ in range(3)] == [b"a", b"", b"c"]
    with pytest.raises(trio.EndOfChannel):
        await queue.get()


@pytest.mark.parametrize(("size", "room"), [(1, MAX_QUEUE), (MAX_QUEUED_BYTES // 4, 4)])
async def test_a_full_queue_drops_the_oldest(size: int, room: int) -> None:
    queue = DatagramQueue()
    for number in range(room + 3):
        queue.put(bytes([number % 256]) * size)
    assert queue.dropped == 3
    assert (await queue.get())[0] == 3
    queue.put(bytes(size))
    assert queue.dropped == 3


async def test_datagrams_keep_their_borders() -> None:
    async with stream_pair() as (ours, theirs), open_datagrams(ours) as here, open_datagrams(theirs) as there:
        for data in (b"a", b"", bytes(MAX_DATAGRAM)):
            await here.send(data)
            assert await there.receive() == data
        await there.send(b"back")
        assert await here.receive() == b"back"


async def test_datagrams_end_with_their_stream() -> None:
    async with stream_pair() as (ours, theirs), open_datagrams(theirs) as there:
        async with open_datagrams(ours) as here:
            await here.send(b"last")
        assert [data async for data in there] == [b"last"]


async def test_a_datagram_is_not_longer_than_udp_allows() -> None:
    async with stream_pair() as (ours, _), open_datagrams(ours) as here:
        with pytest.raises(LocalProtocolError, match="65528 bytes"):
            await here.send(bytes(MAX_DATAGRAM + 1))


async def test_a_slow_consumer_loses_the_oldest_and_holds_nobody_up() -> None:
    async with stream_pair() as (ours, theirs), open_datagrams(ours) as here, open_datagrams(theirs) as there:
        for number in range(500):
            await here.send(number.to_bytes(2, "big") + bytes(10_000))
        await wait_all_tasks_blocked()
        assert there.dropped > 100
        assert int.from_bytes((await there.receive())[:2], "big") == there.dropped


async def test_unknown_capsules_are_skipped() -> None:
    async with stream_pair() as (ours, theirs), open_datagrams(theirs) as there:
        await ours.send_all(encode_capsule(0x1234, bytes(100_000)) + encode_capsule(0, b"known"))
        assert await there.receive() == b"known"


async def test_a_capsule_that_is_too_long_resets_the_stream() -> None:
    async with stream_pair() as (ours, theirs), open_datagrams(theirs) as there:
        await ours.send_all(b"\x00" + (0x8000_0000 | MAX_DATAGRAM + 1).to_bytes(4, "big"))
        with pytest.raises(trio.BrokenResourceError, match="are allowed"):
            await there.receive()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.receive_some()
        assert isinstance(caught.value.__cause__, StreamResetError)
        assert caught.value.__cause__.protocol_error


async def test_the_loss_of_the_tunnel_is_told() -> None:
    wire = Wire()
    async with stream_pair(wire) as (_, theirs), open_datagrams(theirs) as there:
        wire.cut()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await there.receive()
        assert isinstance(caught.value.__cause__, StreamResetError)
        assert caught.value.__cause__.tunnel_lost


async def test_a_relay_passes_datagrams_both_ways() -> None:
    async with udp_socket() as (sock, port), relayed(port) as tunnel:
        stream = await tunnel.open_stream("udp")
        await stream.accepted()
        async with open_datagrams(stream) as datagrams:
            await datagrams.send(b"ping")
            data, address = await sock.recvfrom(100)
            assert data == b"ping"
            await sock.sendto(b"pong", address)
            assert await datagrams.receive() == b"pong"
        await wait_all_tasks_blocked()
        assert not tunnel.mux.streams


async def test_a_relay_goes_on_when_nobody_listens() -> None:
    async with udp_socket() as (_, port):
        pass
    async with relayed(port) as tunnel, open_datagrams(await tunnel.open_stream("udp")) as datagrams:
        for _ in range(3):
            await datagrams.send(b"anybody?")
            await wait_all_tasks_blocked()
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock:
            await sock.bind((LOCALHOST, port))
            await datagrams.send(b"now?")
            data, address = await sock.recvfrom(100)
            assert data == b"now?"
            await sock.sendto(b"yes", address)
            assert await datagrams.receive() == b"yes"


async def test_a_relay_that_reaches_nothing_says_so() -> None:
    async with connected_tunnels() as (gateway, agent):
        ours = await gateway.open_stream("udp")
        await relay_udp(await agent.first_stream(), "256.0.0.1", 623)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.accepted()
        assert isinstance(caught.value.__cause__, StreamResetError)
        assert caught.value.__cause__.connect_failed


async def echo(sock: trio.socket.SocketType) -> None:
    while True:
        data, address = await sock.recvfrom(100)
        await sock.sendto(data.upper(), address)


async def test_each_peer_of_a_forwarded_port_has_a_stream_of_its_own() -> None:
    async with udp_socket() as (far, port), relayed(port) as tunnel, trio.open_nursery() as nursery:
        nursery.start_soon(echo, far)
        async with (
            forward_udp(lambda: tunnel.open_stream("udp"), LOCALHOST) as forward,
            udp_socket() as (one, _),
            udp_socket() as (other, _),
        ):
            for sock in (one, other, one):
                await sock.sendto(b"hello", (LOCALHOST, forward.port))
                assert await sock.recv(100) == b"HELLO"
            assert forward.peers == 2
        nursery.cancel_scope.cancel()


async def test_there_are_no_more_peers_than_allowed() -> None:
    async with udp_socket() as (far, port), relayed(port) as tunnel, trio.open_nursery() as nursery:
        nursery.start_soon(echo, far)
        async with (
            forward_udp(lambda: tunnel.open_stream("udp"), LOCALHOST, max_peers=1) as forward,
            udp_socket() as (one, _),
            udp_socket() as (other, _),
        ):
            for sock in (one, other, one):
                await sock.sendto(b"hello", (LOCALHOST, forward.port))
                await wait_all_tasks_blocked(0.01)
            assert (forward.peers, forward.refused) == (1, 1)
        nursery.cancel_scope.cancel()


async def test_a_quiet_peer_is_forgotten() -> None:
    async with connected_tunnels() as (gateway, _):
        opened = trio.Event()

        async def open_stream() -> TunnelStream:
            opened.set()
            return await gateway.open_stream("udp")

        async with forward_udp(open_stream, LOCALHOST, idle=0.05) as forward, udp_socket() as (one, _):
            await one.sendto(b"hello", (LOCALHOST, forward.port))
            await opened.wait()
            assert forward.peers == 1
            await trio.sleep(0.1)
            assert forward.peers == 0
        assert not gateway.mux.streams


async def test_a_peer_whose_stream_is_refused_starts_again() -> None:
    async with connected_tunnels() as (gateway, agent), trio.open_nursery() as nursery:

        async def refuse(stream: TunnelStream) -> None:
            stream.reset(ErrorCode.CONNECT_ERROR)

        nursery.start_soon(serve_streams, agent, {"udp": refuse})
        async with forward_udp(lambda: gateway.open_stream("udp"), LOCALHOST) as forward, udp_socket() as (one, _):
            for _ in range(2):
                await one.sendto(b"hello", (LOCALHOST, forward.port))
                await wait_all_tasks_blocked(0.01)
                assert forward.peers == 0
        nursery.cancel_scope.cancel()


async def test_a_port_that_is_taken_cannot_be_forwarded() -> None:
    async with udp_socket() as (_, port), connected_tunnels() as (gateway, _):
        with pytest.raises(TransportError, match="cannot listen"):
            async with forward_udp(lambda: gateway.open_stream("udp"), LOCALHOST, port):
                pytest.fail("listens")


async def test_streams_are_not_kept_by_a_queue_that_nobody_reads(autojump_clock: MockClock) -> None:
    async with stream_pair() as (ours, theirs), open_datagrams(theirs) as there:
        with trio.move_on_after(5):
            await there.receive()
        await ours.aclose()
        with pytest.raises(trio.EndOfChannel):
            await there.receive()
