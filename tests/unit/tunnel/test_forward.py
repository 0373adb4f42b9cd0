"""TCP through two tunnels that are wired together in memory; the sockets at both ends are real."""

from __future__ import annotations

import hashlib
import secrets
import socket  # noqa: TID251  # what a splice takes
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.lowlevel

from conduit._trio import open_background_nursery
from conduit.errors import TransportError
from conduit.tunnel.forward import KIND, Entrance, Exposure, Forwarded, listen, listen_for
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.resume_serve import open_resumables
from conduit.tunnel.splice import PIECE, SPARE, Buffers, Splice
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.tunnel_pair import Wire, connected_tunnels

HOST = "127.0.0.1"
LIMIT = 10.0  # seconds
Handler = Callable[[trio.SocketStream], Awaitable[None]]


@pytest.fixture(autouse=True)
async def limit() -> AsyncIterator[None]:
    with trio.fail_after(LIMIT):
        yield


class Reports:
    """What one end says of its connections."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Forwarded](10)

    def add(self, one: Forwarded) -> None:
        self._send.send_nowait(one)

    async def first(self) -> Forwarded:
        return await self._receive.receive()


class Lab:
    """A target behind an Agent, and a port at the Gateway that leads to it."""

    def __init__(self) -> None:
        self.port = 0
        self.here = Reports()
        self.there = Reports()
        self.tunnel: Tunnel

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(HOST, self.port)

    async def until_reported(self) -> tuple[Forwarded, Forwarded]:
        """What both ends say of the first connection."""
        return await self.here.first(), await self.there.first()


@asynccontextmanager
async def open_lab(handler: Handler, *, wire: Wire | None = None, name: str = "web") -> AsyncIterator[Lab]:
    lab = Lab()
    async with connected_tunnels(wire) as (gateway, agent), open_background_nursery() as nursery:
        lab.tunnel = gateway
        targets = await trio.open_tcp_listeners(0, host=HOST)
        nursery.start_soon(trio.serve_listeners, handler, targets)
        port: int = targets[0].socket.getsockname()[1]
        exposure = Exposure({"web": (HOST, port), "down": (HOST, 1)}, lab.there.add)
        nursery.start_soon(exposure.serve, agent)
        listeners = await listen(HOST, 0)
        lab.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(Entrance(name, lambda: lab.tunnel, lab.here.add).serve, listeners)
        yield lab


async def echo(stream: trio.SocketStream) -> None:
    """Send everything back, then the end."""
    with suppress(trio.BrokenResourceError):
        async for data in stream:
            await stream.send_all(data)
        await stream.send_eof()


async def receive_all(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([data async for data in stream])


async def test_bytes_come_back_as_they_went() -> None:
    data = secrets.token_bytes(3_000_000)
    async with open_lab(echo) as lab, await lab.connect() as user, trio.open_nursery() as nursery:

        async def send() -> None:
            await user.send_all(data)
            await user.send_eof()

        nursery.start_soon(send)
        got = await receive_all(user)
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
        here, there = await lab.until_reported()
        assert (here.name, here.to_tunnel, here.from_tunnel, here.failure) == ("web", len(data), len(data), "")
        assert (there.to_tunnel, there.from_tunnel, there.failure) == (len(data), len(data), "")


async def test_each_direction_ends_by_itself() -> None:
    async def count(stream: trio.SocketStream) -> None:
        size = len(await receive_all(stream))  # the user's end comes first, and the answer after it
        await stream.send_all(b"%d" % size)

    async with open_lab(count) as lab, await lab.connect() as user:
        await user.send_all(b"12345")
        await user.send_eof()
        assert await receive_all(user) == b"5"


async def test_a_target_may_have_the_first_and_only_word() -> None:
    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(b"hello")
        await stream.send_eof()

    async with open_lab(greet) as lab, await lab.connect() as user:
        assert await receive_all(user) == b"hello"


async def test_a_slow_target_gets_all_of_it_in_order() -> None:
    got = hashlib.sha256()
    done = trio.Event()

    async def sip(stream: trio.SocketStream) -> None:
        await trio.sleep(0.05)  # so that the kernel's buffers are full
        async for data in stream:
            got.update(data)
            await trio.lowlevel.checkpoint()
        done.set()

    data = secrets.token_bytes(12_000_000)
    async with open_lab(sip) as lab, await lab.connect() as user:
        await user.send_all(data)
        await user.send_eof()
        await done.wait()
    assert got.digest() == hashlib.sha256(data).digest()


async def test_a_target_that_is_down_resets_the_user() -> None:
    async with open_lab(echo, name="down") as lab, await lab.connect() as user:
        with pytest.raises(trio.BrokenResourceError):
            await receive_all(user)
        here, there = await lab.until_reported()
        assert "connect failed" in here.failure
        assert "cannot connect to 127.0.0.1:1" in there.failure


async def test_a_name_that_is_not_exposed_resets_the_user() -> None:
    async with open_lab(echo, name="other") as lab, await lab.connect() as user:
        with pytest.raises(trio.BrokenResourceError):
            await receive_all(user)
        here, there = await lab.until_reported()
        assert "connect failed" in here.failure
        assert there.failure == "nothing is exposed as 'other'"


async def test_a_stream_of_another_kind_is_refused() -> None:
    async with open_lab(echo) as lab:
        stream = await lab.tunnel.open_stream("shell", {"target": "web"})
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        assert stream.reset_code == ErrorCode.CONNECT_ERROR


async def test_a_reset_passes_from_the_target_to_the_user() -> None:
    async def slam(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await stream.aclose()

    async with open_lab(slam) as lab, await lab.connect() as user:
        await user.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await receive_all(user)
        here, there = await lab.until_reported()
        assert "the connection broke" in there.failure
        assert "connect failed" in here.failure


async def test_a_reset_passes_from_the_user_to_the_target() -> None:
    got, broken = trio.Event(), trio.Event()

    async def wait(stream: trio.SocketStream) -> None:
        assert await stream.receive_some(1) == b"x"
        got.set()
        with pytest.raises(trio.BrokenResourceError):
            await receive_all(stream)
        broken.set()

    async with open_lab(wait) as lab:
        user = await lab.connect()
        await user.send_all(b"x")
        await got.wait()
        user.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await user.aclose()
        await broken.wait()


async def test_the_loss_of_the_tunnel_is_a_reset_and_no_end() -> None:
    wire = Wire()
    async with open_lab(echo, wire=wire) as lab, await lab.connect() as user:
        await user.send_all(b"x")
        assert await user.receive_some() == b"x"
        wire.cut()
        with pytest.raises(trio.BrokenResourceError):
            await receive_all(user)
        here, there = await lab.until_reported()
        assert here.failure
        assert there.failure


async def test_a_user_is_reset_while_there_is_no_tunnel() -> None:
    said: list[Forwarded] = []
    async with open_background_nursery() as nursery:
        listeners = await listen(HOST, 0)
        nursery.start_soon(Entrance("web", lambda: None, said.append).serve, listeners)
        async with await trio.open_tcp_stream(HOST, listeners[0].socket.getsockname()[1]) as user:
            with pytest.raises(trio.BrokenResourceError):
                await receive_all(user)
    assert [one.failure for one in said] == ["no Agent is connected"]


async def test_a_port_that_is_taken_cannot_be_listened_on() -> None:
    (listener,) = await listen(HOST, 0)
    async with listener, connected_tunnels() as (gateway, _):
        with pytest.raises(TransportError, match="cannot listen on"):
            await listen_for(gateway, "web", HOST, listener.socket.getsockname()[1])


async def test_cancelling_resets_both_sides() -> None:
    async with open_lab(echo) as lab:
        ours, theirs = socket.socketpair()
        stream = await lab.tunnel.open_stream(KIND, {"target": "web"})
        splice = Splice(stream, theirs)
        with trio.move_on_after(0.01) as scope:
            await splice.run()
        assert scope.cancelled_caught
        assert stream.reset_code == ErrorCode.CANCEL
        with ours:
            assert ours.recv(1) == b""


async def test_a_resumable_connection_goes_on_in_the_next_tunnel() -> None:
    data = secrets.token_bytes(4_000_000)
    said: list[Forwarded] = []
    send, receive = trio.open_memory_channel[Tunnel](1)
    current: list[Tunnel] = []

    async def next_tunnel() -> Tunnel:
        while not current or current[0].is_closed:
            current[:] = [await receive.receive()]
        return current[0]

    async with open_background_nursery() as nursery, open_resumables() as resumables:
        targets = await trio.open_tcp_listeners(0, host=HOST)
        nursery.start_soon(trio.serve_listeners, echo, targets)
        exposure = Exposure({"web": (HOST, targets[0].socket.getsockname()[1])}, resumables=resumables)

        async def tunnel_after_tunnel() -> None:
            for cut_after in (1_000_000, 2_000_000, 1_000_000_000):
                async with connected_tunnels(Wire(cut_after=cut_after)) as (gateway, agent):
                    await send.send(gateway)
                    await exposure.serve(agent)

        nursery.start_soon(tunnel_after_tunnel)
        listeners = await listen(HOST, 0)
        entrance = Entrance("web", lambda: None, said.append, next_tunnel)
        nursery.start_soon(entrance.serve, listeners)
        async with await trio.open_tcp_stream(HOST, listeners[0].socket.getsockname()[1]) as user:

            async def push() -> None:
                await user.send_all(data)
                await user.send_eof()

            nursery.start_soon(push)
            assert hashlib.sha256(await receive_all(user)).digest() == hashlib.sha256(data).digest()


async def test_few_buffers_are_kept() -> None:
    buffers = Buffers()
    taken = [buffers.take() for _ in range(SPARE + 2)]
    assert {len(buffer) for buffer in taken} == {PIECE}
    for buffer in taken:
        buffers.give_back(buffer)
    again = [buffers.take() for _ in range(SPARE + 1)]
    assert sum(any(one is other for other in taken) for one in again) == SPARE
    await trio.lowlevel.checkpoint()
