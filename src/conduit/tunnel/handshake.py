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

Trust = Callable[[str], bool]
"Whether a peer with this identity (the URI in its certificate, already verified) is let in."
Revoked = Callable[[str, float], bool]
"Whether the certificate of this identity that is valid since then (seconds since 1970) is worth nothing any more."
Admit = Callable[[str, Hello], Awaitable[bytes]]
"Decides about an identity and what it says of itself; the answer is for its services. Raises TunnelRefused."


def anybody(identity: str) -> bool:
    """Trust whoever has a certificate of our CA."""
    return True


def nobody(identity: str, certified_at: float) -> bool:
    """No certificate is revoked."""
    return False


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


async def welcome(
    tunnel: Tunnel, *, trust: Trust = anybody, revoked: Revoked = nobody, admit: Admit, seats: Seats
) -> None:
    """The accepting side's part; the tunnel has the seat of its identity then.

    Who is not trusted is told so here and not by TLS, where nobody would see more than a connection that closes.

    :raises NegotiationError: the peer speaks another major version.
    :raises TunnelRefused: it is not wanted.
    """
    control = ControlStream(await tunnel.open_stream(KIND))
    hello = await control.receive()
    if not isinstance(hello, Hello):
        raise RemoteProtocolError(f"{tunnel.peer} does not begin with a hello")
    tunnel.hello = hello
    try:
        _judge(tunnel, hello, trust, revoked)
        seats.check(tunnel)
        answer = await _ask(tunnel, hello, admit)
        await seats.take(tunnel)
    except TunnelRefused as error:
        why = error if hello.major == MAJOR else NegotiationError(f"{tunnel.peer} speaks {error.reason}")
        tunnel.foresee(why)
        await _refuse(tunnel, control, error)
        raise why from error.__cause__
    await control.send(Welcome(minor=MINOR, answer=answer))
    tunnel.adopt_control(control)


def _judge(tunnel: Tunnel, hello: Hello, trust: Trust, revoked: Revoked) -> None:
    """:raises TunnelRefused: no."""
    if hello.major != MAJOR:
        raise TunnelRefused(f"version {hello.major} of the tunnel's protocol, where version {MAJOR} is spoken")
    if not trust(tunnel.identity):
        raise TunnelRefused(f"{legible(tunnel.identity) or 'nobody'} is not trusted here", may_retry=True)
    if revoked(tunnel.identity, tunnel.certified_at):
        raise TunnelRefused("the certificate is revoked; enrol again with a new join token")


async def _ask(tunnel: Tunnel, hello: Hello, admit: Admit) -> bytes:
    """:raises TunnelRefused: no."""
    try:
        return await admit(tunnel.identity, hello)
    except TunnelRefused:
        raise
    except Exception as error:
        logger.exception("cannot decide about %s", tunnel.identity)
        raise TunnelRefused("nobody can decide about it now", may_retry=True) from error


async def _refuse(tunnel: Tunnel, control: ControlStream, error: TunnelRefused) -> None:
    """Say why; the peer closes. If we did at once, what it has sent us could make the network drop the reason."""
    with trio.move_on_after(LINGER), suppress(TransportError):
        await control.send(Refusal(reason=error.reason, may_retry=int(error.may_retry)))
        await tunnel.wait_closed()
