"""WebSockets that end in order: what a client sent before it left is handled, and then the handler is told.

Quart-Trio has a task that carries messages into a channel, and that cancels the handler when the client has left, with
what waits in the channel. Here the handler takes each message from the server itself: a task and its turn less.
"""

from __future__ import annotations

from typing import Any, Final

import trio
from quart_trio.asgi import TrioASGIWebsocketConnection

GRACE: Final = 5.0  # seconds that a handler has after it has learned that its client has left


class OrderlyWebSocket(TrioASGIWebsocketConnection):
    """For ``app.asgi_websocket_class``: ``websocket.receive()`` raises ``trio.EndOfChannel`` in the end.

    A handler that does not receive is not told; :class:`~.connection.Connection` ends it some time later.
    """

    async def __call__(self, receive: Any, send: Any) -> None:
        """Handle one, as ASGI has it."""
        async with trio.open_nursery() as nursery:
            self.receive_channel: Any = _Messages(receive, nursery.cancel_scope)
            await self.handle_websocket(nursery, self._create_websocket_from_scope(send), send)


class _Messages:
    """What comes from the client."""

    def __init__(self, receive: Any, handler: trio.CancelScope) -> None:
        self._receive = receive
        self._handler = handler

    async def receive(self) -> bytes | str:
        """The next message. :raises trio.EndOfChannel: the client has left."""
        while (event := await self._receive())["type"] != "websocket.disconnect":
            if event["type"] == "websocket.receive":
                data: bytes | None = event.get("bytes")
                text: str = event.get("text") or ""
                return text if data is None else data
        self._handler.deadline = min(self._handler.deadline, trio.current_time() + GRACE)
        raise trio.EndOfChannel
