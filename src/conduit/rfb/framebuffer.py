"""A picture in memory: what a display shows, four bytes a pixel (blue, green, red, zero), rows from the top.

That is the pixel format which we ask every server for, so most pixels are copied and never looked at. The fourth byte
is zero whatever a server sends there, so equal pictures are equal bytes.

A picture knows which of its pixels were never drawn, from when :meth:`Framebuffer.lose` says so until they are drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Final

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rfb.messages import Area
from conduit.rfb.server_heads import check_size

PIXEL: Final = 4  # bytes
TILE: Final = 64  # pixels: the side of what is compared at once


def tiles(area: Area, side: int) -> Iterator[Area]:
    """Cut *area* into squares, from the left and from above; the last ones are smaller."""
    right, bottom = area.x + area.width, area.y + area.height
    for y in range(area.y, bottom, side):
        for x in range(area.x, right, side):
            yield Area(x, y, min(side, right - x), min(side, bottom - y))


class Framebuffer:
    """The picture.

    :param width: pixels.
    :param height: pixels.
    :raises DecodeError: too large, see :func:`~conduit.rfb.server_heads.check_size`.
    """

    __slots__ = ("_unseen", "height", "pixels", "width")

    def __init__(self, width: int, height: int, pixels: bytes | bytearray | None = None) -> None:
        check_size(width, height)
        size = width * height * PIXEL
        if pixels is not None and len(pixels) != size:
            raise LocalProtocolError(f"{width}x{height} pixels are {size} bytes, not {len(pixels)}")
        self.width = width
        self.height = height
        self.pixels = bytearray(size) if pixels is None else bytearray(pixels)
        self._unseen: list[int] | None = None  # a number for each row, a bit for each pixel

    @property
    def whole(self) -> Area:
        """All of it."""
        return Area(0, 0, self.width, self.height)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Framebuffer):
            return NotImplemented
        return (self.width, self.height, self.pixels) == (other.width, other.height, other.pixels)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<Framebuffer {self.width}x{self.height}>"

    def check(self, area: Area) -> None:
        """Refuse a rectangle that is not wholly inside.

        :raises DecodeError: it is not.
        """
        x, y, width, height = area
        if x < 0 or y < 0 or width < 0 or height < 0 or x + width > self.width or y + height > self.height:
            raise DecodeError(f"{width}x{height} at {x},{y} is not inside a display of {self.width}x{self.height}")

    def inside(self, areas: Iterable[Area]) -> list[Area]:
        """What of each is inside, where anything is."""
        found = []
        for x, y, width, height in areas:
            width, height = min(width, self.width - x), min(height, self.height - y)
            if width > 0 and height > 0:
                found.append(Area(x, y, width, height))
        return found

    def blit(self, area: Area, data: bytes | bytearray | memoryview) -> None:
        """Put *data* there; its fourth bytes must be zero."""
        x, y, width, height = area
        if self._unseen is not None:
            self._set_unseen(area, [0] * height)
        pixels, stride, row = self.pixels, self.width * PIXEL, width * PIXEL
        at = y * stride + x * PIXEL
        if row == stride:
            pixels[at : at + row * height] = data
            return
        for line in range(height):
            pixels[at : at + row] = data[line * row : (line + 1) * row]
            at += stride

    def fill(self, area: Area, pixel: bytes | bytearray) -> None:
        """Make it one colour."""
        self.blit(area, pixel * area.size)

    def copy(self, source_x: int, source_y: int, area: Area) -> None:
        """Copy from elsewhere in the picture; the two may overlap."""
        source = Area(source_x, source_y, area.width, area.height)
        unseen = self._unseen_in(source)
        self.blit(area, self.crop(source))
        if any(unseen):
            self._set_unseen(area, unseen)

    def crop(self, area: Area) -> bytes:
        """The pixels of a part."""
        x, y, width, height = area
        stride, row = self.width * PIXEL, width * PIXEL
        start = y * stride + x * PIXEL
        with memoryview(self.pixels) as view:
            if row == stride:
                return bytes(view[start : start + row * height])
            return b"".join([view[at : at + row] for at in range(start, start + stride * height, stride)])

    # --- what is not known ---

    def lose(self, area: Area) -> None:
        """What is there is not known, until it is drawn."""
        self._set_unseen(area, [(1 << area.width) - 1] * area.height)

    def accept(self) -> None:
        """What was never drawn is as it is here."""
        self._unseen = None

    def knows(self, area: Area) -> bool:
        """Whether all is known of *area*, as far as it is in the picture."""
        return not any(self._unseen_in(area))

    def _unseen_in(self, area: Area) -> list[int]:
        """The rows of *area*, with a bit for each pixel that is not known."""
        if self._unseen is None:
            return []
        x, y, width, height = area
        mask = (1 << width) - 1
        return [row >> x & mask for row in self._unseen[y : y + height]]

    def _set_unseen(self, area: Area, rows: list[int]) -> None:
        x, y, width, height = area
        unseen = self._unseen or [0] * self.height
        kept = ~((1 << width) - 1 << x)
        unseen[y : y + height] = [was & kept | now << x for was, now in zip(unseen[y : y + height], rows, strict=True)]
        self._unseen = unseen if any(unseen) else None

    def resize(self, width: int, height: int) -> None:
        """Take another size; what is in both stays, the rest is black.

        :raises DecodeError: too large, see :func:`~conduit.rfb.server_heads.check_size`.
        """
        check_size(width, height)
        kept = Area(0, 0, min(width, self.width), min(height, self.height))
        data = self.crop(kept)
        self.width, self.height = width, height
        self.pixels = bytearray(width * height * PIXEL)
        self._unseen = None
        self.blit(kept, data)

    def shared(self) -> Framebuffer:
        """The same pixels, as they are and will be until this picture is resized; that one stays as it was."""
        return copy.copy(self)

    def snapshot(self) -> Framebuffer:
        """A copy that stays as it is."""
        return Framebuffer(self.width, self.height, self.pixels)

    def changes(self, before: Framebuffer) -> list[Area]:
        """What differs from an earlier state, in tiles, neighbours together. All of it when the size differs."""
        if (self.width, self.height) != (before.width, before.height):
            return [self.whole]
        return [area for band in self._bands(before) for area in self._runs(before, band)]

    def _bands(self, before: Framebuffer) -> Iterator[Area]:
        """Rows of tiles that are not the same."""
        stride = self.width * PIXEL
        for y in range(0, self.height, TILE):
            height = min(TILE, self.height - y)
            part = slice(y * stride, (y + height) * stride)
            if self.pixels[part] != before.pixels[part]:  # copies: memoryviews compare item by item
                yield Area(0, y, self.width, height)

    def _runs(self, before: Framebuffer, band: Area) -> Iterator[Area]:
        """Neighbouring tiles of *band* that are not the same."""
        start: int | None = None
        for x in range(0, self.width, TILE):
            tile = Area(x, band.y, min(TILE, self.width - x), band.height)
            if self.crop(tile) != before.crop(tile):
                start = x if start is None else start
            elif start is not None:
                yield Area(start, band.y, x - start, band.height)
                start = None
        if start is not None:
            yield Area(start, band.y, self.width - start, band.height)
