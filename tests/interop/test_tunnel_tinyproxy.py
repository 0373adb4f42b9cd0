"""A tunnel through tinyproxy."""

from __future__ import annotations

import socket  # noqa: TID251  # finds a free port
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.errors import AuthenticationError, ConduitError
from conduit.tunnel import (
    ResumableStream,
    Tunnel,
    TunnelStream,
    accept,
    dial,
    keep_dialling,
    open_resumable,
    open_resumables,
    serve_streams,
)
from conduit.tunnel.serving import StreamHandler
from tests.fakes.certificates import Authority

pytestmark = pytest.mark.interop

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Tinyproxy:
    """It may be killed and started again, and connects to the port :attr:`allowed` alone."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port, self.allowed = free_port(), free_port()
        self._command = [str(program), "-d", "-c", str(folder / "tinyproxy.conf")]
        (folder / "tinyproxy.conf").write_text(
            f"Port {self.port}\nListen {HOST}\nTimeout 60\nBasicAuth user geheim\nConnectPort {self.allowed}\n"
        )
        self.url = f"http://user:geheim@{HOST}:{self.port}"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)


@pytest.fixture
def proxy(peer: Callable[[str], Path], tmp_path: Path) -> Iterator[Tinyproxy]:
    found = Tinyproxy(peer("tinyproxy"), tmp_path)
    yield found
    found.kill()


async def wait_until_it_listens(port: int) -> None:
    with trio.fail_after(10):
        while True:
            try:
                await (await trio.open_tcp_stream(HOST, port)).aclose()
            except OSError:
                await trio.sleep(0.02)
            else:
                return


async def test_a_tunnel_through_tinyproxy(proxy: Tinyproxy, tmp_path: Path) -> None:
    await wait_until_it_listens(proxy.port)
    authority = Authority(tmp_path)
    agent_files, gateway_files = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")
    async with accept(HOST, proxy.allowed, tls=gateway_files) as listener:
        async with dial(HOST, proxy.allowed, tls=agent_files, proxy=proxy.url):
            assert (await anext(aiter(listener))).identity == "conduit://agent/a"
        with pytest.raises(AuthenticationError):
            async with dial(HOST, proxy.allowed, tls=agent_files, proxy=f"http://{HOST}:{proxy.port}"):
                pytest.fail("connected")
        with pytest.raises(ConduitError, match="does not allow"):
            async with dial(HOST, 1, tls=agent_files, proxy=proxy.url):
                pytest.fail("connected")


async def test_streams_end_and_resumable_ones_go_on_when_tinyproxy_is_killed_and_comes_back(
    proxy: Tinyproxy, tmp_path: Path
) -> None:
    await wait_until_it_listens(proxy.port)
    authority = Authority(tmp_path)
    agent_files, gateway_files = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")

    async def echo(stream: TunnelStream | ResumableStream) -> None:
        while data := await stream.receive_some():
            await stream.send_all(bytes(data))

    async with (
        accept(HOST, proxy.allowed, tls=gateway_files) as listener,
        open_resumables() as resumables,
        trio.open_nursery() as nursery,
    ):
        handlers: dict[str, StreamHandler] = {"echo": echo, "sol": resumables.serving(echo)}
        tunnels = list[Tunnel]()

        async def serve(tunnel: Tunnel) -> None:
            await serve_streams(tunnel, handlers)

        async def next_tunnel() -> Tunnel:
            tunnels.append(await anext(aiter(listener)))
            return tunnels[-1]

        dialler = partial(dial, tls=agent_files, proxy=proxy.url)
        nursery.start_soon(keep_dialling, dialler, (HOST, proxy.allowed), serve)
        with trio.fail_after(30):
            async with open_resumable(next_tunnel, "sol") as console:
                stream = await tunnels[0].open_stream("echo")
                for one in (console, stream):
                    await one.send_all(b"before")
                    assert await one.receive_some() == b"before"
                proxy.kill()
                with pytest.raises(trio.BrokenResourceError):
                    await stream.receive_some()
                await console.send_all(b"meanwhile")
                proxy.start()
                assert await console.receive_some() == b"meanwhile"
                assert console.attachments == 2
        nursery.cancel_scope.cancel()
