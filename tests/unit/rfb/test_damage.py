"""What a viewer has not seen yet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rfb.damage import SQUARE, Damage
from conduit.rfb.messages import Area

WIDTH, HEIGHT = 100, 70
WHOLE = Area(0, 0, WIDTH, HEIGHT)


def damage(*areas: Area) -> Damage:
    damaged = Damage(WIDTH, HEIGHT)
    damaged.add(areas)
    return damaged


def test_nothing_is_damaged_at_first() -> None:
    assert not damage()
    assert damage().take(WHOLE) == []
    assert not damage().touches(WHOLE)


@pytest.mark.parametrize(
    ("areas", "taken"),
    [
        ([WHOLE], [WHOLE]),
        ([Area(0, 0, 1, 1)], [Area(0, 0, 16, 16)]),
        ([Area(15, 15, 2, 2)], [Area(0, 0, 32, 32)]),
        ([Area(99, 69, 1, 1)], [Area(96, 64, 4, 6)]),
        ([Area(99, 69, 1000, 1000)], [Area(96, 64, 4, 6)]),
        ([Area(100, 0, 5, 5), Area(0, 70, 5, 5), Area(3, 3, 0, 5), Area(3, 3, 5, 0)], []),
        ([Area(0, 0, 1, 1), Area(40, 0, 1, 1)], [Area(0, 0, 16, 16), Area(32, 0, 16, 16)]),
        ([Area(0, 0, 100, 16), Area(0, 32, 100, 16)], [Area(0, 0, 100, 16), Area(0, 32, 100, 16)]),
        ([Area(0, 0, 16, 16), Area(0, 16, 16, 16), Area(0, 32, 32, 1)], [Area(0, 0, 16, 32), Area(0, 32, 32, 16)]),
    ],
)
def test_what_changed_is_taken_in_whole_squares_and_once(areas: list[Area], taken: list[Area]) -> None:
    damaged = damage(*areas)
    assert damaged.touches(WHOLE) == bool(taken) == bool(damaged)
    assert damaged.take(WHOLE) == taken
    assert not damaged


def test_what_nobody_wants_stays_damaged() -> None:
    damaged = damage(WHOLE)
    assert damaged.take(Area(0, 0, 16, 100)) == [Area(0, 0, 16, 70)]
    assert damaged.take(WHOLE) == [Area(16, 0, 84, 70)]


def test_an_edge_that_is_wanted_by_half_is_taken_whole_and_not_again() -> None:
    damaged = damage(WHOLE)
    assert damaged.take(Area(0, 0, 20, 70)) == [Area(0, 0, 32, 70)]
    assert not damaged.touches(Area(0, 0, 20, 70))


@pytest.mark.property
@given(
    st.lists(
        st.builds(Area, st.integers(0, 120), st.integers(0, 90), st.integers(0, 120), st.integers(0, 90)), max_size=6
    ),
    st.builds(Area, st.integers(0, 120), st.integers(0, 90), st.integers(0, 120), st.integers(0, 90)),
)
def test_every_pixel_that_changed_and_is_wanted_is_taken_exactly_once(areas: list[Area], wanted: Area) -> None:
    damaged = damage(*areas)
    taken = damaged.take(wanted)
    pixels = [pixel for area in taken for pixel in points(area)]
    assert len(pixels) == len(set(pixels))
    changed = {pixel for area in areas for pixel in points(area)} & set(points(WHOLE))
    assert changed & set(points(wanted)) <= set(pixels) <= set(points(WHOLE))
    later = {pixel for area in damaged.take(WHOLE) for pixel in points(area)}
    assert changed <= later | set(pixels)
    assert not later & set(pixels)


def points(area: Area) -> list[tuple[int, int]]:
    return [(x, y) for x in range(area.x, area.x + area.width) for y in range(area.y, area.y + area.height)]


def test_a_square_is_what_a_row_of_text_is_high() -> None:
    assert SQUARE == 16
