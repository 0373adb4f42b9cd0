"""One connection of a client: TLS, reading, sending, how long it may do nothing; who speaks on it is the protocols'."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from typing import Any, Final

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.h11 import H2ProtocolAssumedError
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from conduit.services.web.held_data import MAX_HELD, HeldData
from conduit.services.web.http2 import Http2Protocol
from conduit.services.web.hypercorn_cure import Http1Protocol, Tasks
from conduit.services.web.limits import Limits

MAX_READ: Final = 64 * 1024
MAX_SEND: Final = 64 * 1024  # bytes that are sent under one deadline
LINGER: Final = 5.0  # seconds that applications have to notice that their client is gone
LAST_WORDS: Final = 2.0  # seconds, and
MAX_LAST_WORDS: Final = 1024 * 1024  # bytes, that we listen after our last response, so that no reset overtakes it

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Protocol = Http1Protocol | Http2Protocol


class Connection:
    """Serves one client until it or we have enough."""

    def __init__(self, app: ASGIWrapper, config: Config, context: WorkerContext, limits: Limits) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._limits = limits
        self._reading = trio.CancelScope()
        self._outgoing = bytearray()  # in the order in which the protocols made it
        self._queued = 0  # bytes, ever
        self._gone = 0  # of them
        self._is_sending = False
        self._batch_gone = trio.Event()
        self._is_held = trio.Event()
        self._has_flusher = False
        self._broken = False
        self._we_close = False
        self._stream: Stream
        self._tasks: Tasks
        self._protocol: Protocol
        self._has_begun = False

    async def serve(self, sock: trio.SocketStream, tls: ssl.SSLContext | None) -> None:
        """Until the connection is closed."""
        self._stream = sock
        if tls is not None:
            self._stream = trio.SSLStream(sock, tls, server_side=True, https_compatible=True)
        try:
            if await self._shake_hands():
                await self._serve(sock)
        finally:
            await trio.aclose_forcefully(self._stream)

    async def leave(self) -> None:
        """The server leaves: end in good order."""
        if self._has_begun:
            await self._protocol.leave()
        else:
            self._reading.cancel()

    async def _shake_hands(self) -> bool:
        if isinstance(self._stream, trio.SocketStream):
            return True
        try:
            with trio.fail_after(self._limits.handshake):
                await self._stream.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError):
            return False
        return True

    async def _serve(self, sock: trio.SocketStream) -> None:
        self._reading.deadline = trio.current_time() + self._limits.handshake
        async with trio.open_nursery() as helpers:
            async with trio.open_nursery() as applications:
                self._tasks = Tasks(applications, helpers)
                self._protocol = self._choose(sock, http2=self._has_chosen_http2())
                with self._reading:
                    self._has_begun = True
                    await self._protocol.initiate()
                    await self._read(sock)
                if self._reading.cancelled_caught and not self._we_close:
                    self._we_close = True
                    await self._protocol.leave()  # it did nothing for too long
                await self._protocol.handle(Closed())
                await self._say_goodbye()
                applications.cancel_scope.deadline = trio.current_time() + LINGER
            helpers.cancel_scope.cancel()

    def _has_chosen_http2(self) -> bool:
        return isinstance(self._stream, trio.SSLStream) and self._stream.selected_alpn_protocol() == "h2"

    def _choose(self, sock: trio.SocketStream, *, http2: bool) -> Protocol:
        shared: Any = (
            *(self._app, self._config, self._context, self._tasks, ConnectionState({})),
            not isinstance(self._stream, trio.SocketStream),
            *(_address(sock.socket.getpeername), _address(sock.socket.getsockname)),
            self._send,
        )
        return Http2Protocol(*shared, limits=self._limits) if http2 else Http1Protocol(*shared)

    async def _read(self, sock: trio.SocketStream) -> None:
        while True:
            try:
                data = bytes(await self._stream.receive_some(MAX_READ))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            try:
                await self._protocol.handle(RawData(data=data))
            except H2ProtocolAssumedError as assumed:
                self._protocol = self._choose(sock, http2=True)
                await self._protocol.initiate()
                await self._protocol.handle(RawData(data=assumed.data))
            if not data:
                return

    async def _send(self, event: Any) -> None:
        """What the protocols have for the client, or say of themselves."""
        if isinstance(event, RawData):
            self._outgoing += event.data
            self._queued += len(event.data)
            if isinstance(event, HeldData) and len(self._outgoing) <= MAX_HELD and not self._broken:
                self._hold()
                return
            await self._send_all()
            if self._broken:
                await trio.lowlevel.checkpoint()  # an application that sends without end has to be stopped somewhere
        elif isinstance(event, Closed):
            self._we_close = True
            self._reading.cancel()
        elif isinstance(event, Updated):
            idle = (
                self._limits.http2_keep_alive if isinstance(self._protocol, Http2Protocol) else self._limits.keep_alive
            )
            self._reading.deadline = trio.current_time() + idle if event.idle else math.inf

    def _hold(self) -> None:
        self._is_held.set()
        if not self._has_flusher:
            self._has_flusher = True
            self._tasks.spawn(self._send_held)

    async def _send_held(self) -> None:
        """A task's work, without end: it runs when the application waits, for whatever."""
        while True:
            await self._is_held.wait()
            self._is_held = trio.Event()
            if self._outgoing:
                await self._send_all()

    async def _send_all(self) -> None:
        """Return when all that is queued now has left; whoever comes first sends for all."""
        wanted = self._queued
        while self._gone < wanted and not self._broken:
            if self._is_sending:
                with trio.CancelScope(shield=True):
                    await self._batch_gone.wait()
            else:
                await self._send_batch()

    async def _send_batch(self) -> None:
        self._is_sending = True
        batch, self._outgoing = self._outgoing, bytearray()
        try:
            data = memoryview(batch)
            while data and not self._broken:
                await self._send_some(data[:MAX_SEND])
                data = data[MAX_SEND:]
        finally:
            self._is_sending = False
            self._gone += len(batch)
            self._batch_gone.set()
            self._batch_gone = trio.Event()

    async def _send_some(self, data: memoryview) -> None:
        # Shielded: part of a frame, or a frame that h2 believes sent, must not be lost with who sends it.
        deadline = trio.current_time() + self._limits.send
        try:
            with trio.CancelScope(deadline=deadline, shield=True) as scope:
                await self._stream.send_all(data)
            if scope.cancelled_caught:
                self._broken = self._we_close = True
                self._reading.cancel()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._broken = self._we_close = True  # what it sent before it left may not have been read yet
            self._reading.deadline = trio.current_time() + LAST_WORDS

    async def _say_goodbye(self) -> None:
        """Close so that our last words arrive: unread data would make the kernel send a reset after them."""
        if self._broken:
            return
        with trio.move_on_after(LAST_WORDS):
            while self._is_sending:
                await self._batch_gone.wait()
            await self._send_all()
            try:
                if isinstance(self._stream, trio.SocketStream):
                    await self._stream.send_eof()
                for _ in range(MAX_LAST_WORDS // MAX_READ if self._we_close else 0):
                    if not await self._stream.receive_some(MAX_READ):
                        break
                await self._stream.aclose()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return


def _address(ask: Callable[[], Any]) -> tuple[str, int] | None:
    try:
        host, port = ask()[:2]
    except OSError:  # it is gone
        return None
    return host, port
