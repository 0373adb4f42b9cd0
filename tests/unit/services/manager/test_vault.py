"""When keys come into use, and when they go."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from conduit.errors import CallError
from conduit.services.certificates import LIFE
from conduit.services.gateway.access import Access
from conduit.services.keepsake import MAX_AGE
from conduit.services.manager.manager import KEYS_FRESH
from conduit.services.manager.vault import ANNOUNCED, TOKEN_KEY_LIFE
from conduit.services.tokens import SERVER_LIFE, TokenVerifier
from tests.fakes.manager import TestManager

DAY = 24 * 3600.0
Names = Callable[[], Any]


@pytest.fixture(params=["token", "region"])
def names(request: pytest.FixtureRequest, test_manager: TestManager) -> Names:
    """Of the keys of one purpose, the one in use first."""
    manager = test_manager.manager

    async def found() -> list[str]:
        if request.param == "region":
            manager._region_keys.clear()
            return [key.key_id for key in await manager.region_keys("eu")]
        await manager.refresh_keys()
        return [str(key["kid"]) for key in manager.jwks()["keys"]]

    return found


async def test_the_first_key_is_used_at_once(names: Names) -> None:
    (first,) = await names()
    assert await names() == [first]


async def test_a_new_key_is_told_for_a_day_before_it_is_used(names: Names, test_manager: TestManager) -> None:
    (old,) = await names()
    test_manager.clock.now += TOKEN_KEY_LIFE + 1
    first, new = await names()
    assert first == old
    test_manager.clock.now += ANNOUNCED - 1
    assert await names() == [old, new]
    test_manager.clock.now += 1
    assert await names() == [new, old]


async def test_an_old_key_is_known_until_its_last_token_has_expired(names: Names, test_manager: TestManager) -> None:
    (old,) = await names()
    test_manager.clock.now += TOKEN_KEY_LIFE + 1
    _, new = await names()
    test_manager.clock.now += ANNOUNCED + SERVER_LIFE + KEYS_FRESH
    assert await names() == [new, old]
    test_manager.clock.now += 2 * SERVER_LIFE
    assert await names() == [new]


async def test_a_successor_that_comes_late_does_not_end_the_old_key_early(
    names: Names, test_manager: TestManager
) -> None:
    (old,) = await names()
    test_manager.clock.now += 3 * TOKEN_KEY_LIFE  # nobody asked for so long, or the Manager was off
    first, new = await names()
    assert (first, new == old) == (old, False)
    test_manager.clock.now += ANNOUNCED
    assert await names() == [new, old]


async def test_years_of_rotation_keep_few_keys(names: Names, test_manager: TestManager) -> None:
    for _ in range(200):
        test_manager.clock.now += 10 * DAY
        assert 1 <= len(await names()) <= 3


def test_a_key_is_told_for_as_long_as_a_gateway_may_live_without_the_manager() -> None:
    assert ANNOUNCED >= MAX_AGE == LIFE


async def test_a_gateway_that_has_not_heard_for_a_day_opens_what_is_sealed_now(test_manager: TestManager) -> None:
    manager, clock = test_manager.manager, test_manager.clock
    alice = await test_manager.account()
    staff = await test_manager.account("staff@provider.example", is_staff=True)
    await manager.region_keys("eu")
    clock.now += TOKEN_KEY_LIFE - 1
    gate = Access(clock)
    gate.use(TokenVerifier.from_jwks(manager.jwks()))
    gate.use_region_keys(await manager.region_keys("eu"))
    token = ""
    for hours in range(26):
        clock.now += 3600
        await manager.refresh_keys()
        server = _server(alice.id)
        for account in (alice, staff):
            token, _ = await manager.server_token(account, server)
            if hours < 24:
                assert gate.grant(token).context.agent_id == "a1"
    with pytest.raises(CallError):  # it would have had to hear of the new keys by now
        gate.grant(token)


def _server(customer_id: str) -> Any:
    return SimpleNamespace(id="web-01", region="eu", agent_id="a1", datacenter_id="dc1", customer_id=customer_id)
