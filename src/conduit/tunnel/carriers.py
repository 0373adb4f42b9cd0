"""What carries the tunnel's ciphertext: a TCP connection."""

from __future__ import annotations

import socket  # noqa: TID251  # trio.socket takes three checkpoints where this takes none
from contextlib import suppress
from typing import Final

import trio

from conduit.errors import TransportError

UNSENT: Final = 128 << 10  # bytes that may wait in the kernel before we hold back (TCP_NOTSENT_LOWAT)
USER_TIMEOUT: Final = 30_000  # milliseconds that sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)
CONNECT_PATIENCE: Final = 15.0  # seconds


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
        self._peer = _name(sock)

    @property
    def peer(self) -> str:
        """Address and port."""
        return self._peer

    def receive_nowait(self, buffer: memoryview) -> int | None:
        """Bytes put into *buffer*; 0 at the end, None when there are none yet."""
        try:
            return self._sock.recv_into(buffer)
        except BlockingIOError:
            return None
        except OSError as error:
            raise TransportError(f"the connection with {self._peer} broke: {error.strerror or error}") from error

    def send_nowait(self, data: memoryview) -> int:
        """Bytes that the kernel took."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise TransportError(f"the connection with {self._peer} broke: {error.strerror or error}") from error

    async def wait_readable(self) -> None:
        """Return when there is something to receive."""
        await trio.lowlevel.wait_readable(self._sock)

    async def wait_writable(self) -> None:
        """Return when little is left in the kernel."""
        await trio.lowlevel.wait_writable(self._sock)

    def close(self) -> None:
        """Close the socket."""
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()


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
