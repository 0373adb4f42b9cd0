"""Tunnels whose other end dies, falls silent, or comes back two hundredfold."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.errors import PeerTimeoutError
from conduit.tunnel.link import TlsFiles, accept, dial
from conduit.tunnel.reconnect import keep_dialling
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.certificates import Authority

STORM = 200  # Agents
BACK_WITHIN = 30.0  # seconds, on a busy machine
SILENCE = 0.5  # seconds until a peer is dead


def _start_agent(port: int, files: TlsFiles) -> subprocess.Popen[bytes]:
    paths = (files.certificate, files.key, files.ca)
    return subprocess.Popen(  # our own program
        [sys.executable, "-m", "tests.fakes.tunnel_agents", str(port), *map(str, paths)]
    )


@pytest.mark.slow
async def test_a_killed_agent_is_noticed_and_the_next_is_served(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    agent = authority.issue("conduit://agent/a")
    async with accept("127.0.0.1", 0, tls=authority.issue("conduit://gateway/g")) as listener:
        for _ in range(2):
            process = _start_agent(listener.port, agent)
            try:
                with trio.fail_after(20):
                    tunnel = await anext(aiter(listener))
                    await tunnel.ping()
                    process.kill()
                    await tunnel.wait_closed()
            finally:
                process.kill()
                await trio.to_thread.run_sync(process.wait)


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
            with pytest.raises(PeerTimeoutError, match="silent for"):  # noqa: PT012  # the block ends with it
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
