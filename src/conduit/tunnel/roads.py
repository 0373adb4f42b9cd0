"""The way to a Gateway: straight, through a proxy, in a WebSocket, or in a WebSocket through a proxy."""

from __future__ import annotations

import os
import ssl
from enum import Enum
from typing import Final

from conduit.tunnel.carriers import connect
from conduit.tunnel.proxy import connect_through, secure
from conduit.tunnel.proxy_choice import ProxyUrl, choose_proxy
from conduit.tunnel.tls import Carrier
from conduit.tunnel.websocket import open_websocket
from conduit.websocket.handshake import WebSocketUrl


class _FromEnvironment(Enum):
    """What the variables ``HTTPS_PROXY`` and ``NO_PROXY`` say."""

    PROXY = "HTTPS_PROXY"


USE_ENVIRONMENT: Final = _FromEnvironment.PROXY
Proxy = str | None | _FromEnvironment
"URL of a proxy, None for none, or :data:`USE_ENVIRONMENT`."


async def connect_by_road(
    host: str, port: int, *, proxy: Proxy, websocket: str | None, outer_tls: ssl.SSLContext | None
) -> Carrier:
    """A carrier to *host*, or to the URL *websocket*.

    :param outer_tls: for a ``wss`` URL and a proxy that speaks TLS; the system's CAs where there is none.
    :raises LocalProtocolError: a URL is none.
    :raises ConduitError: the Gateway, or what is before it, is not reached.
    """
    url = None if websocket is None else WebSocketUrl.parse(websocket)
    if url is not None:
        host, port = url.host, url.port
    found = _find_proxy(proxy, host, port)
    if found is None:
        carrier: Carrier = await connect(host, port)
    else:
        carrier = await connect_through(found, host, port, context=outer_tls)
    if url is None:
        return carrier
    try:
        if url.secure:
            carrier = await secure(carrier, outer_tls, url.host)
        return await open_websocket(carrier, url)
    except BaseException:
        carrier.close()
        raise


def check_road(proxy: str | None, websocket: str | None) -> None:
    """:raises LocalProtocolError: one of the URLs is none; nobody needs to connect to find that out."""
    if proxy:
        ProxyUrl.parse(proxy)
    if websocket is not None:
        WebSocketUrl.parse(websocket)


def _find_proxy(proxy: Proxy, host: str, port: int) -> ProxyUrl | None:
    if isinstance(proxy, _FromEnvironment):
        return choose_proxy(os.environ, host, port)
    return None if proxy is None else ProxyUrl.parse(proxy)
