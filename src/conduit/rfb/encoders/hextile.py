"""Hextile: tiles of 16x16 pixels, each one colour, rectangles of a second one, or pixels as they are."""

from __future__ import annotations

from conduit.rfb.decoders.hextile import BACKGROUND, FOREGROUND, RAW, RECTANGLES, TILE
from conduit.rfb.encoders.encoder import rectangle
from conduit.rfb.encoders.palette import Palette, find_palette, is_solid
from conduit.rfb.framebuffer import Framebuffer, tiles
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.translation import PixelWriter


class HextileEncoder:
    """Keeps nothing; tiles do not refer to the colours of earlier ones."""

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> list[bytes]:
        """One rectangle."""
        parts = [_encode_tile(picture.crop(tile), tile.width, writer) for tile in tiles(area, TILE)]
        return [rectangle(area, Encoding.HEXTILE, b"".join(parts))]


def _encode_tile(pixels: bytes, width: int, writer: PixelWriter) -> bytes:
    if is_solid(pixels):
        return bytes((BACKGROUND,)) + writer.full(pixels[:4])
    palette = find_palette(pixels, 2)
    drawn = None if palette is None else _encode_two_colours(palette, width, writer)
    if drawn is None or len(drawn) > len(pixels) // 4 * writer.size:
        return bytes((RAW,)) + writer.full(pixels)
    return drawn


def _encode_two_colours(palette: Palette, width: int, writer: PixelWriter) -> bytes:
    """The more frequent one is the background."""
    front = int(palette.indices.count(1) * 2 <= len(palette.indices))
    colours = (palette.colours[:4], palette.colours[4:])
    runs = _runs(palette.indices, width, front)
    kind = BACKGROUND | FOREGROUND | RECTANGLES
    head = bytes((kind,)) + writer.full(colours[1 - front]) + writer.full(colours[front])
    return head + bytes((len(runs) // 2,)) + runs


def _runs(indices: bytes, width: int, front: int) -> bytes:
    """Rectangles one row high; there are at most 128 in a tile."""
    found = bytearray()
    mark, other = bytes((front,)), bytes((1 - front,))
    for y in range(len(indices) // width):
        row = indices[y * width : (y + 1) * width]
        start = row.find(mark)
        while start >= 0:
            end = row.find(other, start)
            end = width if end < 0 else end
            found += bytes((start << 4 | y, end - start - 1 << 4))
            start = row.find(mark, end)
    return bytes(found)
