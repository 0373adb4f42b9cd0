"""Fleets on loopback: every host has its outcome, sessions are reused and closed, nothing is left behind."""

from __future__ import annotations

import secrets
import socket  # noqa: TID251  # a port that nobody answers on
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import trio

from conduit.errors import AuthenticationError, CompletionCodeError, LocalProtocolError, PeerTimeoutError
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc, serve_many
from conduit.ipmi.client import Bmc, make_credentials
from conduit.ipmi.fleet import Fleet, Host, Outcome, open_fleet
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.endpoint import open_endpoint
from conduit.rmcp.sweeper import ping_sweep

LOCALHOST = "127.0.0.1"
LOG_IN: dict[str, Any] = {"username": "admin", "password": "secret", "timeout": 0.3, "retries": 1}
ADMIN = UserConfig(name=b"admin", password=b"secret")


@asynccontextmanager
async def bmcs(count: int) -> AsyncIterator[list[ServedBmc]]:
    config = BmcConfig(users=(ADMIN,))
    wanted = [(VirtualBmc(config, entropy=secrets.token_bytes), LOCALHOST, 0) for _ in range(count)]
    async with trio.open_nursery() as nursery:
        served: list[ServedBmc] = await nursery.start(serve_many, wanted)
        yield served
        nursery.cancel_scope.cancel()


def hosts(served: list[ServedBmc]) -> list[Host]:
    return [Host(one.host, one.port) for one in served]


def open_sessions(served: list[ServedBmc]) -> int:
    return sum(len(one.bmc.state.sessions) for one in served)


async def power(bmc: Bmc) -> str:
    return (await bmc.chassis_status()).power


async def outcomes_of(fleet: Fleet, **options: Any) -> list[Outcome[str]]:
    return [outcome async for outcome in fleet.run(power, **options)]


@pytest.fixture
def nobody() -> Iterator[Host]:
    """A port that takes everything and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOCALHOST, 0))
        yield Host(LOCALHOST, sock.getsockname()[1])


async def test_every_host_has_one_outcome_and_no_session_is_left() -> None:
    async with bmcs(20) as served:
        async with open_fleet(hosts(served), concurrency=4, **LOG_IN) as fleet:
            run = fleet.run(power)
            assert run.total == 20
            outcomes = [outcome async for outcome in run]
            assert sorted(outcome.host for outcome in outcomes) == sorted(hosts(served))
            assert {outcome.unwrap() for outcome in outcomes} == {"off"}
            assert all(outcome.ok and outcome.seconds > 0 for outcome in outcomes)
            assert open_sessions(served) == fleet.idle_sessions == 20
        assert open_sessions(served) == 0


async def test_the_next_run_uses_the_same_sessions() -> None:
    async with bmcs(5) as served, open_fleet(hosts(served), **LOG_IN) as fleet:
        for _ in range(3):
            assert len(await outcomes_of(fleet)) == 5
        assert fleet.log_ins == 5


async def test_the_pool_is_bounded_and_its_sessions_come_first() -> None:
    async with bmcs(6) as served, open_fleet(hosts(served), keep_sessions=2, concurrency=1, **LOG_IN) as fleet:
        await outcomes_of(fleet)
        assert (open_sessions(served), fleet.idle_sessions) == (2, 2)
        again = await outcomes_of(fleet)
        assert fleet.log_ins == 6 + 4
        assert {outcome.host for outcome in again[:2]} == set(hosts(served)[-2:])


async def test_without_a_pool_sessions_are_closed_at_once() -> None:
    async with bmcs(3) as served, open_fleet(hosts(served), keep_sessions=0, **LOG_IN) as fleet:
        assert len(await outcomes_of(fleet)) == 3
        assert open_sessions(served) == fleet.idle_sessions == 0


async def test_a_host_that_fails_is_an_outcome_and_stops_no_other(nobody: Host) -> None:
    async with bmcs(2) as served, open_fleet([nobody, *hosts(served)], **LOG_IN) as fleet:
        by_host = {outcome.host: outcome for outcome in await outcomes_of(fleet)}
        assert len(by_host) == 3
        assert isinstance(by_host[nobody].error, PeerTimeoutError)
        with pytest.raises(PeerTimeoutError):
            by_host[nobody].unwrap()


async def test_a_fault_of_the_operation_is_an_outcome_too_and_its_session_is_closed() -> None:
    async def faulty(bmc: Bmc) -> None:
        raise KeyError("oops")

    async with bmcs(2) as served, open_fleet(hosts(served), **LOG_IN) as fleet:
        outcomes = [outcome async for outcome in fleet.run(faulty)]
        assert [type(outcome.error) for outcome in outcomes] == [KeyError, KeyError]
        assert open_sessions(served) == 0


async def test_a_bmc_that_says_no_keeps_its_session() -> None:
    async with bmcs(1) as served, open_fleet(hosts(served), **LOG_IN) as fleet:
        (outcome,) = [outcome async for outcome in fleet.run(lambda bmc: bmc.raw(0x30, 0x01))]
        assert isinstance(outcome.error, CompletionCodeError)
        assert fleet.idle_sessions == 1


async def test_a_deadline_is_for_each_host() -> None:
    async def slow(bmc: Bmc) -> None:
        await trio.sleep_forever()

    async with bmcs(3) as served:
        async with open_fleet(hosts(served), concurrency=1, keep_sessions=0, **LOG_IN) as fleet:
            outcomes = [outcome async for outcome in fleet.run(slow, deadline=0.5)]
            assert [str(outcome.error) for outcome in outcomes] == ["not done within 0.5 s"] * 3
        assert open_sessions(served) == 0


async def test_who_does_not_listen_holds_the_run_back() -> None:
    async with bmcs(12) as served, open_fleet(hosts(served), concurrency=2, **LOG_IN) as fleet:
        async with aclosing(fleet.run(power)) as run:
            async for _ in run:
                break
            await trio.sleep(0.1)
            assert fleet.log_ins <= 1 + 2 + 2  # taken, buffered, and one in each worker's hand
        assert [outcome async for outcome in run] == []
        assert len(await outcomes_of(fleet)) == 12  # and the next run is not held back


async def test_leaving_in_the_middle_closes_every_session_in_bounded_time(nobody: Host) -> None:
    begun = trio.Event()

    async def slow(bmc: Bmc) -> None:
        begun.set()
        await trio.sleep_forever()

    async with bmcs(4) as served:
        with trio.fail_after(20):
            async with open_fleet([*hosts(served), nobody], **LOG_IN) as fleet:
                fleet.run(slow)
                await begun.wait()
        assert open_sessions(served) == 0


async def test_cancellation_closes_every_session() -> None:
    async with bmcs(4) as served:
        with trio.move_on_after(0.3) as scope:
            async with open_fleet(hosts(served), **LOG_IN) as fleet:
                await outcomes_of(fleet)
                assert open_sessions(served) == 4
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert open_sessions(served) == 0


async def test_overlapping_runs_leave_one_session_a_host() -> None:
    async with bmcs(3) as served:
        async with open_fleet(hosts(served), **LOG_IN) as fleet, trio.open_nursery() as nursery:
            nursery.start_soon(outcomes_of, fleet)
            nursery.start_soon(outcomes_of, fleet)
        assert open_sessions(served) == 0


async def test_credentials_may_differ_from_host_to_host() -> None:
    async with bmcs(2) as served:
        right, wrong = hosts(served)

        def credentials(host: Host) -> Credentials:
            return make_credentials(username="admin", password="secret" if host == right else "wrong")

        async with open_fleet([right, wrong], credentials=credentials) as fleet:
            by_host = {outcome.host: outcome for outcome in await outcomes_of(fleet)}
        assert by_host[right].ok
        assert isinstance(by_host[wrong].error, AuthenticationError)


async def test_work_without_a_session_on_a_shared_endpoint() -> None:
    async with bmcs(2) as served, open_endpoint() as endpoint:
        async with open_fleet(hosts(served), endpoint=endpoint) as fleet:

            async def ping(host: Host) -> bool:
                return (await fleet.endpoint.ping(tuple(host))).ipmi

            assert [outcome.value async for outcome in fleet.each(ping)] == [True, True]
        assert (await endpoint.ping(tuple(hosts(served)[0]))).ipmi  # it is still open


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"keep_sessions": -1}, "keeps"),
        ({"credentials": make_credentials()}, "leave out password, retries"),
        ({"port": 0}, "port"),
    ],
)
async def test_arguments_out_of_range_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(LocalProtocolError, match=text):
        async with open_fleet(["a"], **{**LOG_IN, **changes}):
            pytest.fail("opened")


async def test_a_deadline_that_is_none_is_refused() -> None:
    async with open_fleet(["a", "a", ("a", 623)], **LOG_IN) as fleet:
        assert fleet.hosts == (Host("a"),)
        with pytest.raises(LocalProtocolError, match="deadline"):
            fleet.run(power, deadline=0)


def test_a_host_names_its_port_only_where_it_is_another() -> None:
    assert [str(host) for host in (Host("a"), Host("a", 9001), Host("::1", 9001))] == ["a", "a:9001", "[::1]:9001"]


@pytest.mark.parametrize("host", [LOCALHOST, "::1"])
async def test_a_sweep_finds_who_is_there(host: str) -> None:
    async with open_virtual_bmc(host=host) as served:
        found = [alive async for alive in ping_sweep([(host, served.port), (host, 9)], tries=1, patience=0.1)]
    assert [(alive.host, alive.port, alive.pong.ipmi) for alive in found] == [(host, served.port, True)]


@pytest.mark.parametrize("entry", ["bmc.example", "::1::", "10.0.0.01", (LOCALHOST, 0)])
async def test_a_sweep_takes_addresses_and_ports(entry: str | tuple[str, int]) -> None:
    async with aclosing(ping_sweep([entry])) as sweep:
        with pytest.raises(LocalProtocolError):
            await anext(sweep)
