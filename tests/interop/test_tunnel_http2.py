"""The tunnel's HTTP/2 layer against other implementations: curl, nghttp, httpx, and Node at either end."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from conduit.tunnel.flow import FIRST_WINDOW, LARGEST_WINDOW, START_WINDOW
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.mux import Mux
from conduit.tunnel.streams import MuxStream
from tests.interop.http2_driver import Driver, WasResetError, answer, request, run_program, serve

pytestmark = pytest.mark.interop

FindPeer = Callable[[str], Path]
HERE = Path(__file__).parent
PATTERN = bytes(range(251))
SIZE = 8_000_000  # bytes


def pattern(size: int) -> bytes:
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


async def handle(driver: Driver, stream: MuxStream, headers: dict[bytes, bytes]) -> None:
    """What our end does with a request."""
    path = headers[b":path"].decode()
    if path == "/refuse":
        driver.mux.reset(stream, ErrorCode.REFUSED_STREAM)
        await driver.flush()
        return
    driver.mux.answer(stream, answer(200))
    try:
        if path.startswith("/bytes/"):
            await driver.send(stream, pattern(int(path[7:])))
        elif path == "/hash":
            await driver.send(stream, hashlib.sha256(await driver.read_all(stream)).hexdigest().encode())
        else:
            while data := await driver.read(stream, 100_000):
                if path == "/slow":
                    await trio.sleep(0.005)
                if path != "/hang":
                    await driver.send(stream, data, end=False)
            driver.mux.end(stream)
            await driver.flush()
    except WasResetError as error:
        if error.code != ErrorCode.CANCEL:
            raise


@asynccontextmanager
async def served() -> AsyncIterator[tuple[str, list[Driver]]]:
    """Our server, as ``http://host:port``."""
    async with trio.open_nursery() as nursery:
        port, drivers = await serve(handle, nursery)
        yield f"http://127.0.0.1:{port}", drivers
        nursery.cancel_scope.cancel()


def is_clean(driver: Driver) -> bool:
    """Whether nothing is left of any stream."""
    mux = driver.mux
    return not mux.streams and not mux.budget.granted and mux._window.left + mux._window.owed == mux._window.size


async def test_curl_downloads_and_uploads(peer: FindPeer, tmp_path: Path) -> None:
    # A connection each: with prior knowledge, curl 7.88 uses none for a second request, whoever the server is.
    curl = (peer("curl"), "--http2-prior-knowledge", "--silent", "--show-error", "--fail")
    async with served() as (url, drivers):
        await run_program(*curl, "--output", tmp_path / "down", f"{url}/bytes/{SIZE}")
        printed = await run_program(*curl, "--data-binary", f"@{tmp_path / 'down'}", f"{url}/hash")
    assert (tmp_path / "down").read_bytes() == pattern(SIZE)
    assert printed == hashlib.sha256(pattern(SIZE)).hexdigest()
    assert all(is_clean(driver) for driver in drivers)


async def test_nghttp_downloads_many_at_once_and_uploads(peer: FindPeer, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(pattern(SIZE))
    async with served() as (url, drivers):
        printed = await run_program(peer("nghttp"), "--null-out", "--stat", "--multiply=60", f"{url}/bytes/200000")
        hashed = await run_program(peer("nghttp"), f"--data={body}", f"{url}/hash")
    assert printed.count(" 200 ") == 60
    assert drivers[0].most_streams > 10
    assert hashed == hashlib.sha256(pattern(SIZE)).hexdigest()
    assert all(is_clean(driver) for driver in drivers)


def httpx_client(url: str) -> httpx.AsyncClient:
    """HTTP/2 with prior knowledge, and no proxy whatever the environment says."""
    return httpx.AsyncClient(base_url=url, http1=False, http2=True, timeout=60, trust_env=False)


async def test_httpx_has_many_requests_on_one_connection() -> None:
    got: dict[int, bytes] = {}
    async with served() as (url, drivers):
        async with httpx_client(url) as client:

            async def download(size: int) -> None:
                got[size] = (await client.get(f"/bytes/{size}")).content

            async with trio.open_nursery() as nursery:
                for size in range(100_000, 100_060):
                    nursery.start_soon(download, size)
            hashed = await client.post("/hash", content=pattern(SIZE))
            assert hashed.http_version == "HTTP/2"
            assert hashed.text == hashlib.sha256(pattern(SIZE)).hexdigest()
        assert got == {size: pattern(size) for size in range(100_000, 100_060)}
        (driver,) = drivers
        assert driver.most_streams > 10
        assert is_clean(driver)


async def test_httpx_is_told_of_a_refusal_and_goes_on() -> None:
    async with served() as (url, drivers):
        async with httpx_client(url) as client:
            with pytest.raises(httpx.RemoteProtocolError, match="error_code:7"):
                await client.post("/refuse")
            assert (await client.get("/bytes/5")).content == pattern(5)
        assert all(is_clean(driver) for driver in drivers)


async def test_node_is_our_client(peer: FindPeer) -> None:
    async with served() as (url, drivers):
        found = json.loads(await run_program(peer("node"), HERE / "http2_client.js", url.rpartition(":")[2]))
    assert found["sent"] == hashlib.sha256(pattern(SIZE)).hexdigest()
    for name in ("echoed", "slow"):
        assert found[name] == {"length": SIZE, "hash": found["sent"]}
    assert found["codes"] == [ErrorCode.CANCEL] * 20
    assert found["code"] == ErrorCode.REFUSED_STREAM
    assert found["many"] == list(range(5000, 5200))
    assert found["ping"]
    (driver,) = drivers
    assert driver.most_unread <= LARGEST_WINDOW
    assert is_clean(driver)


@asynccontextmanager
async def dialled(node: Path) -> AsyncIterator[Driver]:
    """Our client, of Node's server."""
    async with trio.open_nursery() as nursery:
        command = [str(node), str(HERE / "http2_server.js")]
        process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(await process.stdout.receive_some(100))
        carrier = await trio.open_tcp_stream("127.0.0.1", port)
        driver = Driver(carrier, Mux(client_side=True, now=trio.current_time()))
        await nursery.start(driver.run)
        try:
            yield driver
        finally:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await carrier.aclose()
                await process.stdin.aclose()
                await process.wait()
                await process.stdout.aclose()


async def test_node_is_our_server_with_many_streams(peer: FindPeer) -> None:
    async with dialled(peer("node")) as driver:
        with trio.fail_after(60):
            got: dict[int, bytes] = {}

            async def echo(size: int) -> None:
                stream = driver.mux.open_stream(request("/echo"), interactive=size % 2 == 0)
                await driver.flush()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(driver.send, stream, pattern(size))
                    got[size] = await driver.read_all(stream)

            async with trio.open_nursery() as nursery:
                for size in range(200_000, 200_060):
                    nursery.start_soon(echo, size)
        assert got == {size: pattern(size) for size in range(200_000, 200_060)}
        assert is_clean(driver)


async def test_node_is_our_server_and_we_read_slowly(peer: FindPeer) -> None:
    async with dialled(peer("node")) as driver:
        with trio.fail_after(60):
            stream = driver.mux.open_stream(request("/bytes", "GET"))
            driver.mux.end(stream)
            await driver.flush()
            await trio.sleep(0.3)
            assert FIRST_WINDOW <= stream.unread <= START_WINDOW  # and no more, until we read
            other = driver.mux.open_stream(request("/echo"))
            await driver.send(other, b"not held up")
            assert await driver.read_all(other) == b"not held up"
            assert await driver.read_all(stream) == pattern(6_000_000)
        assert is_clean(driver)


async def test_node_is_our_server_and_either_resets(peer: FindPeer) -> None:
    async with dialled(peer("node")) as driver:
        with trio.fail_after(60):
            refused = driver.mux.open_stream(request("/refuse"))
            await driver.flush()
            with pytest.raises(WasResetError) as caught:
                await driver.read(refused)
            assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM
            for _ in range(20):
                stream = driver.mux.open_stream(request("/bytes", "GET"))
                driver.mux.end(stream)
                await driver.flush()
                await driver.read(stream)
                driver.mux.reset(stream, ErrorCode.CANCEL)
                await driver.flush()
            last = driver.mux.open_stream(request("/bytes", "GET"))
            driver.mux.end(last)
            await driver.flush()
            assert await driver.read_all(last) == pattern(6_000_000)
        assert is_clean(driver)
