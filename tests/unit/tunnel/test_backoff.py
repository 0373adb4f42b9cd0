"""Pauses between two attempts."""

from __future__ import annotations

from conduit.tunnel.backoff import FIRST, HEALTHY, LONGEST, Backoff


def test_the_bound_doubles_up_to_the_longest_pause() -> None:
    backoff = Backoff(lambda: 1.0)
    pauses = [backoff.failed(0) for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-3:] == [LONGEST] * 3


def test_pauses_are_anything_between_nothing_and_the_bound() -> None:
    numbers = iter([0.0, 0.5, 1.0])
    backoff = Backoff(lambda: next(numbers))
    assert [backoff.failed(0) for _ in range(3)] == [0.0, 0.1, 0.4]


def test_a_minute_of_health_starts_over_and_less_does_not() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.failed(0)
    backoff.connected(100)
    assert backoff.failed(100 + HEALTHY - 1) == 3.2
    backoff.connected(200)
    assert backoff.failed(200 + HEALTHY) == FIRST
    assert backoff.failed(900) == 2 * FIRST  # there was no tunnel since


def test_who_is_told_that_it_is_hopeless_waits_longest() -> None:
    backoff = Backoff(lambda: 1.0)
    assert backoff.failed(0, hopeless=True) == LONGEST
