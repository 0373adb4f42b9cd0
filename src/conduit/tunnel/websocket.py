"""A carrier inside a WebSocket: its binary messages are the stream of bytes."""

from __future__ import annotations

import secrets
from contextlib import suppress

from conduit.errors import DecodeError, RemoteProtocolError, TransportError
from conduit.tunnel.carriers import CHUNK, receive_head, send_all
from conduit.tunnel.tls import Carrier
from conduit.websocket.frames import Close, CloseCode, FrameReader, Opcode, Ping, encode_close, encode_frame
from conduit.websocket.handshake import (
    KEY,
    RequestRefused,
    WebSocketUrl,
    answer_request,
    check_response,
    encode_request,
)


class WebSocketCarrier:
    """WebSocket frames over another carrier.

    :param masked: whether we are the client, whose frames are masked.
    """

    def __init__(self, carrier: Carrier, *, masked: bool) -> None:
        self._carrier = carrier
        self._masked = masked
        self._reader = FrameReader(masked=not masked)
        self._unsent = memoryview(b"")  # the rest of the frame that has been begun
        self._framed = 0  # bytes of payload in that frame; 0 in a control frame
        self._answer: tuple[Opcode, bytes] | None = None  # to a Ping or a Close; only the last one counts (5.5.3)
        self._ended = False  # by the peer
        self._left = False  # by us, or we have answered the peer's Close

    @property
    def peer(self) -> str:
        """As the carrier under it says."""
        return self._carrier.peer

    def receive_nowait(self, buffer: memoryview) -> int | None:
        """Bytes of messages."""
        if self._ended:
            return 0
        received = self._carrier.receive_nowait(buffer)
        if not received:
            return received
        try:
            pieces, told = self._reader.receive_data(buffer[:received])
        except DecodeError as error:
            self._leave(CloseCode.PROTOCOL_ERROR)
            raise RemoteProtocolError(f"{self.peer} breaks the rules of WebSocket: {error}") from error
        count = 0
        for piece in pieces:  # they move towards the front, over headers that have been read
            buffer[count : count + len(piece)] = piece
            count += len(piece)
        for one in told:
            self._heed(one)
        return count or (0 if any(isinstance(one, Close) for one in told) else None)

    def _heed(self, told: Ping | Close) -> None:
        if isinstance(told, Ping):
            self._answer = Opcode.PONG, told.payload
        else:
            self._ended = True
            self._answer = Opcode.CLOSE, encode_close(CloseCode.NORMAL)
        with suppress(TransportError):  # whoever sends next learns it
            self._send_pending()

    def send_nowait(self, data: memoryview) -> int:
        """Bytes whose frame the carrier took, to the last one."""
        if self._left:
            raise TransportError(f"the WebSocket with {self.peer} is closed")
        if not self._send_pending():
            return 0
        if not self._framed:
            self._framed = min(len(data), CHUNK)
            self._begin(Opcode.BINARY, data[: self._framed])
            if not self._send_frame():
                return 0
        taken, self._framed = self._framed, 0
        return taken

    def _begin(self, opcode: Opcode, payload: bytes | memoryview) -> None:
        key = secrets.token_bytes(4) if self._masked else None
        self._unsent = memoryview(b"".join(encode_frame(opcode, payload, key)))

    def _send_frame(self) -> bool:
        """Whether nothing is left of the frame that has been begun."""
        while self._unsent:
            taken = self._carrier.send_nowait(self._unsent)
            if not taken:
                return False
            self._unsent = self._unsent[taken:]
        return True

    def _send_pending(self) -> bool:
        """Finish the frame that has been begun, then answer the peer; whether all of it has gone."""
        if self._send_frame() and self._answer is not None:
            opcode, payload = self._answer
            self._answer = None
            self._left = opcode is Opcode.CLOSE
            self._begin(opcode, payload)
        return self._send_frame()

    def _leave(self, code: CloseCode) -> None:
        """Say that nothing follows, if that can be said without waiting."""
        if not self._left:
            self._answer = Opcode.CLOSE, encode_close(code)
            with suppress(TransportError):
                self._send_pending()

    async def wait_readable(self) -> None:
        """As the carrier under it does: it keeps what has come, we keep nothing."""
        await self._carrier.wait_readable()

    async def wait_writable(self) -> None:
        """As the carrier under it does."""
        await self._carrier.wait_writable()

    def interrupt(self) -> None:
        """As the carrier under it does."""
        self._carrier.interrupt()

    def close(self) -> None:
        """Say that nothing follows, if it can be said without waiting, and close."""
        self._leave(CloseCode.NORMAL)
        self._carrier.close()


async def open_websocket(carrier: Carrier, url: WebSocketUrl) -> WebSocketCarrier:
    """Ask the server at the other end of *carrier* for a WebSocket.

    :raises RemoteProtocolError: it does not agree.
    :raises TransportError: the connection broke.
    """
    key = secrets.token_bytes(KEY)
    await send_all(carrier, encode_request(url, key))
    try:
        head, carrier = await receive_head(carrier)
        check_response(head, key)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"no WebSocket at {url.authority}{url.path}: {error}") from error
    return WebSocketCarrier(carrier, masked=True)


async def accept_websocket(carrier: Carrier) -> WebSocketCarrier:
    """Give the client at the other end of *carrier* the WebSocket that it asks for, at whatever path.

    :raises RemoteProtocolError: it asks for something else.
    :raises TransportError: the connection broke.
    """
    try:
        head, carrier = await receive_head(carrier)
        answer = answer_request(head)
    except RemoteProtocolError as error:
        if isinstance(error, RequestRefused):
            carrier.send_nowait(memoryview(error.answer))
        raise RemoteProtocolError(f"{carrier.peer} does not begin a WebSocket: {error}") from error
    await send_all(carrier, answer)
    return WebSocketCarrier(carrier, masked=False)
