"""HTTP/2 for one connection: what stands where Hypercorn has its H2Protocol, with the same seams.

Each application sends its own frames, in its own task: it waits for credit, and Trio's lock lets streams take turns.
So there are no buffers, no sending task and no priorities (which RFC 9113 deprecates) to get out of step.

WebSockets over HTTP/2 (RFC 8441) are not offered: browsers then open an HTTP/1.1 connection for each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import (
    Body,
    EndBody,
    Event,
    InformationalResponse,
    Request,
    Response,
    StreamClosed,
    Trailers,
)
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.utils import filter_pseudo_headers
from hyperframe.frame import GoAwayFrame

from conduit.services.web.held_data import HeldData
from conduit.services.web.hypercorn_cure import Tasks
from conduit.services.web.limits import Limits
from conduit.tunnel.floods import Floods, Nuisance
from conduit.tunnel.frames import Violation

_DEFAULT_WINDOW: Final = 65_535  # RFC 9113 section 6.9.2
_PING: Final = b"conduit?"
_FLOODS: Final = {
    h2.events.StreamReset: Nuisance.RESET,
    h2.events.PingReceived: Nuisance.PING,
    h2.events.RemoteSettingsChanged: Nuisance.SETTINGS,
    h2.events.PriorityUpdated: Nuisance.OTHER,
    h2.events.UnknownFrameReceived: Nuisance.OTHER,
}


class Http2Protocol:
    """One connection."""

    def __init__(
        self,
        app: ASGIWrapper,
        config: Config,
        context: WorkerContext,
        tasks: Tasks,
        state: Any,
        ssl: bool,
        client: tuple[str, int] | None,
        server: tuple[str, int] | None,
        send: Callable[[Any], Awaitable[None]],
        *,
        limits: Limits,
    ) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._tasks = tasks
        self._state = state
        self._peers = ssl, client, server
        self._send = send
        self._limits = limits
        self._connection = _make_connection(limits)
        self._streams: dict[int, HTTPStream] = {}
        self._running = 0
        self._floods = Floods(trio.current_time())
        self._credit = trio.Event()
        self._heard = True
        self._is_grpc = False

    async def initiate(self) -> None:
        """Say what we take."""
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(self._limits.connection_window - _DEFAULT_WINDOW)
        await self._flush()
        self._tasks.spawn(self._keep_alive)

    async def leave(self) -> None:
        """The server leaves, or was idle too long: no new streams; what is open may end.

        gRPC clients are told at once, and take new calls elsewhere. Those built on h2, such as httpx, give up what is
        open when they are told: they are told when it has ended.
        """
        if not self._streams:
            await self._say_goaway()
            await self._send(Closed())
        elif self._is_grpc:
            await self._say_goaway()

    async def _say_goaway(self) -> None:
        last = self._connection.highest_inbound_stream_id
        await self._send(RawData(data=GoAwayFrame(0, last_stream_id=last).serialize()))

    async def handle(self, event: Any) -> None:
        """What the connection read, or that it ended."""
        if isinstance(event, Closed):
            for stream_id in list(self._streams):
                await self._close_stream(stream_id)
        elif event.data:
            await self._receive(event.data)

    async def _receive(self, data: bytes) -> None:
        self._heard = True
        try:
            events = self._connection.receive_data(data)
            for event in events:
                await self._handle_event(event)
        except Violation as violation:
            self._connection.close_connection(h2.errors.ErrorCodes(int(violation.code)))
            await self._flush()
            await self._send(Closed())
        except h2.exceptions.ProtocolError:  # h2 has said goodbye
            await self._flush()
            await self._send(Closed())
        else:
            await self._flush()

    async def _handle_event(self, event: h2.events.Event) -> None:
        nuisance = _FLOODS.get(type(event))
        if nuisance is not None:
            self._floods.count(nuisance, trio.current_time())
        if isinstance(event, h2.events.RequestReceived):
            await self._open(event)
        elif isinstance(event, h2.events.DataReceived):
            await self._take_data(event)
        elif isinstance(event, h2.events.StreamEnded):
            if event.stream_id in self._streams:
                await self._streams[event.stream_id].handle(EndBody(stream_id=event.stream_id))
        elif isinstance(event, h2.events.StreamReset):
            await self._close_stream(event.stream_id)
            self._wake()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._wake()
        elif isinstance(event, h2.events.ConnectionTerminated):
            await self._send(Closed())

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _open(self, event: h2.events.RequestReceived) -> None:
        stream_id, headers = event.stream_id, event.headers
        if self._context.terminated.is_set() or self._running >= 2 * self._limits.streams:
            self._reset(stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
            return
        pseudo = {name: value for name, value in headers if name.startswith(b":")}
        method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
        if method == b"CONNECT" or not path.isascii() or not method.isascii() or path[:1] not in {b"/", b"*"}:
            self._connection.send_headers(stream_id, [(b":status", b"501")], end_stream=True)
            self._reset(stream_id, h2.errors.ErrorCodes.NO_ERROR)
            return
        await self._send(Updated(idle=False))
        self._running += 1
        stream = self._streams[stream_id] = self._make_stream(stream_id)
        plain = filter_pseudo_headers(headers)
        self._is_grpc = self._is_grpc or _is_grpc(plain)
        await stream.handle(
            Request(
                stream_id=stream_id,
                headers=_with_te(plain),
                http_version="2",
                method=method.decode().upper(),
                raw_path=path,
                state=self._state,
            )
        )

    def _make_stream(self, stream_id: int) -> HTTPStream:
        tasks: Any = self._tasks.with_credit(partial(self._taken, stream_id))
        ssl, client, server = self._peers
        return HTTPStream(
            cast(Any, self._counted),
            self._config,
            self._context,
            tasks,
            ssl,
            client,
            server,
            self.stream_send,
            stream_id,
        )

    async def _counted(self, *args: Any) -> None:
        try:
            await self._app(*args)
        finally:
            self._running -= 1

    async def _take_data(self, event: h2.events.DataReceived) -> None:
        stream_id, data = event.stream_id, event.data
        if not data and event.stream_ended is None:
            self._floods.count(Nuisance.EMPTY, trio.current_time())
        stream = self._streams.get(stream_id)
        kept = len(data) if stream is not None else 0
        if event.flow_controlled_length > kept:  # padding, or nobody reads it
            self._connection.acknowledge_received_data(event.flow_controlled_length - kept, stream_id)
        if stream is not None and data:
            await stream.handle(Body(stream_id=stream_id, data=data))

    async def _taken(self, stream_id: int, count: int) -> None:
        """The application took *count* bytes: the client may send as many."""
        try:
            self._connection.acknowledge_received_data(count, stream_id)
        except h2.exceptions.ProtocolError:  # the connection is over
            return
        await self._flush()

    # --- responses ----------------------------------------------------------------------------------------------------

    async def stream_send(self, event: Event) -> None:
        """What a stream's application sends."""
        if isinstance(event, StreamClosed):
            await self._finish(event.stream_id)
            return
        try:
            await self._send_event(event)
        except h2.exceptions.ProtocolError:  # the stream or the connection has ended meanwhile
            return
        await self._flush(HeldData if isinstance(event, Response | Body) else RawData)

    async def _send_event(self, event: Event) -> None:
        connection, stream_id = self._connection, event.stream_id
        if isinstance(event, Response | InformationalResponse):
            status = (b":status", b"%d" % event.status_code)
            headers = [each for each in event.headers if each[0].lower() != b"connection"]
            connection.send_headers(stream_id, [status, *headers, *self._config.response_headers("h2")])
        elif isinstance(event, Body):
            await self._send_body(stream_id, memoryview(event.data))
        elif isinstance(event, EndBody):
            connection.end_stream(stream_id)
        elif isinstance(event, Trailers):
            connection.send_headers(stream_id, event.headers, end_stream=True)

    async def _send_body(self, stream_id: int, data: memoryview) -> None:
        connection = self._connection
        while data:
            room = min(connection.local_flow_control_window(stream_id), connection.max_outbound_frame_size)
            if room > 0:
                connection.send_data(stream_id, bytes(data[:room]))
                data = data[room:]
                await self._flush(HeldData)
                continue
            with trio.move_on_after(self._limits.stalled) as patience:
                await self._credit.wait()
            if patience.cancelled_caught:
                self._reset(stream_id, h2.errors.ErrorCodes.CANCEL)
                return

    async def _finish(self, stream_id: int) -> None:
        """The application has ended. Shielded: it may be cancelled because of that, and the connection goes on."""
        with trio.CancelScope(shield=True):
            await self._close_stream(stream_id)
            self._reset(stream_id, h2.errors.ErrorCodes.NO_ERROR)  # the rest of the body is of no use
            await self._flush()
            if self._streams:
                return
            if self._context.terminated.is_set():
                await self.leave()
            else:
                await self._send(Updated(idle=True))

    async def _close_stream(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            await stream.handle(StreamClosed(stream_id=stream_id))

    def _reset(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        try:
            self._connection.reset_stream(stream_id, code)
        except h2.exceptions.ProtocolError:  # it has ended
            return

    async def _flush(self, how: type[RawData] = RawData) -> None:
        data = self._connection.data_to_send()
        if data or how is RawData:  # what is held goes with the last of a response
            await self._send(how(data=data))

    def _wake(self) -> None:
        self._credit.set()
        self._credit = trio.Event()

    async def _keep_alive(self) -> None:
        while True:
            await trio.sleep(self._limits.ping)
            if not self._heard:
                await self._ask()
                if not self._heard:
                    break
            self._heard = False
        await self._send(Closed())

    async def _ask(self) -> None:
        try:
            self._connection.ping(_PING)
        except h2.exceptions.ProtocolError:
            return
        await self._flush()
        await trio.sleep(self._limits.ping)


def _make_connection(limits: Limits) -> h2.connection.H2Connection:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
    codes = h2.settings.SettingCodes
    connection.local_settings = h2.settings.Settings(
        client=False,
        initial_values={
            codes.MAX_CONCURRENT_STREAMS: limits.streams,
            codes.MAX_HEADER_LIST_SIZE: limits.header,
            codes.INITIAL_WINDOW_SIZE: limits.window,
        },
    )
    connection.decoder.max_header_list_size = limits.header
    return connection


def _with_te(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Hypercorn sends trailers only to who asks for them; some proxies drop the question, and gRPC always means it."""
    if b"te" in dict(headers) or not _is_grpc(headers):
        return headers
    return [*headers, (b"te", b"trailers")]


def _is_grpc(headers: list[tuple[bytes, bytes]]) -> bool:
    return dict(headers).get(b"content-type", b"").startswith(b"application/grpc")
