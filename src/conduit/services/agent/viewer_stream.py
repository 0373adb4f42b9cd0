"""A viewer's stream of bytes as console messages, each behind its length (gRPC's framing)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import trio

from conduit.tunnel.framing import MessageReader, encode_message


class ViewerStream:
    """One task may receive and another send.

    :param most: bytes that a message may have.
    """

    def __init__(self, stream: trio.abc.Stream, most: int) -> None:
        self._stream = stream
        self._reader = MessageReader(most)
        self._messages: deque[bytes] = deque()

    async def receive(self) -> bytes | None:
        """The next message; None at the end.

        :raises DecodeError: a message is too long.
        :raises trio.BrokenResourceError: the stream is gone.
        """
        while not self._messages:
            data = await self._stream.receive_some()
            if not data:
                return None
            self._messages += self._reader.receive(bytes(data))
        return self._messages.popleft()

    async def send(self, messages: Iterable[bytes]) -> None:
        """:raises trio.BrokenResourceError: the stream is gone."""
        await self._stream.send_all(b"".join(map(encode_message, messages)))
