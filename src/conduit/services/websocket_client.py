"""A client of WebSockets on Trio: whole binary messages, each with a cap, over TCP or TLS."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from conduit.errors import CallError, LocalProtocolError, RemoteProtocolError, TransportError
from conduit.tunnel.call_frames import Code

CHUNK: Final = 64 << 10  # bytes read at a time
MAX_MESSAGE: Final = 1 << 20  # bytes
HANDSHAKE_PATIENCE: Final = 20.0  # seconds
CLOSE_PATIENCE: Final = 2.0  # seconds
MAX_REFUSAL: Final = 300  # characters of a refusal's words
_CODES: Final = {
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    429: Code.RESOURCE_EXHAUSTED,
}


class WebSocket:
    """A connection whose handshake is over. Made by :func:`open_websocket`."""

    def __init__(self, stream: trio.abc.Stream, connection: WSConnection) -> None:
        self._stream = stream
        self._connection = connection
        self._sending = trio.Lock()
        self._partial = bytearray()
        self._ready: deque[bytes] = deque()
        self._over = False
        self.close_code: int | None = None
        "What the peer said when it closed."
        self.close_reason = ""
        "The same in its words."

    async def send(self, message: bytes) -> None:
        """A binary message. :raises TransportError: there is nobody any more."""
        await self._send(BytesMessage(data=message))

    async def receive(self) -> bytes | None:
        """The next message; None when the peer has closed.

        :raises TransportError: the connection broke.
        :raises RemoteProtocolError: the peer does not speak WebSocket, or says too much at once.
        """
        await self._take_events()  # some may have come with the handshake
        while not self._ready and not self._over:
            await self._read()
        return self._ready.popleft() if self._ready else None

    async def aclose(self) -> None:
        """Say that it is over, and wait until the peer agrees: by then it has read all that was sent."""
        with trio.move_on_after(CLOSE_PATIENCE, shield=True):
            with suppress(TransportError, RemoteProtocolError):  # it was over already
                if not self._over:
                    await self._send(CloseConnection(code=1000))
                while not self._over:
                    await self._read()
                    self._ready.clear()
        await trio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        data = await _receive(self._stream)
        try:
            self._connection.receive_data(data or None)
        except ProtocolError as error:
            raise RemoteProtocolError(f"the peer does not speak WebSocket: {error}") from error
        await self._take_events()

    async def _take_events(self) -> None:
        try:
            events = list(self._connection.events())
        except ProtocolError as error:
            raise RemoteProtocolError(f"the peer does not speak WebSocket: {error}") from error
        for event in events:
            await self._take(event)

    async def _take(self, event: Event) -> None:
        match event:
            case BytesMessage() | TextMessage():
                self._gather(event)
            case Ping():
                await self._reply(event)
            case CloseConnection():
                self._over, self.close_code, self.close_reason = True, event.code, event.reason or ""
                await self._reply(event)

    async def _reply(self, event: Ping | CloseConnection) -> None:
        with suppress(TransportError):  # a peer that has gone wants none
            await self._send(event.response())

    def _gather(self, event: BytesMessage | TextMessage) -> None:
        data = event.data.encode() if isinstance(event.data, str) else event.data
        self._partial += data
        if len(self._partial) > MAX_MESSAGE:
            raise RemoteProtocolError(f"a message of more than {MAX_MESSAGE} bytes")
        if event.message_finished:
            if isinstance(event, BytesMessage):  # nobody here says anything in text
                self._ready.append(bytes(self._partial))
            self._partial.clear()

    async def _send(self, event: Event) -> None:
        async with self._sending:
            try:
                data = self._connection.send(event)
            except ProtocolError as error:
                raise TransportError("the connection is closed") from error
            await _send(self._stream, data)


class WebSocketStream(trio.abc.Stream):
    """The bytes of binary messages, wherever messages begin and end. It does not own the WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._rest = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """One message."""
        try:
            await self._websocket.send(bytes(data))
        except TransportError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        """At once: nobody else sends."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come; ``b""`` when the peer has closed."""
        try:
            while not self._rest:
                message = await self._websocket.receive()
                if message is None:
                    return b""
                self._rest = message
        except (TransportError, RemoteProtocolError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        size = len(self._rest) if max_bytes is None else max_bytes
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    async def aclose(self) -> None:
        """Say that it is over."""
        await self._websocket.aclose()


@asynccontextmanager
async def open_websocket(
    url: str, *, subprotocols: Sequence[str] = (), tls: ssl.SSLContext | None = None, source: str | None = None
) -> AsyncIterator[WebSocket]:
    """Connect to *url*, ``ws://`` or ``wss://``.

    :param subprotocols: offered; the peer must choose the first.
    :param tls: whom to trust; None is the system's.
    :param source: one of our addresses, from which to connect; None is the system's choice.
    :raises CallError: the peer refuses (in its words), or nobody is there (UNAVAILABLE).
    """
    with trio.move_on_after(HANDSHAKE_PATIENCE) as scope:
        stream = await _connect(url, tls, source)
        try:
            connection = await _shake_hands(stream, url, subprotocols)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
    if scope.cancelled_caught:
        raise CallError(Code.UNAVAILABLE, f"{_origin(url)} does not answer")
    websocket = WebSocket(stream, connection)
    try:
        yield websocket
    finally:
        await websocket.aclose()


async def _connect(url: str, tls: ssl.SSLContext | None, source: str | None) -> trio.abc.Stream:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise LocalProtocolError(f"{_origin(url)!r} is no address of a WebSocket")
    try:
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        stream = await trio.open_tcp_stream(parts.hostname, port, local_address=source)
    except OSError as error:
        raise CallError(Code.UNAVAILABLE, f"cannot reach {_origin(url)}: {error.strerror or error}") from error
    if parts.scheme == "ws":
        return stream
    context = tls or ssl.create_default_context()
    secured = trio.SSLStream(stream, context, server_hostname=parts.hostname, https_compatible=True)
    try:
        await secured.do_handshake()
    except (trio.BrokenResourceError, ssl.SSLError) as error:
        await trio.aclose_forcefully(secured)
        raise CallError(Code.UNAVAILABLE, f"no TLS with {_origin(url)}: {error.__cause__ or error}") from error
    return secured


async def _shake_hands(stream: trio.abc.Stream, url: str, subprotocols: Sequence[str]) -> WSConnection:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = Request(host=parts.netloc.rpartition("@")[2], target=target, subprotocols=list(subprotocols))
    connection = WSConnection(ConnectionType.CLIENT)
    answer = _Answer(url, subprotocols)
    try:
        await _send(stream, connection.send(request))
        while not answer.is_accepted:
            data = await _receive(stream)
            connection.receive_data(data or None)
            answer.take(connection.events(), at_end=not data)
    except ProtocolError as error:
        raise CallError(Code.UNAVAILABLE, f"{_origin(url)} does not speak WebSocket") from error
    except TransportError as error:
        raise CallError(Code.UNAVAILABLE, f"{_origin(url)}: {error}") from error
    return connection


class _Answer:
    """What the server says to the handshake."""

    def __init__(self, url: str, subprotocols: Sequence[str]) -> None:
        self._url = url
        self._subprotocols = subprotocols
        self._refused: RejectConnection | None = None
        self._words = bytearray()
        self.is_accepted = False

    def take(self, events: Iterable[Event], *, at_end: bool) -> None:
        """:raises CallError: it refuses, or hangs up."""
        for event in events:
            match event:
                case AcceptConnection():
                    self._check_choice(event.subprotocol)
                    self.is_accepted = True
                    return  # what follows is for the connection
                case RejectConnection():
                    self._refused = event
                case RejectData():
                    self._words += event.data[:MAX_REFUSAL]
                    at_end = at_end or event.body_finished or len(self._words) > MAX_REFUSAL
                case _:
                    at_end = True
        if at_end and self._refused is not None:
            raise _refusal(self._url, self._refused, bytes(self._words))
        if at_end:
            raise CallError(Code.UNAVAILABLE, f"{_origin(self._url)} hung up")

    def _check_choice(self, chosen: str | None) -> None:
        if self._subprotocols and chosen != self._subprotocols[0]:
            raise RemoteProtocolError(f"the server does not speak {self._subprotocols[0]}")


def _refusal(url: str, refused: RejectConnection, body: bytes) -> CallError:
    """The server's words, where it has any in plain text."""
    text = body.decode(errors="replace")[:MAX_REFUSAL].strip()
    said = text if text and not text.startswith(("<", "{")) else f"{_origin(url)} refuses: HTTP {refused.status_code}"
    code = _CODES.get(refused.status_code, Code.UNAVAILABLE if refused.status_code >= 500 else Code.UNKNOWN)
    return CallError(code, said)


def _origin(url: str) -> str:
    """What of a URL may be said: its path may be as good as a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


async def _send(stream: trio.abc.Stream, data: bytes) -> None:
    try:
        await stream.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise TransportError("the connection broke") from error


async def _receive(stream: trio.abc.Stream) -> bytes:
    try:
        return bytes(await stream.receive_some(CHUNK))
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise TransportError("the connection broke") from error
