"""The colours of a piece of picture, as a slow look at each pixel finds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rfb.encoders.palette import Palette, find_palette, find_two_colours, is_solid

COLOURS = st.tuples(*[st.sampled_from([0, 1, 85, 170, 255])] * 3).map(lambda colour: bytes((*colour, 0)))
PIXELS = st.lists(COLOURS, min_size=1, max_size=6).flatmap(
    lambda colours: st.lists(st.sampled_from(colours), min_size=1, max_size=64)
)


def painted(palette: Palette) -> list[bytes]:
    colours = [palette.colours[at : at + 4] for at in range(0, len(palette.colours), 4)]
    assert len(set(colours)) == palette.size == len(colours)
    return [colours[index] for index in palette.indices]


@pytest.mark.property
@given(pixels=PIXELS, most=st.integers(1, 7))
def test_few_colours_are_found_whatever_their_planes_are(pixels: list[bytes], most: int) -> None:
    data, count = b"".join(pixels), len(set(pixels))
    assert is_solid(data) is (count == 1)
    palette = find_palette(data, most)
    assert (palette is None) is (count > most)
    assert palette is None or painted(palette) == pixels


@pytest.mark.property
@given(pixels=PIXELS)
def test_two_colours_are_found_and_nothing_else_is(pixels: list[bytes]) -> None:
    palette = find_two_colours(b"".join(pixels))
    assert (palette is None) is (len(set(pixels)) != 2)
    assert palette is None or painted(palette) == pixels


def shades(count: int) -> list[bytes]:
    """Colours whose planes have few levels, and many together."""
    return [bytes((number & 31, number >> 3, 0, 0)) for number in range(count)]


@pytest.mark.parametrize(("colours", "most", "found"), [(200, 256, 200), (256, 256, 256), (257, 256, 0), (200, 64, 0)])
def test_many_colours_whose_planes_have_few_levels_are_counted(colours: int, most: int, found: int) -> None:
    pixels = shades(colours) * 2
    assert len(set(pixels)) == colours
    palette = find_palette(b"".join(pixels), most)
    assert (0 if palette is None else palette.size) == found
    assert palette is None or painted(palette) == pixels


def test_a_photograph_is_known_by_a_sample() -> None:
    data = b"".join(bytes((number & 255, number >> 8, number * 7 & 255, 0)) for number in range(2048))
    assert find_palette(data, 256) is None


def test_a_colour_that_no_sample_has_counts_as_well() -> None:
    pixels = shades(257)
    data = b"".join(pixels[:1] + pixels[256:] + pixels[:256] * 8)
    assert find_palette(data[:4] + data[8:], 256) is not None
    assert find_palette(data, 256) is None
