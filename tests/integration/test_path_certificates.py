"""SIGHUP at Manager and Gateway: who comes after it sees the new certificate, who is there stays."""

from __future__ import annotations

import os
import signal
import ssl
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.fakes.certificates import Authority
from tests.fakes.path import HOST, RunningPath, open_path
from tests.fakes.path_client import eventually

pytestmark = pytest.mark.slow
ASK = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("name", ["manager", "gateway"])
async def test_a_new_certificate_is_shown_after_sighup_and_an_old_connection_lives_on(
    tmp_path: Path, name: str
) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("conduit://web")
    async with open_path(tmp_path / "path") as path:
        _serve_tls(path, name, files.certificate, files.key)
        if name == "gateway":
            await path.process("manager").start()
        process = path.process(name)
        await process.start()
        port = path.seed.ports.manager if name == "manager" else path.seed.ports.gateway
        context = ssl.create_default_context(cafile=str(authority.path))
        async with await _connect(port, context) as old:
            first = _serial(old)
            await _ask(old)
            authority.issue("conduit://web")
            os.kill(process.pid, signal.SIGHUP)
            await eventually(partial(_shows_another, port, context, first), "the new certificate")
            await _ask(old)
            files.certificate.write_text("nonsense")
            os.kill(process.pid, signal.SIGHUP)
            await eventually(partial(_says, process.log, "the certificate stays as it was"))
            assert await _shows_another(port, context, first)
            await _ask(old)
        os.kill(process.pid, signal.SIGHUP)  # and it is still there
        assert await _shows_another(port, context, first)


async def test_sighup_without_a_certificate_changes_nothing(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        manager = path.process("manager")
        await manager.start()
        os.kill(manager.pid, signal.SIGHUP)
        await eventually(partial(_says, manager.log, "no certificate to read again"))
        assert (await path.http.get(f"{path.seed.manager_url}/health")).status_code == 200


def _serve_tls(path: RunningPath, name: str, certificate: Path, key: Path) -> None:
    config = path.seed.config(name)
    config.write_text(config.read_text() + f'certificate = "{certificate}"\nkey = "{key}"\n')


async def _connect(port: int, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    stream = await trio.open_ssl_over_tcp_stream(HOST, port, ssl_context=context, https_compatible=True)
    await stream.do_handshake()
    return stream


def _serial(stream: trio.SSLStream[trio.SocketStream]) -> str:
    certificate: dict[str, str] = stream.getpeercert()
    return certificate["serialNumber"]


async def _ask(stream: trio.SSLStream[trio.SocketStream]) -> None:
    """It answers on this connection."""
    await stream.send_all(ASK)
    answer = b""
    with trio.fail_after(5):
        while b'"alive"' not in answer:
            data = await stream.receive_some()
            assert data, "the connection was closed"
            answer += data


async def _shows_another(port: int, context: ssl.SSLContext, serial: str) -> bool:
    async with await _connect(port, context) as stream:
        return _serial(stream) != serial


async def _says(log: Path, words: str) -> bool:
    return words in await trio.Path(log).read_text()
