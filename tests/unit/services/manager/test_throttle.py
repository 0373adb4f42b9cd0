"""Whoever guesses passwords has to wait."""

from __future__ import annotations

import pytest

from conduit.errors import CallError
from conduit.services.manager.throttle import FORGET, FREE, FREE_OF_ADDRESS, LONGEST, MAX_KEPT, Throttle
from conduit.services.secret import Secret
from tests.fakes.manager import PASSWORD, TestManager

EMAIL = "alice@acme.example"


def waits(throttle: Throttle, now: float, *, email: str = EMAIL, address: str = "192.0.2.1") -> bool:
    try:
        throttle.check(email, address, now)
    except CallError:
        return True
    return False


def test_some_slips_cost_nothing_and_then_the_waits_double_up_to_a_minute() -> None:
    throttle, now, pauses = Throttle(), 0.0, []
    for _ in range(FREE + 9):
        started = now
        while waits(throttle, now):
            now += 0.5
        pauses.append(now - started)
        throttle.failed(EMAIL, "", now)
    assert pauses[:FREE] == [0.0] * FREE
    assert pauses[FREE:] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST, LONGEST, LONGEST]


def test_an_account_is_guarded_whatever_the_address_and_an_address_whatever_the_account() -> None:
    throttle = Throttle()
    for number in range(FREE):
        throttle.failed(EMAIL, f"192.0.2.{number}", 0.0)
    assert waits(throttle, 0.0, address="198.51.100.1")
    for number in range(FREE_OF_ADDRESS):
        throttle.failed(f"{number}@x.example", "203.0.113.1", 0.0)
    assert waits(throttle, 0.0, email="new@x.example", address="203.0.113.1")
    assert not waits(throttle, 0.0, email="new@x.example", address="203.0.113.2")


def test_the_right_password_and_time_forgive() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.failed(EMAIL, "", 0.0)
    assert not waits(throttle, FORGET + 1)
    throttle.succeeded(EMAIL)
    assert not waits(throttle, 0.0)


def test_what_is_remembered_has_a_bound() -> None:
    throttle = Throttle()
    for number in range(MAX_KEPT + 10):
        throttle.failed(f"{number}@x.example", "", 0.0)
    assert len(throttle._kept) <= MAX_KEPT


async def test_a_guesser_waits_and_the_owner_gets_in_afterwards(test_manager: TestManager) -> None:
    await test_manager.account()
    accounts = test_manager.manager.accounts
    for _ in range(FREE):
        with pytest.raises(CallError, match="wrong email or password"):
            await accounts.log_in(EMAIL, Secret("guess guess"))
    with pytest.raises(CallError, match="wait 1 s"):
        await accounts.log_in(EMAIL, PASSWORD)
    test_manager.clock.now += 2
    await accounts.log_in(EMAIL, PASSWORD)
