"""A WebSocket as a stream of bytes, small messages and slow ones where the server takes no others."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from conduit._tcp import TcpStream
from conduit.errors import DecodeError, RemoteProtocolError, TransportError
from conduit.websocket.frames import Close, CloseCode, FrameReader, Opcode, Ping, encode_close, encode_frame
from conduit.websocket.handshake import (
    KEY,
    RequestRefused,
    WebSocketUrl,
    answer_request,
    check_response,
    encode_request,
)
from conduit.websocket.http_head import HeadReader

CHUNK: Final = 256 << 10  # bytes of a message where nobody wants less
JOINED: Final = 4 << 10  # bytes of payload that are copied behind their header, which costs less than two pieces
CLOSE_PATIENCE: Final = 1.0  # seconds
SUBPROTOCOLS: Final = ("binary",)  # older versions of websockify want it


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a server takes at once.

    OpenBMC's bmcweb closes the connection at a message of more than 1,024 bytes, and at one that finds more than the
    rest of its 1,024 bytes of buffer taken.
    """

    message: int = 512
    "Bytes of a message."
    burst: int = 1024
    "Bytes that may be on their way."
    rate: float = 65536.0
    "Bytes a second that the server gets rid of."


OPENBMC: Final = Pace()
AT_WILL: Final = Pace(message=CHUNK, burst=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketWishes:
    """How a WebSocket is asked for."""

    subprotocols: Sequence[str] = SUBPROTOCOLS
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    "Header fields, such as ``Authorization`` or ``X-Auth-Token``."
    pace: Pace = OPENBMC


class WebSocketStream(trio.abc.Stream):
    """Frames over another stream.

    :param masked: whether we are the client, whose frames are masked.
    """

    def __init__(self, stream: trio.abc.Stream, *, masked: bool, pace: Pace = AT_WILL, received: bytes = b"") -> None:
        self._stream = stream
        self._masked = masked
        self._pace = pace
        self._reader = FrameReader(masked=not masked)
        self._received = received  # before anybody asked
        self._kept = b""  # payload that was more than asked for
        self._sending = trio.Lock()
        self._ended = False
        self._is_torn = False  # a frame was begun and not finished: whatever came after it would be taken for its rest
        self._on_its_way = 0.0  # bytes that the server has not got rid of
        self._counted = 0.0  # when that was true
        self.close_code: int | None = None
        "What the peer said when it closed."

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Payload, whatever the messages are."""
        while not self._kept and not self._ended:
            data = self._received or await self._stream.receive_some()
            self._received = b""
            if not data:
                break
            self._kept = await self._take(data)
        if max_bytes is None or len(self._kept) <= max_bytes:
            piece, self._kept = self._kept, b""
        else:
            piece, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
        return piece

    async def _take(self, data: bytes | bytearray) -> bytes:
        try:
            pieces, told = self._reader.receive_data(memoryview(data))
        except DecodeError as error:
            await self._answer(Opcode.CLOSE, encode_close(CloseCode.PROTOCOL_ERROR))
            raise RemoteProtocolError(f"the peer breaks the rules of WebSocket: {error}") from error
        for one in told:
            if isinstance(one, Ping):
                await self._answer(Opcode.PONG, one.payload)
            else:
                await self._end(one)
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    async def _end(self, close: Close) -> None:
        self._ended = True
        self.close_code = close.code
        await self._answer(Opcode.CLOSE, encode_close(CloseCode.NORMAL))

    async def _answer(self, opcode: Opcode, payload: bytes) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # whoever sends next learns it
            await self._send_frame(opcode, payload)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """In messages that the server takes."""
        view = memoryview(data)
        for at in range(0, len(view), self._pace.message):
            await self._send_frame(Opcode.BINARY, view[at : at + self._pace.message])

    async def _wait_for_room(self, count: int) -> None:
        """Before a message, by whoever may send; pings and the like never get into the server's buffer."""
        pace = self._pace
        now = trio.current_time()
        self._on_its_way = max(self._on_its_way - (now - self._counted) * pace.rate, 0.0)
        self._counted = now
        too_much = self._on_its_way + count - pace.burst
        if too_much > 0:
            await trio.sleep(too_much / pace.rate)
        self._on_its_way += count

    async def _send_frame(self, opcode: Opcode, payload: bytes | memoryview) -> None:
        key = secrets.token_bytes(4) if self._masked else None
        parts, stream = encode_frame(opcode, payload, key), self._stream
        try:
            self._sending.acquire_nowait()  # without the checkpoint that acquire() is
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            if self._pace.burst and opcode is Opcode.BINARY:
                await self._wait_for_room(len(payload))
            if self._is_torn:
                raise trio.BrokenResourceError("a frame was left unfinished")
            self._is_torn = True
            if isinstance(stream, TcpStream) and len(payload) > JOINED:
                await stream.send_parts(parts)
            else:
                await stream.send_all(b"".join(parts))
            self._is_torn = False
        finally:
            self._sending.release()

    @property
    def is_sending(self) -> bool:
        """Whether a frame is on its way, or waits until it can be."""
        return self._sending.locked()

    async def ping(self) -> None:
        """Show that we are there."""
        await self._answer(Opcode.PING, b"")

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream under it does."""
        async with self._sending:
            await self._stream.wait_send_all_might_not_block()

    async def close_with(self, code: int, reason: str) -> None:
        """Say that it is over, and why, and close."""
        words = reason.encode()[:120].decode(errors="ignore").encode()
        await self._close(code.to_bytes(2) + words)

    async def aclose(self) -> None:
        """Say that it is over, and close."""
        await self._close(encode_close(CloseCode.NORMAL))

    async def _close(self, payload: bytes) -> None:
        try:
            if not self._ended:
                self._ended = True
                with trio.move_on_after(CLOSE_PATIENCE):
                    await self._answer(Opcode.CLOSE, payload)
        finally:
            await self._stream.aclose()


async def open_websocket(stream: trio.abc.Stream, url: WebSocketUrl, wishes: WebSocketWishes) -> WebSocketStream:
    """Ask the server at the other end of *stream* for a WebSocket.

    :raises RemoteProtocolError: it does not agree.
    :raises TransportError: the connection broke.
    """
    key = secrets.token_bytes(KEY)
    reader = HeadReader()
    try:
        await stream.send_all(encode_request(url, key, subprotocols=wishes.subprotocols, fields=wishes.fields))
        head = await _receive_head(stream, reader)
        check_response(head, key, subprotocols=wishes.subprotocols, server="the BMC")
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"no WebSocket at {url.authority}{url.path}: {error}") from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise TransportError(f"the connection with {url.authority} broke") from error
    return WebSocketStream(stream, masked=True, pace=wishes.pace, received=reader.rest)


async def accept_websocket(stream: trio.abc.Stream, *, origins: Collection[str] | None = ()) -> WebSocketStream:
    """Give the client at the other end of *stream* the WebSocket that it asks for, at whatever path.

    :param origins: of the pages that may use it; None is all. Who is no browser may in any case.
    :raises RemoteProtocolError: it asks for something else, and has been told.
    :raises TransportError: the connection broke.
    """
    reader = HeadReader()
    try:
        try:
            answer = answer_request(await _receive_head(stream, reader), subprotocols=SUBPROTOCOLS, origins=origins)
        except RequestRefused as refused:
            await stream.send_all(refused.answer)
            raise
        await stream.send_all(answer)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise TransportError("the connection broke") from error
    return WebSocketStream(stream, masked=False, received=reader.rest)


async def _receive_head(stream: trio.abc.Stream, reader: HeadReader) -> bytes:
    while True:
        data = bytes(await stream.receive_some())
        if not data:
            raise RemoteProtocolError("it closed the connection without a word")
        head = reader.receive_data(data)
        if head is not None:
            return head
