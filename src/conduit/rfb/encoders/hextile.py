"""Hextile: tiles of 16x16 pixels, each one colour, rectangles of a second one, or pixels as they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from conduit.rfb.decoders.hextile import BACKGROUND, FOREGROUND, RAW, RECTANGLES, TILE
from conduit.rfb.encoders.encoder import rectangle
from conduit.rfb.encoders.palette import Palette, find_two_colours, is_solid
from conduit.rfb.framebuffer import PIXEL, Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.translation import PixelWriter

SOLID = bytes((BACKGROUND,))
AS_THEY_ARE = bytes((RAW,))
TWO_COLOURS = bytes((BACKGROUND | FOREGROUND | RECTANGLES,))


class HextileEncoder:
    """Keeps nothing; tiles do not refer to the colours of earlier ones."""

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> list[bytes]:
        """One rectangle."""
        parts = [_encode_tile(pixels, width, writer) for pixels, width in _tiles(picture, area)]
        return [rectangle(area, Encoding.HEXTILE, b"".join(parts))]


def _tiles(picture: Framebuffer, area: Area) -> Iterator[tuple[bytes, int]]:
    """The pixels of each tile, and how wide it is."""
    stride, bottom = area.width * PIXEL, area.y + area.height
    for y in range(area.y, bottom, TILE):
        band = picture.crop(Area(area.x, y, area.width, min(TILE, bottom - y)))
        for x in range(0, area.width, TILE):
            width = min(TILE, area.width - x)
            row = width * PIXEL
            yield b"".join([band[at : at + row] for at in range(x * PIXEL, len(band), stride)]), width


def _encode_tile(pixels: bytes, width: int, writer: PixelWriter) -> bytes:
    if is_solid(pixels):
        return SOLID + writer.full(pixels[:PIXEL])
    palette = find_two_colours(pixels)
    drawn = None if palette is None else _encode_two_colours(palette, width, writer)
    if drawn is None or len(drawn) > len(pixels) // PIXEL * writer.size:
        return AS_THEY_ARE + writer.full(pixels)
    return drawn


def _encode_two_colours(palette: Palette, width: int, writer: PixelWriter) -> bytes:
    """The more frequent one is the background."""
    front = int(palette.indices.count(1) * 2 <= len(palette.indices))
    colours = (palette.colours[:PIXEL], palette.colours[PIXEL:])
    runs = _runs(palette.indices, width, front)
    return b"".join(
        (TWO_COLOURS, writer.full(colours[1 - front]), writer.full(colours[front]), bytes((len(runs) // 2,)), runs)
    )


def _runs(indices: bytes, width: int, front: int) -> bytes:
    """Rectangles one row high; there are at most 128 in a tile."""
    rows = [indices[at : at + width] for at in range(0, len(indices), width)]
    return b"".join([_row_runs(row, y, front) for y, row in enumerate(rows)])


@lru_cache(maxsize=8192)  # text has the same few hundred rows in each of sixteen places
def _row_runs(row: bytes, y: int, front: int) -> bytes:
    found = bytearray()
    mark, other = bytes((front,)), bytes((1 - front,))
    start = row.find(mark)
    while start >= 0:
        end = row.find(other, start)
        end = len(row) if end < 0 else end
        found += bytes((start << 4 | y, end - start - 1 << 4))
        start = row.find(mark, end)
    return bytes(found)
