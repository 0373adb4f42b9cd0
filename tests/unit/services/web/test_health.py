from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

from conduit.errors import CallError
from conduit.services.api.grpc.health.v1.health_pb import HealthCheckRequest, HealthCheckResponse
from conduit.services.web.health import FRESH, TIMEOUT, Checks, HealthRpc

Status = HealthCheckResponse.ServingStatus
NO_CONTEXT: Any = None


class Dependency:
    def __init__(self) -> None:
        self.asked = 0
        self.failure: Exception | None = None
        self.seconds = 0.0

    async def check(self) -> None:
        self.asked += 1
        await trio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure


async def test_checks_run_at_the_same_time_and_none_is_waited_for_beyond_its_time(autojump_clock: MockClock) -> None:
    slow = Dependency()
    slow.seconds = 60
    begun = trio.current_time()
    results = await Checks({"a": slow.check, "b": slow.check}).run()
    assert [result.text for result in results] == [f"no answer in {TIMEOUT:g} s"] * 2
    assert trio.current_time() - begun == TIMEOUT


async def test_many_who_ask_at_once_cost_one_look(autojump_clock: MockClock) -> None:
    dependency = Dependency()
    dependency.seconds = 0.5
    checks = Checks({"a": dependency.check})
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(checks.run)
    assert dependency.asked == 1
    await trio.sleep(FRESH)
    await checks.run()
    assert dependency.asked == 2


async def test_what_is_expected_is_said_and_what_is_not_is_an_incident(autojump_clock: MockClock) -> None:
    dependency = Dependency()
    checks = Checks({"a": dependency.check})
    dependency.failure = CallError(14, "the database is full")
    assert [result.text for result in await checks.run()] == ["the database is full"]
    await trio.sleep(FRESH)
    dependency.failure = ValueError("s3cret")
    (result,) = await checks.run()
    assert result.text.startswith("it fails; incident ")


async def test_a_watcher_sees_changes_alone_and_the_end(autojump_clock: MockClock) -> None:
    dependency, leaving = Dependency(), trio.Event()
    rpc = HealthRpc(Checks({"a": dependency.check}, leaving=leaving), ["test.Service"])
    seen: list[Status] = []

    async def watch() -> None:
        async for each in rpc.watch(HealthCheckRequest(service="test.Service"), NO_CONTEXT):
            seen.append(each.status)  # noqa: PERF401  # one by one, for it is cut off

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await trio.sleep(60)
        dependency.failure = CallError(14, "full")
        await trio.sleep(60)
        dependency.failure = None
        await trio.sleep(60)
        leaving.set()
    assert seen == [Status.SERVING, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]


async def test_a_watcher_of_an_unknown_service_is_told_and_waits(autojump_clock: MockClock) -> None:
    rpc = HealthRpc(Checks(), [])
    seen: list[Status] = []
    with trio.move_on_after(60):
        async for each in rpc.watch(HealthCheckRequest(service="other"), NO_CONTEXT):
            seen.append(each.status)  # noqa: PERF401  # one by one, for it is cut off
    assert seen == [Status.SERVICE_UNKNOWN]
