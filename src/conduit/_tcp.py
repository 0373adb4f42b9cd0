"""A TCP connection with fewer system calls, and fewer turns of Trio's loop, than ``trio.SocketStream`` takes.

Whoever receives waits first, which is a checkpoint. Whoever sends waits only where the kernel has no room, so a task
that sends without end and never receives lets no other task run.
"""

from __future__ import annotations

import socket  # noqa: TID251  # trio.socket takes checkpoints where this takes none
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

import trio

CHUNK: Final = 64 << 10  # bytes received at once
LARGE: Final = 256 << 10  # bytes received at once where as many as that wait

# A peer whose machine has vanished is noticed after two minutes of silence.
_KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)

Data = bytes | bytearray | memoryview


def keep_alive(sock: socket.socket | trio.SocketStream) -> None:
    """Let the kernel notice when the other side has vanished, within two minutes.

    :raises OSError: it is gone already, or no TCP socket.
    """
    for level, option, value in _KEEP_ALIVE:
        sock.setsockopt(level, option, value)


class TcpStream(trio.abc.Stream):
    """One task receives and one sends, at a time. The kernel notices a peer that has vanished."""

    __slots__ = ("_chunk", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with suppress(OSError):  # it is closed already, or no TCP socket
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            keep_alive(sock)
        self._sock = sock
        self._chunk = CHUNK

    @classmethod
    def take(cls, stream: trio.SocketStream) -> Self:
        """The socket under *stream*, which must not be used any more."""
        return cls(socket.socket(fileno=stream.socket.detach()))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come; nothing at the end.

        :raises trio.BrokenResourceError: the connection broke.
        :raises trio.ClosedResourceError: we have closed it.
        """
        sock = self._sock
        while True:
            if sock.fileno() < 0:
                raise trio.ClosedResourceError("the connection is closed")
            await trio.lowlevel.wait_readable(sock)
            try:
                data = sock.recv(max_bytes or self._chunk)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"the connection broke: {error}") from error
            self._chunk = LARGE if len(data) >= CHUNK else CHUNK
            return data

    async def send_all(self, data: Data) -> None:
        """All of it; as :meth:`send_parts`."""
        await self.send_parts((data,))

    async def send_parts(self, parts: Sequence[Data]) -> None:
        """All of them, one after the other.

        :raises trio.BrokenResourceError: the connection broke.
        :raises trio.ClosedResourceError: we have closed it.
        """
        sent = self._send(parts)
        if sent == sum(map(len, parts)):
            return
        for part in parts:
            if sent >= len(part):
                sent -= len(part)
                continue
            rest = memoryview(part)[sent:]
            sent = 0
            while rest:
                await self.wait_send_all_might_not_block()
                rest = rest[self._send((rest,)) :]

    def _send(self, parts: Sequence[Data]) -> int:
        """Bytes that the kernel took."""
        sock = self._sock
        if sock.fileno() < 0:
            raise trio.ClosedResourceError("the connection is closed")
        try:
            return sock.sendmsg(parts) if len(parts) > 1 else sock.send(parts[0])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection broke: {error}") from error

    async def wait_send_all_might_not_block(self) -> None:
        """Return when the kernel has room."""
        if self._sock.fileno() < 0:
            raise trio.ClosedResourceError("the connection is closed")
        await trio.lowlevel.wait_writable(self._sock)

    async def aclose(self) -> None:
        """Close it; whoever waits for it learns that."""
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()
        await trio.lowlevel.checkpoint()
