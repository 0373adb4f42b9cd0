from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rfb.framebuffer import Framebuffer, tiles
from conduit.rfb.messages import Area
from tests.fakes.rfb_bytes import BLUE, GREEN, RED


def test_a_new_picture_is_black() -> None:
    picture = Framebuffer(3, 2)
    assert picture.pixels == bytes(24)
    assert picture.whole == (0, 0, 3, 2)
    assert repr(picture) == "<Framebuffer 3x2>"


def test_pixels_must_be_as_many_as_the_size_says() -> None:
    with pytest.raises(LocalProtocolError, match="2x2 pixels are 16 bytes, not 3"):
        Framebuffer(2, 2, b"abc")


def test_a_picture_that_takes_too_much_memory_is_refused_before_it_is_taken() -> None:
    with pytest.raises(DecodeError, match="65535 x 65535"):
        Framebuffer(65535, 65535)


def test_what_is_put_somewhere_is_there_and_nowhere_else() -> None:
    picture = Framebuffer(3, 3)
    picture.blit(Area(1, 1, 2, 1), RED + GREEN)
    assert picture.crop(Area(0, 1, 3, 1)) == bytes(4) + RED + GREEN
    assert picture.crop(Area(0, 0, 3, 1)) == picture.crop(Area(0, 2, 3, 1)) == bytes(12)


def test_rows_as_wide_as_the_picture_are_put_at_once() -> None:
    picture = Framebuffer(2, 3)
    picture.blit(Area(0, 1, 2, 2), RED + GREEN + BLUE + RED)
    assert picture.crop(Area(0, 1, 2, 2)) == RED + GREEN + BLUE + RED


def test_overlapping_parts_are_copied_as_they_were() -> None:
    picture = Framebuffer(4, 1, RED + GREEN + BLUE + RED)
    picture.copy(0, 0, Area(1, 0, 3, 1))
    assert picture.pixels == RED + RED + GREEN + BLUE


@pytest.mark.parametrize("area", [(-1, 0, 1, 1), (0, -1, 1, 1), (0, 0, 4, 1), (0, 0, 1, 4), (3, 3, 1, 1)])
def test_what_is_not_inside_is_refused(area: tuple[int, int, int, int]) -> None:
    with pytest.raises(DecodeError, match="is not inside a display of 3x3"):
        Framebuffer(3, 3).check(Area(*area))


def test_a_new_size_keeps_what_is_in_both() -> None:
    picture = Framebuffer(2, 2, RED + GREEN + BLUE + RED)
    picture.resize(3, 1)
    assert picture == Framebuffer(3, 1, RED + GREEN + bytes(4))


def test_pictures_are_equal_by_their_pixels_and_change() -> None:
    picture = Framebuffer(1, 1, RED)
    copy = picture.snapshot()
    picture.fill(picture.whole, BLUE)
    assert copy == Framebuffer(1, 1, RED) != picture
    assert picture != "a picture"
    with pytest.raises(TypeError):
        hash(picture)


def test_changes_are_neighbouring_tiles() -> None:
    before = Framebuffer(200, 130)
    after = before.snapshot()
    for x, y in ((70, 3), (130, 3), (0, 129), (199, 129)):
        after.fill(Area(x, y, 1, 1), RED)
    assert after.changes(before) == [Area(64, 0, 128, 64), Area(0, 128, 64, 2), Area(192, 128, 8, 2)]
    assert not after.changes(after.snapshot())


def test_with_another_size_all_has_changed() -> None:
    assert Framebuffer(2, 2).changes(Framebuffer(2, 3)) == [Area(0, 0, 2, 2)]


def test_tiles_cover_an_area_and_the_last_are_smaller() -> None:
    assert list(tiles(Area(1, 2, 5, 3), 4)) == [Area(1, 2, 4, 3), Area(5, 2, 1, 3)]


@pytest.mark.parametrize("area", [Area(1, 0, 0, 3), Area(0, 1, 3, 0), Area(4, 4, 0, 0)])
def test_nothing_can_be_put_filled_and_copied_anywhere(area: Area) -> None:
    picture = Framebuffer(4, 4)
    picture.blit(area, b"")
    picture.fill(area, b"abc\0")
    picture.copy(0, 0, area)
    assert picture == Framebuffer(4, 4)


# --- what is not known ---

areas = st.builds(
    lambda x, y, width, height: Area(x, y, min(width, 7 - x), min(height, 5 - y)),
    st.integers(0, 7), st.integers(0, 5), st.integers(0, 7), st.integers(0, 5),
)  # fmt: skip


def dots(area: Area) -> set[tuple[int, int]]:
    return {(x, y) for x in range(area.x, area.x + area.width) for y in range(area.y, area.y + area.height)}


def test_all_of_a_new_picture_is_known_and_of_a_new_size_too() -> None:
    picture = Framebuffer(3, 3)
    assert picture.knows(picture.whole)
    picture.lose(picture.whole)
    assert not picture.knows(Area(2, 2, 1, 1))
    picture.resize(4, 4)
    assert picture.knows(picture.whole)
    Framebuffer(0, 0).lose(Area(0, 0, 0, 0))


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["lose", "fill", "copy"]), areas, st.integers(0, 7), st.integers(0, 5)), max_size=20
    ),
    asked=areas,
)
def test_a_picture_knows_what_was_drawn_since_it_was_lost(steps: list[tuple[str, Area, int, int]], asked: Area) -> None:
    picture, unknown = Framebuffer(7, 5), set[tuple[int, int]]()
    for what, area, x, y in steps:
        if what == "lose":
            picture.lose(area)
            unknown |= dots(area)
        elif what == "fill":
            picture.fill(area, RED)
            unknown -= dots(area)
        elif x + area.width <= 7 and y + area.height <= 5:
            moved = {(a - x + area.x, b - y + area.y) for a, b in unknown & dots(Area(x, y, area.width, area.height))}
            picture.copy(x, y, area)
            unknown = unknown - dots(area) | moved
    assert picture.knows(asked) is (not unknown & dots(asked))
    assert picture.knows(Area(0, 0, 100, 100)) is (not unknown)


def test_what_is_copied_from_what_is_not_known_is_not_known() -> None:
    picture = Framebuffer(4, 4)
    picture.lose(Area(0, 0, 2, 1))
    picture.copy(0, 0, Area(0, 0, 2, 1))
    assert not picture.knows(Area(0, 0, 1, 1))
    picture.copy(1, 0, Area(2, 3, 2, 1))
    assert not picture.knows(Area(2, 3, 1, 1))
    assert picture.knows(Area(3, 3, 1, 1))
    picture.copy(0, 1, picture.whole._replace(height=3))
    assert picture.knows(Area(0, 0, 4, 2))
    assert not picture.knows(Area(2, 2, 1, 1))
