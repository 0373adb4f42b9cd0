"""The first words on the control stream: Hello, then Welcome or a refusal."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

from conduit.errors import NegotiationError, RemoteProtocolError, TransportError, TunnelRefused
from conduit.tunnel.control import MAJOR, MINOR, Hello, Refusal, Welcome
from conduit.tunnel.control_stream import ControlStream, legible
from conduit.tunnel.fencing import Seats
from conduit.tunnel.mux import MAX_STREAMS
from conduit.tunnel.tunnel import Tunnel

logger = logging.getLogger(__name__)

KIND: Final = "control"
LINGER: Final = 2.0  # seconds that a peer has to read why it is refused

Admit = Callable[[str, Hello], Awaitable[bytes]]
"Decides about an identity and what it says of itself; the answer is for its services. Raises TunnelRefused."


async def admit_all(identity: str, hello: Hello) -> bytes:
    """Nobody is refused."""
    return b""


async def greet(tunnel: Tunnel, *, registration: bytes, generation: int) -> None:
    """The dialling side's part.

    :raises TunnelRefused: we are not welcome, and why.
    """
    stream = await tunnel.first_stream()
    if stream.kind != KIND:
        raise RemoteProtocolError(f"the first stream is {stream.kind!r}, not the control stream")
    control = ControlStream(stream)
    hello = Hello(
        major=MAJOR, minor=MINOR, generation=generation, max_streams=MAX_STREAMS, registration=registration
    )  # fmt: skip
    await control.send(hello)
    message = await control.receive()
    if isinstance(message, Refusal):
        raise TunnelRefused(f"{tunnel.peer} says: {legible(message.reason)}", may_retry=bool(message.may_retry))
    if not isinstance(message, Welcome):
        raise RemoteProtocolError(f"{tunnel.peer} does not answer with a welcome")
    tunnel.hello, tunnel.answer = hello, message.answer
    tunnel.adopt_control(control)


async def welcome(tunnel: Tunnel, *, admit: Admit, seats: Seats) -> None:
    """The accepting side's part; the tunnel has the seat of its identity then.

    :raises NegotiationError: the peer speaks another major version.
    :raises TunnelRefused: it is not wanted.
    """
    control = ControlStream(await tunnel.open_stream(KIND))
    hello = await control.receive()
    if not isinstance(hello, Hello):
        raise RemoteProtocolError(f"{tunnel.peer} does not begin with a hello")
    tunnel.hello = hello
    try:
        answer = await _judge(tunnel, hello, admit, seats)
    except TunnelRefused as error:
        await _refuse(tunnel, control, error)
        if hello.major != MAJOR:
            raise NegotiationError(f"{tunnel.peer} speaks {error.reason}") from error
        raise
    await control.send(Welcome(minor=MINOR, answer=answer))
    tunnel.adopt_control(control)


async def _judge(tunnel: Tunnel, hello: Hello, admit: Admit, seats: Seats) -> bytes:
    """:raises TunnelRefused: no."""
    if hello.major != MAJOR:
        raise TunnelRefused(f"version {hello.major} of the tunnel's protocol, where version {MAJOR} is spoken")
    seats.check(tunnel)
    try:
        answer = await admit(tunnel.identity, hello)
    except TunnelRefused:
        raise
    except Exception as error:
        logger.exception("cannot decide about %s", tunnel.identity)
        raise TunnelRefused("nobody can decide about it now", may_retry=True) from error
    await seats.take(tunnel)
    return answer


async def _refuse(tunnel: Tunnel, control: ControlStream, error: TunnelRefused) -> None:
    """Say why; the peer closes. If we did at once, what it has sent us could make the network drop the reason."""
    with trio.move_on_after(LINGER), suppress(TransportError):
        await control.send(Refusal(reason=error.reason, may_retry=int(error.may_retry)))
        await tunnel.wait_closed()
