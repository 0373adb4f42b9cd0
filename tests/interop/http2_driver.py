"""A socket around a mux, so that other implementations of HTTP/2 can be talked to. Plain, and not fast."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from conduit.tunnel.mux import Mux
from conduit.tunnel.streams import Headers, MuxStream, StreamMoved, StreamOpened

Handler = Callable[["Driver", MuxStream, dict[bytes, bytes]], Awaitable[None]]


class WasResetError(Exception):
    """The stream was reset; *code* says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Driver:
    """One connection; whoever waits for a stream waits for any event."""

    def __init__(self, carrier: trio.SocketStream, mux: Mux, handler: Handler | None = None) -> None:
        self.carrier, self.mux, self._handler = carrier, mux, handler
        self.most_streams = 0
        self.most_unread = 0
        self._moved = trio.Event()
        self._sending = trio.Lock()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until the peer closes."""
        async with trio.open_nursery() as nursery:
            await self.flush()
            task_status.started()
            try:
                while data := await self.carrier.receive_some(1 << 18):
                    for event in self.mux.receive_data(data, trio.current_time()):
                        if isinstance(event, StreamOpened) and self._handler is not None:
                            nursery.start_soon(self._handler, self, event.stream, dict(event.headers))
                        elif isinstance(event, StreamMoved):
                            self.most_unread = max(self.most_unread, event.stream.unread)
                    self.most_streams = max(self.most_streams, len(self.mux.streams))
                    self._wake()
                    nursery.start_soon(self.flush)
            except trio.BrokenResourceError:
                pass  # some peers just leave
            nursery.cancel_scope.cancel()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = trio.Event()

    async def flush(self) -> None:
        """Send what there is to send."""
        async with self._sending:
            while self.mux.has_data_to_send:
                buffers = self.mux.data_to_send(1 << 18)
                if not buffers:
                    break
                self._wake()
                try:
                    await self.carrier.send_all(b"".join(buffers))
                except trio.BrokenResourceError:
                    break

    async def read(self, stream: MuxStream, most: int = 1 << 20) -> bytes:
        """Some bytes; none at the end."""
        while True:
            if data := self.mux.take(stream, most, trio.current_time()):
                await self.flush()
                return data
            if stream.reset_code is not None:
                raise WasResetError(stream.reset_code)
            if stream.remote_ended:
                return b""
            await self._moved.wait()

    async def read_all(self, stream: MuxStream) -> bytes:
        """Everything up to the end."""
        got = bytearray()
        while data := await self.read(stream):
            got += data
        return bytes(got)

    async def send(self, stream: MuxStream, data: bytes, *, end: bool = True) -> None:
        """Queue bytes and wait until the last has left."""
        self.mux.send(stream, memoryview(data))
        if end:
            self.mux.end(stream)
        await self.flush()
        while stream.pending and stream.reset_code is None:
            await self._moved.wait()


async def serve(handler: Handler, nursery: trio.Nursery) -> tuple[int, list[Driver]]:
    """Listen on loopback as an HTTP/2 server; the port, and the connections as they come."""
    drivers: list[Driver] = []

    async def welcome(carrier: trio.SocketStream) -> None:
        driver = Driver(carrier, Mux(client_side=False, now=trio.current_time()), handler)
        drivers.append(driver)
        await driver.run()

    listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, welcome, 0, host="127.0.0.1"))
    port: int = listeners[0].socket.getsockname()[1]
    return port, drivers


async def run_program(*command: Any, seconds: float = 60) -> str:
    """What a program prints; it must succeed."""
    with trio.fail_after(seconds):
        done = await trio.run_process([str(word) for word in command], capture_stdout=True, capture_stderr=True)
    return bytes(done.stdout).decode()


def answer(status: int) -> Headers:
    """The headers of a response."""
    return [(b":status", b"%d" % status), (b"content-type", b"application/octet-stream")]


def request(path: str, method: str = "POST") -> Headers:
    """The headers of a request."""
    return [
        (b":method", method.encode()),
        (b":scheme", b"http"),
        (b":authority", b"localhost"),
        (b":path", path.encode()),
    ]
