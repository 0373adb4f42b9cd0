"""Who a request comes from: the peer, or, where the peer is a proxy that we trust, whoever it names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.services.web.asgi import Application, Receive, Scope, Send, header

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_NAMED: Final = b"x-forwarded-for"
_SCHEME: Final = b"x-forwarded-proto"
_OF_PROXIES: Final = frozenset(
    {_NAMED, _SCHEME, b"forwarded", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip", b"x-request-id"}
)
_SECURE: Final = {"http": "https", "ws": "wss", "https": "https", "wss": "wss"}


class Networks:
    """Addresses, as settings have them.

    :param texts: such as ``10.0.0.0/8`` or ``::1``.
    :raises LocalProtocolError: one of them is none.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        try:
            self._networks = tuple(ipaddress.ip_network(text) for text in texts)
        except ValueError as error:
            raise LocalProtocolError(f"that is no network: {error}") from error

    def __contains__(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def believe_proxies(app: Application, proxies: Networks) -> Application:
    """*app*, told of the client where a trusted proxy names it; what others say of themselves is taken away.

    The last address that is no proxy's is the client: all before it is hearsay.
    """

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if scope["client"] is not None and scope["client"][0] in proxies:
            _believe(scope, proxies)
        else:
            scope["headers"] = [each for each in scope["headers"] if each[0].lower() not in _OF_PROXIES]
        await app(scope, receive, send)

    return told


def _believe(scope: Scope, proxies: Networks) -> None:
    named = b",".join(value for key, value in scope["headers"] if key.lower() == _NAMED).decode("latin-1")
    for text in reversed(named.split(",")):
        parsed = _parse(text.strip())
        if parsed is None:
            break
        scope["client"] = str(parsed), 0
        if str(parsed) not in proxies:
            break
    if header(scope, _SCHEME).lower() in {"https", "wss"}:
        scope["scheme"] = _SECURE[scope["scheme"]]


def client_key(address: str) -> str:
    """What limits count by: an IPv4 address, or an IPv6 /64, which is one customer's."""
    parsed = _parse(address)
    if parsed is None or parsed.version == 4 or parsed.is_loopback:
        return address if parsed is None else str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed
