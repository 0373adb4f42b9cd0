"""The control stream of a tunnel: one message after the other, both ways, until the tunnel ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Self

import trio

from conduit.errors import LocalProtocolError, TransportError
from conduit.tunnel.control import MAX_CONTROL_MESSAGE, Drain, Message, Notice, decode_message
from conduit.tunnel.framing import MessageReader, encode_message
from conduit.tunnel.stream import TunnelStream

OUTBOX: Final = 16  # messages that wait to be sent; who has more waits
MAX_NOTICES: Final = 1024  # notices that wait to be taken
MAX_NOTICE_BYTES: Final = 4 << 20  # bytes in all of their bodies and names
LEGIBLE: Final = 200  # characters of a peer's text that are shown


def legible(text: str | bytes) -> str:
    """What a peer says, fit for logs and errors: one line, not too long."""
    if isinstance(text, bytes):
        text = text[: 4 * LEGIBLE].decode(errors="replace")
    return "".join(c if c.isprintable() else "?" for c in text[:LEGIBLE])


class ControlStream:
    """Messages on the control stream.

    Before :meth:`run` one task sends and receives; after that messages go through an outbox, so that a sender who is
    cancelled never leaves half a message behind.
    """

    def __init__(self, stream: TunnelStream) -> None:
        self._stream = stream
        self._reader = MessageReader(MAX_CONTROL_MESSAGE)
        self._ready: deque[Message] = deque()
        self._outbox, self._to_send = trio.open_memory_channel[bytes](OUTBOX)
        self._notices: deque[Notice] = deque()
        self._notice_bytes = 0
        self._notice_came = trio.lowlevel.ParkingLot()
        self._is_over = False
        self.dropped_notices = 0
        "Notices that found no room, because nobody took those before them."

    @property
    def is_open(self) -> bool:
        """Whether the stream counts among the tunnel's open ones."""
        return not self._stream.is_closed

    async def send(self, message: Message) -> None:
        """Send one, before :meth:`run`.

        :raises TransportError: the tunnel is gone.
        """
        await self._send(_encode(message))

    async def _send(self, frame: bytes) -> None:
        try:
            await self._stream.send_all(frame)
        except trio.BrokenResourceError as error:
            raise TransportError("the tunnel is gone") from error

    async def receive(self) -> Message | None:
        """The next one that we know, before :meth:`run`; None at the end.

        :raises DecodeError: the peer broke the rules.
        :raises TransportError: the tunnel is gone.
        """
        while not self._ready:
            try:
                data = await self._stream.receive_some()
            except trio.BrokenResourceError as error:
                raise TransportError("the tunnel is gone") from error
            if not data:
                return None
            known = (decode_message(raw) for raw in self._reader.receive(data))
            self._ready.extend(message for message in known if message is not None)
        return self._ready.popleft()

    async def run(self, on_drain: Callable[[Drain], None]) -> None:
        """Keep reading and sending; returns when the peer ends the stream.

        :param on_drain: called when the peer says that it is about to leave.
        :raises DecodeError: the peer broke the rules.
        """
        self._stream.is_patient = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._empty_outbox)
                while (message := await self.receive()) is not None:
                    if isinstance(message, Notice):
                        self._keep(message)
                    elif isinstance(message, Drain):
                        on_drain(message)
                nursery.cancel_scope.cancel()
        finally:
            self._is_over = True
            self._to_send.close()
            self._notice_came.unpark_all()

    async def _empty_outbox(self) -> None:
        async for frame in self._to_send:
            await self._send(frame)

    async def post(self, message: Message) -> None:
        """Have one sent by :meth:`run`; waits while too many are waiting.

        :raises LocalProtocolError: it is too long.
        :raises TransportError: the tunnel is gone.
        """
        frame = _encode(message)
        try:
            await self._outbox.send(frame)
        except trio.BrokenResourceError as error:
            raise TransportError("the tunnel is gone") from error

    def _keep(self, notice: Notice) -> None:
        size = _size(notice)
        if len(self._notices) >= MAX_NOTICES or self._notice_bytes + size > MAX_NOTICE_BYTES:
            self.dropped_notices += 1
            return
        self._notice_bytes += size
        self._notices.append(notice)
        self._notice_came.unpark()

    async def next_notice(self) -> Notice | None:
        """What the peer tells next; None when the tunnel has ended."""
        await trio.lowlevel.checkpoint()
        while not self._notices:
            if self._is_over:
                return None
            await self._notice_came.park()
        notice = self._notices.popleft()
        self._notice_bytes -= _size(notice)
        return notice


class Notices:
    """Iterates over what the peer tells; one task at a time, or several that share."""

    def __init__(self, find: Callable[[], Awaitable[ControlStream | None]]) -> None:
        self._find = find

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        control = await self._find()
        notice = None if control is None else await control.next_notice()
        if notice is None:
            raise StopAsyncIteration
        return notice


def _encode(message: Message) -> bytes:
    encoded = message.encode()
    if len(encoded) > MAX_CONTROL_MESSAGE:
        raise LocalProtocolError(f"a control message of {len(encoded)} bytes, where {MAX_CONTROL_MESSAGE} are allowed")
    return encode_message(encoded)


def _size(notice: Notice) -> int:
    return len(notice.name) + len(notice.body)
