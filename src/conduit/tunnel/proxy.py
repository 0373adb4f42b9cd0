"""Through an HTTP proxy, RFC 9110, section 9.3.6: ``CONNECT``."""

from __future__ import annotations

import ssl
from typing import Final

import trio

from conduit.errors import AuthenticationError, ConduitError, DecodeError, PeerTimeoutError, TransportError
from conduit.tunnel.carriers import SocketCarrier, TlsCarrier, connect, receive_head, send_all
from conduit.tunnel.proxy_choice import ProxyUrl
from conduit.tunnel.tls import Carrier, TlsPipe
from conduit.websocket.addresses import show_address
from conduit.websocket.http_head import ResponseHead, encode_head

PATIENCE: Final = 10.0  # seconds that a proxy may take to answer
INTERIM: Final = 4  # answers of the kind "wait a moment", at most


async def connect_through(proxy: ProxyUrl, host: str, port: int, *, context: ssl.SSLContext | None = None) -> Carrier:
    """A connection to *host* that *proxy* makes.

    :param context: for a proxy that speaks TLS; the system's CAs where there is none.
    :raises AuthenticationError: the proxy wants another name and password.
    :raises TransportError: there is no proxy, or it does not make the connection.
    :raises PeerTimeoutError: it does not answer.
    """
    where = show_address(host, port)
    reached = await _reach(proxy, where)
    carrier: Carrier = reached
    try:
        with trio.fail_after(PATIENCE):
            if proxy.secure:
                carrier = await secure(carrier, context, proxy.host)
            reached.peer = f"{where} through the proxy {proxy}"
            carrier = await _ask(carrier, proxy, where)
    except trio.TooSlowError:
        carrier.close()
        raise PeerTimeoutError(f"the proxy {proxy} does not answer within {PATIENCE:g} s") from None
    except BaseException:
        carrier.close()
        raise
    return carrier


async def _reach(proxy: ProxyUrl, where: str) -> SocketCarrier:
    try:
        carrier = await connect(proxy.host, proxy.port)
    except TransportError as error:
        raise TransportError(f"no proxy, and so no way to {where}: {error}") from error
    carrier.peer = f"the proxy {proxy}"
    return carrier


async def secure(carrier: Carrier, context: ssl.SSLContext | None, host: str) -> TlsCarrier:
    """TLS around whatever is to be said over *carrier*."""
    pipe = TlsPipe(carrier, context or ssl.create_default_context(), server_side=False, host=host)
    await pipe.do_handshake()
    return TlsCarrier(pipe)


async def _ask(carrier: Carrier, proxy: ProxyUrl, where: str) -> Carrier:
    fields = {"Host": where}
    if proxy.authorization:
        fields["Proxy-Authorization"] = proxy.authorization
    await send_all(carrier, encode_head(f"CONNECT {where} HTTP/1.1", fields))
    for _ in range(INTERIM):
        try:
            head, carrier = await receive_head(carrier)
            status = ResponseHead.decode(head).status
        except DecodeError as error:
            raise TransportError(f"the proxy {proxy} does not speak HTTP: {error}; check its URL") from error
        if status >= 200:
            break
    else:
        raise TransportError(f"the proxy {proxy} only ever tells us to wait")
    if status >= 300:
        raise _refusal(status, proxy, where)
    return carrier


def _refusal(status: int, proxy: ProxyUrl, where: str) -> ConduitError:
    told = f"(HTTP status {status})"
    if status == 407:
        if proxy.credentials:
            return AuthenticationError(f"the proxy {proxy} refuses the name and password in its URL {told}")
        return AuthenticationError(
            f"the proxy {proxy} wants a name and password: put them into its URL, http://user:password@{proxy} {told}"
        )
    if status in (401, 403):
        return TransportError(f"the proxy {proxy} does not allow {where}: its administrator must {told}")
    if status in (502, 503, 504):
        return TransportError(f"the proxy {proxy} does not reach {where}: check the name, and that it runs {told}")
    return TransportError(f"the proxy {proxy} does not connect to {where}: check that it allows CONNECT {told}")
