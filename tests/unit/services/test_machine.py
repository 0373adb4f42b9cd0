"""A machine whose certificate the Manager refuses: it comes back with a new join token, and says what it needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from conduit.errors import CallError
from conduit.services.api.manager.v1 import machine_pb as pb
from conduit.services.api.manager.v1.machine_connect import MachineServiceASGIApplication
from conduit.services.api.manager.v1.machine_pb import ReportServersRequest, ReportServersResponse
from conduit.services.connect_client import ConnectClient
from conduit.services.machine import SERVICE, JoinToken, MachineCertificate, MachineFiles
from conduit.services.manager.machine_rpc import MachineRpc
from conduit.services.web.composing import compose
from conduit.services.web.errors import Errors
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import TestManager, open_test_manager
from tests.fakes.services import MANAGER, Hosts, _nothing

ADVICE = "make one with `conduit admin join-token create --kind agent` and put it into "


@dataclass
class World:
    """A Manager, and where an Agent's join token is."""

    manager: TestManager
    hosts: Hosts
    client: ConnectClient
    folder: Path

    @property
    def token_file(self) -> Path:
        return self.folder / "agent.join-token"

    async def give_token(self, *, uses: int = 1, datacenter: str = "dc1") -> None:
        """Into the Agent's configuration."""
        token, _ = await self.manager.manager.machines.create_join_token(
            kind="agent", datacenter_id=datacenter, region="eu", ttl=600, uses=uses, created_by="test"
        )
        self.token_file.write_text(token.reveal())
        self.token_file.chmod(0o600)

    async def start(self) -> MachineCertificate:
        return await MachineCertificate.obtain(
            MachineFiles(self.folder / "agent"),
            self.client,
            self.manager.clock,
            name="a1",
            join_token=JoinToken(kind="agent", file=self.token_file),
        )

    async def revoke(self) -> None:
        self.manager.clock.now += 10
        await self.manager.manager.machines.revoke("agent/a1")
        self.manager.clock.now += 10

    async def report(self, certificate: MachineCertificate) -> None:
        """What an Agent does all the time."""
        async with certificate.shown() as bearer:
            await self.client.call("ReportServers", ReportServersRequest(), ReportServersResponse, bearer=bearer)

    async def refusal(self, certificate: MachineCertificate) -> str:
        with pytest.raises(CallError) as refused:
            await self.report(certificate)
        assert refused.value.code == Code.UNAUTHENTICATED
        assert "\n" not in refused.value.message
        return refused.value.message


@pytest.fixture
async def test_manager(tmp_path: Path) -> AsyncIterator[TestManager]:
    async with open_test_manager(tmp_path) as manager:
        yield manager


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_test_manager(tmp_path) as manager:
        hosts = Hosts()
        rpc = MachineServiceASGIApplication(MachineRpc(manager.manager), interceptors=[Errors()])
        hosts.apps = {"manager.example": httpx.ASGITransport(compose(_nothing, [rpc]))}
        async with httpx.AsyncClient(transport=hosts) as http:
            yield World(manager, hosts, ConnectClient(http, MANAGER, SERVICE), tmp_path)


async def test_a_revoked_machine_with_a_new_join_token_comes_back_by_itself(world: World) -> None:
    await world.give_token()
    certificate = await world.start()
    await world.report(certificate)
    told: list[str] = []
    certificate.on_new_identity = lambda: told.append("new")
    await world.revoke()
    await world.give_token()
    assert await world.refusal(certificate) == "the machine's certificate is revoked"  # this time still
    await world.report(certificate)
    await world.report(await world.start())  # after a restart too
    assert told == ["new"]


@pytest.mark.parametrize("kind", ["agent", "gateway"])
async def test_who_is_revoked_hears_no_more_news_and_is_told_why(
    test_manager: TestManager, autojump_clock: MockClock, kind: str
) -> None:
    bearer = await test_manager.machine(kind, "m1")
    rpc = MachineRpc(test_manager.manager)
    ctx: Any = SimpleNamespace(request_headers={"authorization": f"Bearer {bearer}"})
    if kind == "agent":
        news: AsyncGenerator[Any] = rpc.watch_gateways(pb.WatchGatewaysRequest(), ctx)  # type: ignore[assignment]
    else:
        news = rpc.watch_revocations(pb.WatchRevocationsRequest(), ctx)  # type: ignore[assignment]
    async with aclosing(news):
        await anext(news)
        test_manager.clock.now += 10
        await test_manager.manager.machines.revoke(f"{kind}/m1")
        with pytest.raises(CallError, match="revoked") as refused:
            await anext(news)
    assert refused.value.code == Code.UNAUTHENTICATED


async def test_without_a_new_one_it_says_what_to_do_and_asks_for_nothing(world: World) -> None:
    await world.give_token(uses=5)
    certificate = await world.start()
    await world.revoke()
    enrolments = world.hosts.calls("Enroll")
    for _ in range(3):
        message = await world.refusal(certificate)
        assert message == (
            "the machine's certificate is revoked; to enrol again it needs a new join token: "
            f"{ADVICE}{world.token_file}"
        )
    assert world.hosts.calls("Enroll") == enrolments
    await world.give_token()  # and nobody starts anything again
    await world.refusal(certificate)
    await world.report(certificate)


async def test_a_restart_does_not_make_an_old_join_token_a_new_one(world: World) -> None:
    await world.give_token(uses=5)
    await world.start()
    await world.revoke()
    assert "needs a new join token" in await world.refusal(await world.start())


async def test_a_join_token_that_is_refused_is_tried_once(world: World) -> None:
    await world.give_token()
    certificate = await world.start()
    await world.revoke()
    world.token_file.write_text("cj-made-up")
    enrolments = world.hosts.calls("Enroll")
    assert "never was: make one with" in await world.refusal(certificate)
    assert "needs a new join token" in await world.refusal(certificate)
    assert world.hosts.calls("Enroll") == enrolments + 1


async def test_a_join_token_that_is_gone_is_told(world: World) -> None:
    await world.give_token()
    certificate = await world.start()
    await world.revoke()
    world.token_file.unlink()
    message = await world.refusal(certificate)
    assert "cannot read" in message
    assert ADVICE in message


async def test_tasks_that_are_refused_at_once_enrol_once(world: World) -> None:
    await world.give_token()
    certificate = await world.start()
    await world.revoke()
    await world.give_token(uses=5)
    enrolments = world.hosts.calls("Enroll")
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(world.refusal, certificate)
    assert world.hosts.calls("Enroll") == enrolments + 1
    await world.report(certificate)


async def test_a_manager_that_goes_away_meanwhile_is_no_reason_to_give_up(world: World) -> None:
    await world.give_token()
    certificate = await world.start()
    await world.revoke()
    await world.give_token()
    refused = CallError(Code.UNAUTHENTICATED, "the machine's certificate is revoked")
    world.hosts.down.add("manager.example")
    with pytest.raises(CallError) as first:
        async with certificate.shown():
            raise refused
    assert first.value is refused
    world.hosts.down.clear()
    await world.refusal(certificate)
    await world.report(certificate)


async def test_the_first_time_a_used_up_token_is_told_with_what_to_do(world: World) -> None:
    await world.give_token()
    await world.start()
    with pytest.raises(CallError, match="is used up, or never was: make one with"):
        await MachineCertificate.obtain(
            MachineFiles(world.folder / "agent2"),
            world.client,
            world.manager.clock,
            name="a2",
            join_token=JoinToken(kind="agent", file=world.token_file),
        )


async def test_the_digest_of_the_token_is_kept_and_no_token(world: World) -> None:
    await world.give_token()
    await world.start()
    kept = world.folder / "agent" / "joined"
    assert world.token_file.read_text() not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (JoinToken(kind="gateway", environment="TOKEN"), "the environment's TOKEN"),
        (JoinToken(kind="gateway"), "join_token_file"),
    ],
)
def test_the_advice_names_the_place(source: JoinToken, place: str) -> None:
    assert source.advice.endswith(place)
    assert "--kind gateway" in source.advice
