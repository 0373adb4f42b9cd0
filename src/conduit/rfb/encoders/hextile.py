"""Hextile: tiles of 16x16 pixels, each one colour, rectangles of a second one, or pixels as they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from conduit.rfb.decoders.hextile import BACKGROUND, FOREGROUND, RAW, RECTANGLES, TILE
from conduit.rfb.encoders.encoder import bands, rectangle
from conduit.rfb.encoders.palette import find_two_colours, is_solid
from conduit.rfb.framebuffer import PIXEL, Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.translation import PixelWriter

SOLID: Final = bytes((BACKGROUND,))
AS_THEY_ARE: Final = bytes((RAW,))
TWO_COLOURS: Final = bytes((BACKGROUND | FOREGROUND | RECTANGLES,))


class HextileEncoder:
    """Keeps nothing; tiles do not refer to the colours of earlier ones."""

    def split(self, area: Area) -> list[Area]:
        """Bands of whole tiles."""
        return bands(area, TILE)

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> bytes:
        """One rectangle."""
        parts = [_encode_tile(pixels, width, writer) for pixels, width in _tiles(picture, area)]
        return rectangle(area, Encoding.HEXTILE, b"".join(parts))


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
    drawing = _draw(pixels, width)
    if drawing is None or 2 * writer.size + len(drawing.runs) > len(pixels) // PIXEL * writer.size:
        return AS_THEY_ARE + writer.full(pixels)
    count = bytes((len(drawing.runs) // 2,))
    return b"".join((TWO_COLOURS, writer.full(drawing.back), writer.full(drawing.front), count, drawing.runs))


class Drawing(NamedTuple):
    """A tile of two colours."""

    back: bytes
    front: bytes
    "A pixel of ours."
    runs: bytes


@lru_cache(maxsize=4096)  # what scrolls was drawn before, and so was what another viewer sees; 1.3 KB each
def _draw(pixels: bytes, width: int) -> Drawing | None:
    """The more frequent colour is the background."""
    palette = find_two_colours(pixels)
    if palette is None:
        return None
    front = int(palette.indices.count(1) * 2 <= len(palette.indices))
    colours = (palette.colours[:PIXEL], palette.colours[PIXEL:])
    return Drawing(colours[1 - front], colours[front], _runs(palette.indices, width, front))


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
