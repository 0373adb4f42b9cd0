"""A console over a bidirectional gRPC stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from itertools import count

import trio

from conduit.services.api.gateway.v1.gateway_pb import ConsoleDataChunk
from conduit.services.gateway.console_chunks import to_attach, to_chunk, to_messages
from conduit.services.gateway.console_stream import ConsoleRelay
from conduit.services.gateway.grpc_streams import relayed
from conduit.services.gateway.sessions import Session


async def console_chunks(
    nursery: trio.Nursery,
    relay: ConsoleRelay,
    session: Session,
    first: ConsoleDataChunk,
    rest: AsyncIterator[ConsoleDataChunk],
) -> AsyncGenerator[ConsoleDataChunk]:
    """What the console says; what *rest* brings is typed. To be closed by ``aclosing``.

    :param nursery: in which the stream's tasks run; they end with the generator.
    :param first: the handshake.
    """
    messages = _messages(session, first, rest)
    async with aclosing(relayed(nursery, partial(relay.run, session), messages, method="StreamConsoleData")) as said:
        async for data in said:
            chunk = to_chunk(data)
            if chunk is not None:
                yield chunk


async def _messages(
    session: Session, first: ConsoleDataChunk, rest: AsyncIterator[ConsoleDataChunk]
) -> AsyncGenerator[bytes]:
    yield to_attach(first, read_only=session.read_only)
    sequence = count(1)
    async for chunk in rest:
        for message in to_messages(chunk, next(sequence)):
            yield message
