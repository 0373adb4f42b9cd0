"""Tunnels through a CONNECT proxy, in a WebSocket, and in both."""

from __future__ import annotations

import secrets
import ssl

import pytest
import trio

from conduit.errors import AuthenticationError, ConduitError, LocalProtocolError, RemoteProtocolError, TransportError
from conduit.tunnel import Tunnel, TunnelStream, accept, dial, serve_streams
from conduit.tunnel.link import TlsFiles
from tests.fakes.certificates import Authority
from tests.fakes.connect_proxy import ConnectProxy, join, serving

HOST = "127.0.0.1"
DATA = secrets.token_bytes(3_000_000)
PASSWORD = "user:geheim"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[TlsFiles, TlsFiles]:
    authority = Authority(tmp_path_factory.mktemp("carriers"))
    return authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")


async def echo(stream: TunnelStream) -> None:
    stream.accept()
    async for data in stream:
        await stream.send_all(bytes(data))
    await stream.send_eof()


async def check_echo(gateway: Tunnel, agent: Tunnel) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_streams, agent, {"echo": echo})
        stream = await gateway.open_stream("echo")

        async def send() -> None:
            await stream.send_all(DATA)
            await stream.send_eof()

        nursery.start_soon(send)
        got = bytearray()
        with trio.fail_after(20):
            async for data in stream:
                got += data
        assert got == DATA
        nursery.cancel_scope.cancel()


async def test_megabytes_pass_through_a_proxy(files: tuple[TlsFiles, TlsFiles]) -> None:
    async with accept(HOST, 0, tls=files[1]) as listener:
        proxy = ConnectProxy(listener.port, wants=PASSWORD)
        async with (
            serving(proxy.serve) as port,
            dial("localhost", 7443, tls=files[0], proxy=f"http://{PASSWORD}@{HOST}:{port}") as agent,
        ):
            assert proxy.asked == [b"CONNECT localhost:7443 HTTP/1.1"]
            assert agent.peer == f"localhost:7443 through the proxy {HOST}:{port}"
            await check_echo(await anext(aiter(listener)), agent)


async def test_the_environment_names_a_proxy(files: tuple[TlsFiles, TlsFiles], monkeypatch: pytest.MonkeyPatch) -> None:
    async with accept(HOST, 0, tls=files[1]) as listener:
        proxy = ConnectProxy(listener.port)
        async with serving(proxy.serve) as port:
            monkeypatch.setenv("https_proxy", f"http://{HOST}:{port}")
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            async with dial("gateway.test", 7443, tls=files[0], server_name="localhost"):
                assert proxy.asked == [b"CONNECT gateway.test:7443 HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "credentials", "kind", "says"),
    [
        (b"", "", AuthenticationError, "wants a name and password"),
        (b"", "user:wrong@", AuthenticationError, "refuses the name and password"),
        (b"HTTP/1.1 403 No\r\n\r\n", "user:geheim@", TransportError, "does not allow gateway.test:7"),
        (b"HTTP/1.1 502 No\r\n\r\n", "user:geheim@", TransportError, "does not reach gateway.test:7"),
        (b"HTTP/1.1 405 No\r\n\r\n", "user:geheim@", TransportError, "check that it allows CONNECT"),
        (b"SSH-2.0-x\r\n\r\n", "user:geheim@", TransportError, "does not speak HTTP"),
        (b"HTTP/1.1 100 x\r\n\r\n" * 9, "user:geheim@", TransportError, "only ever tells us to wait"),
        (b"-", "user:geheim@", TransportError, "without an answer"),
    ],
)
async def test_a_proxy_that_refuses_is_one_clear_line_without_the_password(
    files: tuple[TlsFiles, TlsFiles], answer: bytes, credentials: str, kind: type[ConduitError], says: str
) -> None:
    async with serving(ConnectProxy(1, answer=answer, wants=PASSWORD).serve) as port:
        with pytest.raises(kind, match=says) as raised:
            async with dial("gateway.test", 7, tls=files[0], proxy=f"http://{credentials}{HOST}:{port}"):
                pytest.fail("connected")
    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_url_that_is_none_is_our_callers_fault(files: tuple[TlsFiles, TlsFiles]) -> None:
    for arguments in ({"proxy": "socks5://x"}, {"websocket": "http://x"}):
        with pytest.raises(LocalProtocolError):
            async with dial(HOST, 7, tls=files[0], **arguments):  # type: ignore[arg-type]  # either is a text
                pytest.fail("connected")


async def test_megabytes_pass_in_a_websocket(files: tuple[TlsFiles, TlsFiles]) -> None:
    async with accept(HOST, 0, tls=files[1], websocket=True) as listener:
        with pytest.raises(TransportError, match="closed the tunnel"):  # noqa: PT012  # the block ends with it
            async with dial(HOST, 0, tls=files[0], websocket=f"ws://{HOST}:{listener.port}/x") as agent:
                gateway = await anext(aiter(listener))
                await check_echo(gateway, agent)
                gateway.stop()
                with trio.fail_after(5):
                    await trio.sleep_forever()


async def test_a_websocket_in_tls_through_a_proxy(files: tuple[TlsFiles, TlsFiles]) -> None:
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.load_cert_chain(files[1].certificate, files[1].key)
    trusting = ssl.create_default_context(cafile=str(files[0].ca))

    async def end_tls(user: trio.SocketStream) -> None:
        outer = trio.SSLStream(user, front, server_side=True, https_compatible=True)
        async with await trio.open_tcp_stream(HOST, listener.port) as behind:
            await join(outer, behind)

    async with (
        accept(HOST, 0, tls=files[1], websocket=True) as listener,
        serving(end_tls) as outside,
        serving(ConnectProxy(outside).serve) as port,
        dial(
            HOST, 0, tls=files[0], proxy=f"http://{HOST}:{port}", websocket="wss://localhost/x", outer_tls=trusting
        ) as agent,
    ):
        await check_echo(await anext(aiter(listener)), agent)


async def test_who_begins_no_websocket_is_told_so_and_hurts_nobody(files: tuple[TlsFiles, TlsFiles]) -> None:
    async with accept(HOST, 0, tls=files[1], websocket=True) as listener:
        for said, heard in ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426 "), (b"\x16\x03\x01\r\n\r\n", b"")):
            async with await trio.open_tcp_stream(HOST, listener.port) as stream:
                await stream.send_all(said)
                assert (await stream.receive_some(13)) == heard
        async with dial(HOST, 0, tls=files[0], websocket=f"ws://{HOST}:{listener.port}"):
            pass
    async with serving(ConnectProxy(1, answer=b"HTTP/1.1 404 x\r\n\r\n").serve) as port:
        with pytest.raises(RemoteProtocolError, match="at this path"):
            async with dial(HOST, 0, tls=files[0], websocket=f"ws://{HOST}:{port}/secret"):
                pytest.fail("connected")
