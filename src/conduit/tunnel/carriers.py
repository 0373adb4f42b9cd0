"""What carries the tunnel's ciphertext: a TCP connection, and what may lie between it and the tunnel."""

from __future__ import annotations

import socket  # noqa: TID251  # trio.socket takes three checkpoints where this takes none
from contextlib import suppress
from typing import Final

import trio

from conduit.errors import TransportError
from conduit.tunnel.tls import Carrier, TlsPipe
from conduit.websocket.http_head import HeadReader

UNSENT: Final = 128 << 10  # bytes that may wait in the kernel before we hold back (TCP_NOTSENT_LOWAT)
USER_TIMEOUT: Final = 30_000  # milliseconds that sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)
CONNECT_PATIENCE: Final = 15.0  # seconds
CHUNK: Final = 256 << 10  # bytes that are encrypted, or put into a frame, at once
RECEIVE_HEAD: Final = 4 << 10  # bytes taken at once while the head of an HTTP message is awaited


class SocketCarrier:
    """A TCP connection, without the checkpoints of ``trio.socket`` around every call."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        for level, option, value in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.IPPROTO_TCP, getattr(socket, "TCP_NOTSENT_LOWAT", None), UNSENT),
            (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", None), USER_TIMEOUT),
        ):
            if option is not None:
                with suppress(OSError):  # not on this system, or not a TCP socket
                    sock.setsockopt(level, option, value)
        self._sock = sock
        self.peer = _name(sock)
        "Address and port; a proxy says more."

    def receive_nowait(self, buffer: memoryview) -> int | None:
        """Bytes put into *buffer*; 0 at the end, None when there are none yet."""
        try:
            return self._sock.recv_into(buffer)
        except BlockingIOError:
            return None
        except OSError as error:
            raise TransportError(f"the connection with {self.peer} broke: {error.strerror or error}") from error

    def send_nowait(self, data: memoryview) -> int:
        """Bytes that the kernel took."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise TransportError(f"the connection with {self.peer} broke: {error.strerror or error}") from error

    async def wait_readable(self) -> None:
        """Return when there is something to receive."""
        try:
            await trio.lowlevel.wait_readable(self._sock)
        except trio.ClosedResourceError:  # interrupt
            return

    async def wait_writable(self) -> None:
        """Return when little is left in the kernel."""
        try:
            await trio.lowlevel.wait_writable(self._sock)
        except trio.ClosedResourceError:  # interrupt
            return

    def interrupt(self) -> None:
        """Trio's way to say "closed", though it is not: a cancel scope around every wait would cost as much as it."""
        trio.lowlevel.notify_closing(self._sock)

    def close(self) -> None:
        """Close the socket."""
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()


class Replayed:
    """A carrier of which more has been received than was wanted: that comes again first."""

    def __init__(self, carrier: Carrier, data: bytes) -> None:
        self._carrier = carrier
        self._again = memoryview(data)

    @property
    def peer(self) -> str:
        """As the carrier says."""
        return self._carrier.peer

    def receive_nowait(self, buffer: memoryview) -> int | None:
        """What comes again, then what comes."""
        if not self._again:
            return self._carrier.receive_nowait(buffer)
        count = min(len(buffer), len(self._again))
        buffer[:count] = self._again[:count]
        self._again = self._again[count:]
        return count

    def send_nowait(self, data: memoryview) -> int:
        """As the carrier does."""
        return self._carrier.send_nowait(data)

    async def wait_readable(self) -> None:
        """Return at once where something comes again."""
        if self._again:
            await trio.lowlevel.checkpoint()
        else:
            await self._carrier.wait_readable()

    async def wait_writable(self) -> None:
        """As the carrier does."""
        await self._carrier.wait_writable()

    def interrupt(self) -> None:
        """As the carrier does."""
        self._carrier.interrupt()

    def close(self) -> None:
        """Close the carrier."""
        self._carrier.close()


class TlsCarrier:
    """TLS that is not the tunnel's own: a proxy's, or that of a ``wss`` URL."""

    def __init__(self, pipe: TlsPipe) -> None:
        self._pipe = pipe
        self._kept = memoryview(b"")  # decrypted, and more than was asked for
        self._encrypted = 0  # bytes of what was offered last that are on their way, and that we have not said are taken

    @property
    def peer(self) -> str:
        """As the carrier under it says."""
        return self._pipe.carrier.peer

    def receive_nowait(self, buffer: memoryview) -> int | None:
        """Decrypted bytes."""
        data: memoryview | None = self._kept
        if not data:
            data = self._pipe.receive_nowait()
        if data is None:
            return None
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        self._kept = memoryview(bytes(data[count:]))  # a copy: what the pipe lends is used again
        return count

    def send_nowait(self, data: memoryview) -> int:
        """Bytes whose ciphertext the carrier took."""
        if not self._encrypted:
            self._encrypted = min(len(data), CHUNK)
            self._pipe.write([data[: self._encrypted]])
        if not self._pipe.flush():
            return 0
        taken, self._encrypted = self._encrypted, 0
        return taken

    async def wait_readable(self) -> None:
        """Return when there may be something to receive."""
        if self._kept or self._pipe.may_have_more:
            await trio.lowlevel.checkpoint()
        else:
            await self._pipe.carrier.wait_readable()

    async def wait_writable(self) -> None:
        """As the carrier under it does."""
        await self._pipe.carrier.wait_writable()

    def interrupt(self) -> None:
        """As the carrier under it does."""
        self._pipe.carrier.interrupt()

    def close(self) -> None:
        """Say that nothing follows, and close."""
        self._pipe.end()
        self._pipe.carrier.close()


async def send_all(carrier: Carrier, data: bytes) -> None:
    """Send *data*, however long it takes."""
    rest = memoryview(data)
    while rest:
        taken = carrier.send_nowait(rest)
        rest = rest[taken:]
        if not taken:
            await carrier.wait_writable()


async def receive_head(carrier: Carrier) -> tuple[bytes, Carrier]:
    """The head of an HTTP message, and the carrier of what follows.

    :raises DecodeError: it is too long.
    :raises TransportError: the connection broke, or ended before.
    """
    reader, buffer = HeadReader(), memoryview(bytearray(RECEIVE_HEAD))
    while (head := reader.receive_data(await _receive_some(carrier, buffer))) is None:
        pass
    return head, Replayed(carrier, reader.rest) if reader.rest else carrier


async def _receive_some(carrier: Carrier, buffer: memoryview) -> memoryview:
    while (count := carrier.receive_nowait(buffer)) is None:
        await carrier.wait_readable()
    if not count:
        raise TransportError(f"{carrier.peer} closed the connection without an answer")
    return buffer[:count]


def _name(sock: socket.socket) -> str:
    with suppress(OSError):
        name = sock.getpeername()
        if isinstance(name, tuple):
            host = f"[{name[0]}]" if ":" in name[0] else name[0]
            return f"{host}:{name[1]}"
    return "the peer"


async def connect(host: str, port: int) -> SocketCarrier:
    """A connection to *host*; all its addresses are tried.

    :raises TransportError: nobody answers there.
    """
    try:
        with trio.fail_after(CONNECT_PATIENCE):
            stream = await trio.open_tcp_stream(host, port)
    except trio.TooSlowError:
        raise TransportError(f"{host}:{port} does not answer within {CONNECT_PATIENCE:g} s") from None
    except OSError as error:
        raise TransportError(f"cannot connect to {host}:{port}: {error.strerror or error}") from error
    return SocketCarrier(take_socket(stream))


def take_socket(stream: trio.SocketStream) -> socket.socket:
    """The system's socket under *stream*, which must not be used any more."""
    sock = stream.socket
    return socket.socket(fileno=sock.detach())
