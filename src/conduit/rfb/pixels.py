"""Pixels between the shapes that encodings give them and ours: blue, green, red, zero.

Everything works on whole planes of a picture, in operations of ``bytes`` and ``int`` that run in C.
"""

from __future__ import annotations

from typing import Final

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rfb.pixel_format import PixelFormat

PIXEL: Final = 4  # bytes of one of ours

Bytes = bytes | bytearray | memoryview


def opaque(data: Bytes) -> bytearray:
    """Four bytes a pixel, of which the fourth is made zero."""
    pixels = bytearray(data)
    pixels[3::4] = bytes(len(pixels) // PIXEL)
    return pixels


class PixelReader:
    """Reads pixels as a server sends them, each colour in a byte of its own; at first in our format."""

    __slots__ = ("_compressed", "_full")

    def __init__(self) -> None:
        self.set_format(PixelFormat.BGRX)

    def set_format(self, pixel_format: PixelFormat) -> None:
        """From now on they come so.

        :raises LocalProtocolError: that is not read here.
        """
        places = pixel_format.places
        if places is None:
            raise LocalProtocolError("pixels whose colours are not bytes of their own")
        self._full = places
        self._compressed = tuple(place - min(places) for place in places)

    def full(self, data: Bytes) -> bytearray:
        """From four bytes a pixel, as Raw and Hextile have them."""
        return opaque(data) if self._full == (0, 1, 2) else _merge(*(data[place::4] for place in self._full))

    def colour(self, data: bytes, at: int) -> bytes:
        """One of such pixels."""
        blue, green, red = self._full
        return bytes((data[at + blue], data[at + green], data[at + red], 0))

    def compressed(self, data: Bytes) -> bytearray:
        """From three bytes a pixel, as ZRLE has them."""
        return _merge(*(data[place::3] for place in self._compressed))


def from_rgb(data: Bytes) -> bytearray:
    """From three bytes a pixel, as Tight's are."""
    return _merge(data[2::3], data[1::3], data[0::3])


def _merge(blue: Bytes, green: Bytes, red: Bytes) -> bytearray:
    pixels = bytearray(len(blue) * PIXEL)
    pixels[0::4] = blue
    pixels[1::4] = green
    pixels[2::4] = red
    return pixels


def to_bgr(pixels: bytes) -> bytearray:
    """To three bytes a pixel, in our order."""
    return _triples(pixels[0::4], pixels[1::4], pixels[2::4])


def to_rgb(pixels: bytes) -> bytearray:
    """To three bytes a pixel, red first."""
    return _triples(pixels[2::4], pixels[1::4], pixels[0::4])


def _triples(first: bytes, second: bytes, third: bytes) -> bytearray:
    data = bytearray(len(first) * 3)
    data[0::3] = first
    data[1::3] = second
    data[2::3] = third
    return data


def from_palette(indices: Bytes, palette: Bytes) -> bytearray:
    """From one byte a pixel, and a palette of four bytes a colour.

    :raises DecodeError: a pixel has a colour that the palette has not.
    """
    indices = bytes(indices)
    colours = len(palette) // PIXEL
    if indices.translate(None, bytes(range(colours))):
        raise DecodeError(f"a pixel's colour is not one of the {colours} of its palette")
    tables = [bytes(palette[plane::4]).ljust(256, b"\0") for plane in range(3)]
    return _merge(*(indices.translate(table) for table in tables))


def _unpacking(bits: int) -> list[bytes]:
    """For each place of a pixel of *bits* bits in a byte, the first uppermost, its value by the byte's."""
    mask = (1 << bits) - 1
    return [bytes(byte >> shift & mask for byte in range(256)) for shift in range(8 - bits, -1, -bits)]


UNPACKING: Final = {bits: _unpacking(bits) for bits in (1, 2, 4)}


def unpack(data: Bytes, width: int, bits: int) -> bytes:
    """One byte a pixel, from rows of pixels of 1, 2 or 4 bits, each row of whole bytes."""
    packed, per_byte = bytes(data), 8 // bits
    whole = bytearray(len(packed) * per_byte)
    for place, table in enumerate(UNPACKING[bits]):
        whole[place::per_byte] = packed.translate(table)
    full = packed_row(width, bits) * per_byte
    if full == width:
        return bytes(whole)
    return b"".join([whole[start : start + width] for start in range(0, len(whole), full)])


def packed_row(width: int, bits: int) -> int:
    """Bytes of a row of packed pixels."""
    return (width * bits + 7) // 8


def pack(indices: bytes, width: int, bits: int) -> bytes:
    """The opposite of :func:`unpack`."""
    per_byte = 8 // bits
    if missing := -width % per_byte:
        pad = bytes(missing)
        rows = (indices[start : start + width] for start in range(0, len(indices), width))
        indices = b"".join([row + pad for row in rows])
    total = 0
    for place in range(per_byte):  # every pixel is below 2**bits, so no shift carries into the next byte
        total |= int.from_bytes(indices[place::per_byte], "big") << (8 - bits * (place + 1))
    return total.to_bytes(len(indices) // per_byte, "big")
