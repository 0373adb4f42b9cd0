"""The colours of a piece of picture, when they are few."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

SAMPLES: Final = 4  # pixels that are looked at first, for each colour that there may be
MOST: Final = 256  # colours whose number is a byte
FEW: Final = 8  # values of a plane that are looked for one after the other


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
    """The colours of *pixels*, or None when they are more than *most*, which is 256 at most.

    Plane after plane, as what ``bytes`` does with a plane is a hundred times as fast as a look at each pixel.
    """
    size, step = len(pixels) // 4, max(len(pixels) // (4 * SAMPLES * most), 1)
    if len(set(memoryview(pixels).cast("I")[::step])) > most:
        return None
    indices, count = bytes(size), 1
    for number in range(3):
        plane = pixels[number::4]
        if plane == indices.translate(_first_of_each(plane, indices, count)):
            continue  # it tells no colours apart
        levels = _levels(plane)
        if count * len(levels) > MOST:
            return _find_by_value(pixels, most)
        if count > 1:
            rows = indices.translate(_table(range(0, count * len(levels), len(levels))))
            plane = _add(rows, _numbered(plane, levels))
            levels = _levels(plane)
        indices, count = _numbered(plane, levels), len(levels)
        if count > most:
            return None
    firsts = [4 * indices.find(index) for index in range(count)]
    return Palette(b"".join([pixels[at : at + 4] for at in firsts]), indices)


def _table(values: Iterable[int]) -> bytes:
    return bytes(values).ljust(MOST)


def _first_of_each(plane: bytes, indices: bytes, count: int) -> bytes:
    """What *plane* is where each index stands first."""
    return _table(plane[indices.find(index)] for index in range(count))


def _levels(plane: bytes) -> bytes:
    """The values in it."""
    found, rest = b"", plane
    while rest and len(found) < FEW:
        found += rest[:1]
        rest = rest.translate(None, rest[:1])
    return found + bytes(set(rest)) if rest else found


def _numbered(plane: bytes, levels: bytes) -> bytes:
    """The number of its level in place of each value."""
    return plane.translate(bytes.maketrans(levels, bytes(range(len(levels)))))


def _add(some: bytes, others: bytes) -> bytes:
    """Byte by byte; no sum is more than a byte."""
    return (int.from_bytes(some, "big") + int.from_bytes(others, "big")).to_bytes(len(some), "big")


def _find_by_value(pixels: bytes, most: int) -> Palette | None:
    view = memoryview(pixels).cast("I")
    places = {value: index for index, value in enumerate(set(view))}
    if len(places) > most:
        return None
    colours = b"".join(value.to_bytes(4, sys.byteorder) for value in places)
    return Palette(colours, bytes(map(places.__getitem__, view)))
