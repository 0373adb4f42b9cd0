"""A refresh token that comes again: its answer was lost, or somebody stole it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
import trio

from conduit.errors import CallError
from conduit.services.manager.accounts import Accounts
from conduit.services.manager.refreshing import GRACE
from conduit.services.secret import Secret
from tests.fakes.manager import PASSWORD, Clock, TestManager


@dataclass
class Family:
    """One log-in; its tokens by number, in the order in which they were given."""

    accounts: Accounts
    clock: Clock
    tokens: list[Secret] = field(default_factory=list)

    async def use(self, number: int) -> bool:
        """Whether it is given for another."""
        try:
            _, refresh = await self.accounts.refresh(self.tokens[number])
        except CallError:
            return False
        self.tokens.append(refresh.token)
        return True

    async def is_over(self) -> bool:
        return not any([await self.use(number) for number in range(len(self.tokens))])


@pytest.fixture
async def family(test_manager: TestManager) -> Family:
    account = await test_manager.account()
    _, refresh = await test_manager.manager.accounts.log_in(account.email, PASSWORD)
    return Family(test_manager.manager.accounts, test_manager.clock, [refresh.token])


async def test_a_token_whose_answer_was_lost_is_given_for_another(family: Family) -> None:
    assert await family.use(0)
    family.clock.now += GRACE
    assert await family.use(0)
    for number in (2, 3, 4):  # and the log-in goes on with that
        family.clock.now += 900
        assert await family.use(number)


async def test_several_answers_may_be_lost(family: Family) -> None:
    for _ in range(3):
        family.clock.now += GRACE / 4
        assert await family.use(0)
    assert await family.use(3)


async def test_the_grace_begins_with_the_first_use_and_is_not_prolonged(family: Family) -> None:
    assert await family.use(0)
    family.clock.now += GRACE - 1
    assert await family.use(0)
    family.clock.now += 2
    assert not await family.use(0)
    assert await family.is_over()


async def test_after_the_grace_it_was_stolen(family: Family) -> None:
    assert await family.use(0)
    family.clock.now += GRACE + 0.1
    assert not await family.use(0)
    assert await family.is_over()


async def test_after_its_successor_was_used_it_was_stolen(family: Family) -> None:
    assert await family.use(0)
    assert await family.use(1)
    assert not await family.use(0)
    assert await family.is_over()


async def test_a_successor_that_was_taken_back_is_a_thiefs_whenever_it_comes(family: Family) -> None:
    assert await family.use(0)
    assert await family.use(0)
    family.clock.now += 900
    assert not await family.use(1)  # the thief was answered, the owner asked again; or the other way round
    assert await family.is_over()


async def test_what_was_taken_back_has_no_grace_of_its_own(family: Family) -> None:
    assert await family.use(0)
    assert await family.use(0)
    assert not await family.use(1)
    assert await family.is_over()


@pytest.mark.parametrize("order", list(itertools.product((0, 1, 2), repeat=4)))
async def test_in_whatever_order_tokens_come_at_most_one_is_alive(family: Family, order: tuple[int, ...]) -> None:
    """Against the rule in its plainest form: alive is the last one given; its parent may take its place."""
    alive, parent, over = 0, -1, False
    for number in order:
        if number >= len(family.tokens):
            continue
        may = not over and number in (alive, parent)
        given = len(family.tokens)
        assert await family.use(number) == may, (order, number)
        if may:
            alive, parent = given, number
        else:
            over = True
    assert over or await family.use(alive)


async def test_of_two_clients_that_race_with_one_token_the_last_answer_counts(family: Family) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(family.use, 0)
    assert len(family.tokens) == 3
    assert await family.use(2)


async def test_two_clients_that_race_and_both_go_on_end_the_log_in(family: Family) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(family.use, 0)
    first, second = await family.use(1), await family.use(2)
    assert (first, second) == (False, False)


async def test_ending_the_sessions_ends_the_grace_too(family: Family) -> None:
    assert await family.use(0)
    await family.accounts.log_out(family.tokens[1])
    assert await family.is_over()
