"""Joins a stream of a tunnel and a TCP connection: bytes, ends and resets pass both ways.

What the tunnel receives goes into the socket at once, from the task that reads the tunnel; only what the kernel refuses
is stored and waits for a task of its own. A reset of the connection resets the stream and the other way round, so
that nobody takes half of the bytes for all of them.
"""

from __future__ import annotations

import socket  # noqa: TID251  # trio.socket takes three checkpoints where this takes none
import struct
from contextlib import suppress
from typing import Final

import trio

from conduit._trio import first_leaf
from conduit.errors import StreamResetError, TransportError
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.resumable import ResumableStream
from conduit.tunnel.stream import TunnelStream

PIECE: Final = 256 << 10  # bytes read from a connection at once
SPARE: Final = 4  # buffers kept when nobody uses them
AnyStream = TunnelStream | ResumableStream
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


class Buffers:
    """Buffers that connections share: one that is idle holds none."""

    def __init__(self) -> None:
        self._spare: list[memoryview] = []

    def take(self) -> memoryview:
        """One of :data:`PIECE` bytes."""
        return self._spare.pop() if self._spare else memoryview(bytearray(PIECE))

    def give_back(self, buffer: memoryview) -> None:
        """It is not used any more."""
        if len(self._spare) < SPARE:
            self._spare.append(buffer)


class Splice:
    """One connection and one stream.

    :param sock: a connected TCP socket, which is closed in the end.
    """

    def __init__(self, stream: AnyStream, sock: socket.socket, buffers: Buffers | None = None) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = stream
        self._sock = sock
        self._buffers = buffers or Buffers()
        self._draining = False  # stored bytes go first
        self.to_socket = 0
        "Bytes that went from the stream to the connection."
        self.to_stream = 0
        "Bytes the other way."

    async def run(self) -> str:
        """Pass on until both directions have ended, or one end is gone; why it ended early, or nothing."""
        failure = "cancelled"
        code = ErrorCode.CANCEL
        try:
            failure = await self._run()
        except* OSError as group:
            failure, code = f"the connection broke: {_words(group)}", ErrorCode.CONNECT_ERROR
        except* (trio.BrokenResourceError, trio.ClosedResourceError) as group:
            failure = _words(group)
        finally:
            if failure:
                end_stream(self._stream, code, failure)
            trio.lowlevel.notify_closing(self._sock)
            reset_connection(self._sock) if failure else self._sock.close()
        if not failure:
            await self._stream.aclose()
        return failure

    async def _run(self) -> str:
        stream = self._stream
        if isinstance(stream, ResumableStream):
            await self._pass_both()
            return ""
        stream.deliver_to(self._take)
        try:
            with stream.cancelled_by_reset() as scope:
                await self._pass_both()
        finally:
            stream.deliver_to(None)
        if not scope.cancelled_caught:
            return ""
        code = stream.reset_code
        return str(StreamResetError(ErrorCode.CANCEL if code is None else code, by_peer=True))

    async def _pass_both(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pass_to_socket)
            await self._pass_to_stream()

    # --- from the tunnel ---

    def _take(self, data: memoryview) -> int:
        """What the tunnel calls with bytes that have just come."""
        if self._draining:
            return 0
        try:
            taken = self._sock.send(data)
        except OSError:  # whether it is full or broken: the task that drains finds out
            return 0
        self.to_socket += taken
        return taken

    async def _pass_to_socket(self) -> None:
        while data := await self._stream.receive_some():
            self._draining = True
            await self._send(memoryview(data))
            self._draining = False
        with suppress(OSError):  # it is not connected any more: the other direction says so, if it matters
            self._sock.shutdown(socket.SHUT_WR)

    async def _send(self, data: memoryview) -> None:
        while data:
            try:
                taken = self._sock.send(data)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)
                continue
            self.to_socket += taken
            data = data[taken:]

    # --- to the tunnel ---

    async def _pass_to_stream(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            if not await self._pass_what_is_there():
                return

    async def _pass_what_is_there(self) -> bool:
        """Whether more may follow."""
        buffer = self._buffers.take()
        try:
            count = PIECE
            while count == PIECE:
                count = self._sock.recv_into(buffer)
                if not count:
                    await self._stream.send_eof()
                    return False
                await self._stream.send_all(buffer[:count])
                self.to_stream += count
        except BlockingIOError:
            pass
        self._buffers.give_back(buffer)
        return True


def end_stream(stream: AnyStream, code: ErrorCode, why: str) -> None:
    """Reset it, whichever it is."""
    if isinstance(stream, ResumableStream):
        stream.give_up(TransportError(why), code)
    else:
        stream.reset(code)


def reset_connection(sock: socket.socket) -> None:
    """Close it so that the peer sees a reset, not an end."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    sock.close()


def _words(group: BaseExceptionGroup[Exception]) -> str:
    """What the first of the errors says."""
    error = first_leaf(group)
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
