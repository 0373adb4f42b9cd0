"""Rectangles that are no pixels of the picture: a pointer's shape, sizes, names, lamps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.decoders.pulling import Pulling, pull_all, pull_u8, pull_u32
from conduit.rfb.framebuffer import PIXEL
from conduit.rfb.messages import SCREEN, Screen, decode_screens
from conduit.rfb.pixels import PixelReader, packed_row, unpack
from conduit.rfb.server_heads import MAX_NAME, RectangleHeader

MAX_POINTER: Final = 1024  # pixels of a side of a pointer's shape


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerShape:
    """What the pointer looks like; a size of nothing is none."""

    width: int
    height: int
    hot_x: int
    "Which of its pixels is where the pointer points."
    hot_y: int
    pixels: bytes = field(repr=False)
    "Blue, green, red, zero."
    mask: bytes = field(repr=False)
    "One byte a pixel: 1 where there is one."


def pull_pointer(head: RectangleHeader, reader: PixelReader) -> Pulling[PointerShape]:
    """The encoding Cursor; RFC 6143, section 7.8.1.

    :raises DecodeError: it is too large.
    """
    width, height = head.width, head.height
    if width > MAX_POINTER or height > MAX_POINTER:
        raise DecodeError(f"a pointer of {width}x{height} pixels, {MAX_POINTER} are allowed")
    pixels = yield from pull_all(width * height * PIXEL)
    mask = yield from pull_all(packed_row(width, 1) * height)
    return PointerShape(
        width=width,
        height=height,
        hot_x=head.x,
        hot_y=head.y,
        pixels=bytes(reader.full(pixels)),
        mask=unpack(mask, width, 1),
    )


def pull_screens() -> Pulling[tuple[Screen, ...]]:
    """What ExtendedDesktopSize says besides a size."""
    count = yield from pull_u8()
    yield 3
    return decode_screens((yield count * SCREEN.size))


def pull_name() -> Pulling[str]:
    """The encoding DesktopName.

    :raises DecodeError: it is too long.
    """
    length = yield from pull_u32()
    if length > MAX_NAME:
        raise DecodeError(f"a desktop's name of {length} bytes, {MAX_NAME} are allowed")
    return (yield length).decode(errors="replace")
