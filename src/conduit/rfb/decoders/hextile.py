"""Hextile: tiles of 16x16 pixels; RFC 6143, section 7.7.4.

A full screen has thousands of tiles and a hundred thousand rectangles. So tiles are read from what has come as a whole,
rectangles become bits of a number, and a row of tiles is put into the picture at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.decoders.pulling import BREATH, Look, Pulling
from conduit.rfb.framebuffer import PIXEL, Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.pixels import PixelReader

TILE: Final = 16  # pixels
RAW, BACKGROUND, FOREGROUND, RECTANGLES, COLOURED = 1, 2, 4, 8, 16  # what a tile consists of
COLOURS: Final = BACKGROUND | FOREGROUND
LARGEST: Final = 2 + 2 * PIXEL + 255 * (2 + PIXEL)  # bytes of a tile
TILES_AT_ONCE: Final = 16
STRIDE: Final = TILE * PIXEL  # bytes of a row of a whole tile

Rows = Sequence[bytes | bytearray]
"The rows of pixels of a tile, or of a half of it."


class HextileDecoder:
    """Background and foreground are kept from one tile to the next."""

    def __init__(self, pixels: PixelReader) -> None:
        self._pixels = pixels
        self._background = bytes(PIXEL)
        self._foreground = bytes(PIXEL)

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw rows of tiles, as they come."""
        widths = [min(TILE, area.width - x) for x in range(0, area.width, TILE)]
        bottom, left = area.y + area.height, len(widths) * -(-area.height // TILE)
        seen, at = b"", 0
        for y in range(area.y, bottom, TILE):
            height, columns = min(TILE, bottom - y), list[Rows]()
            for width in widths:
                while (found := self._read_tile(seen, at, width, height)) is None:
                    yield at
                    seen, at = (yield Look(len(seen) - at + 1, left * LARGEST)), 0
                at, *drawn = found
                left -= 1
                if left % TILES_AT_ONCE == 0:
                    yield BREATH
                columns += drawn
            rows = zip(*columns, strict=True)
            picture.blit(Area(area.x, y, area.width, height), b"".join(chain.from_iterable(rows)))
        yield at

    def _read_tile(self, data: bytes, at: int, width: int, height: int) -> tuple[int, *tuple[Rows, ...]] | None:
        """Where the next tile begins, and what this one is, side by side; None where it is not whole yet."""
        end = len(data)
        if at >= end:
            return None
        kind = data[at]
        at += 1
        if kind & RAW:
            after = at + width * height * PIXEL
            return (
                None if after > end else (after, _cut(self._pixels.full(data[at:after]), width * PIXEL, width, height))
            )
        size = (2 + PIXEL if kind & COLOURED else 2) if kind & RECTANGLES else 0
        if at + PIXEL * (kind & COLOURS).bit_count() + bool(size) > end:
            return None
        background, foreground = self._background, self._foreground
        if kind & BACKGROUND:
            background = self._pixels.colour(data, at)
            at += PIXEL
        if kind & FOREGROUND:
            foreground = self._pixels.colour(data, at)
            at += PIXEL
        places = b""
        if size:
            after = at + 1 + data[at] * size
            if after > end:
                return None
            places, at = data[at + 1 : after], after
        self._background, self._foreground = background, foreground
        if not places:
            return at, [background * width] * height
        if kind & COLOURED:
            return at, self._draw_coloured(places, background, width, height)
        return at, *_draw(places, background, foreground, width, height)

    def _draw_coloured(self, places: bytes, background: bytes, width: int, height: int) -> Rows:
        """Rectangles, each of its own colour."""
        rows = [bytearray(background * width) for _ in range(height)]
        for start in range(0, len(places), 2 + PIXEL):
            where, size = places[start + PIXEL : start + PIXEL + 2]
            x, y, across, down = _place(where, size, width, height)
            run = self._pixels.colour(places, start) * across
            for row in rows[y : y + down]:
                row[x * PIXEL : (x + across) * PIXEL] = run
        return rows


def _cut(pixels: bytes | bytearray, stride: int, width: int, height: int) -> Rows:
    row = width * PIXEL
    return [pixels[start : start + row] for start in range(0, height * stride, stride)]


def _draw(places: bytes, background: bytes, foreground: bytes, width: int, height: int) -> tuple[Rows, ...]:
    """Rectangles of one colour: both halves, as they need not be put together."""
    eights = _eights(background, foreground)
    pieces = [eights[byte] for byte in _cover(places, width, height)]
    if width == TILE:
        return pieces[: 2 * height : 2], pieces[1 : 2 * height : 2]
    return (_cut(b"".join(pieces), STRIDE, width, height),)


class Eights(dict[int, bytes]):
    """Eight pixels, by the byte whose bits say which of them are in front; made when they are wanted."""

    def __init__(self, background: bytes, foreground: bytes) -> None:
        self._colours = (background, foreground)

    def __missing__(self, byte: int) -> bytes:
        pixels = self[byte] = b"".join([self._colours[byte >> place & 1] for place in range(7, -1, -1)])
        return pixels


@lru_cache(maxsize=64)  # pairs of colours; 18 KB each at most
def _eights(background: bytes, foreground: bytes) -> Eights:
    return Eights(background, foreground)


@lru_cache(maxsize=4096)  # text is made of a few hundred
def _cover(places: bytes, width: int, height: int) -> bytes:
    """Which pixels of a whole tile are in rectangles, a bit each."""
    bits = 0
    for where, size in zip(places[::2], places[1::2], strict=True):
        bits |= _bits(where, size)
    if (width < TILE or height < TILE) and bits & ~_bits(0, (width - 1) << 4 | height - 1):
        raise DecodeError("a rectangle of Hextile is not inside its tile")
    return bits.to_bytes(TILE * TILE // 8, "big")


@lru_cache(maxsize=4096)
def _bits(where: int, size: int) -> int:
    """A bit for each pixel of a rectangle in a whole tile, the first one uppermost."""
    x, y, width, height = _place(where, size, TILE, TILE)
    row = ((1 << width) - 1) << (TILE - x - width)
    return sum(row << TILE * (TILE - 1 - line) for line in range(y, y + height))


def _place(where: int, size: int, width: int, height: int) -> Area:
    """Two bytes: x and y, width and height less one."""
    x, y, across, down = where >> 4, where & 15, (size >> 4) + 1, (size & 15) + 1
    if x + across > width or y + down > height:
        raise DecodeError("a rectangle of Hextile is not inside its tile")
    return Area(x, y, across, down)
