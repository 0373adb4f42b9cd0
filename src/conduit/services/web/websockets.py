"""WebSockets that end in order: what a client sent before it left is handled, and then the handler is told.

Quart-Trio cancels the handler when the client has left, and with it the last messages, which wait in its channel.
"""

from __future__ import annotations

from typing import Any, Final

import trio
from quart_trio.asgi import TrioASGIWebsocketConnection

GRACE: Final = 5.0  # seconds that a handler has after its client has left


class OrderlyWebSocket(TrioASGIWebsocketConnection):
    """For ``app.asgi_websocket_class``: ``websocket.receive()`` raises ``trio.EndOfChannel`` in the end."""

    async def handle_messages(self, nursery: trio.Nursery, receive: Any) -> None:  # type: ignore[override]  # Trio's
        """Bring what comes to the handler."""
        async with self.send_channel:
            while (event := await receive())["type"] != "websocket.disconnect":
                if event["type"] == "websocket.receive":
                    data: bytes | None = event.get("bytes")
                    await self.send_channel.send(event["text"] if data is None else data)
        nursery.cancel_scope.deadline = trio.current_time() + GRACE
