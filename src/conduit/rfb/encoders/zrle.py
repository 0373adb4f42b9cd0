"""ZRLE: tiles of 64x64 pixels, each one colour, a palette, or pixels as they are; zlib does the rest."""

from __future__ import annotations

import struct
from typing import Final

from conduit.rfb.encoders.encoder import LEVEL, Deflater, bands, rectangle
from conduit.rfb.encoders.palette import find_palette, is_solid
from conduit.rfb.framebuffer import TILE, Framebuffer, tiles
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.pixels import pack
from conduit.rfb.translation import PixelWriter

LENGTH: Final = struct.Struct(">I")
MOST_COLOURS: Final = 16
SOLID: Final = b"\x01"
AS_THEY_ARE: Final = b"\x00"


class ZrleEncoder:
    """One zlib stream.

    :param level: zlib's, 0 to 9.
    """

    def __init__(self, level: int = LEVEL) -> None:
        self._stream = Deflater(level)

    def set_level(self, level: int) -> None:
        """From now on; 0 to 9."""
        self._stream.set_level(level)

    def split(self, area: Area) -> list[Area]:
        """Bands of whole tiles."""
        return bands(area, TILE)

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> bytes:
        """One rectangle."""
        parts = [_encode_tile(picture.crop(tile), tile.width, writer) for tile in tiles(area, TILE)]
        data = self._stream.deflate(b"".join(parts))
        return rectangle(area, Encoding.ZRLE, LENGTH.pack(len(data)) + data)


def _encode_tile(pixels: bytes, width: int, writer: PixelWriter) -> bytes:
    if is_solid(pixels):
        return SOLID + writer.compressed(pixels[:4])
    palette = find_palette(pixels, MOST_COLOURS)
    if palette is None:
        return AS_THEY_ARE + writer.compressed(pixels)
    count = palette.size
    bits = 1 if count == 2 else 2 if count <= 4 else 4
    return bytes((count,)) + writer.compressed(palette.colours) + pack(palette.indices, width, bits)
