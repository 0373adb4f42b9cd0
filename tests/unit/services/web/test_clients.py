from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.services.web.asgi import Receive, Scope, Send
from conduit.services.web.clients import Networks, believe_proxies, client_key

PROXY = "10.0.0.1"


async def client_of(peer: str, *forwarded: str, scheme: str = "http", proto: str = "") -> tuple[str, str]:
    """Whom the application sees, and by which scheme."""
    seen: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    scope = {
        "type": "http",
        "client": (peer, 1),
        "scheme": scheme,
        "headers": [*headers, (b"x-forwarded-proto", proto.encode())],
    }
    nothing: Any = None
    await believe_proxies(app, Networks(["10.0.0.0/8", "::1"]))(scope, nothing, nothing)
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["203.0.113.7"], "192.0.2.1"),
        (PROXY, ["203.0.113.7"], "203.0.113.7"),
        ("::1", ["203.0.113.7"], "203.0.113.7"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        (PROXY, ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        (PROXY, ["1.1.1.1", "203.0.113.7, 10.2.3.4"], "203.0.113.7"),
        (PROXY, ["10.9.9.9"], "10.9.9.9"),
        (PROXY, ["nonsense"], PROXY),
        (PROXY, ["203.0.113.7, nonsense"], PROXY),
        (PROXY, [], PROXY),
    ],
)
async def test_the_client_is_the_last_that_is_no_proxy(peer: str, forwarded: list[str], client: str) -> None:
    assert (await client_of(peer, *forwarded))[0] == client


@pytest.mark.parametrize(
    ("scheme", "proto", "seen"), [("http", "https", "https"), ("ws", "https", "wss"), ("https", "http", "https")]
)
async def test_a_proxy_may_say_that_the_client_uses_tls_and_never_that_it_does_not(
    scheme: str, proto: str, seen: str
) -> None:
    assert (await client_of(PROXY, "203.0.113.7", scheme=scheme, proto=proto))[1] == seen


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_limits_count_by_address_or_ipv6_network(address: str, key: str) -> None:
    assert client_key(address) == key


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"that is no network: 10\.0\.0\.1/8 has host bits set"):
        Networks(["10.0.0.1/8"])
