from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.services.agent.broker_breaker import TRANSITIONS, Breaker, BreakerState, Happening

CLOSED, OPEN, HALF_OPEN = BreakerState


def breaker() -> Breaker:
    return Breaker(failures=3, pause=5.0, longest_pause=60.0)


def opened(now: float = 0.0) -> Breaker:
    one = breaker()
    for _ in range(3):
        assert one.enter(now)
        one.fail(now)
    return one


LEGAL = {
    (CLOSED, Happening.LAST_STRAW): OPEN,
    (OPEN, Happening.TRIAL): HALF_OPEN,
    (OPEN, Happening.SUCCESS): CLOSED,
    (OPEN, Happening.LAST_STRAW): OPEN,
    (HALF_OPEN, Happening.SUCCESS): CLOSED,
    (HALF_OPEN, Happening.FAILURE): OPEN,
    (HALF_OPEN, Happening.LAST_STRAW): OPEN,
    (HALF_OPEN, Happening.ABANDONED): OPEN,
}


@pytest.mark.parametrize(("state", "happening"), list(itertools.product(BreakerState, Happening)))
def test_every_pair_of_state_and_happening_is_decided(state: BreakerState, happening: Happening) -> None:
    assert TRANSITIONS.get((state, happening)) is LEGAL.get((state, happening))


def test_failures_in_a_row_open_it_and_a_success_between_does_not_count() -> None:
    one = breaker()
    for _ in range(2):
        one.fail(0.0)
    one.succeed()
    for _ in range(2):
        one.fail(0.0)
    assert one.state is CLOSED
    one.fail(0.0)
    assert one.state is OPEN


def test_open_one_lets_a_single_trial_through_after_the_pause() -> None:
    one = opened(now=100.0)
    assert not one.enter(104.9)
    assert one.enter(105.0)
    assert one.state is HALF_OPEN
    assert not one.enter(105.0)
    one.succeed()
    assert one.enter(105.0)


def test_pause_doubles_with_each_failed_trial_up_to_the_longest() -> None:
    one = opened()
    pauses = []
    now = one.retry_at
    for _ in range(6):
        assert one.enter(now)
        one.fail(now)
        pauses.append(one.retry_at - now)
        now = one.retry_at
    assert pauses == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    assert one.enter(now)
    one.succeed()
    assert opened().retry_at == 5.0


def test_grave_failure_opens_it_at_once_for_the_longest_pause() -> None:
    one = breaker()
    one.fail(10.0, grave=True)
    assert (one.state, one.retry_at) == (OPEN, 70.0)


def test_abandoned_trial_leaves_the_next_one_to_try_at_once() -> None:
    one = opened()
    assert one.enter(5.0)
    one.abandon(6.0)
    assert one.enter(6.0)
    one = breaker()
    one.abandon(1.0)
    assert one.state is CLOSED


@given(st.lists(st.tuples(st.sampled_from(["enter", "fail", "grave", "succeed", "abandon"]), st.floats(0, 30))))
def test_it_is_never_shut_for_longer_than_the_longest_pause(steps: list[tuple[str, float]]) -> None:
    one, now, entered = breaker(), 0.0, False
    for step, seconds in steps:
        now += seconds
        if step == "enter":
            entered = entered or one.enter(now)
        elif entered:
            entered = False
            match step:
                case "fail" | "grave":
                    one.fail(now, grave=step == "grave")
                case "succeed":
                    one.succeed()
                case "abandon":
                    one.abandon(now)
    assert entered or one.enter(now + 60.0)
