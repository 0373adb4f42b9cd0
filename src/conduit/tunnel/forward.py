"""TCP through a tunnel, like ``ssh -R``: :func:`expose` on the side that dialled, :func:`forward` on the other.

A user's connection becomes a stream of kind ``tcp`` whose metadata name the target. Only names are asked for: which
address is behind one, the side that exposes it decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import trio

from conduit.errors import ConduitError, TransportError
from conduit.tunnel.carriers import take_socket
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.splice import Buffers, Splice, reset_connection
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel

logger = logging.getLogger(__name__)

KIND: Final = "tcp"
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


async def expose(
    tunnel: Tunnel, targets: Mapping[str, Address], report: Report = quiet, leave: trio.Event | None = None
) -> None:
    """Connect the streams that the peer opens to *targets*, until the tunnel ends.

    :param targets: TCP addresses by name; nothing else can be reached.
    :param leave: set it to have no new streams; those that are open go on to their end.
    """
    buffers = Buffers()
    async with trio.open_nursery() as nursery:

        async def stop_taking() -> None:
            if leave is not None:
                await leave.wait()
                tunnel.mux.go_away()
                tunnel.flush()
                taking.cancel()

        with trio.CancelScope() as taking:
            async with trio.open_nursery() as waiting:
                waiting.start_soon(stop_taking)
                async for stream in tunnel.incoming():
                    nursery.start_soon(_serve, stream, targets, buffers, report)
                waiting.cancel_scope.cancel()


async def _serve(stream: TunnelStream, targets: Mapping[str, Address], buffers: Buffers, report: Report) -> None:
    """One stream, whose failure is its own."""
    name = stream.metadata.get(TARGET, "")
    if stream.kind != KIND:
        stream.refuse()
        return
    address = targets.get(name)
    if address is None:
        stream.reset(ErrorCode.CONNECT_ERROR)
        report(Forwarded(name, "", 0, 0, f"nothing is exposed as {name!r}"))
        return
    peer = f"{address[0]}:{address[1]}"
    tcp = None
    failure = "cancelled before it was connected"
    with stream.cancelled_by_reset():
        try:
            tcp = await _connect(address)
        except TransportError as error:
            stream.reset(ErrorCode.CONNECT_ERROR)
            failure = str(error)
    if tcp is None:
        report(Forwarded(name, peer, 0, 0, failure))
        return
    stream.accept()
    await _splice(stream, tcp, buffers, report, name, peer)


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
    stream: TunnelStream, tcp: trio.SocketStream, buffers: Buffers, report: Report, name: str, peer: str
) -> None:
    splice = Splice(stream, take_socket(tcp), buffers)
    failure = "cancelled"
    try:
        failure = await splice.run()
    finally:
        report(Forwarded(name, peer, splice.to_stream, splice.to_socket, failure))


async def forward(
    listeners: list[trio.SocketListener],
    name: str,
    tunnel: Callable[[], Tunnel | None],
    report: Report = quiet,
    handlers: trio.Nursery | None = None,
) -> None:
    """Take users' connections and bring each to the target *name*, for ever.

    :param tunnel: the tunnel to use now; None while there is none, and then users are turned away.
    :param handlers: where connections live, when they are to outlast this call.
    """
    buffers = Buffers()

    async def take(tcp: trio.SocketStream) -> None:
        peer = _peer_of(tcp)
        try:
            stream = await _open(tunnel(), name)
        except ConduitError as error:
            reset_connection(take_socket(tcp))
            report(Forwarded(name, peer, 0, 0, str(error)))
            return
        await _splice(stream, tcp, buffers, report, name, peer)

    await trio.serve_listeners(take, listeners, handler_nursery=handlers)


async def _open(tunnel: Tunnel | None, name: str) -> TunnelStream:
    if tunnel is None:
        raise TransportError("no Agent is connected")
    return await tunnel.open_stream(KIND, {TARGET: name})


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
