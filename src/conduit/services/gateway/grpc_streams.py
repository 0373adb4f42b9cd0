"""What is relayed over a bidirectional gRPC stream.

A generator that is given up in the middle may be closed by another task, so it must not hold a nursery or a cancel
scope between its messages: Trio would not survive that. What it reads and relays runs in tasks of the Gateway.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import trio
from connectrpc.errors import ConnectError

from conduit._trio import open_foreground_nursery
from conduit.errors import CallError, ConduitError, DecodeError
from conduit.services.gateway.traffic import Receive, Send
from conduit.services.web.errors import report
from conduit.tunnel.call_frames import Code

RunRelay = Callable[[Receive, Send], Awaitable[None]]
"Until one side ends; a CallError is what the client is told."


async def relayed(
    nursery: trio.Nursery, run: RunRelay, messages: AsyncGenerator[bytes], *, method: str
) -> AsyncGenerator[bytes]:
    """What comes back from the Agent. To be closed by ``aclosing``.

    :param nursery: in which the stream's tasks run; they end with the generator.
    :param messages: what the client sends, as the Agent wants it.
    :param method: for the log.
    """
    stream = _Stream(run, messages, method)
    nursery.start_soon(stream.run)
    try:
        async for data in stream.from_agent:
            yield data
        if stream.failure is not None:
            raise stream.failure
    finally:
        stream.scope.cancel()
        stream.from_agent.close()


class _Stream:
    """One viewer's."""

    def __init__(self, run: RunRelay, messages: AsyncGenerator[bytes], method: str) -> None:
        self._run_relay = run
        self._messages = messages
        self._method: Final = method
        self._to_agent, self._from_viewer = trio.open_memory_channel[bytes](0)
        self._to_viewer, self.from_agent = trio.open_memory_channel[bytes](0)
        self.scope = trio.CancelScope()
        self.failure: CallError | None = None

    async def run(self) -> None:
        """Until one side ends; never raises, for the nursery is everybody's."""
        with self._to_viewer, self._from_viewer, self.scope:
            try:
                async with open_foreground_nursery() as nursery:
                    nursery.start_soon(self._read)
                    await self._run_relay(self._from_viewer.receive, self._to_viewer.send)
                    nursery.cancel_scope.cancel()
            except DecodeError as error:
                self.failure = CallError(Code.INVALID_ARGUMENT, error.what)
            except CallError as error:
                self.failure = error
            except (ConduitError, ConnectError, trio.BrokenResourceError):
                pass  # the viewer has gone
            except Exception as error:  # noqa: BLE001  # one stream's failure is its own; it is logged
                self.failure = CallError(Code.INTERNAL, f"incident {report(error, where=self._method)}")

    async def _read(self) -> None:
        async with self._to_agent, aclosing(self._messages) as messages:
            async for message in messages:
                await self._to_agent.send(message)
