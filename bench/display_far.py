"""A display for the benchmarks of relays: RFB 3.8 without a password, then bytes as the viewer orders them.

    python -m bench.display_far

Prints its port and ends with its standard input. What a viewer orders is a FramebufferUpdateRequest, which any relay
lets pass: its x says what to do, and its y, width and height how often, so many bytes, or both.
"""

from __future__ import annotations

import os
import socket  # noqa: TID251 - blocking sockets cost the least
import struct
import sys
import threading
from typing import Final

from conduit.rfb.names import SecurityType
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import ServerInit

HOST: Final = "127.0.0.1"
PIECE: Final = 256 << 10  # bytes given to the kernel at once
VERSION: Final = b"RFB 003.008\n"
REQUEST: Final = struct.Struct(">BBHHHH")  # FramebufferUpdateRequest: type | incremental | x | y | width | height
DOWN, UP, ECHO = 1, 2, 3  # what x says
ACK: Final = b"all"
NO_PASSWORD: Final = bytes((1, SecurityType.NONE))
OK: Final = bytes(4)
STACK: Final = 128 << 10  # bytes; a thousand viewers are a thousand threads


def order(what: int, size: int) -> bytes:
    """*size* bytes of something."""
    return REQUEST.pack(3, 0, what, size >> 32, size >> 16 & 0xFFFF, size & 0xFFFF)


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    """*count* bytes, or fewer at the end."""
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data


def let_in(sock: socket.socket) -> None:
    """The server's side of the handshake."""
    sock.sendall(VERSION)
    receive_exactly(sock, len(VERSION))
    sock.sendall(NO_PASSWORD)
    receive_exactly(sock, 1)
    sock.sendall(OK)
    receive_exactly(sock, 1)
    sock.sendall(ServerInit(1024, 768, PixelFormat.BGRX, "bench").encode())


def send(sock: socket.socket, size: int) -> None:
    """So many bytes."""
    piece = memoryview(bytes(PIECE))
    while size:
        count = min(size, PIECE)
        sock.sendall(piece[:count])
        size -= count


def take(sock: socket.socket, size: int, *, echo: bool) -> None:
    """So many bytes; send them back, or say when they have come."""
    buffer = memoryview(bytearray(PIECE))
    while size > 0 and (count := sock.recv_into(buffer[: min(size, PIECE)])):
        size -= count
        if echo:
            sock.sendall(buffer[:count])
    if not echo:
        sock.sendall(ACK)


def serve(sock: socket.socket) -> None:
    """One viewer."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        try:
            let_in(sock)
            while ordered := receive_exactly(sock, REQUEST.size):
                _, _, what, high, middle, low = REQUEST.unpack(ordered)
                size = high << 32 | middle << 16 | low
                if what == DOWN:
                    send(sock, size)
                else:
                    take(sock, size, echo=what == ECHO)
        except (OSError, struct.error):
            return


def main() -> None:
    """Until standard input ends."""
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    threading.stack_size(STACK)
    with socket.create_server((HOST, 0), backlog=1024) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
