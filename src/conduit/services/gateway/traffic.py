"""What passes between viewers and Agents, counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import Counter

from conduit.services.gateway.sessions import Face

_WAY: Final = ("type", "direction")
Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]
"The next message; raises trio.EndOfChannel when the viewer has gone."


class Traffic:
    """What passes between viewers and Agents. Registered by the application."""

    def __init__(self) -> None:
        self.bytes = Counter("gateway_stream_bytes", "Between viewers and Agents.", _WAY, registry=None)
        self.messages = Counter("gateway_stream_messages", "The same.", _WAY, registry=None)
        self.lost = Counter("gateway_proxy_errors", "Streams that lost their way.", ("type",), registry=None)

    def count_sent(self, face: Face, send: Send) -> Send:
        """*send*, counted."""
        sizes, messages = self.bytes.labels(face, "to viewer"), self.messages.labels(face, "to viewer")

        async def counted(data: bytes) -> None:
            sizes.inc(len(data))
            messages.inc()
            await send(data)

        return counted

    def count_received(self, face: Face, receive: Receive) -> Receive:
        """*receive*, counted."""
        sizes, messages = self.bytes.labels(face, "to agent"), self.messages.labels(face, "to agent")

        async def counted() -> bytes:
            data = await receive()
            sizes.inc(len(data))
            messages.inc()
            return data

        return counted
