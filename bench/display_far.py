"""A display for the benchmarks of relays: RFB 3.8 without a password, then bytes as the viewer orders them.

    python -m bench.display_far [--screen]

Prints its port and ends with its standard input. What a viewer orders is a FramebufferUpdateRequest, which any relay
lets pass: its x says what to do, and its y, width and height with how many bytes. With --screen it keeps to the
protocol: each key changes a square of a picture.
"""

from __future__ import annotations

import os
import socket  # noqa: TID251 - blocking sockets cost the least
import struct
import sys
import threading
from collections.abc import Callable
from typing import Final

from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.messages import FramebufferUpdateRequest, KeyEvent
from conduit.rfb.names import Encoding, SecurityType
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import RectangleHeader, ServerInit, encode_update

HOST: Final = "127.0.0.1"
PIECE: Final = 256 << 10  # bytes given to the kernel at once
VERSION: Final = b"RFB 003.008\n"
REQUEST: Final = struct.Struct(">BBHHHH")  # FramebufferUpdateRequest: type | incremental | x | y | width | height
DOWN, UP, ECHO = 1, 2, 3  # what x says
ACK: Final = b"all"
NO_PASSWORD: Final = bytes((1, SecurityType.NONE))
OK: Final = bytes(4)
WIDTH, HEIGHT, SQUARE = 640, 400, 16  # pixels
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
    sock.sendall(ServerInit(WIDTH, HEIGHT, PixelFormat.BGRX, "bench").encode())


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


def obey(sock: socket.socket) -> None:
    """What the viewer orders."""
    while ordered := receive_exactly(sock, REQUEST.size):
        _, _, what, high, middle, low = REQUEST.unpack(ordered)
        size = high << 32 | middle << 16 | low
        if what == DOWN:
            send(sock, size)
        else:
            take(sock, size, echo=what == ECHO)


def show(sock: socket.socket) -> None:
    """A picture, and a square of it for each key."""
    reader, is_asked, level = ClientMessageReader(), False, 0
    while data := sock.recv(PIECE):
        for message in reader.receive_data(data):
            if isinstance(message, FramebufferUpdateRequest) and not message.incremental:
                sock.sendall(update(WIDTH, HEIGHT, level))
            elif isinstance(message, FramebufferUpdateRequest):
                is_asked = True
            elif isinstance(message, KeyEvent) and is_asked:
                is_asked, level = False, level + 1 & 0xFF
                sock.sendall(update(SQUARE, SQUARE, level))


def update(width: int, height: int, level: int) -> bytes:
    """A rectangle of one colour, in Raw."""
    head = RectangleHeader(0, 0, width, height, Encoding.RAW).encode()
    return encode_update(1) + head + bytes((level, level, level, 0)) * (width * height)


def serve(sock: socket.socket, session: Callable[[socket.socket], None]) -> None:
    """One viewer."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        try:
            let_in(sock)
            session(sock)
        except (OSError, struct.error):
            return


def main() -> None:
    """Until standard input ends."""
    session = show if "--screen" in sys.argv else obey
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    threading.stack_size(STACK)
    with socket.create_server((HOST, 0), backlog=1024) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock, session), daemon=True).start()


if __name__ == "__main__":
    main()
