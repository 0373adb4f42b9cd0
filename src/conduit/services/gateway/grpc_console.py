"""A console over a bidirectional gRPC stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from itertools import count

import trio

from conduit._trio import open_background_nursery
from conduit.errors import CallError, DecodeError
from conduit.services.api.gateway.v1.gateway_pb import ConsoleDataChunk
from conduit.services.gateway.console_chunks import to_attach, to_chunk, to_messages
from conduit.services.gateway.console_stream import ConsoleRelay
from conduit.services.gateway.consoles import ConsoleSession
from conduit.tunnel.call_frames import Code


async def console_chunks(
    relay: ConsoleRelay, session: ConsoleSession, first: ConsoleDataChunk, rest: AsyncIterator[ConsoleDataChunk]
) -> AsyncGenerator[ConsoleDataChunk]:
    """What the console says; what *rest* brings is typed. To be closed by ``aclosing``.

    :param first: the handshake.
    """
    to_hub, from_viewer = trio.open_memory_channel[bytes](0)
    to_viewer, from_hub = trio.open_memory_channel[bytes](0)

    async def read() -> None:
        async with to_hub:
            await to_hub.send(to_attach(first, read_only=session.read_only))
            sequence = count(1)
            async for chunk in rest:
                for message in to_messages(chunk, next(sequence)):
                    await to_hub.send(message)

    async def run() -> None:
        async with to_viewer:
            await relay.run(session, from_viewer.receive, to_viewer.send)

    try:
        async with open_background_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(run)
            async for data in from_hub:
                chunk = to_chunk(data)
                if chunk is not None:
                    yield chunk
    except DecodeError as error:
        raise CallError(Code.INVALID_ARGUMENT, error.what) from error
