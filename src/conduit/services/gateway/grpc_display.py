"""A screen over a bidirectional gRPC stream: RFB in chunks, cut anywhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import trio

from conduit.console.words import End
from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_pb import VNCDataChunk
from conduit.services.gateway.display_stream import DisplayRelay
from conduit.services.gateway.grpc_streams import relayed
from conduit.services.gateway.sessions import Session
from conduit.services.gateway.traffic import Receive, Send
from conduit.tunnel.call_frames import Code


async def display_chunks(
    nursery: trio.Nursery,
    relay: DisplayRelay,
    session: Session,
    first: VNCDataChunk,
    rest: AsyncIterator[VNCDataChunk],
) -> AsyncGenerator[VNCDataChunk]:
    """What the screen's RFB server says; what *rest* brings is the viewer's. To be closed by ``aclosing``.

    :param nursery: in which the stream's tasks run; they end with the generator.
    :param first: the handshake, perhaps with the viewer's first bytes.
    :raises CallError: it has ended before the viewer left: UNAVAILABLE where it may come back, PERMISSION_DENIED where
        it may not, CANCELLED where the session was closed or is too old.
    """

    async def run(receive: Receive, send: Send) -> None:
        last = await relay.run(session, receive, send)
        if last is not None:
            refused = Code.PERMISSION_DENIED if last.reason is End.REVOKED else Code.CANCELLED
            raise CallError(Code.UNAVAILABLE if last.retry else refused, last.text)

    async with aclosing(relayed(nursery, run, _bytes(first, rest), method="StreamVNCData")) as said:
        async for data in said:
            yield VNCDataChunk(data=data)


async def _bytes(first: VNCDataChunk, rest: AsyncIterator[VNCDataChunk]) -> AsyncGenerator[bytes]:
    if first.data:
        yield first.data
    async for chunk in rest:
        if chunk.data:
            yield chunk.data
        if chunk.close_stream:
            return
