from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from conduit._trio import open_background_nursery
from conduit.ipmi import Bmc
from conduit.ipmi.bmc.serve import ServedBmc
from conduit.services.agent.broker import Broker, Caller
from conduit.services.agent.broker_queue import BACKGROUND, FairQueue
from conduit.services.agent.discovery import FIRST_RETRY, LEAST, REFRESH, Discovery
from tests.fakes.broker_pair import open_pair

SHORT = {"timeout": 0.2, "retries": 0}


class Looking:
    """A discovery at work."""

    def __init__(self, served: ServedBmc, broker: Broker) -> None:
        self.served = served
        self.broker = broker
        self.told = 0
        self.discovery = Discovery(broker, trio.CapacityLimiter(1), self.tell)

    def tell(self) -> None:
        self.told += 1

    @property
    def log_ins(self) -> int:
        return self.broker.snapshot().endpoints[0].log_ins

    @property
    def failures(self) -> int:
        return self.broker.snapshot().endpoints[0].failures


@asynccontextmanager
async def looking(*, endpoint: Mapping[str, Any] | None = None, **bmc: Any) -> AsyncIterator[Looking]:
    """It begins when the block does."""
    async with open_pair(endpoint=endpoint, **bmc) as (served, broker), open_background_nursery() as nursery:
        found = Looking(served, broker)
        nursery.start_soon(found.discovery.run)
        yield found


async def test_a_bmc_says_who_it_is_and_is_asked_again_every_hour(autojump_clock: MockClock) -> None:
    async with looking() as one:
        await trio.sleep(5)
        found = one.discovery.found
        assert found is not None
        identity = found.identity
        assert identity.device.ipmi_version == "2.0"
        assert identity.guid is not None
        assert identity.fru is not None
        assert identity.fru.product is not None
        assert identity.sol_enabled is True
        assert identity.dcmi is not None
        assert one.told == 1
        await trio.sleep(REFRESH - 10)
        assert one.told == 1
        await trio.sleep(20)
        assert one.told == 2


async def test_a_silent_bmc_leaves_it_empty_and_is_asked_ever_more_seldom(autojump_clock: MockClock) -> None:
    async with looking(endpoint=SHORT) as one:
        one.served.bmc = Silent()  # type: ignore[assignment]  # as far as its socket goes
        await trio.sleep(2 * FIRST_RETRY)
        assert (one.discovery.found, one.told, one.failures) == (None, 0, 2)
        await trio.sleep(10 * REFRESH)
        assert one.failures < 20


async def test_a_refused_password_is_tried_once_an_hour(autojump_clock: MockClock) -> None:
    async with looking(endpoint={"username": "nobody"}) as one:
        await trio.sleep(REFRESH - 10)
        assert (one.discovery.found, one.failures) == (None, 1)


async def test_a_bmc_that_comes_back_is_asked_again_but_not_all_the_time(autojump_clock: MockClock) -> None:
    async with looking(endpoint=SHORT) as one:
        await trio.sleep(LEAST + 1)
        bmc = one.served.bmc
        for _ in range(3):  # it comes and goes
            one.served.bmc = Silent()  # type: ignore[assignment]  # as far as its socket goes
            with pytest.raises(Exception, match="does not answer"):
                await one.broker.run(Caller(customer="acme"), power)
            one.served.bmc = bmc
            await trio.sleep(6)  # that the breaker may be open
            await one.broker.run(Caller(customer="acme"), power)
            await trio.sleep(1)
        assert one.told == 2
        await trio.sleep(2 * LEAST)
        assert one.told <= 3


async def test_a_customer_waits_for_one_request_of_ours_at_most(autojump_clock: MockClock) -> None:
    async with looking() as one:
        asked: list[str] = []
        request = Bmc.request

        async def slow(bmc: Bmc, command: Any, **options: Any) -> Any:
            asked.append(type(command).__name__)
            await trio.sleep(1)
            return await request(bmc, command, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Bmc, "request", slow)
            await trio.sleep(1.5)
            assert len(asked) == 2
            begun = trio.current_time()
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(one.broker.run, Caller(customer="acme"), nothing)
            assert trio.current_time() - begun < 1.1
            assert len(asked) <= 3
            await trio.sleep(60)
        assert one.discovery.found is not None


def test_background_comes_when_nobody_else_waits() -> None:
    queue: FairQueue[str] = FairQueue(per_tenant=9, in_all=9)
    for ticket, tenant in (("ours", BACKGROUND), ("a1", "a"), ("a2", "a"), ("b1", "b"), ("ours too", BACKGROUND)):
        queue.put(ticket, tenant)
    assert [queue.take() for _ in range(6)] == ["a1", "b1", "a2", "ours", "ours too", None]


async def power(bmc: Bmc) -> bool:
    return (await bmc.chassis_status()).power_on


async def nothing(bmc: Bmc) -> None:
    await trio.lowlevel.checkpoint()


class Silent:
    """A BMC that is not there."""

    def receive_datagram(self, data: bytes, address: object, now: float) -> None:
        """Lost."""

    def datagrams_to_send(self) -> tuple[()]:
        return ()

    def handle_deadline(self, now: float) -> None:
        """It has none."""

    def next_deadline(self) -> None:
        return None
