"""What Hypercorn 0.18 gets wrong on Trio, put right; the one module that knows its insides.

Of Hypercorn we use its HTTP/1.1 protocol, its HTTP and WebSocket streams, which speak ASGI, and its configuration.

====================================================================================  ==================================
Fault                                                                                 Cure
====================================================================================  ==================================
1 Streams that end with trailers stay in the priority tree; the 1001st ends the       :mod:`http2` has no priority tree
  server
2 The reader waits for one application to read; all others on the connection stop     :class:`~.app_queue.AppQueue`
3 The 1000th request of a connection closes it under those in progress                :func:`hypercorn_config`
4 An idle connection is closed after 5 s without GOAWAY                               :mod:`connection`, :mod:`http2`
5 An exception in one connection's handler ends the server                            :mod:`serving`
6 A window of 64 KiB that cannot be changed                                           :mod:`http2`
7 A response before the body is read: the next request on the connection hangs        :class:`Http1Protocol`
8 A WebSocket message beyond the limit is refused, and still kept and added to        :class:`WebSocketStream`
====================================================================================  ==================================

Fault 7: ``_maybe_recycle`` tells the application of the end before it starts the next cycle. Quart-Trio cancels its
nursery then, the task that recycles is in it, and the reader waits for ever. So it runs shielded here; and what is left
of the body is read and dropped, instead of being answered with a TCP reset that takes the response with it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import chain
from typing import Any, Final, cast

import h11
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID, H2ProtocolAssumedError, H11Protocol, H11WSConnection
from hypercorn.protocol.ws_stream import FrameTooLargeError, WebsocketBuffer, WSStream
from hypercorn.trio.worker_context import WorkerContext
from wsproto.events import Message as WebSocketMessage

from conduit.services.web.app_queue import AppQueue, Taken
from conduit.services.web.asgi import Application, Message
from conduit.services.web.errors import report
from conduit.services.web.held_data import HeldData
from conduit.services.web.limits import Limits

MAX_LEFT_OVER: Final = 1024 * 1024  # bytes of a body that nobody reads, which are dropped for the connection's sake
MAX_QUEUED: Final = 64 * 1024  # bytes that an HTTP/1.1 request's application has still to take
NEVER: Final = 10**9
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\n"

AppSend = Callable[[Any], Awaitable[None]]


def wrap(app: Application) -> ASGIWrapper:
    """*app* as Hypercorn's protocols call it."""
    return ASGIWrapper(cast(Any, app))


def make_context() -> WorkerContext:
    """What all connections share; its ``terminated`` says that the server leaves."""
    return WorkerContext(None)


def hypercorn_config(limits: Limits) -> Config:
    """What Hypercorn's classes take from its configuration; it logs nothing itself."""
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = NEVER
    config.h11_max_incomplete_size = limits.header
    config.websocket_max_message_size = limits.websocket_message
    config.websocket_ping_interval = limits.ping
    return config


class Tasks:
    """The applications of one connection and the helpers of its protocols, as Hypercorn's streams start them.

    :param limit: bytes that the reader may put into a queue before it has to wait.
    """

    def __init__(
        self, nursery: trio.Nursery, helpers: trio.Nursery, limit: float = MAX_QUEUED, taken: Taken | None = None
    ) -> None:
        self._nursery = nursery
        self._helpers = helpers
        self._limit = limit
        self._taken = taken

    async def spawn_app(
        self, app: ASGIWrapper, config: Config, scope: Any, send: AppSend
    ) -> Callable[[Message], Awaitable[None]]:
        """Start *app*; returns what takes its messages."""
        queue = AppQueue(self._limit) if self._taken is None else AppQueue(self._limit, self._taken)
        self._nursery.start_soon(_run_app, app, scope, queue, send)
        return queue.put

    def spawn(self, func: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Start a helper of a stream."""
        self._helpers.start_soon(func, *args)

    def with_credit(self, taken: Taken) -> Tasks:
        """The same, for a stream whose client is bound by credit: the reader never waits."""
        return Tasks(self._nursery, self._helpers, math.inf, taken)


async def _run_app(app: ASGIWrapper, scope: Any, queue: AppQueue, send: AppSend) -> None:
    try:
        await app(scope, cast(Any, queue.receive), send, trio.to_thread.run_sync, trio.from_thread.run)
    except Exception as error:  # noqa: BLE001  # the boundary of an application's task
        if not _is_gone(error):
            report(error, where=scope["path"])
    finally:
        await send(None)
        await queue.drop()


def _is_gone(error: BaseException) -> bool:
    """Whether *error* says that the client is gone, and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_gone(each) for each in error.exceptions)
    return isinstance(error, OSError | trio.BrokenResourceError | trio.ClosedResourceError | trio.Cancelled)


class Http1Protocol(H11Protocol):
    """HTTP/1.1 and WebSocket. Upgrades to h2c are not offered, RFC 9113 section 3.1; prior knowledge is."""

    _left_over = 0

    async def leave(self) -> None:
        """The server leaves: the next response is the last."""
        if self.stream is None:
            await self.send(Closed())

    async def stream_send(self, event: Event) -> None:
        if isinstance(event, StreamClosed):
            with trio.CancelScope(shield=True):
                await super().stream_send(event)
            return
        if isinstance(event, Response) and event.status_code >= 200 and self.context.terminated.is_set():
            event = replace(event, headers=[*event.headers, (b"connection", b"close")])
        await super().stream_send(event)

    async def _send_h11_event(self, event: Any) -> None:
        """As Hypercorn's; but a small response leaves as a whole."""
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        follows = isinstance(event, h11.Response | h11.Data)
        await self.send(HeldData(data=data) if follows else RawData(data=data))

    async def _maybe_recycle(self) -> None:
        await self._close_stream()
        connection = self.connection
        if connection.our_state is h11.DONE and not self.context.terminated.is_set():
            if connection.their_state is h11.SEND_BODY:
                self._left_over = MAX_LEFT_OVER
                await self.send(Updated(idle=True))
                return
            if connection.their_state is h11.DONE:
                await self._recycle()
                return
        await self.can_read.set()
        await self.send(Closed())

    async def _recycle(self) -> None:
        self._left_over = 0
        self.connection.start_next_cycle()
        await self.can_read.set()
        await self.send(Updated(idle=True))

    async def _handle_events(self) -> None:
        while True:
            if self.connection.they_are_waiting_for_100_continue and self.stream is not None:
                await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    await self._send_error_response(error.error_status_hint)
                await self.send(Closed())
                return
            if event is h11.PAUSED:
                await self.can_read.clear()
                await self.can_read.wait()
            elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed) or not await self._take(event):
                return

    async def _take(self, event: Any) -> bool:
        """Whether to go on reading."""
        if isinstance(event, h11.Request):
            self._check_preface(event)
            if sum(len(name) + len(value) for name, value in event.headers) > self.config.h11_max_incomplete_size:
                await self._send_error_response(431)  # h11 looks only at what is not whole yet
                await self.send(Closed())
                return False
            await self.send(Updated(idle=False))
            await self._create_stream(event)
        elif self.stream is None:
            return await self._drop(event)
        elif isinstance(event, h11.Data):
            await self.stream.handle(Body(stream_id=STREAM_ID, data=bytes(event.data)))
        elif isinstance(event, h11.EndOfMessage):
            await self.stream.handle(EndBody(stream_id=STREAM_ID))
        else:
            await self.stream.handle(event)  # bytes of a WebSocket
        return True

    async def _drop(self, event: Any) -> bool:
        """What is left of the body of a request that has its response."""
        if isinstance(event, h11.Data):
            self._left_over -= len(event.data)
            if self._left_over >= 0:
                return True
            await self.send(Closed())
        elif isinstance(event, h11.EndOfMessage) and self.connection.our_state is h11.DONE:
            if self.connection.their_state is h11.DONE:
                await self._recycle()
                return True
            await self.send(Closed())
        return False

    def _check_preface(self, request: h11.Request) -> None:
        if request.method == b"PRI" and request.target == b"*" and request.http_version == b"2.0":
            raise H2ProtocolAssumedError(_PREFACE + self.connection.trailing_data[0])

    async def _create_stream(self, request: h11.Request) -> None:
        if not _is_websocket(request):
            await super()._create_stream(request)
            return
        self.stream = WebSocketStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        self.connection = H11WSConnection(cast(h11.Connection, self.connection))
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                # Nothing is compressed: a small message may unpack to a thousand times its size.
                headers=[each for each in request.headers if each[0] != b"sec-websocket-extensions"],
                http_version=request.http_version.decode(),
                method="GET",
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _send_error_response(self, status_code: int) -> None:
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await self._send_h11_event(
            h11.Response(status_code=status_code, headers=list(chain(headers, self.config.response_headers("h11"))))
        )
        await self._send_h11_event(h11.EndOfMessage())


def _is_websocket(request: h11.Request) -> bool:
    headers = {name.lower(): value.strip().lower() for name, value in request.headers}
    tokens = {each.strip() for each in headers.get(b"connection", b"").split(b",")}
    return request.method == b"GET" and headers.get(b"upgrade") == b"websocket" and b"upgrade" in tokens


class _BoundedBuffer(WebsocketBuffer):
    """Looks at the length before it takes a frame."""

    too_big = False

    def extend(self, event: WebSocketMessage[Any]) -> None:
        if self.length + len(event.data) > self.max_length:
            self.too_big = True
            raise FrameTooLargeError
        super().extend(event)


class WebSocketStream(WSStream):
    """A WebSocket that ends when a message is too big."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.buffer = self._bounded = _BoundedBuffer(self.config.websocket_max_message_size)

    async def _handle_events(self) -> None:
        await super()._handle_events()
        if self._bounded.too_big and not self.closed:
            await self.send(StreamClosed(stream_id=self.stream_id))
