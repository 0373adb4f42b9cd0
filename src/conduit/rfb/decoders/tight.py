"""Tight: fills, JPEG, and up to four zlib streams with filters before them (rfbproto, section 7.7.6)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.decoders.pulling import BREATH, Inflater, Pulling, pass_over, pull_all, pull_u8
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import decode_jpeg
from conduit.rfb.messages import Area
from conduit.rfb.pixels import from_palette, from_rgb, packed_row, unpack

STREAMS: Final = 4
FILL: Final = 8
JPEG: Final = 9
HAS_FILTER: Final = 4
SMALLEST_COMPRESSED: Final = 12  # bytes; what is less travels as it is
COLOUR: Final = 3  # bytes: red, green, blue
MAX_WIDTH: Final = 2048  # pixels of a rectangle


class Filter(IntEnum):
    """What was done with the pixels before they were compressed."""

    COPY = 0
    PALETTE = 1
    GRADIENT = 2


def pull_compact() -> Pulling[int]:
    """A length of up to 22 bits in one to three bytes."""
    first = yield from pull_u8()
    if first < 0x80:
        return first
    second = yield from pull_u8()
    if second < 0x80:
        return first & 0x7F | second << 7
    third = yield from pull_u8()
    return first & 0x7F | (second & 0x7F) << 7 | third << 14


class TightDecoder:
    """Each of the streams begins anew when the server says so."""

    def __init__(self) -> None:
        self._streams = [Inflater() for _ in range(STREAMS)]

    def lose(self) -> None:
        """A part of what is compressed went elsewhere; what begins anew is understood again."""
        for stream in self._streams:
            stream.is_lost = True

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw when all is there.

        :raises DecodeError: also what no server may send although it could be drawn.
        """
        if area.width > MAX_WIDTH:
            raise DecodeError(f"a rectangle of Tight is {area.width} pixels wide, {MAX_WIDTH} are allowed")
        control = yield from pull_u8()
        for number in range(STREAMS):
            if control & 1 << number:
                self._streams[number] = Inflater()
        kind = control >> 4
        if kind == FILL:
            picture.fill(area, bytes(from_rgb((yield COLOUR))))
        elif kind == JPEG:
            length = yield from pull_compact()
            picture.blit(area, decode_jpeg((yield from pull_all(length)), area.width, area.height))
        elif kind < FILL:
            pixels = yield from self._decode_basic(kind, area)
            picture.lose(area) if pixels is None else picture.blit(area, pixels)
        else:
            raise DecodeError(f"a rectangle of Tight of the unknown kind {kind}")

    def _decode_basic(self, kind: int, area: Area) -> Pulling[bytearray | None]:
        stream = self._streams[kind & 3]
        filtered = Filter.COPY
        if kind & HAS_FILTER:
            filtered = yield from _pull_filter()
        if filtered is Filter.PALETTE:
            return (yield from _decode_palette(stream, area))
        data = yield from _pull_data(stream, area.size * COLOUR)
        if data is None:
            return None
        if filtered is Filter.GRADIENT:
            yield from undo_gradient(data, area.width)
        return from_rgb(data)


def _pull_filter() -> Pulling[Filter]:
    number = yield from pull_u8()
    try:
        return Filter(number)
    except ValueError:
        raise DecodeError(f"the unknown filter {number} of Tight") from None


def _pull_data(stream: Inflater, size: int) -> Pulling[bytearray | None]:
    """None where nobody can tell, as the stream was lost."""
    if size < SMALLEST_COMPRESSED:
        return (yield from pull_all(size))
    length = yield from pull_compact()
    if stream.is_lost:
        yield from pass_over(length)
        return None
    return (yield from stream.pull_exactly(length, size))


def _decode_palette(stream: Inflater, area: Area) -> Pulling[bytearray | None]:
    colours = (yield from pull_u8()) + 1
    palette = from_rgb((yield colours * COLOUR))
    size = area.size if colours > 2 else packed_row(area.width, 1) * area.height
    data = yield from _pull_data(stream, size)
    if data is None:
        return None
    return from_palette(data if colours > 2 else unpack(data, area.width, 1), palette)


def undo_gradient(data: bytearray, width: int) -> Pulling[None]:
    """In place: each colour is what its neighbours left, above and upper left let expect, plus what was sent."""
    row = width * COLOUR
    above = bytearray(row)
    for start in range(0, len(data), row):
        line = data[start : start + row]
        for at in range(row):
            left, corner = (line[at - COLOUR], above[at - COLOUR]) if at >= COLOUR else (0, 0)
            expected = left + above[at] - corner
            line[at] = line[at] + (0 if expected < 0 else min(expected, 255)) & 0xFF
        data[start : start + row] = line
        above = line
        yield BREATH
