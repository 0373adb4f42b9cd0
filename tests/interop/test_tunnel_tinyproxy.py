"""A tunnel through tinyproxy."""

from __future__ import annotations

import socket  # noqa: TID251  # finds a free port
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from conduit.errors import AuthenticationError, ConduitError
from conduit.tunnel import accept, dial
from tests.fakes.certificates import Authority

pytestmark = pytest.mark.interop

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def proxy(peer: Callable[[str], Path], tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Its port, and the one that it may connect to."""
    program, port, allowed = peer("tinyproxy"), free_port(), free_port()
    config = tmp_path / "tinyproxy.conf"
    config.write_text(f"Port {port}\nListen {HOST}\nTimeout 60\nBasicAuth user geheim\nConnectPort {allowed}\n")
    process = subprocess.Popen([program, "-d", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port, allowed
    finally:
        process.terminate()
        process.wait(timeout=10)


async def wait_until_it_listens(port: int) -> None:
    with trio.fail_after(10):
        while True:
            try:
                await (await trio.open_tcp_stream(HOST, port)).aclose()
            except OSError:
                await trio.sleep(0.02)
            else:
                return


async def test_a_tunnel_through_tinyproxy(proxy: tuple[int, int], tmp_path: Path) -> None:
    port, allowed = proxy
    await wait_until_it_listens(port)
    authority = Authority(tmp_path)
    agent_files, gateway_files = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")
    url = f"http://user:geheim@{HOST}:{port}"
    async with accept(HOST, allowed, tls=gateway_files) as listener:
        async with dial(HOST, allowed, tls=agent_files, proxy=url):
            assert (await anext(aiter(listener))).identity == "conduit://agent/a"
        with pytest.raises(AuthenticationError):
            async with dial(HOST, allowed, tls=agent_files, proxy=f"http://{HOST}:{port}"):
                pytest.fail("connected")
        with pytest.raises(ConduitError, match="does not allow"):
            async with dial(HOST, 1, tls=agent_files, proxy=url):
                pytest.fail("connected")
