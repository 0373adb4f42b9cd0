"""A WebSocket client on Trio for our own consoles: binary messages, over TLS or not (RFC 6455, by wsproto)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
)
from wsproto.utilities import ProtocolError

from conduit.errors import CallError, LocalProtocolError
from conduit.tunnel.call_frames import Code

PATIENCE: Final = 15.0  # seconds until it is open
GOODBYE: Final = 1.0  # seconds to say so
MAX_MESSAGE: Final = 1 << 20  # bytes
_CODES: Final = {401: Code.UNAUTHENTICATED, 403: Code.PERMISSION_DENIED, 404: Code.NOT_FOUND}


class WebSocket:
    """An open connection. One task may send and another receive."""

    def __init__(self, stream: trio.abc.Stream, connection: WSConnection) -> None:
        self._stream = stream
        self._connection = connection
        self._events: list[Event] = []
        self._sending = trio.Lock()

    async def send(self, data: bytes) -> None:
        """:raises trio.BrokenResourceError: the connection is gone."""
        await self._send(BytesMessage(data=data))

    async def receive(self) -> bytes:
        """The next message.

        :raises trio.EndOfChannel: the other end has closed.
        :raises trio.BrokenResourceError: the connection is gone.
        """
        message = bytearray()
        while True:
            event = await self._next()
            match event:
                case BytesMessage():
                    message += event.data
                    if len(message) > MAX_MESSAGE:
                        raise trio.BrokenResourceError("a message is too long")
                    if event.message_finished:
                        return bytes(message)
                case Ping():
                    await self._send(event.response())
                case CloseConnection():
                    raise trio.EndOfChannel
                case Message():
                    raise trio.BrokenResourceError("a text, where only bytes belong")
                case _:
                    pass

    async def _next(self) -> Event:
        while not self._events:
            data = await self._stream.receive_some()
            try:
                self._connection.receive_data(bytes(data) if data else None)
            except ProtocolError as error:
                raise trio.BrokenResourceError(str(error)) from error
            self._events = list(self._connection.events())
            if not data and not self._events:
                raise trio.BrokenResourceError("the connection ended")
        return self._events.pop(0)

    async def _send(self, event: Event) -> None:
        async with self._sending:
            try:
                await self._stream.send_all(self._connection.send(event))
            except (ProtocolError, trio.ClosedResourceError) as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def shake_hands(self, request: Request) -> None:
        """:raises CallError: the server refuses, and why."""
        await self._send(request)
        event = await self._next()
        if isinstance(event, RejectConnection):
            raise CallError(_CODES.get(event.status_code, Code.UNAVAILABLE), await self._reason(event))
        if not isinstance(event, AcceptConnection):
            raise CallError(Code.UNAVAILABLE, "the server does not speak WebSocket")

    async def _reason(self, rejection: RejectConnection) -> str:
        text = b""
        while rejection.has_body and len(text) < MAX_MESSAGE:
            event = await self._next()
            if isinstance(event, RejectData):
                text += event.data
                if event.body_finished:
                    break
        return text.decode(errors="replace") or f"the server answers with HTTP status {rejection.status_code}"

    async def say_goodbye(self) -> None:
        """Close in good order, if that is quick."""
        with trio.move_on_after(GOODBYE, shield=True):
            try:
                await self._send(CloseConnection(code=1000))
            except trio.BrokenResourceError:
                return


@asynccontextmanager
async def open_websocket(
    url: str, *, subprotocols: Sequence[str] = (), tls: ssl.SSLContext | None = None
) -> AsyncIterator[WebSocket]:
    """A connection to a ``ws`` or ``wss`` URL; closed with the block.

    :param tls: for ``wss``: whom to trust, when not the system's CAs.
    :raises CallError: it cannot be had; UNAVAILABLE where nobody answers.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise LocalProtocolError(f"{url} is no URL of a WebSocket")
    stream: trio.abc.Stream
    try:
        with trio.fail_after(PATIENCE):
            stream = await _connect(parts.hostname, parts.port, parts.scheme == "wss", tls)
            connection = WebSocket(stream, WSConnection(ConnectionType.CLIENT))
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            await connection.shake_hands(Request(host=parts.netloc, target=target, subprotocols=list(subprotocols)))
    except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
        raise CallError(Code.UNAVAILABLE, f"cannot reach {parts.netloc}: {str(error) or 'no answer'}") from error
    try:
        yield connection
        await connection.say_goodbye()
    finally:
        await trio.aclose_forcefully(stream)


async def _connect(host: str, port: int | None, secure: bool, tls: ssl.SSLContext | None) -> trio.abc.Stream:
    tcp = await trio.open_tcp_stream(host, port or (443 if secure else 80))
    tcp.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    if not secure:
        return tcp
    try:
        stream = trio.SSLStream(tcp, tls or ssl.create_default_context(), server_hostname=host, https_compatible=True)
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(tcp)
        raise
    return stream
