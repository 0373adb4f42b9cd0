"""What all encoders have in common."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.server_heads import RectangleHeader
from conduit.rfb.translation import PixelWriter

MOST_PIXELS: Final = 1 << 16  # of a rectangle, where an encoding has no reason for more
LEVEL: Final = 2  # of zlib, when the viewer has no wish: most of what it can do for text, at a third of the time

_NO_HEADER: Final = -zlib.MAX_WBITS  # the stream has had one


class Encoder(Protocol):
    """Makes rectangles of one encoding; one for each viewer, because zlib's streams are."""

    def split(self, area: Area) -> list[Area]:
        """*area* in rectangles, none of which is much work."""
        ...

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> bytes:
        """The rectangle of *area*, which is one of those and inside *picture*, with its header."""
        ...


def bands(area: Area, rows: int = 1, max_width: int = 0xFFFF) -> list[Area]:
    """*area* in bands as wide as may be, of ``MOST_PIXELS`` at most.

    :param rows: all bands have a multiple of these, but for the lowest.
    :param max_width: pixels.
    """
    found = []
    max_width = min(max_width, MOST_PIXELS // rows)
    right, bottom = area.x + area.width, area.y + area.height
    for x in range(area.x, right, max_width):
        width = min(max_width, right - x)
        height = MOST_PIXELS // width // rows * rows
        found += [Area(x, y, width, min(height, bottom - y)) for y in range(area.y, bottom, height)]
    return found


def rectangle(area: Area, encoding: Encoding, data: bytes) -> bytes:
    """Header and data."""
    return RectangleHeader(*area, encoding).encode() + data


class Deflater:
    """A zlib stream that goes on from rectangle to rectangle.

    :param level: 0 to 9.
    """

    __slots__ = ("_has_begun", "_level", "_stream")

    def __init__(self, level: int = LEVEL) -> None:
        self._level = level
        self._stream = zlib.compressobj(level)
        self._has_begun = False

    def set_level(self, level: int) -> None:
        """From now on. Whoever inflates it sees one stream: what was sent ends at a whole byte, and has no end mark."""
        if level != self._level:
            self._level = level
            self._stream = zlib.compressobj(level, wbits=_NO_HEADER if self._has_begun else zlib.MAX_WBITS)

    def deflate(self, data: bytes | bytearray, *, is_referred_to: bool = True) -> bytes:
        """All of it, so that a viewer can inflate it without what comes next.

        :param is_referred_to: whether what comes next may refer to it.
        """
        self._has_begun = True
        return self._stream.compress(data) + self._stream.flush(
            zlib.Z_SYNC_FLUSH if is_referred_to else zlib.Z_FULL_FLUSH
        )


class RawEncoder:
    """Pixels as they are."""

    def split(self, area: Area) -> list[Area]:
        """Bands."""
        return bands(area)

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> bytes:
        """One rectangle."""
        return rectangle(area, Encoding.RAW, writer.full(picture.crop(area)))
