"""Tight: one colour, a palette, JPEG, or pixels as they are; with up to three zlib streams."""

from __future__ import annotations

from typing import Final

from conduit.rfb.decoders.tight import FILL, HAS_FILTER, JPEG, MAX_WIDTH, SMALLEST_COMPRESSED, Filter
from conduit.rfb.encoders.encoder import LEVEL, Deflater, bands, rectangle
from conduit.rfb.encoders.palette import Palette, find_palette, is_solid
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import encode_jpeg
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.pixels import pack
from conduit.rfb.translation import PixelWriter

MOST_COLOURS: Final = 256
MOST_BEFORE_JPEG: Final = 64  # colours; a picture of more is a photograph
SMALLEST_JPEG: Final = 1 << 10  # pixels; what is less is smaller without
PIXELS, BITS, INDICES = range(3)  # the streams


def encode_compact(length: int) -> bytes:
    """A length of up to 22 bits in one to three bytes."""
    if length < 1 << 7:
        return bytes((length,))
    if length < 1 << 14:
        return bytes((length & 0x7F | 0x80, length >> 7))
    return bytes((length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14))


class TightEncoder:
    """Without JPEG nothing is lost.

    :param level: zlib's, 0 to 9.
    :param quality: JPEG's, 1 to 95, for pieces of many colours; None is none at all.
    """

    def __init__(self, level: int = LEVEL, quality: int | None = None) -> None:
        self._streams = [Deflater(level) for _ in range(3)]
        self._foreign = set[int]()  # streams that the viewer has had from somebody else, and not yet from us
        self._follows = False
        self.quality = quality

    def follow(self) -> None:
        """The viewer has had rectangles from somebody else: all streams are begun anew.

        What pako inflates, and so noVNC, has no window any more once it was reset: no rectangle refers to another one.
        """
        self._foreign, self._follows = {PIXELS, BITS, INDICES}, True

    def set_level(self, level: int) -> None:
        """From now on; 0 to 9."""
        for stream in self._streams:
            stream.set_level(level)

    def split(self, area: Area) -> list[Area]:
        """Bands of at most ``MAX_WIDTH``."""
        return bands(area, max_width=MAX_WIDTH)

    def encode(self, picture: Framebuffer, area: Area, writer: PixelWriter) -> bytes:
        """One rectangle, of at most ``MOST_PIXELS``: its length has 22 bits, and small ones have small palettes."""
        return rectangle(area, Encoding.TIGHT, self._encode_piece(picture.crop(area), area, writer))

    @property
    def _most_colours(self) -> int:
        return MOST_COLOURS if self.quality is None else MOST_BEFORE_JPEG

    def _encode_piece(self, pixels: bytes, piece: Area, writer: PixelWriter) -> bytes:
        if is_solid(pixels):
            return bytes((FILL << 4,)) + writer.tight(pixels[:4])
        palette = find_palette(pixels, min(self._most_colours, piece.size // 2))
        if palette is not None:
            return self._encode_palette(palette, piece, writer)
        if self.quality is not None and piece.size >= SMALLEST_JPEG and writer.size > 1:
            data = encode_jpeg(pixels, piece.width, piece.height, self.quality)
            return bytes((JPEG << 4,)) + encode_compact(len(data)) + data
        return bytes((PIXELS << 4 | self._restart(PIXELS),)) + self._compress(PIXELS, writer.tight(pixels))

    def _restart(self, stream: int) -> int:
        """The bit that says that a stream is begun anew, where the viewer has had another one."""
        is_foreign = stream in self._foreign
        self._foreign.discard(stream)
        return is_foreign << stream

    def _encode_palette(self, palette: Palette, piece: Area, writer: PixelWriter) -> bytes:
        stream, data = INDICES, palette.indices
        if palette.size == 2:
            stream, data = BITS, pack(palette.indices, piece.width, 1)
        head = bytes(((HAS_FILTER | stream) << 4 | self._restart(stream), Filter.PALETTE, palette.size - 1))
        return head + writer.tight(palette.colours) + self._compress(stream, data)

    def _compress(self, stream: int, data: bytes) -> bytes:
        if len(data) < SMALLEST_COMPRESSED:
            return data
        compressed = self._streams[stream].deflate(data, is_referred_to=not self._follows)
        return encode_compact(len(compressed)) + compressed
