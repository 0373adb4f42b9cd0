"""The sliding window against a model that remembers every number it has seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rmcp.window import HALF_SPACE, LAN_WINDOW, PLUS_WINDOW, SEQUENCE_SPACE, SequenceWindow, next_sequence

LAST = SEQUENCE_SPACE - 1


class Model:
    """A set of all numbers seen, and the arithmetic of the specification."""

    def __init__(self, highest: int, behind: int, ahead: int) -> None:
        self.highest = highest
        self.behind = behind
        self.ahead = ahead
        self.seen = {(highest - back) % SEQUENCE_SPACE for back in range(behind + 1)}

    def accept(self, sequence: int) -> bool:
        if sequence == 0 or sequence in self.seen:
            return False
        forward = (sequence - self.highest) % SEQUENCE_SPACE
        backward = (self.highest - sequence) % SEQUENCE_SPACE
        if forward < HALF_SPACE:
            if forward > self.ahead:
                return False
            self.highest = sequence
        elif backward > self.behind:
            return False
        self.seen.add(sequence)
        return True


@pytest.mark.property
@given(
    start=st.sampled_from([0, 1, 7, HALF_SPACE - 3, HALF_SPACE, LAST - 20, LAST]),
    behind=st.sampled_from([LAN_WINDOW, PLUS_WINDOW]),
    ahead=st.sampled_from([LAN_WINDOW, PLUS_WINDOW, HALF_SPACE - 1]),
    steps=st.lists(st.integers(-40, 40) | st.integers(-(2**32), 2**32), max_size=60),
)
def test_window_accepts_what_the_model_accepts(start: int, behind: int, ahead: int, steps: list[int]) -> None:
    window = SequenceWindow(highest=start, behind=behind, ahead=ahead)
    model = Model(start, behind, ahead)
    for step in steps:
        sequence = (model.highest + step) % SEQUENCE_SPACE
        assert window.accept(sequence) == model.accept(sequence), sequence
        assert window.highest == model.highest


@pytest.mark.property
@given(st.permutations(range(1, 18)))
def test_any_order_within_the_window_is_accepted_once(order: list[int]) -> None:
    window = SequenceWindow()
    assert all(window.accept(sequence) for sequence in order)
    assert not any(window.accept(sequence) for sequence in order)


def test_late_packet_is_accepted_up_to_the_edge() -> None:
    window = SequenceWindow()
    window.accept(100)
    assert window.accept(100 - PLUS_WINDOW)
    assert not window.accept(100 - PLUS_WINDOW - 1)


def test_what_lies_before_the_first_number_counts_as_seen() -> None:
    window = SequenceWindow(highest=50)
    assert not any(window.accept(sequence) for sequence in range(30, 51))


def test_jump_ahead_is_accepted_up_to_the_bound() -> None:
    window = SequenceWindow(ahead=8)
    assert not window.accept(9)
    assert window.accept(8)


def test_jump_of_half_the_space_is_behind_and_not_ahead() -> None:
    window = SequenceWindow(highest=5)
    assert not window.accept(5 + HALF_SPACE)
    assert window.accept(5 + HALF_SPACE - 1)


def test_window_slides_past_the_end_of_the_space_and_skips_zero() -> None:
    window = SequenceWindow(highest=LAST - 1)
    assert window.accept(2)
    assert window.accept(LAST)
    assert window.accept(1)
    assert not window.accept(0)
    assert not window.accept(LAST)


def test_number_after_the_last_is_one() -> None:
    assert next_sequence(0) == 1
    assert next_sequence(LAST - 1) == LAST
    assert next_sequence(LAST) == 1
