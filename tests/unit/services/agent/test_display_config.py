"""What an Agent's file may say of a display."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.services.agent.config import Display
from conduit.services.agent.display_login import login_options
from conduit.services.agent.secret_store import SecretStore
from conduit.services.settings import structure

FINGERPRINT = "ab" * 32


def display(url: str, **table: Any) -> Display:
    return structure({"url": url, **table}, Display, where="agent.toml")


@pytest.mark.parametrize(
    ("url", "table", "says"),
    [
        ("host", {}, "vnc://host:port, vncs://, ws:// or wss://"),
        ("http://host", {}, "vnc://host:port, vncs://, ws:// or wss://"),
        ("vnc://me:geheim@host", {}, "a URL of a display has a host and a port"),
        ("vnc://host", {"password_file": "/a", "password_env": "B"}, "in one place"),
        ("vnc://host", {"insecure_tls": True, "fingerprint": FINGERPRINT}, "not both"),
        ("vnc://host", {"insecure_tls": True, "ca_file": "/ca.pem"}, "not both"),
        ("vnc://host", {"fingerprint": "ab"}, "64 hexadecimal digits"),
        ("vnc://host", {"security": ["rot13"]}, "no way of logging in"),
        ("vncs://host", {"http_user": "me", "http_password_env": "A"}, "is for ws:// and wss://"),
        ("vnc://host", {"http_headers_file": "/headers"}, "is for ws:// and wss://"),
        ("ws://host/", {"http_user": "me"}, "http_user belongs to one of"),
        ("ws://host/", {"http_password_env": "A"}, "http_user belongs to one of"),
        ("ws://host/", {"http_user": "me", "http_password_env": "A", "http_password_file": "/b"}, "belongs to one of"),
        ("ws://host/", {"http_pasword_env": "A"}, "unknown: http_pasword_env"),
    ],
)
def test_what_makes_no_sense_is_one_line(url: str, table: dict[str, Any], says: str) -> None:
    with pytest.raises(LocalProtocolError) as refused:
        display(url, **table)
    message = str(refused.value)
    assert says in message
    assert "geheim" not in message
    assert "\n" not in message


def test_what_it_says_is_how_we_log_in(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.touch(0o600)
    headers.write_text("X-Auth-Token: geheim\n")
    found = display(
        "wss://host/kvm/0",
        tls_name="bmc.example",
        certificate="/ours.pem",
        key="/ours.key",
        fingerprint=FINGERPRINT,
        http_headers_file=str(headers),
        subprotocols=[],
    )
    options = login_options("web-01", found, SecretStore(tmp_path / "s", tmp_path / "k"))
    trust, websocket = options.transport.trust, options.transport.websocket
    assert (trust.name, trust.certificate, trust.key) == ("bmc.example", Path("/ours.pem"), Path("/ours.key"))
    assert trust.fingerprint == bytes.fromhex(FINGERPRINT)
    assert (websocket.subprotocols, dict(websocket.fields)) == ((), {"X-Auth-Token": "geheim"})
    assert (options.rules.anonymous_tls, trust.insecure) == (False, False)
    assert "geheim" not in repr(options)


def test_to_believe_anybody_is_not_to_do_without_certificates(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "s", tmp_path / "k")
    for insecure, anonymous in ((True, False), (False, True)):
        found = display("vnc://host", insecure_tls=insecure, anonymous_tls=anonymous)
        options = login_options("web-01", found, store)
        assert (options.transport.trust.insecure, options.rules.anonymous_tls) == (insecure, anonymous)


@pytest.mark.parametrize(
    ("mode", "text", "says"),
    [
        (0o644, "X-Auth-Token: geheim\n", "can be read by others"),
        (0o600, "geheim\n", "is no header field"),
        (0o600, "Upgrade: geheim\n", "is not to be chosen"),
    ],
)
def test_header_fields_are_secrets(tmp_path: Path, mode: int, text: str, says: str) -> None:
    headers = tmp_path / "headers"
    headers.write_text(text)
    headers.chmod(mode)
    found = display("ws://host/", http_headers_file=str(headers))
    with pytest.raises(LocalProtocolError, match=says) as refused:
        login_options("web-01", found, SecretStore(tmp_path / "s", tmp_path / "k"))
    assert "geheim" not in str(refused.value)
