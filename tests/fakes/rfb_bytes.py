"""What RFB servers send, made without our encoders, and pictures to send."""

from __future__ import annotations

import struct
import zlib

from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.names import Encoding

RED, GREEN, BLUE, BLACK = b"\x00\x00\xff\x00", b"\x00\xff\x00\x00", b"\xff\x00\x00\x00", bytes(4)


def update(*rectangles: bytes, count: int | None = None) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles) if count is None else count) + b"".join(rectangles)


def rectangle(x: int, y: int, width: int, height: int, encoding: int, data: bytes = b"") -> bytes:
    return struct.pack(">HHHHi", x, y, width, height, encoding) + data


def zlib_stream() -> zlib._Compress:
    return zlib.compressobj()


def deflated(data: bytes, stream: zlib._Compress | None = None) -> bytes:
    stream = stream or zlib.compressobj()
    return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def with_length(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def zrle(data: bytes, stream: zlib._Compress | None = None, *, width: int = 2, height: int = 2) -> bytes:
    return update(rectangle(0, 0, width, height, Encoding.ZRLE, with_length(deflated(data, stream))))


def many_coloured(width: int, height: int) -> Framebuffer:
    """All pixels are different, up to 65536 of them."""
    pixels = b"".join(bytes((at & 255, at >> 8 & 255, at * 7 & 255, 0)) for at in range(width * height))
    return Framebuffer(width, height, pixels)


def chequered(width: int, height: int, colours: int = 2) -> Framebuffer:
    """No neighbours have the same colour."""
    shades = [bytes((index * 37 % 256, index * 91 % 256, index % 256, 0)) for index in range(colours)]
    pixels = b"".join(shades[(x + y * 7) % colours] for y in range(height) for x in range(width))
    return Framebuffer(width, height, pixels)
