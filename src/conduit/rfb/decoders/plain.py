"""Raw, CopyRect and RRE: RFC 6143, sections 7.7.1 to 7.7.3."""

from __future__ import annotations

import struct
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.decoders.pulling import BREATH, CHUNK, Pulling, pull_u32
from conduit.rfb.framebuffer import PIXEL, Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.pixels import PixelReader

SUBRECTANGLE: Final = struct.Struct(">4sHHHH")  # colour | x | y | width | height
SUBRECTANGLES_AT_ONCE: Final = CHUNK // SUBRECTANGLE.size
PIXELS_AT_ONCE: Final = 1 << 20


class RawDecoder:
    """Pixels as they are."""

    def __init__(self, pixels: PixelReader) -> None:
        self._pixels = pixels

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw them row by row, as they come."""
        if not area.size:
            return
        rows, bottom = max(1, CHUNK // (area.width * PIXEL)), area.y + area.height
        for y in range(area.y, bottom, rows):
            part = Area(area.x, y, area.width, min(rows, bottom - y))
            picture.blit(part, self._pixels.full((yield part.size * PIXEL)))


class CopyRectDecoder:
    """Pixels from elsewhere in the picture."""

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Copy them."""
        source = yield 4
        x, y = int.from_bytes(source[:2], "big"), int.from_bytes(source[2:], "big")
        picture.check(Area(x, y, area.width, area.height))
        picture.copy(x, y, area)


class RreDecoder:
    """A background with rectangles on it, each of one colour."""

    def __init__(self, pixels: PixelReader) -> None:
        self._pixels = pixels

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw them.

        :raises DecodeError: there are more of them than pixels, or one is not inside.
        """
        count = yield from pull_u32()
        if count > area.size:
            raise DecodeError(f"{count} rectangles in one of {area.size} pixels")
        picture.fill(area, self._pixels.full((yield PIXEL)))
        drawn = 0
        while count:
            data = yield min(count, SUBRECTANGLES_AT_ONCE) * SUBRECTANGLE.size
            for colour, x, y, width, height in SUBRECTANGLE.iter_unpack(data):
                if x + width > area.width or y + height > area.height:
                    raise DecodeError("a rectangle of RRE is not inside the one that it is part of")
                picture.fill(Area(area.x + x, area.y + y, width, height), self._pixels.full(colour))
                drawn += width * height
                if drawn > PIXELS_AT_ONCE:
                    yield BREATH
                    drawn = 0
            count -= len(data) // SUBRECTANGLE.size
