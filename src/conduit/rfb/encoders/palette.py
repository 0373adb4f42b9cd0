"""The colours of a piece of picture, when they are few."""

from __future__ import annotations

from typing import Final, NamedTuple

SAMPLE: Final = 1 << 10  # pixels that are looked at first


class Palette(NamedTuple):
    """Few colours."""

    colours: bytes
    "Four bytes each, ours."
    indices: bytes
    "One byte a pixel."

    @property
    def size(self) -> int:
        """How many colours."""
        return len(self.colours) // 4


def is_solid(pixels: bytes) -> bool:
    """Whether all are one colour."""
    return pixels == pixels[:4] * (len(pixels) // 4)


def find_two_colours(pixels: bytes) -> Palette | None:
    """The colours of *pixels*, if they are exactly two: the first pixel's and another one."""
    planes = [pixels[plane::4] for plane in range(3)]
    for plane in planes:
        if others := plane.translate(None, plane[:1]):
            break
    else:
        return None
    if others.count(others[0]) != len(others):
        return None
    indices = plane.translate(bytes.maketrans(plane[:1] + others[:1], b"\0\1"))
    second = indices.find(1)
    colours = pixels[:4] + pixels[4 * second : 4 * second + 4]
    for number, each in enumerate(planes):
        if each is not plane and each != indices.translate(colours[number::4].ljust(256)):
            return None
    return Palette(colours, indices)


def find_palette(pixels: bytes, most: int) -> Palette | None:
    """The colours of *pixels*, or None when they are more than *most*, which is 256 at most."""
    view = memoryview(pixels).cast("I")
    if len(view) > SAMPLE and len(set(view[:SAMPLE])) > most:
        return None
    values = sorted(set(view))
    if len(values) > most:
        return None
    colours = memoryview(bytearray(len(values) * 4)).cast("I")
    for index, value in enumerate(values):
        colours[index] = value
    return Palette(bytes(colours), _indices(pixels, view, values, bytes(colours)))


def _indices(pixels: bytes, view: memoryview[int], values: list[int], colours: bytes) -> bytes:
    """By one plane of the picture, if the colours are all different there; that is a hundred times as fast."""
    for plane in range(3):
        levels = colours[plane::4]
        if len(set(levels)) == len(levels):
            table = bytearray(256)
            for index, level in enumerate(levels):
                table[level] = index
            return pixels[plane::4].translate(bytes(table))
    places = {value: index for index, value in enumerate(values)}
    return bytes(map(places.__getitem__, view))
