"""Whoever guesses passwords has to wait."""

from __future__ import annotations

import pytest
import trio

from conduit.errors import CallError
from conduit.services.manager.accounts import HASHERS
from conduit.services.manager.throttle import FORGET, FREE, FREE_OF_ADDRESS, LONGEST, MAX_KEPT, Throttle
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code
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
    throttle.succeeded(EMAIL, "")
    assert not waits(throttle, 0.0)


def test_guesses_from_elsewhere_do_not_keep_anybody_from_where_they_are_at_home() -> None:
    throttle, home, elsewhere = Throttle(), "192.0.2.1", "203.0.113.1"
    throttle.succeeded(EMAIL, home)
    for _ in range(FREE):
        throttle.failed(EMAIL, elsewhere, 0.0)
    assert waits(throttle, 0.0, address=elsewhere)
    assert waits(throttle, 0.0, address="198.51.100.1")
    assert not waits(throttle, 0.0, address=home)
    throttle.succeeded(EMAIL, home)
    assert waits(throttle, 0.0, address=elsewhere), "the owner's log-in gives others no new guesses"
    for _ in range(FREE):
        throttle.failed(EMAIL, home, 0.0)
    assert waits(throttle, 0.0, address=home)


def test_what_is_remembered_has_a_bound() -> None:
    throttle = Throttle()
    for number in range(MAX_KEPT + 10):
        throttle.failed(f"{number}@x.example", "", 0.0)
        throttle.succeeded(f"{number}@x.example", "192.0.2.1")
    assert len(throttle._kept) <= MAX_KEPT
    assert len(throttle._homes) <= MAX_KEPT


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


async def test_guesses_that_come_at_once_are_no_more_guesses(test_manager: TestManager) -> None:
    await test_manager.account()
    answers: list[int] = []

    async def guess(number: int) -> None:
        with pytest.raises(CallError) as caught:
            await test_manager.manager.accounts.log_in(EMAIL, Secret(f"guess number {number}"))
        answers.append(caught.value.code)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(guess, number)
    heard = answers.count(Code.UNAUTHENTICATED)
    assert FREE <= heard <= FREE + HASHERS
    assert answers.count(Code.RESOURCE_EXHAUSTED) == len(answers) - heard


async def test_who_logs_in_often_at_once_is_no_guesser(test_manager: TestManager) -> None:
    await test_manager.account()
    tokens: set[str] = set()

    async def come() -> None:
        _, refresh = await test_manager.manager.accounts.log_in(EMAIL, PASSWORD, address="192.0.2.1")
        tokens.add(refresh.token.reveal())

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(come)
    assert len(tokens) == 30
