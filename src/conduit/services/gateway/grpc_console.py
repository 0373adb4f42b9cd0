"""A console over a bidirectional gRPC stream.

A generator that is given up in the middle may be closed by another task, so it must not hold a nursery or a cancel
scope between its messages: Trio would not survive that. What it reads and relays runs in tasks of the Gateway.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from itertools import count

import trio
from connectrpc.errors import ConnectError

from conduit._trio import open_foreground_nursery
from conduit.errors import CallError, ConduitError, DecodeError
from conduit.services.api.gateway.v1.gateway_pb import ConsoleDataChunk
from conduit.services.gateway.console_chunks import to_attach, to_chunk, to_messages
from conduit.services.gateway.console_stream import ConsoleRelay
from conduit.services.gateway.sessions import Session
from conduit.services.web.errors import report
from conduit.tunnel.call_frames import Code


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
    stream = _Stream(relay, session, first, rest)
    nursery.start_soon(stream.run)
    try:
        async for data in stream.from_hub:
            chunk = to_chunk(data)
            if chunk is not None:
                yield chunk
        if stream.failure is not None:
            raise stream.failure
    finally:
        stream.scope.cancel()
        stream.from_hub.close()


class _Stream:
    """One viewer's."""

    def __init__(
        self,
        relay: ConsoleRelay,
        session: Session,
        first: ConsoleDataChunk,
        rest: AsyncIterator[ConsoleDataChunk],
    ) -> None:
        self._relay = relay
        self._session = session
        self._first = first
        self._rest = rest
        self._to_hub, self._from_viewer = trio.open_memory_channel[bytes](0)
        self._to_viewer, self.from_hub = trio.open_memory_channel[bytes](0)
        self.scope = trio.CancelScope()
        self.failure: CallError | None = None

    async def run(self) -> None:
        """Until one side ends; never raises, for the nursery is everybody's."""
        with self._to_viewer, self._from_viewer, self.scope:
            try:
                async with open_foreground_nursery() as nursery:
                    nursery.start_soon(self._read)
                    await self._relay.run(self._session, self._from_viewer.receive, self._to_viewer.send)
                    nursery.cancel_scope.cancel()
            except DecodeError as error:
                self.failure = CallError(Code.INVALID_ARGUMENT, error.what)
            except (ConduitError, ConnectError, trio.BrokenResourceError):
                pass  # the viewer has gone
            except Exception as error:  # noqa: BLE001  # one stream's failure is its own; it is logged
                self.failure = CallError(Code.INTERNAL, f"incident {report(error, where='StreamConsoleData')}")

    async def _read(self) -> None:
        async with self._to_hub:
            await self._to_hub.send(to_attach(self._first, read_only=self._session.read_only))
            sequence = count(1)
            async for chunk in self._rest:
                for message in to_messages(chunk, next(sequence)):
                    await self._to_hub.send(message)
