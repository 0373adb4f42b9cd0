"""How a pixel's bytes are its colours (RFC 6143, section 7.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit.errors import DecodeError

_SIZES: Final = (8, 16, 32)  # bits of a pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """PIXEL_FORMAT, sixteen bytes."""

    bits_per_pixel: int
    depth: int
    big_endian: bool
    true_colour: bool
    red_max: int
    green_max: int
    blue_max: int
    red_shift: int
    green_shift: int
    blue_shift: int

    # bits, depth, big-endian, true colour | maxima | shifts | padding
    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BBBBHHHBBB3x")
    BGRX: ClassVar[PixelFormat]
    "Blue, green, red, and a byte that means nothing: what Conduit asks for and keeps."

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """Whatever it says: what a server has of its own matters to nobody who asks for something else.

        :raises DecodeError: these are not sixteen bytes.
        """
        if len(data) != cls.STRUCT.size:
            raise DecodeError("a pixel format that has not sixteen bytes", offset=len(data))
        bits, depth, big, true, *colours = cls.STRUCT.unpack(data)
        red_max, green_max, blue_max, red_shift, green_shift, blue_shift = colours
        return cls(
            bits_per_pixel=bits,
            depth=depth,
            big_endian=bool(big),  # LibVNCServer says 255
            true_colour=bool(true),
            red_max=red_max,
            green_max=green_max,
            blue_max=blue_max,
            red_shift=red_shift,
            green_shift=green_shift,
            blue_shift=blue_shift,
        )

    def encode(self) -> bytes:
        """Sixteen bytes."""
        return self.STRUCT.pack(
            self.bits_per_pixel,
            self.depth,
            self.big_endian,
            self.true_colour,
            self.red_max,
            self.green_max,
            self.blue_max,
            self.red_shift,
            self.green_shift,
            self.blue_shift,
        )

    @property
    def bytes_per_pixel(self) -> int:
        """1, 2 or 4."""
        return self.bits_per_pixel // 8

    @property
    def colours(self) -> tuple[tuple[int, int], ...]:
        """The maximum and the shift of red, green and blue."""
        return (
            (self.red_max, self.red_shift),
            (self.green_max, self.green_shift),
            (self.blue_max, self.blue_shift),
        )

    @property
    def places(self) -> tuple[int, int, int] | None:
        """In which of a pixel's four bytes blue, green and red are; None where they are not three whole bytes.

        These have to be neighbours, so that ZRLE's pixels are three bytes too.
        """
        kind = (self.bits_per_pixel, self.depth, self.true_colour)
        shifts = sorted(shift for _, shift in self.colours)
        is_whole = {most for most, _ in self.colours} == {255} and shifts in ([0, 8, 16], [8, 16, 24])
        if kind != (32, 24, True) or not is_whole:
            return None
        red, green, blue = (3 - shift // 8 if self.big_endian else shift // 8 for _, shift in self.colours)
        return blue, green, red

    def check(self) -> None:
        """Whether pixels can be made in it.

        :raises DecodeError: they cannot.
        """
        if self.bits_per_pixel not in _SIZES:
            raise DecodeError(f"pixels of {self.bits_per_pixel} bits")
        if not self.true_colour:
            return
        for most, shift in self.colours:
            if most & (most + 1) or not most or shift + most.bit_length() > self.bits_per_pixel:
                raise DecodeError(f"a colour of at most {most}, {shift} bits up in {self.bits_per_pixel}")


PixelFormat.BGRX = PixelFormat(
    bits_per_pixel=32,
    depth=24,
    big_endian=False,
    true_colour=True,
    red_max=255,
    green_max=255,
    blue_max=255,
    red_shift=16,
    green_shift=8,
    blue_shift=0,
)
