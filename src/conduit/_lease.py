"""Who may type: one viewer at a time, or nobody (sans-IO).

Whoever asks gets the keyboard when its owner gives it or says nothing until the countdown is over. ``Seat`` and
``Move`` are the legal moves; an absent pair changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conduit._machine import Label

COUNTDOWN: Final = 10.0  # seconds that a writer has to say no


class Seat(Label):
    """Whose the keyboard is."""

    FREE = "nobody has the keyboard"
    HELD = "somebody has it"
    ASKED = "somebody else wants it"


class Move(Label):
    """What viewers do about it."""

    CLAIM = "a viewer who may type arrives"
    ASK = "asks"
    KEEP = "the writer says no"
    GIVE = "the writer gives it"
    EXPIRE = "the countdown is over"
    TAKE = "is taken over"
    RELEASE = "the writer lets go"
    VANISH = "the writer leaves"
    WITHDRAW = "who asked leaves"


TRANSITIONS: Final[Mapping[tuple[Seat, Move], Seat]] = {
    (Seat.FREE, Move.CLAIM): Seat.HELD,
    (Seat.FREE, Move.ASK): Seat.HELD,
    (Seat.FREE, Move.TAKE): Seat.HELD,
    (Seat.HELD, Move.ASK): Seat.ASKED,
    (Seat.HELD, Move.GIVE): Seat.HELD,
    (Seat.HELD, Move.TAKE): Seat.HELD,
    (Seat.HELD, Move.RELEASE): Seat.FREE,
    (Seat.HELD, Move.VANISH): Seat.FREE,
    (Seat.ASKED, Move.KEEP): Seat.HELD,
    (Seat.ASKED, Move.GIVE): Seat.HELD,
    (Seat.ASKED, Move.EXPIRE): Seat.HELD,
    (Seat.ASKED, Move.TAKE): Seat.HELD,
    (Seat.ASKED, Move.RELEASE): Seat.HELD,
    (Seat.ASKED, Move.VANISH): Seat.HELD,
    (Seat.ASKED, Move.WITHDRAW): Seat.HELD,
}
_OWNERS_MOVES: Final = frozenset((Move.KEEP, Move.GIVE, Move.RELEASE))
_ARRIVALS: Final = frozenset((Move.CLAIM, Move.ASK, Move.TAKE))


class Lease:
    """The keyboard of one machine. Viewers are numbers; who may type at all is the caller's to know.

    :param countdown: seconds that a writer has to say no.
    """

    __slots__ = ("_seat", "asker", "countdown", "deadline", "writer")

    def __init__(self, countdown: float = COUNTDOWN) -> None:
        self._seat = Seat.FREE
        self.countdown = countdown
        self.writer: int | None = None
        self.asker: int | None = None
        self.deadline: float | None = None
        "When it passes to who asks."

    @property
    def seat(self) -> Seat:
        """Whose it is."""
        return self._seat

    def make(self, move: Move, viewer: int, now: float, *, to: int | None = None) -> bool:
        """*viewer* does something; whether anything changed.

        :param to: with GIVE: who gets it, otherwise whoever asks.
        """
        if not self._is_allowed(move, viewer, to):
            return False
        heir = self._heir(move, viewer, to)
        self._seat = TRANSITIONS[self._seat, move]
        if self._seat is Seat.ASKED:
            self.asker, self.deadline = viewer, now + self.countdown
            return True
        self.writer, self.asker, self.deadline = heir, None, None
        return True

    def leave(self, viewer: int, now: float) -> bool:
        """*viewer* is gone; whether anything changed."""
        if viewer == self.writer:
            return self.make(Move.VANISH, viewer, now)
        return viewer == self.asker and self.make(Move.WITHDRAW, viewer, now)

    def handle_deadline(self, now: float) -> bool:
        """Whether it passed to who asks, as its time has come."""
        if self.deadline is None or self.asker is None or now < self.deadline:
            return False
        return self.make(Move.EXPIRE, self.asker, now)

    def _is_allowed(self, move: Move, viewer: int, to: int | None) -> bool:
        if (self._seat, move) not in TRANSITIONS:
            return False
        if move in _OWNERS_MOVES:
            wanted = to is not None or self.asker is not None
            return viewer == self.writer and (move is not Move.GIVE or wanted)
        return move not in _ARRIVALS or viewer != self.writer

    def _heir(self, move: Move, viewer: int, to: int | None) -> int | None:
        """Who has it afterwards, unless it is only asked for."""
        if move in _ARRIVALS:
            return viewer
        if move is Move.GIVE and to is not None:
            return to
        return self.writer if move in (Move.KEEP, Move.WITHDRAW) else self.asker
