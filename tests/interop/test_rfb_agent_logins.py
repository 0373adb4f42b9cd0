"""An Agent's configuration file leads into real servers, in every way that the library knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conduit.errors import ConduitError, NegotiationError, RemoteProtocolError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import open_connection
from conduit.rfb.security import method_name
from conduit.services.agent.config import Display
from conduit.services.agent.display_login import login_options
from conduit.services.agent.secret_store import SecretStore
from conduit.services.settings import structure
from tests.interop.displays import HOST, PASSWORD, FindPeer, free_port
from tests.interop.rfb_lab import Lab, open_lab, take_picture, tls_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]


class Agent:
    """Logs in as a table of its file says.

    :param folder: for secrets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.password = self.secret("password", PASSWORD)

    def secret(self, name: str, text: str) -> str:
        """A file that only we read."""
        path = self._folder / name
        path.touch(0o600)
        path.write_text(text + "\n")
        return str(path)

    async def see(self, url: str, **table: Any) -> str:
        """Take a picture; how it logged in."""
        display = structure({"url": url, **table}, Display, where="agent.toml")
        store = SecretStore(self._folder / "secrets.json", self._folder / "secrets.key")
        async with open_connection(
            DisplayAddress.parse(display.url), login_options("web-01", display, store)
        ) as connection:
            await take_picture(connection)
            method = connection.handshake.method
            return "" if method is None else method_name(method)


@pytest.fixture(scope="module")
def lab(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(peer, tmp_path_factory.mktemp("displays")) as opened:
        yield opened


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


async def test_tls_that_comes_first(lab: Lab, agent: Agent) -> None:
    display = lab.displays.x11vnc(lab.displays.xvfb(), "-passwd", PASSWORD, "-ssl", lab.both)
    url = f"vncs://{HOST}:{display.port}"
    assert await agent.see(url, password_file=agent.password, ca_file=str(lab.ca)) == "vnc"
    with pytest.raises(TransportError, match="certificate is not believed"):
        await agent.see(url, password_file=agent.password)
    with pytest.raises(TransportError, match="certificate is not believed"):
        await agent.see(url, password_file=agent.password, ca_file=str(lab.ca), tls_name="other.example")


async def test_our_own_certificate(lab: Lab, agent: Agent) -> None:
    display = lab.displays.qemu("tls-creds=tls", *tls_of("mutual", lab))
    url, ca = f"vnc://{HOST}:{display.port}", str(lab.ca)
    ours = {"certificate": str(lab.certificate), "key": str(lab.key)}
    assert await agent.see(url, ca_file=ca, security=["x509-none"], **ours) == "x509-none"
    with pytest.raises(ConduitError):
        await agent.see(url, ca_file=ca, security=["x509-none"])


async def test_a_websocket_inside_tls(lab: Lab, agent: Agent) -> None:
    port = free_port()
    lab.displays.qemu(f"websocket={port},password-secret=password,tls-creds=tls", *tls_of("x509", lab))
    url = f"wss://{HOST}:{port}/"
    assert await agent.see(url, password_file=agent.password, ca_file=str(lab.ca)) == "vnc"
    assert await agent.see(url, password_file=agent.password, ca_file=str(lab.ca), subprotocols=[]) == "vnc"


async def test_a_web_server_that_asks_who_we_are(
    lab: Lab, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    display = lab.displays.qemu("password-secret=password")
    port = lab.displays.websockify(display, "--auth-plugin", "BasicHTTPAuth", "--auth-source", "noc:geheim")
    url, password = f"ws://{HOST}:{port}/websockify", {"password_file": agent.password}
    told = {"http_user": "noc", "http_password_file": agent.secret("http", "geheim")}
    assert await agent.see(url, **password, **told) == "vnc"
    monkeypatch.setenv("KVM_PASSWORD", "geheim")
    assert await agent.see(url, **password, http_user="noc", http_password_env="KVM_PASSWORD") == "vnc"
    header = agent.secret("headers", "Authorization: Basic bm9jOmdlaGVpbQ==")
    assert await agent.see(url, **password, http_headers_file=header) == "vnc"
    with pytest.raises(RemoteProtocolError, match="401"):
        await agent.see(url, **password)


async def test_who_believes_any_certificate_does_not_do_without_one(lab: Lab, agent: Agent) -> None:
    display = lab.displays.xvnc("TLSVnc", "-AlwaysShared")
    url, password = f"vnc://{HOST}:{display.port}", {"password_file": agent.password}
    with pytest.raises(NegotiationError):
        await agent.see(url, **password, insecure_tls=True)
    assert await agent.see(url, **password, anonymous_tls=True) == "tls-vnc"
