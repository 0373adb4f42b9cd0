"""Roads with TLS of their own, those that lead nowhere, and many tunnels at once through them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import NamedTuple

import pytest
import trio

from conduit.errors import PeerTimeoutError, TransportError
from conduit.tunnel import Addresses, Tunnel, accept, dial, dial_all
from conduit.tunnel.link import TlsFiles
from tests.fakes.certificates import Authority
from tests.fakes.connect_proxy import HOST, ConnectProxy, join, serving

CREDENTIALS = "user:geheim"


class Lab(NamedTuple):
    """Both ends' files, and the TLS around what carries them."""

    agent: TlsFiles
    gateway: TlsFiles
    front: ssl.SSLContext
    "Of what stands before a Gateway."
    trusting: ssl.SSLContext
    "Trusts that."


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    authority = Authority(tmp_path_factory.mktemp("roads"))
    agent, gateway = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.load_cert_chain(gateway.certificate, gateway.key)
    return Lab(agent, gateway, front, ssl.create_default_context(cafile=str(agent.ca)))


@asynccontextmanager
async def tls_proxy(proxy: ConnectProxy, front: ssl.SSLContext) -> AsyncIterator[int]:
    """*proxy*, which is reached with TLS alone."""

    async def serve(user: trio.SocketStream) -> None:
        try:
            await proxy.serve(trio.SSLStream(user, front, server_side=True, https_compatible=True))
        except (trio.BrokenResourceError, ssl.SSLError):
            await user.aclose()

    async with serving(serve) as port:
        yield port


async def silent(user: trio.SocketStream) -> None:
    """Takes what comes, and never answers."""
    async with user:
        async for _ in user:
            pass


# --- a proxy that speaks TLS ---


async def test_a_proxy_may_speak_tls(lab: Lab) -> None:
    async with accept(HOST, 0, tls=lab.gateway) as listener:
        proxy = ConnectProxy(listener.port, wants=CREDENTIALS)
        async with (
            tls_proxy(proxy, lab.front) as port,
            dial(
                "localhost", 7443, tls=lab.agent, proxy=f"https://{CREDENTIALS}@localhost:{port}",
                outer_tls=lab.trusting,
            ) as agent,
        ):  # fmt: skip
            assert proxy.asked == [b"CONNECT localhost:7443 HTTP/1.1"]
            gateway = await anext(aiter(listener))
            stream = await gateway.open_stream("sol")
            await stream.send_all(bytes(300_000))
            theirs = await agent.first_stream()
            assert sum([len(await theirs.receive_some()) for _ in range(2)]) > 0
            await agent.ping()


async def test_a_proxys_certificate_is_checked_before_it_hears_a_password(lab: Lab) -> None:
    proxy = ConnectProxy(1, wants=CREDENTIALS)
    async with tls_proxy(proxy, lab.front) as port:
        with pytest.raises(
            TransportError, match=rf"with the proxy localhost:{port}: certificate verify failed"
        ) as raised:
            async with dial("gateway.test", 7, tls=lab.agent, proxy=f"https://{CREDENTIALS}@localhost:{port}"):
                pytest.fail("connected")
    assert proxy.asked == []
    assert "geheim" not in str(raised.value)


async def test_a_proxy_that_speaks_no_tls_is_one_clear_line(lab: Lab) -> None:
    async def speak_plainly(user: trio.SocketStream) -> None:
        async with user:
            await user.send_all(b"HTTP/1.1 400 No\r\n\r\n")
            await user.receive_some()

    async with serving(speak_plainly) as port:
        with pytest.raises(TransportError, match=f"no TLS connection with the proxy {HOST}:{port}"):
            async with dial("gateway.test", 7, tls=lab.agent, proxy=f"https://{HOST}:{port}"):
                pytest.fail("connected")


# --- roads that lead nowhere ---


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_never_answers_is_left(lab: Lab, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conduit.tunnel.proxy.PATIENCE", 0.05)
    async with serving(silent) as port:
        with pytest.raises(PeerTimeoutError, match=f"the proxy {HOST}:{port} does not answer within 0.05 s"):
            async with dial("gateway.test", 7, tls=lab.agent, proxy=f"{scheme}://{HOST}:{port}"):
                pytest.fail("connected")


async def test_what_is_behind_a_proxy_and_never_answers_is_left(lab: Lab) -> None:
    async with serving(silent) as nowhere, serving(ConnectProxy(nowhere).serve) as port:
        with pytest.raises(PeerTimeoutError, match="took too long to set up the tunnel"):
            async with dial("gateway.test", 7, tls=lab.agent, proxy=f"http://{HOST}:{port}", deadline=0.2):
                pytest.fail("connected")


async def test_a_websocket_that_never_answers_is_left(lab: Lab) -> None:
    async with serving(silent) as port:
        with pytest.raises(PeerTimeoutError, match="took too long to set up the tunnel"):
            async with dial(HOST, 7, tls=lab.agent, websocket=f"ws://{HOST}:{port}/", deadline=0.1):
                pytest.fail("connected")


# --- many tunnels ---


async def say_here(tunnel: Tunnel) -> None:
    """What an Agent does with its tunnel."""
    await tunnel.notify("here")
    await tunnel.wait_closed()


async def test_tunnels_to_several_gateways_go_through_one_proxy(lab: Lab) -> None:
    async with accept(HOST, 0, tls=lab.gateway) as one, accept(HOST, 0, tls=lab.gateway) as other:
        proxy = ConnectProxy(0)
        async with serving(proxy.serve) as port, trio.open_nursery() as nursery:
            addresses = Addresses([("localhost", one.port), ("localhost", other.port)])
            dialler = partial(dial, tls=lab.agent, proxy=f"http://{HOST}:{port}")
            nursery.start_soon(dial_all, addresses, dialler, Tunnel.wait_closed)
            for listener in (one, other):
                tunnel = await anext(aiter(listener))
                await tunnel.ping()
            assert sorted(proxy.asked) == sorted(b"CONNECT localhost:%d HTTP/1.1" % at.port for at in (one, other))
            nursery.cancel_scope.cancel()


async def test_tunnels_to_several_gateways_are_in_websockets_with_tls_around_them(lab: Lab) -> None:
    async with (
        accept(HOST, 0, tls=lab.gateway, websocket=True) as one,
        accept(HOST, 0, tls=lab.gateway, websocket=True) as other,
        tls_front(one.port, lab.front) as before_one,
        tls_front(other.port, lab.front) as before_other,
        trio.open_nursery() as nursery,
    ):

        def dialler(host: str, port: int) -> AbstractAsyncContextManager[Tunnel]:
            url = f"wss://{host}:{port}/tunnel"
            return dial(host, port, tls=lab.agent, proxy=None, websocket=url, outer_tls=lab.trusting)

        addresses = Addresses([("localhost", before_one), ("localhost", before_other)])
        nursery.start_soon(dial_all, addresses, dialler, say_here)
        stays, leaves = [await anext(aiter(listener)) for listener in (one, other)]
        for tunnel in (stays, leaves):
            assert (await anext(aiter(tunnel.notices()))).name == "here"
        addresses.set([("localhost", before_one)])
        await leaves.wait_closed()
        assert leaves.peers_drain is not None
        await stays.ping()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def tls_front(port: int, front: ssl.SSLContext) -> AsyncIterator[int]:
    """What ends the TLS of a ``wss`` URL, and leads to *port*."""

    async def serve(user: trio.SocketStream) -> None:
        async with await trio.open_tcp_stream(HOST, port) as behind:
            await join(trio.SSLStream(user, front, server_side=True, https_compatible=True), behind)

    async with serving(serve) as outside:
        yield outside
