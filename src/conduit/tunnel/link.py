"""Makes tunnels: :func:`dial` from the inside, :func:`accept` at the outside."""

from __future__ import annotations

import logging
import math
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import AuthenticationError, ConduitError, PeerTimeoutError, TransportError
from conduit.tunnel.carriers import SocketCarrier, take_socket
from conduit.tunnel.fencing import Seats
from conduit.tunnel.handshake import Admit, Revoked, Trust, admit_all, anybody, greet, nobody, welcome
from conduit.tunnel.liveness import INTERVAL, Liveness
from conduit.tunnel.mux import Mux
from conduit.tunnel.roads import USE_ENVIRONMENT, Proxy, connect_by_road
from conduit.tunnel.tls import Carrier, TlsPipe
from conduit.tunnel.tunnel import Tunnel
from conduit.tunnel.websocket import accept_websocket

logger = logging.getLogger(__name__)

ALPN: Final = "conduit-tunnel/1"
PATIENCE: Final = 15.0  # seconds that TLS and the first messages may take
MAX_STRANGERS: Final = 1024  # connections that have not introduced themselves; one more, and the oldest is dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where an end's certificate is, its key, and the CA that signs its peers'. PEM, all of them."""

    certificate: Path
    key: Path = field(repr=False)
    ca: Path

    def client_context(self) -> ssl.SSLContext:
        """For the side that dials: TLS 1.3 and nothing else.

        :raises TransportError: a file cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self._complete(context)

    def server_context(self) -> ssl.SSLContext:
        """For the side that accepts: likewise, and the peer must have a certificate.

        :raises TransportError: a file cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.num_tickets = 0  # whoever comes back shows its certificate again
        return self._complete(context)

    def _complete(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols([ALPN])
        try:
            context.load_cert_chain(self.certificate, self.key)
            context.load_verify_locations(self.ca)
        except (OSError, ssl.SSLError) as error:
            what = error.strerror or str(error)
            raise TransportError(f"cannot use {self.certificate}, its key, or {self.ca}: {what}") from error
        return context


class _FreshContext:
    """The context of the side that accepts; made again when its files have changed, as a renewed certificate does."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = self._look()
        self._context = files.server_context()

    def get(self) -> ssl.SSLContext:
        """For one more connection. Files that cannot be used leave the one that is known."""
        now = self._look()
        if now != self._seen:
            try:
                self._context = self._files.server_context()
                self._seen = now
            except TransportError as error:
                logger.warning("the certificate stays as it was: %s", error)
        return self._context

    def _look(self) -> list[tuple[int, int, int]]:
        """What changes when a file does."""
        paths = (self._files.certificate, self._files.key, self._files.ca)
        try:
            found = [path.stat() for path in paths]
        except OSError:
            return []
        return [(each.st_ino, each.st_mtime_ns, each.st_size) for each in found]


@asynccontextmanager
async def dial(
    host: str,
    port: int,
    *,
    tls: TlsFiles,
    registration: bytes = b"",
    generation: int = 0,
    trust: Trust = anybody,
    server_name: str | None = None,
    deadline: float = PATIENCE,
    interval: float = INTERVAL,
    dead_after: float | None = None,
    proxy: Proxy = USE_ENVIRONMENT,
    websocket: str | None = None,
    outer_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Tunnel]:
    """A tunnel to the Gateway at *host*, which opens streams in it; see :meth:`Tunnel.incoming`.

    :param tls: our certificate, whose URI is our identity.
    :param registration: told to the Gateway's services; opaque here.
    :param generation: grows with every start of this Agent.
    :param trust: decides about the Gateway's identity.
    :param server_name: name in the Gateway's certificate, when it is not *host*.
    :param deadline: seconds that it may take to be welcome.
    :param interval: seconds between PINGs.
    :param dead_after: seconds of silence after which the tunnel is given up; by default two intervals and 5 s.
    :param proxy: URL of an HTTP proxy, such as ``http://user:password@proxy.example:3128``, or None for none. Without
        it ``HTTPS_PROXY`` and ``NO_PROXY`` decide.
    :param websocket: URL of a WebSocket that leads to the Gateway, such as ``wss://gateway.example/path``; *host* is
        then only the name in the Gateway's certificate.
    :param outer_tls: for a ``wss`` URL, or an ``https`` proxy: whom to trust there, when not the system's CAs.
    :raises TransportError: nobody is there, or TLS cannot be agreed on.
    :raises AuthenticationError: the Gateway is not to be trusted, or does not trust us.
    :raises TunnelRefused: it does not want us, and why; that is an AuthenticationError too.
    :raises PeerTimeoutError: it took too long.
    """
    context = tls.client_context()
    with _within(deadline, f"{host}:{port}"):
        carrier = await connect_by_road(host, port, proxy=proxy, websocket=websocket, outer_tls=outer_tls)
        pipe = await _secure(carrier, context, trust, host=server_name or host)
    async with _running(pipe, interval, dead_after, client_side=False) as tunnel:
        with _within(deadline, f"{host}:{port}"):
            await greet(tunnel, registration=registration, generation=generation)
        yield tunnel


@asynccontextmanager
async def accept(
    host: str | Sequence[str] | None,
    port: int,
    *,
    tls: TlsFiles,
    trust: Trust = anybody,
    revoked: Revoked = nobody,
    admit: Admit = admit_all,
    deadline: float = PATIENCE,
    interval: float = INTERVAL,
    dead_after: float | None = None,
    max_strangers: int = MAX_STRANGERS,
    websocket: bool = False,
) -> AsyncIterator[Listener]:
    """Listen for Agents; iterate over the result for their tunnels.

    :param host: address to listen on, or several; None for all of this machine.
    :param port: TCP port, 0 for any.
    :param tls: read again when the files change, so that a renewed certificate is shown to whoever comes next.
    :param trust: decides about an Agent's identity; one that is not trusted is told so.
    :param revoked: decides about its certificate; whose is revoked is told so, and takes nobody's seat.
    :param admit: decides about an Agent when it has said who it is; what it returns is the Agent's ``answer``, and
        :class:`~conduit.errors.TunnelRefused` is told to it.
    :param deadline: seconds that an Agent may take to introduce itself.
    :param interval: seconds between PINGs.
    :param dead_after: seconds of silence after which a tunnel is given up; by default two intervals and 5 s.
    :param max_strangers: connections that have not introduced themselves; for one more the oldest is dropped.
    :param websocket: whether Agents come in WebSockets (``ws``; for ``wss``, put what ends that TLS before it).
    :raises TransportError: nobody can listen there.
    """
    context = _FreshContext(tls)
    listeners = await _listen([host] if host is None or isinstance(host, str) else host, port)
    terms = _Terms(trust, revoked, admit, deadline, interval, dead_after, max_strangers, websocket)
    listener = Listener(listeners, context, terms)
    async with open_background_nursery() as nursery:
        nursery.start_soon(listener.serve)
        yield listener


async def _listen(hosts: Sequence[str | None], port: int) -> list[trio.SocketListener]:
    """Sockets that listen on all of *hosts*, with one port; none is left open when one of them fails."""
    listeners: list[trio.SocketListener] = []
    for host in hosts:
        try:
            listeners += await trio.open_tcp_listeners(port, host=host)
        except BaseException as error:
            for listener in listeners:
                listener.socket.close()
            if isinstance(error, OSError):
                raise TransportError(f"cannot listen on {host or '*'}:{port}: {error.strerror or error}") from error
            raise
        port = port or listeners[0].socket.getsockname()[1]
    return listeners


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which a listener takes Agents; as in :func:`accept`."""

    trust: Trust
    revoked: Revoked
    admit: Admit
    deadline: float
    interval: float
    dead_after: float | None
    max_strangers: int
    websocket: bool


class Listener:
    """Where Agents arrive. Of each identity there is one live tunnel: a newer session ends the older."""

    def __init__(self, listeners: list[trio.SocketListener], context: _FreshContext, terms: _Terms) -> None:
        self._listeners = listeners
        self._context = context
        self._terms = terms
        self._seats = Seats()
        self._strangers: dict[trio.CancelScope, None] = {}  # the oldest first
        self.dropped_strangers = 0
        "Connections that were dropped to make room for others."
        self._arrived, self._arrivals = trio.open_memory_channel[Tunnel](math.inf)
        self.port: int = listeners[0].socket.getsockname()[1]
        "TCP port of the first listening socket."

    def __aiter__(self) -> AsyncIterator[Tunnel]:
        return self._arrivals.__aiter__()

    async def serve(self) -> None:
        """Take connections, for ever."""
        try:
            await trio.serve_listeners(self._welcome, self._listeners)
        finally:
            self._arrived.close()

    async def _welcome(self, stream: trio.SocketStream) -> None:
        """One connection, from TLS to its end; its failure is its own."""
        carrier = SocketCarrier(take_socket(stream))
        reason = "it was dropped to make room for others"
        with trio.CancelScope() as scope:
            self._make_room()
            self._strangers[scope] = None
            try:
                await self._keep(carrier, scope)
            except ConduitError as error:
                reason = str(error)
            except Exception:
                logger.exception("the tunnel with %s failed", carrier.peer)
                return
            else:
                return
            finally:
                self._strangers.pop(scope, None)
        logger.info("no tunnel with %s: %s", carrier.peer, reason)

    def _make_room(self) -> None:
        """Who has waited longest without a word is the least likely to be an Agent."""
        if len(self._strangers) >= self._terms.max_strangers:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            self.dropped_strangers += 1
            oldest.cancel()

    async def _keep(self, carrier: SocketCarrier, scope: trio.CancelScope) -> None:
        terms = self._terms
        give_up = trio.current_time() + terms.deadline
        with _within(terms.deadline, carrier.peer):
            pipe = await _secure(await self._unwrap(carrier), self._context.get(), host=None)
        async with _running(pipe, terms.interval, terms.dead_after, client_side=True) as tunnel:
            try:
                with _within(give_up - trio.current_time(), carrier.peer):
                    await welcome(
                        tunnel, trust=terms.trust, revoked=terms.revoked, admit=terms.admit, seats=self._seats
                    )
                self._strangers.pop(scope, None)
                if not tunnel.is_closed:
                    self._arrived.send_nowait(tunnel)
                await tunnel.wait_closed()
            finally:
                self._seats.leave(tunnel)

    async def _unwrap(self, carrier: Carrier) -> Carrier:
        """What carries the tunnel; *carrier* is closed when there is no such thing."""
        if not self._terms.websocket:
            return carrier
        try:
            return await accept_websocket(carrier)
        except BaseException:
            carrier.close()
            raise


async def _secure(carrier: Carrier, context: ssl.SSLContext, trust: Trust = anybody, *, host: str | None) -> TlsPipe:
    """TLS over *carrier*, which is closed when that fails."""
    try:
        pipe = TlsPipe(carrier, context, server_side=host is None, host=host)
        await pipe.do_handshake()
        _check_peer(pipe, trust)
    except BaseException:
        carrier.close()
        raise
    return pipe


def _check_peer(pipe: TlsPipe, trust: Trust) -> None:
    peer = pipe.carrier.peer
    if pipe.tls.selected_alpn_protocol() != ALPN:
        raise TransportError(f"{peer} does not speak {ALPN}")
    identity = identity_of(pipe)
    if not trust(identity):
        raise AuthenticationError(f"{peer} is {identity or 'nobody'}, who is not trusted here")


def identity_of(pipe: TlsPipe) -> str:
    """The URI in the peer's certificate, empty where it has none."""
    certificate = pipe.tls.getpeercert() or {}
    names: Iterable[tuple[str, str]] = certificate.get("subjectAltName", ())  # type: ignore[assignment]  # it is so
    return next((value for kind, value in names if kind == "URI"), "")


def certified_at(pipe: TlsPipe) -> float:
    """From when on the peer's certificate is valid, in seconds since 1970; 0 where it has none."""
    begins = (pipe.tls.getpeercert() or {}).get("notBefore")
    return float(ssl.cert_time_to_seconds(begins)) if isinstance(begins, str) else 0.0


@asynccontextmanager
async def _running(
    pipe: TlsPipe, interval: float, dead_after: float | None, *, client_side: bool
) -> AsyncIterator[Tunnel]:
    """A tunnel with its tasks; closed with the block."""
    now = trio.current_time()
    mux = Mux(client_side=client_side, now=now)
    mux.liveness = Liveness(now, interval=interval, dead_after=dead_after)
    tunnel = Tunnel(pipe, mux, identity_of(pipe), certified_at(pipe))
    try:
        async with open_background_nursery() as nursery:
            nursery.start_soon(tunnel.run)
            try:
                yield tunnel
            finally:
                tunnel.stop()
                with trio.CancelScope(shield=True):
                    await tunnel.wait_closed()
    except BaseExceptionGroup as group:  # the tunnel broke, and whoever used it says so too
        known, rest = group.split(ConduitError)
        if known is None or rest is not None:
            raise
        raise tunnel.failure(known) from known


class _within:  # noqa: N801  # reads like trio.fail_after
    """A block that may take so many seconds."""

    def __init__(self, seconds: float, peer: str) -> None:
        self._scope = trio.move_on_after(seconds)
        self._peer = peer

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        swallowed = self._scope.__exit__(kind, error, trace)  # type: ignore[arg-type]
        if self._scope.cancelled_caught:
            raise PeerTimeoutError(f"{self._peer} took too long to set up the tunnel")
        return bool(swallowed)
