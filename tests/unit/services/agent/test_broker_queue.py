from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.services.agent.broker_queue import FairQueue, QueueFullError

tenants = st.sampled_from(["a", "b", "c"])


def queue(per_tenant: int = 100, in_all: int = 200) -> FairQueue[int]:
    return FairQueue(per_tenant=per_tenant, in_all=in_all)


def test_tenants_take_turns_and_each_is_served_in_order() -> None:
    waiting = queue()
    for ticket, tenant in enumerate("aaabbc"):
        waiting.put(ticket, tenant)
    assert [waiting.take() for _ in range(7)] == [0, 3, 5, 1, 4, 2, None]


def test_tenant_who_comes_back_goes_to_the_end_of_the_round() -> None:
    waiting = queue()
    waiting.put(0, "a")
    waiting.put(1, "b")
    assert waiting.take() == 0
    waiting.put(2, "a")
    assert [waiting.take(), waiting.take()] == [1, 2]


def test_full_queue_refuses_and_says_whose_it_is() -> None:
    waiting = queue(per_tenant=2, in_all=3)
    waiting.put(0, "a")
    waiting.put(1, "a")
    with pytest.raises(QueueFullError, match="of yours") as caught:
        waiting.put(2, "a")
    assert caught.value.own
    waiting.put(3, "b")
    with pytest.raises(QueueFullError) as caught:
        waiting.put(4, "c")
    assert not caught.value.own
    waiting.put(5, "a", exempt=True)
    assert (len(waiting), waiting.waiting("a"), waiting.waiting("c")) == (4, 3, 0)


def test_who_leaves_is_forgotten() -> None:
    waiting = queue()
    for ticket, tenant in enumerate("aab"):
        waiting.put(ticket, tenant)
    waiting.remove(0, "a")
    waiting.remove(2, "b")
    assert (len(waiting), waiting.take(), waiting.take()) == (1, 1, None)


@given(st.lists(st.tuples(tenants, st.booleans()), max_size=60))
def test_nobody_waits_longer_than_one_turn_of_each_other_tenant(steps: list[tuple[str, bool]]) -> None:
    """Whatever the others queue up, between two turns of a waiting tenant each other has at most one."""
    waiting: FairQueue[str] = FairQueue(per_tenant=100, in_all=200)
    since_turn: dict[str, Counter[str]] = {}
    for tenant, takes in steps:
        if not takes:
            if not waiting.waiting(tenant):
                since_turn[tenant] = Counter()
            waiting.put(tenant, tenant)
            continue
        served = waiting.take()
        if served is None:
            continue
        since_turn[served] = Counter()
        for other, turns in since_turn.items():
            if other != served and waiting.waiting(other):
                turns[served] += 1
                assert turns[served] <= 1
