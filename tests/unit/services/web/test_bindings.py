from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from conduit.errors import LocalProtocolError, TransportError
from conduit.services.web.bindings import Binding, Bound, listen
from tests.fakes.certificates import Authority


@asynccontextmanager
async def listening(binding: Binding) -> AsyncIterator[Bound]:
    listeners, bound = await listen(binding)
    try:
        yield bound
    finally:
        for each in listeners:
            await each.aclose()


def test_a_binding_needs_an_address_and_a_certificate_its_key() -> None:
    with pytest.raises(LocalProtocolError, match="at least one address"):
        Binding(hosts=())
    with pytest.raises(LocalProtocolError, match="both a certificate and its key"):
        Binding(certificate=Path("web.pem"))


async def test_urls_say_how_to_reach_it() -> None:
    async with listening(Binding()) as bound:
        assert bound.urls == (f"http://127.0.0.1:{bound.port}", f"http://[::1]:{bound.port}")
        bound.reload_certificate()  # there is none: nothing happens


async def test_a_port_that_is_taken_is_one_clear_line() -> None:
    async with listening(Binding(hosts=("127.0.0.1",))) as bound:
        with pytest.raises(
            TransportError, match=rf"cannot listen on 127.0.0.1 port {bound.port}: Address already in use"
        ):
            await listen(Binding(port=bound.port))


async def test_another_port_is_tried_when_the_first_is_taken_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(Binding(hosts=("::1",))) as taken:
        really, ports = trio.open_tcp_listeners, [taken.port]

        async def unlucky(port: int, *, host: str, backlog: int) -> list[trio.SocketListener]:
            chosen = ports.pop() if port == 0 and ports else port
            return await really(chosen, host=host, backlog=backlog)

        monkeypatch.setattr(trio, "open_tcp_listeners", unlucky)
        async with listening(Binding()) as bound:
            assert bound.port != taken.port


async def test_no_common_port_ends_after_some_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(Binding(hosts=("::1",))) as taken:
        really = trio.open_tcp_listeners

        async def unlucky(port: int, *, host: str, backlog: int) -> list[trio.SocketListener]:
            return await really(port or taken.port, host=host, backlog=backlog)

        monkeypatch.setattr(trio, "open_tcp_listeners", unlucky)
        with pytest.raises(TransportError, match=r"no port is free on all of: 127\.0\.0\.1, ::1"):
            await listen(Binding())


async def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    (tmp_path / "web.pem").write_text("nonsense")
    binding = Binding(certificate=tmp_path / "web.pem", key=tmp_path / "web.pem")
    with pytest.raises(LocalProtocolError, match=r"cannot use .*web.pem"):
        await listen(binding)


async def test_a_bad_certificate_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("web")
    async with listening(Binding(certificate=files.certificate, key=files.key)) as bound:
        assert bound.urls[0].startswith("https://")
        files.certificate.write_text("nonsense")
        with pytest.raises(LocalProtocolError, match="cannot use"):
            bound.reload_certificate()
