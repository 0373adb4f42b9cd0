"""What an application has still to receive: between the reader of a connection and the applications on it.

Hypercorn puts a channel of ten messages there and lets the reader wait for it. Here the bound is in bytes, pieces of a
body are joined, and on HTTP/2 the reader never waits: the client's window is the bound, and credit goes back when the
application takes what came.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from conduit.services.web.asgi import Message

OVERHEAD: Final = 64  # bytes that a WebSocket message counts for beside its own

Taken = Callable[[int], Awaitable[None]]


async def _nothing(_: int) -> None:
    pass


class AppQueue:
    """The messages of one request or WebSocket.

    :param limit: bytes at which :meth:`put` waits.
    :param taken: told how many bytes of a body the application took, or will never take.
    """

    def __init__(self, limit: float = math.inf, taken: Taken = _nothing) -> None:
        self._limit = limit
        self._taken = taken
        self._body = bytearray()
        self._has_body = False
        self._more_body = True
        self._messages: deque[Message] = deque()
        self._size = 0
        self._over: Message | None = None
        self._changed = trio.Event()

    async def put(self, message: Message) -> None:
        """Add a message; what comes after a disconnect is dropped."""
        if message["type"].endswith(".disconnect"):
            self.finish(message)
        elif self._over is not None:
            await self._taken(len(message.get("body", b"")))
        else:
            self._add(message)
        self._wake()
        while self._size > self._limit and self._over is None:
            await self._changed.wait()

    def finish(self, disconnect: Message) -> None:
        """Nobody sends any more; a request that is not whole is not delivered."""
        if self._over is None:
            self._over = disconnect
        if self._has_body and self._more_body:
            self._has_body = False
        self._wake()

    async def receive(self) -> Message:
        """The next message, as ASGI has it."""
        while True:
            if self._has_body:
                return await self._take_body()
            if self._messages:
                message = self._messages.popleft()
                self._size -= _size(message)
                self._wake()
                return message
            if self._over is not None:
                return self._over
            await self._changed.wait()

    async def drop(self) -> None:
        """The application has ended: give back what it has not taken."""
        left, self._body = len(self._body), bytearray()
        self._has_body = False
        self._messages.clear()
        self._size = 0
        self.finish({"type": "http.disconnect"})
        if left:
            await self._taken(left)

    def _add(self, message: Message) -> None:
        if message["type"] != "http.request":
            self._size += _size(message)
            self._messages.append(message)
            return
        self._size += len(message.get("body", b""))
        self._body += message.get("body", b"")
        self._more_body = message.get("more_body", False)
        self._has_body = True

    async def _take_body(self) -> Message:
        body, self._body = bytes(self._body), bytearray()
        message = {"type": "http.request", "body": body, "more_body": self._more_body}
        self._has_body = False
        self._size -= len(body)
        self._wake()
        if body:
            await self._taken(len(body))  # more may come meanwhile, and is the next message
        return message

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _size(message: Message) -> int:
    return OVERHEAD + len(message.get("bytes") or message.get("text") or b"")
