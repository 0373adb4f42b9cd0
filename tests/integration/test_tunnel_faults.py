"""Tunnels whose other end dies, falls silent, or comes back two hundredfold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.errors import CallError, PeerTimeoutError, StreamResetError
from conduit.tunnel import (
    Code,
    TlsFiles,
    Tunnel,
    TunnelStream,
    accept,
    call,
    dial,
    keep_dialling,
    open_resumable,
    serve_streams,
)
from tests.fakes.certificates import Authority
from tests.fakes.tunnel_gateways import STREAMS

STORM = 200  # Agents
BACK_WITHIN = 30.0  # seconds, on a busy machine
SILENCE = 0.5  # seconds until a peer is dead


@contextmanager
def _process(module: str, port: int, files: TlsFiles) -> Iterator[subprocess.Popen[bytes]]:
    """One end in a process of its own."""
    words = [str(port), *map(str, (files.certificate, files.key, files.ca))]
    with subprocess.Popen([sys.executable, "-m", f"tests.fakes.{module}", *words], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
async def test_a_killed_agent_takes_its_streams_with_it_and_the_next_is_served(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    agent = authority.issue("conduit://agent/a")
    async with accept("127.0.0.1", 0, tls=authority.issue("conduit://gateway/g")) as listener:
        for _ in range(2):
            with _process("tunnel_agents", listener.port, agent) as process, trio.fail_after(20):
                tunnel = await anext(aiter(listener))
                streams = [await tunnel.open_stream("echo") for _ in range(20)]
                for stream in streams:
                    await stream.send_all(b"hello")
                    assert await stream.receive_some() == b"hello"
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_fail_unavailable, tunnel)
                    await tunnel.ping()
                    process.kill()
                    await tunnel.wait_closed()
                for stream in streams:
                    with pytest.raises(trio.BrokenResourceError) as broken:
                        await stream.receive_some()
                    assert isinstance(broken.value.__cause__, StreamResetError)
                    assert broken.value.__cause__.tunnel_lost
                assert not tunnel.mux.streams


async def _fail_unavailable(tunnel: Tunnel) -> None:
    """A call that is under way when the Agent dies: nobody knows what was done."""
    with pytest.raises(CallError) as failed:
        await call(tunnel, "hang", b"")
    assert (failed.value.code, failed.value.safe_to_retry) == (Code.UNAVAILABLE, False)


@pytest.mark.slow
async def test_a_resumable_stream_of_a_killed_agent_ends_when_the_next_one_knows_nothing_of_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    agent = authority.issue("conduit://agent/a")
    async with accept("127.0.0.1", 0, tls=authority.issue("conduit://gateway/g")) as listener:
        tunnels = aiter(listener)
        with _process("tunnel_agents", listener.port, agent) as process, trio.fail_after(20):
            async with open_resumable(lambda: anext(tunnels), "sol") as stream:
                await stream.send_all(b"hello")
                assert await stream.receive_some() == b"hello"
                process.kill()
                with (
                    _process("tunnel_agents", listener.port, agent),
                    pytest.raises(trio.BrokenResourceError, match="connect failed"),
                ):
                    await stream.receive_some()


@pytest.mark.slow
async def test_a_killed_gateway_takes_its_streams_with_it_and_the_agent_comes_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    agent, gateway = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")
    ended = list[BaseException | None]()
    gauge, moved = trio.open_memory_channel[int](100)  # streams that carry bytes
    carrying = set[TunnelStream]()

    async def echo(stream: TunnelStream) -> None:
        try:
            while data := await stream.receive_some():
                if stream not in carrying:
                    carrying.add(stream)
                    gauge.send_nowait(len(carrying))
                await stream.send_all(bytes(data))
        except trio.BrokenResourceError as error:
            ended.append(error.__cause__)
            carrying.discard(stream)
            gauge.send_nowait(len(carrying))

    async def until(count: int) -> None:
        while await moved.receive() != count:
            pass

    async def serve(tunnel: Tunnel) -> None:
        await serve_streams(tunnel, {"echo": echo})

    port = 0
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            with _process("tunnel_gateways", port, gateway) as process, trio.fail_after(20):
                if not port:
                    assert process.stdout is not None
                    port = int(await trio.to_thread.run_sync(process.stdout.readline))
                    nursery.start_soon(keep_dialling, partial(dial, tls=agent), ("127.0.0.1", port), serve)
                await until(STREAMS)
                process.kill()
                await until(0)
        nursery.cancel_scope.cancel()
    assert len(ended) == 2 * STREAMS
    assert all(isinstance(cause, StreamResetError) and cause.tunnel_lost for cause in ended)


@pytest.mark.slow
async def test_both_ends_notice_a_proxy_that_stops_forwarding(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    agent, gateway = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")
    forwards = True

    async def pump(source: trio.SocketStream, target: trio.SocketStream) -> None:
        async for data in source:
            if forwards:
                await target.send_all(data)
        await trio.sleep_forever()

    async with accept("127.0.0.1", 0, tls=gateway, interval=0.1, dead_after=SILENCE) as listener:

        async def carry(client: trio.SocketStream) -> None:
            async with await trio.open_tcp_stream("127.0.0.1", listener.port) as server, trio.open_nursery() as nursery:
                nursery.start_soon(pump, client, server)
                nursery.start_soon(pump, server, client)

        async with trio.open_nursery() as nursery:
            (proxy,) = await nursery.start(partial(trio.serve_tcp, carry, 0, host="127.0.0.1"))
            port = proxy.socket.getsockname()[1]
            dialler = partial(dial, tls=agent, interval=0.1, dead_after=SILENCE)
            with pytest.raises(PeerTimeoutError, match="silent for"):  # noqa: PT012  # the tunnel is the block
                async with dialler("127.0.0.1", port):
                    theirs = await anext(aiter(listener))
                    forwards = False
                    with trio.fail_after(10):
                        await trio.sleep_forever()
            with trio.fail_after(10):
                await theirs.wait_closed()
            assert "silent for" in theirs.closed_because
            nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_two_hundred_agents_are_all_back_after_their_listener_was_away(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    gateway = authority.issue("conduit://gateway/g")
    agents = [authority.issue(f"conduit://agent/a{number}") for number in range(STORM)]
    port = 0
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            async with accept("127.0.0.1", port, tls=gateway) as listener:
                if not port:
                    port = listener.port
                    for files in agents:
                        nursery.start_soon(
                            keep_dialling, partial(dial, tls=files), ("127.0.0.1", port), Tunnel.wait_closed
                        )
                back: set[str] = set()
                with trio.fail_after(BACK_WITHIN):
                    while len(back) < STORM:
                        back.add((await anext(aiter(listener))).identity)
        nursery.cancel_scope.cancel()
