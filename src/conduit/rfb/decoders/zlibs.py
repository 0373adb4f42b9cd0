"""Zlib and ZRLE, which compress pixels with one zlib stream each; RFC 6143, section 7.7.6, for the latter."""

from __future__ import annotations

from typing import Final

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.rfb.decoders.pulling import BREATH, Inflater, Pulling, pass_over, pull_u32
from conduit.rfb.framebuffer import PIXEL, TILE, Framebuffer, tiles
from conduit.rfb.messages import Area
from conduit.rfb.pixels import PixelReader, from_palette, packed_row, unpack

COMPRESSED: Final = 3  # bytes of a pixel in ZRLE when four hold no more than three
LONGEST_RUN: Final = COMPRESSED + 1  # bytes that one pixel takes at most
LARGEST_HEAD: Final = 1 + 127 * COMPRESSED  # bytes of a tile before its pixels, at most
LARGEST_PACKED: Final = 16  # colours
PLAIN_RUNS: Final = 128
PALETTE_RUNS: Final = 130  # and above: with a palette of 2 and more colours


class ZlibDecoder:
    """Raw pixels, compressed."""

    def __init__(self, pixels: PixelReader) -> None:
        self._pixels = pixels
        self._stream = Inflater()

    def lose(self) -> None:
        """A part of what is compressed went elsewhere."""
        self._stream.is_lost = True

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw when all is there."""
        length = yield from pull_u32()
        if self._stream.is_lost:
            yield from pass_over(length)
            return picture.lose(area)
        data = yield from self._stream.pull_exactly(length, area.size * PIXEL)
        return picture.blit(area, self._pixels.full(data))


class ZrleDecoder:
    """Tiles of 64x64 pixels with palettes and runs, compressed together."""

    def __init__(self, pixels: PixelReader) -> None:
        self._pixels = pixels
        self._stream = Inflater()

    def lose(self) -> None:
        """A part of what is compressed went elsewhere."""
        self._stream.is_lost = True

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw when all is there."""
        length = yield from pull_u32()
        if self._stream.is_lost:
            yield from pass_over(length)
            return picture.lose(area)
        count = -(-area.width // TILE) * -(-area.height // TILE)
        data = yield from self._stream.pull(length, area.size * LONGEST_RUN + count * LARGEST_HEAD)
        reader = Reader(bytes(data))
        for tile in tiles(area, TILE):
            picture.blit(tile, _decode_tile(reader, tile, self._pixels))
            yield BREATH
        return reader.end("rectangle of ZRLE")


def _decode_tile(reader: Reader, tile: Area, pixels: PixelReader) -> bytes | bytearray:
    kind = reader.u8("tile of ZRLE")
    if kind == 0:
        return pixels.compressed(reader.take(tile.size * COMPRESSED, "raw tile"))
    if kind == 1:
        return pixels.compressed(reader.take(COMPRESSED, "solid tile")) * tile.size
    if kind <= LARGEST_PACKED:
        return _packed(reader, tile, kind, pixels)
    if kind == PLAIN_RUNS:
        return pixels.compressed(_plain_runs(reader, tile.size))
    if kind >= PALETTE_RUNS:
        return _palette_runs(reader, tile.size, kind - 128, pixels)
    raise DecodeError(f"a tile of ZRLE of the unused kind {kind}")


def _palette(reader: Reader, colours: int, pixels: PixelReader) -> bytearray:
    return pixels.compressed(reader.take(colours * COMPRESSED, "palette of a tile"))


def _packed(reader: Reader, tile: Area, colours: int, pixels: PixelReader) -> bytearray:
    palette = _palette(reader, colours, pixels)
    bits = 1 if colours == 2 else 2 if colours <= 4 else 4
    data = reader.take(packed_row(tile.width, bits) * tile.height, "packed tile")
    return from_palette(unpack(data, tile.width, bits), palette)


def _run_length(reader: Reader, left: int) -> int:
    """One, plus bytes up to the first that is not 255.

    :raises DecodeError: it is longer than what is left of the tile.
    """
    length, byte = 1, 255
    while byte == 255:
        byte = reader.u8("length of a run")
        length += byte
        if length > left:
            raise DecodeError("a run of ZRLE is longer than its tile")
    return length


def _plain_runs(reader: Reader, area: int) -> bytearray:
    data = bytearray()
    while left := area - len(data) // COMPRESSED:
        data += reader.take(COMPRESSED, "run of a tile") * _run_length(reader, left)
    return data


def _palette_runs(reader: Reader, area: int, colours: int, pixels: PixelReader) -> bytearray:
    palette = _palette(reader, colours, pixels)
    indices = bytearray()
    while left := area - len(indices):
        byte = reader.u8("run of a tile")
        indices += bytes((byte & 127,)) * (_run_length(reader, left) if byte & 128 else 1)
    return from_palette(indices, palette)
