"""Hextile: tiles of 16x16 pixels; RFC 6143, section 7.7.4."""

from __future__ import annotations

from enum import IntFlag
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.decoders.pulling import Pulling, pull_u8
from conduit.rfb.framebuffer import PIXEL, Framebuffer, tiles
from conduit.rfb.messages import Area
from conduit.rfb.pixels import PixelReader

TILE: Final = 16  # pixels


class Sub(IntFlag):
    """What a tile consists of."""

    RAW = 1
    BACKGROUND = 2
    FOREGROUND = 4
    RECTANGLES = 8
    COLOURED = 16


class HextileDecoder:
    """Background and foreground are kept from one tile to the next, within a rectangle."""

    def __init__(self, pixels: PixelReader) -> None:
        self._pixels = pixels
        self._background = bytearray(PIXEL)
        self._foreground = bytearray(PIXEL)

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw tile by tile, as they come."""
        for tile in tiles(area, TILE):
            kind = yield from pull_u8()
            if kind & Sub.RAW:
                picture.blit(tile, self._pixels.full((yield tile.size * PIXEL)))
            else:
                yield from self._decode_tile(kind, picture, tile)

    def _decode_tile(self, kind: int, picture: Framebuffer, tile: Area) -> Pulling[None]:
        if kind & Sub.BACKGROUND:
            self._background = self._pixels.full((yield PIXEL))
        if kind & Sub.FOREGROUND:
            self._foreground = self._pixels.full((yield PIXEL))
        picture.fill(tile, self._background)
        if not kind & Sub.RECTANGLES:
            return
        count = yield from pull_u8()
        size = 2 + (PIXEL if kind & Sub.COLOURED else 0)
        data = yield count * size
        for start in range(0, len(data), size):
            colour = self._pixels.full(data[start : start + PIXEL]) if kind & Sub.COLOURED else self._foreground
            picture.fill(_place(tile, data[start + size - 2], data[start + size - 1]), colour)


def _place(tile: Area, where: int, size: int) -> Area:
    """Two bytes: x and y, width and height less one."""
    x, y, width, height = where >> 4, where & 15, (size >> 4) + 1, (size & 15) + 1
    if x + width > tile.width or y + height > tile.height:
        raise DecodeError("a rectangle of Hextile is not inside its tile")
    return Area(tile.x + x, tile.y + y, width, height)
