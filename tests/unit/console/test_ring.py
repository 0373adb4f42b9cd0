"""What a console said last, by offset."""

from __future__ import annotations

import pytest

from conduit.console.messages import Gap, Output
from conduit.console.ring import MAX_MARKS, Place, Ring
from conduit.console.words import Cause
from conduit.errors import LocalProtocolError


def read_all(ring: Ring, place: Place, most: int = 100) -> list[Output | Gap]:
    items: list[Output | Gap] = []
    while True:
        item, place = ring.read(place, most)
        if item is None:
            assert not ring.has_more(place)
            return items
        items.append(item)


def test_the_oldest_bytes_go_and_offsets_stay() -> None:
    ring = Ring(4, start=10)
    ring.write(b"abcdef")
    assert (ring.oldest, ring.live, len(ring)) == (12, 16, 4)
    assert read_all(ring, ring.recent(100)) == [Output(12, b"cdef")]
    assert read_all(ring, ring.recent(1)) == [Output(15, b"f")]
    assert read_all(ring, ring.recent(-1)) == []


def test_a_reader_reads_in_pieces_at_its_own_pace() -> None:
    ring = Ring(10)
    ring.write(b"abcde")
    assert read_all(ring, ring.place(0), 2) == [Output(0, b"ab"), Output(2, b"cd"), Output(4, b"e")]


def test_a_reader_that_is_too_late_misses_exactly_what_is_gone() -> None:
    ring = Ring(4)
    place = ring.recent(0)
    ring.write(b"abcdef")
    assert read_all(ring, place) == [Gap(at=0, bytes=2, cause=Cause.SLOW), Output(2, b"cdef")]


def test_marks_are_read_between_the_bytes_where_they_belong_and_once() -> None:
    ring = Ring(10)
    ring.write(b"ab")
    ring.mark(Cause.BMC, milliseconds=7)
    ring.mark(Cause.RESTART)
    ring.write(b"cd")
    marks = [Gap(at=2, ms=7, cause=Cause.BMC), Gap(at=2, cause=Cause.RESTART)]
    assert read_all(ring, ring.place(0)) == [Output(0, b"ab"), *marks, Output(2, b"cd")]
    assert read_all(ring, ring.place(2)) == [*marks, Output(2, b"cd")]
    assert read_all(ring, ring.place(3)) == [Output(3, b"d")]


def test_a_mark_goes_with_the_bytes_before_it() -> None:
    ring = Ring(2)
    ring.write(b"a")
    place = ring.place(0)
    ring.mark(Cause.BMC)
    ring.write(b"bc")
    assert read_all(ring, ring.place(1)) == [Gap(at=1, cause=Cause.BMC), Output(1, b"bc")]
    ring.write(b"d")
    assert read_all(ring, place) == [Gap(at=0, bytes=2, cause=Cause.SLOW), Output(2, b"cd")]


def test_of_too_many_marks_the_oldest_go() -> None:
    ring = Ring(2)
    place = ring.place(0)
    for _ in range(MAX_MARKS + 5):
        ring.mark(Cause.BMC)
    assert len(read_all(ring, place)) == MAX_MARKS


def test_a_smaller_ring_forgets_at_once() -> None:
    ring = Ring(10)
    ring.write(b"abcdef")
    ring.resize(2)
    assert ring.oldest == 4


@pytest.mark.parametrize("offset", [-1, 1])
def test_there_is_no_place_where_nothing_was_said_yet(offset: int) -> None:
    with pytest.raises(LocalProtocolError):
        Ring().place(offset)


def test_a_ring_keeps_a_byte_at_least() -> None:
    with pytest.raises(LocalProtocolError):
        Ring(0)
    with pytest.raises(LocalProtocolError):
        Ring().resize(0)


def test_a_ring_that_forgets_has_nothing_and_goes_on_where_it_was() -> None:
    ring = Ring(100)
    reader = ring.place(0)
    ring.write(b"secret")
    ring.mark(Cause.BMC)
    ring.forget()
    ring.write(b"new")
    assert (ring.oldest, ring.live, len(ring)) == (6, 9, 3)
    assert ring.recent(100) == ring.place(6)
    missing, place = ring.read(reader, 100)
    assert missing == Gap(at=0, bytes=6, cause=Cause.SLOW)
    assert ring.read(place, 100)[0] == Output(6, b"new")
