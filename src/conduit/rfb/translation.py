"""Our pixels in the format that a viewer asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.pixels import to_bgr, to_rgb

IDENTITY: Final = bytes(range(256))
PLANES: Final = (2, 1, 0)  # where red, green and blue are in a pixel of ours
LOWER: Final = 0x00FF_FFFF
UPPER: Final = 0xFFFF_FF00


class PixelWriter:
    """Writes pixels in the three ways that encodings have, whole pictures at once.

    :raises DecodeError: nobody can draw in such a format, or its pixels are indices of colours.
    """

    __slots__ = ("_compressed", "_full", "_is_bgr", "_is_bgrx", "compressed_size", "pixel_format", "size", "tight_size")

    def __init__(self, pixel_format: PixelFormat) -> None:
        pixel_format.check()
        if not pixel_format.true_colour:
            raise DecodeError("a viewer that wants indices of colours instead of colours")
        self.pixel_format = pixel_format
        planes = _plan(pixel_format)
        kept = _kept_planes(pixel_format)
        self._full = planes
        self._compressed = planes[kept]
        self.size = len(planes)
        "Bytes of a pixel."
        self.compressed_size = len(self._compressed)
        "Bytes of one in ZRLE."
        self.tight_size = 3 if _has_three_bytes_in_tight(pixel_format) else self.size
        "Bytes of one in Tight."
        bgrx = _plan(PixelFormat.BGRX)
        self._is_bgrx = planes == bgrx
        self._is_bgr = self._compressed == bgrx[:3]

    def full(self, pixels: bytes) -> bytes:
        """As Raw and Hextile have them."""
        return pixels if self._is_bgrx else _write(pixels, self._full)

    def compressed(self, pixels: bytes) -> bytes:
        """As ZRLE has them."""
        return bytes(to_bgr(pixels)) if self._is_bgr else _write(pixels, self._compressed)

    def tight(self, pixels: bytes) -> bytes:
        """As Tight has them."""
        return bytes(to_rgb(pixels)) if self.tight_size == 3 else self.full(pixels)


Plan = list[tuple[tuple[int, bytes], ...]]
"""For each byte of a viewer's pixel: from which of our planes, and by which table, it is put together."""


def _plan(wanted: PixelFormat) -> Plan:
    size = wanted.bytes_per_pixel
    tables = [[_table(most, shift, 8 * byte) for most, shift in wanted.colours] for byte in range(size)]
    plan = [
        tuple((plane, table) for plane, table in zip(PLANES, colours, strict=True) if any(table)) for colours in tables
    ]
    return plan[::-1] if wanted.big_endian else plan


def _table(most: int, shift: int, down: int) -> bytes:
    """What 0 to 255 of one colour are in the byte that is *down* bits up."""
    return bytes(((value * most + 127) // 255 << shift) >> down & 0xFF for value in range(256))


def _kept_planes(wanted: PixelFormat) -> slice:
    """Which bytes ZRLE sends: three of four where they hold all colours."""
    used = 0
    for most, shift in wanted.colours:
        used |= most << shift
    if wanted.bits_per_pixel != 32 or wanted.depth > 24:
        return slice(None)
    if not used & ~LOWER:
        return slice(1, 4) if wanted.big_endian else slice(0, 3)
    if not used & ~UPPER:
        return slice(0, 3) if wanted.big_endian else slice(1, 4)
    return slice(None)


def _has_three_bytes_in_tight(wanted: PixelFormat) -> bool:
    maxima = {most for most, _ in wanted.colours}
    return wanted.bits_per_pixel == 32 and wanted.depth == 24 and maxima == {255}


def _write(pixels: bytes, plan: Plan) -> bytes:
    ours = [pixels[plane::4] for plane in range(3)]
    count, size = len(ours[0]), len(plan)
    written = bytearray(count * size)
    for byte, sources in enumerate(plan):
        if sources:
            written[byte::size] = _merged((_translated(ours[plane], table) for plane, table in sources), count)
    return bytes(written)


def _translated(plane: bytes, table: bytes) -> bytes:
    return plane if table == IDENTITY else plane.translate(table)


def _merged(parts: Iterable[bytes], count: int) -> bytes:
    """All of them, each in its own bits."""
    first, *others = parts
    if not others:
        return first
    total = int.from_bytes(first, "big")
    for other in others:
        total |= int.from_bytes(other, "big")
    return total.to_bytes(count, "big")
