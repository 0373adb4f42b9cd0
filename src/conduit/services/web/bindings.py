"""Where a server listens: addresses, one port for all of them, TLS or plain text."""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from conduit.errors import LocalProtocolError, TransportError

BACKLOG: Final = 512  # connections that wait to be accepted
PORT_TRIES: Final = 20  # for one free port on several addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What to listen on.

    Without a certificate it is plain text: on loopback, or behind a proxy that does TLS. Both speak HTTP/1.1 and
    HTTP/2, by ALPN and by prior knowledge.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "::1")
    port: int = 0
    "The same at each host; 0 for any that is free."
    certificate: Path | None = None
    "PEM, with its chain."
    key: Path | None = None

    def __post_init__(self) -> None:
        if not self.hosts:
            raise LocalProtocolError("name at least one address to listen on")
        if (self.certificate is None) != (self.key is None):
            raise LocalProtocolError("TLS needs both a certificate and its key")

    @property
    def scheme(self) -> str:
        """Of the URLs."""
        return "http" if self.certificate is None else "https"


@dataclass(slots=True)
class Bound:
    """What a server listens on now."""

    binding: Binding
    addresses: tuple[tuple[str, int], ...]
    tls: ssl.SSLContext | None
    "For the connections that come; replaced with the certificate."

    @property
    def port(self) -> int:
        """The port."""
        return self.addresses[0][1]

    @property
    def urls(self) -> tuple[str, ...]:
        """One for each address."""
        return tuple(
            f"{self.binding.scheme}://{f'[{host}]' if ':' in host else host}:{port}" for host, port in self.addresses
        )

    def reload_certificate(self) -> None:
        """Read the certificate's files again, for the connections that come.

        :raises LocalProtocolError: they are not good; the old ones stay.
        """
        if self.tls is not None:
            self.tls = _tls_context(self.binding)  # a new one: contexts keep a certificate for each kind of key


async def listen(binding: Binding) -> tuple[list[trio.SocketListener], Bound]:
    """Begin to listen; the caller closes the listeners.

    :raises TransportError: an address cannot be had.
    :raises LocalProtocolError: the certificate's files are not good.
    """
    tls = None if binding.certificate is None else _tls_context(binding)
    for _ in range(PORT_TRIES if binding.port == 0 and len(binding.hosts) > 1 else 1):
        listeners = await _listen_everywhere(binding)
        if listeners is not None:
            addresses = tuple(each.socket.getsockname()[:2] for each in listeners)
            return listeners, Bound(binding, addresses, tls)
    raise TransportError("no port is free on all of: " + ", ".join(binding.hosts))


async def _listen_everywhere(binding: Binding) -> list[trio.SocketListener] | None:
    """None when the port that the first address got is taken at another."""
    listeners: list[trio.SocketListener] = []
    port, host = binding.port, ""
    try:
        for host in binding.hosts:
            opened = await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
            listeners += opened
            port = opened[0].socket.getsockname()[1]
    except OSError as error:
        for each in listeners:
            await each.aclose()
        if listeners and binding.port == 0 and error.errno == errno.EADDRINUSE:
            return None
        raise TransportError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return listeners


def _tls_context(binding: Binding) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for 1.2: what HTTP/2 allows, RFC 9113 appendix A
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["h2", "http/1.1"])
    _load(context, binding)
    return context


def _load(context: ssl.SSLContext, binding: Binding) -> None:
    if binding.certificate is None or binding.key is None:
        raise LocalProtocolError("TLS needs both a certificate and its key")
    try:
        context.load_cert_chain(binding.certificate, binding.key)
    except (OSError, ssl.SSLError) as error:
        raise LocalProtocolError(
            f"cannot use {binding.certificate} with {binding.key}: {error.strerror or error}"
        ) from error
