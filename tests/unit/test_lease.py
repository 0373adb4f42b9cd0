"""Who may type."""

from __future__ import annotations

import itertools

import pytest

from conduit._lease import COUNTDOWN, TRANSITIONS, Lease, Move, Seat

LI, OMAR, ANNA = 1, 2, 3


def lease_at(seat: Seat) -> Lease:
    """LI has it and OMAR asks, as far as the seat says so."""
    lease = Lease()
    if seat is not Seat.FREE:
        assert lease.make(Move.CLAIM, LI, 0)
    if seat is Seat.ASKED:
        assert lease.make(Move.ASK, OMAR, 0)
    return lease


def who_makes(move: Move) -> int:
    if move in (Move.KEEP, Move.GIVE, Move.RELEASE, Move.VANISH):
        return LI
    return OMAR if move in (Move.EXPIRE, Move.WITHDRAW) else ANNA


@pytest.mark.parametrize(("seat", "move"), list(itertools.product(Seat, Move)))
def test_each_move_does_what_the_table_says_and_no_more(seat: Seat, move: Move) -> None:
    lease = lease_at(seat)
    target = TRANSITIONS.get((seat, move))
    assert lease.make(move, who_makes(move), 1, to=ANNA if move is Move.GIVE else None) is (target is not None)
    assert lease.seat is (target or seat)
    assert (lease.writer is None) is (lease.seat is Seat.FREE)
    assert (lease.asker is None) == (lease.deadline is None) == (lease.seat is not Seat.ASKED)


@pytest.mark.parametrize("move", [Move.KEEP, Move.GIVE, Move.RELEASE])
def test_nobody_but_the_writer_gives_keeps_or_releases(move: Move) -> None:
    lease = lease_at(Seat.ASKED)
    assert not lease.make(move, OMAR, 1, to=OMAR)
    assert (lease.writer, lease.asker) == (LI, OMAR)


@pytest.mark.parametrize("move", [Move.ASK, Move.TAKE, Move.CLAIM])
def test_the_writer_cannot_want_what_it_has(move: Move) -> None:
    assert not lease_at(Seat.HELD).make(move, LI, 1)


def test_giving_without_a_name_is_giving_to_who_asks() -> None:
    lease = lease_at(Seat.ASKED)
    assert lease.make(Move.GIVE, LI, 1)
    assert lease.writer == OMAR
    assert not lease.make(Move.GIVE, OMAR, 1)  # nobody asks


def test_saying_no_ends_the_countdown() -> None:
    lease = lease_at(Seat.ASKED)
    assert lease.make(Move.KEEP, LI, 1)
    assert not lease.handle_deadline(1000)
    assert lease.writer == LI


def test_saying_nothing_passes_the_keyboard_on_when_the_countdown_is_over() -> None:
    lease = lease_at(Seat.ASKED)
    assert lease.deadline == COUNTDOWN
    assert not lease.handle_deadline(COUNTDOWN - 0.1)
    assert lease.handle_deadline(COUNTDOWN)
    assert (lease.writer, lease.asker) == (OMAR, None)


@pytest.mark.parametrize("move", [Move.RELEASE, Move.VANISH])
def test_who_asks_inherits(move: Move) -> None:
    lease = lease_at(Seat.ASKED)
    assert lease.make(move, LI, 1)
    assert lease.writer == OMAR


def test_leaving_frees_or_withdraws_or_changes_nothing() -> None:
    lease = lease_at(Seat.ASKED)
    assert not lease.leave(ANNA, 1)
    assert lease.leave(OMAR, 1)
    assert (lease.writer, lease.seat) == (LI, Seat.HELD)
    assert lease.leave(LI, 1)
    assert (lease.writer, lease.seat) == (None, Seat.FREE)
