"""TCP through a tunnel, like ``ssh -R``: :func:`expose` on the side that dialled, :func:`listen_for` on the other.

A user's connection becomes a stream of kind ``tcp`` whose metadata name the target; one of kind ``tcp-resumable`` goes
on in the next tunnel when its own is lost. Only names are asked for: which
address is behind one, the side that exposes it decides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import trio

from conduit.errors import ConduitError, TransportError
from conduit.tunnel.carriers import take_socket
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.resumable import ResumableStream
from conduit.tunnel.resume_open import CurrentTunnel, open_resumable
from conduit.tunnel.resume_serve import Resumables
from conduit.tunnel.serving import StreamHandler, serve_streams
from conduit.tunnel.splice import AnyStream, Buffers, Splice, end_stream, reset_connection
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel

KIND: Final = "tcp"
RESUMABLE: Final = "tcp-resumable"
GRACE: Final = 60.0  # seconds that one waits for the next tunnel: twice the longest pause between two attempts
BUFFER: Final = 1 << 20  # bytes that either end of a resumable connection keeps, each way
TARGET: Final = "target"
PATIENCE: Final = 15.0  # seconds that a target may take to answer


class Forwarded(NamedTuple):
    """One connection that has ended."""

    name: str
    "The target's."
    peer: str
    "Who connected, or what was connected to."
    to_tunnel: int
    "Bytes that the connection sent."
    from_tunnel: int
    "Bytes that it got."
    failure: str
    "Why it ended before both sides were done; empty when they were."


Report = Callable[[Forwarded], None]
Address = tuple[str, int]


def quiet(_: Forwarded) -> None:
    """Tell nobody."""


class Exposure:
    """What the peer may reach, over one tunnel after the other.

    :param targets: TCP addresses by name; nothing else can be reached.
    :param resumables: outlives the tunnels; None to serve no resumable connections.
    """

    def __init__(
        self, targets: Mapping[str, Address], report: Report = quiet, resumables: Resumables | None = None
    ) -> None:
        self._targets = targets
        self._report = report
        self._buffers = Buffers()
        self._handlers: dict[str, StreamHandler] = {KIND: self._serve}
        if resumables is not None:
            self._handlers[RESUMABLE] = resumables.serving(self._serve, overwrites=False)

    async def serve(self, tunnel: Tunnel) -> None:
        """Connect the streams that the peer opens, until the tunnel ends."""
        await serve_streams(tunnel, self._handlers)

    async def _serve(self, stream: AnyStream) -> None:
        """One stream, whose failure is its own."""
        name = stream.metadata.get(TARGET, "")
        address = self._targets.get(name)
        peer = "" if address is None else f"{address[0]}:{address[1]}"
        try:
            tcp = await _connect_for(stream, name, address)
        except TransportError as error:
            end_stream(stream, ErrorCode.CONNECT_ERROR, str(error))
            self._report(Forwarded(name, peer, 0, 0, str(error)))
            return
        if isinstance(stream, TunnelStream):
            stream.accept()
        await _splice(stream, tcp, self._buffers, self._report, name, peer)


async def expose(tunnel: Tunnel, targets: Mapping[str, Address], report: Report = quiet) -> None:
    """Connect the streams that the peer opens to *targets*, until the tunnel ends."""
    await Exposure(targets, report).serve(tunnel)


async def _connect_for(stream: AnyStream, name: str, address: Address | None) -> trio.SocketStream:
    """:raises TransportError: there is no such target, or it does not answer, or nobody wants it any more."""
    if address is None:
        raise TransportError(f"nothing is exposed as {name!r}")
    if isinstance(stream, ResumableStream):
        return await _connect(address)
    with stream.cancelled_by_reset():
        return await _connect(address)
    raise TransportError("nobody wants it any more")


async def _connect(address: Address) -> trio.SocketStream:
    host, port = address
    try:
        with trio.fail_after(PATIENCE):
            return await trio.open_tcp_stream(host, port)
    except trio.TooSlowError:
        raise TransportError(f"{host}:{port} does not answer within {PATIENCE:g} s") from None
    except OSError as error:
        raise TransportError(f"cannot connect to {host}:{port}: {error.strerror or error}") from error


async def _splice(
    stream: AnyStream,
    tcp: trio.SocketStream,
    buffers: Buffers,
    report: Report,
    name: str,
    peer: str,
) -> None:
    splice = Splice(stream, take_socket(tcp), buffers)
    failure = "cancelled"
    try:
        failure = await splice.run()
    finally:
        report(Forwarded(name, peer, splice.to_stream, splice.to_socket, failure))


class Entrance:
    """Where users come in to reach the target *name*.

    :param tunnel: the tunnel to use now; None while there is none, and then users are turned away.
    :param wait_for_tunnel: makes connections survive the loss of their tunnel: returns the next one.
    """

    def __init__(
        self,
        name: str,
        tunnel: Callable[[], Tunnel | None],
        report: Report = quiet,
        wait_for_tunnel: CurrentTunnel | None = None,
    ) -> None:
        self._name = name
        self._tunnel = tunnel
        self._report = report
        self._wait_for_tunnel = wait_for_tunnel
        self._buffers = Buffers()

    async def serve(self, listeners: list[trio.SocketListener], handlers: trio.Nursery | None = None) -> None:
        """Take users' connections, for ever.

        :param handlers: where connections live, when they are to outlast this call.
        """
        await trio.serve_listeners(self._take, listeners, handler_nursery=handlers)

    async def _take(self, tcp: trio.SocketStream) -> None:
        """One connection, whose failure is its own."""
        peer = _peer_of(tcp)
        try:
            async with self._open() as stream:
                await _splice(stream, tcp, self._buffers, self._report, self._name, peer)
        except (ConduitError, trio.BrokenResourceError) as error:
            if tcp.socket.fileno() >= 0:
                reset_connection(take_socket(tcp))
            self._report(Forwarded(self._name, peer, 0, 0, str(error)))

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[AnyStream]:
        metadata = {TARGET: self._name}
        if self._wait_for_tunnel is not None:
            async with open_resumable(
                self._wait_for_tunnel, RESUMABLE, metadata, grace=GRACE, capacity=BUFFER, window=BUFFER
            ) as stream:
                yield stream
            return
        tunnel = self._tunnel()
        if tunnel is None:
            raise TransportError("no Agent is connected")
        yield await tunnel.open_stream(KIND, metadata)


async def listen_for(
    tunnel: Tunnel,
    name: str,
    host: str,
    port: int,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen on *host* and *port*, and bring users to what the peer exposes as *name*, until cancelled.

    Starts with the port, which the system chooses where *port* is 0.

    :raises TransportError: nobody can listen there.
    """
    listeners = await listen(host, port)
    task_status.started(listeners[0].socket.getsockname()[1])
    await Entrance(name, lambda: tunnel).serve(listeners)


def _peer_of(tcp: trio.SocketStream) -> str:
    try:
        host, port = tcp.socket.getpeername()[:2]
    except OSError:
        return "a user who has left"
    return f"{host}:{port}"


async def listen(host: str, port: int) -> list[trio.SocketListener]:
    """Sockets for :func:`forward`.

    :raises TransportError: nobody can listen there.
    """
    try:
        return list(await trio.open_tcp_listeners(port, host=host))
    except OSError as error:
        raise TransportError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
