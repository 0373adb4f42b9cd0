"""The Manager is away, or its disk is full: what runs goes on, and nothing is lost."""

from __future__ import annotations

import resource
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from conduit.services.api.manager.v1 import manager_pb
from conduit.services.manager import registry
from conduit.tunnel.call_frames import Code
from tests.fakes.path import HOST, open_path
from tests.fakes.path_client import Customer, Viewer, eventually, gets_token
from tests.fakes.stalling_proxy import open_stalling_proxy
from tests.fakes.turned_time import TurnedTime
from tests.fakes.usage import Leaks

MINUTES = 300.0  # seconds
FAST = 30.0  # times as fast as the real clock
FASTER = 10  # times as fast as ours are the services' clocks


@pytest.fixture
def turned_clock() -> MockClock:
    """As fast as the real one, until a test turns it."""
    return MockClock(rate=1.0)


@pytest.mark.slow
@pytest.mark.interop
async def test_consoles_and_tokens_outlive_the_manager_by_minutes(tmp_path: Path, turned_time: TurnedTime) -> None:
    environment = partial(turned_time.faster, FASTER)
    async with open_path(tmp_path) as path:
        leaks = Leaks(path.seed.gateway_url, await path.agent_health())
        services = await path.start_all(environment)
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            services["manager"].kill()
            await services["manager"].wait_dead()
            await trio.sleep(MINUTES / FASTER)
            assert (await customer.power("web-01")).state == PowerState.OFF
            async with open_background_nursery() as another:
                newcomer = Viewer(customer, "web-01")
                another.start_soon(newcomer.run)
                await newcomer.more()
                another.cancel_scope.cancel()
            with pytest.raises(CallError) as refused:
                await customer.token("web-01", fresh=True)
            assert refused.value.code == Code.UNAVAILABLE
            await path.process("manager", environment()).start()
            await eventually(lambda: gets_token(customer), "a new token")
            await viewer.more()
            assert viewer.connections == 1
            viewer.check_whole()
            newcomer.check_whole()
            assert not viewer.gaps
            await leaks.check()


@pytest.mark.slow
async def test_an_agent_leaves_no_gateway_for_not_being_heard_of(
    tmp_path: Path, turned_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it that one's own trouble, or that the Manager was down and has not heard of it yet."""
    monkeypatch.setattr(registry, "GATEWAY_SILENCE", MINUTES / FAST / 4)  # the Manager's clock is not turned
    async with open_path(tmp_path) as path, open_stalling_proxy(path.seed.ports.manager) as proxy:
        await path.manager().start()
        await path.gateway().start()
        second = await path.second_gateway()
        await path.gateway(second, manager=f"http://{HOST}:{proxy.port}").start()
        await path.agent().start()
        path.speak("web-01")
        customer, url = path.customer(), f"http://{HOST}:{path.gateway_port(second)}"
        await eventually(partial(_answers, customer, url), "it has the tunnel")
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01", at=[url])
            nursery.start_soon(viewer.run)
            await viewer.more()
            proxy.end()
            begun = trio.current_time()
            turned_clock.rate = FAST
            await viewer.until(lambda: trio.current_time() > begun + MINUTES, patience=2 * MINUTES)
            turned_clock.rate = 1.0
            await viewer.more()
            assert viewer.connections == 1
            viewer.check_whole()


@pytest.mark.slow
async def test_a_full_disk_at_the_manager_is_told_and_costs_nothing(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        manager = (await path.start_all())["manager"]
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            _limit(manager.pid, 0)
            with pytest.raises(CallError) as refused:
                await customer.log_in()
            assert refused.value.code == Code.UNAVAILABLE
            assert refused.value.message == "the Manager's database does not answer or is full"
            await viewer.more()  # what needs no disk goes on
            await customer.token("web-01", fresh=True)
            assert (await customer.power("web-01")).state == PowerState.OFF
            _limit(manager.pid, resource.RLIM_INFINITY)
            await customer.log_in()
            listed = await customer.manager(
                "ListServers", manager_pb.ListServersRequest(), manager_pb.ListServersResponse
            )
            assert [server.id for server in listed.servers] == ["web-01"]
            viewer.check_whole()
            await leaks.check()


async def _answers(customer: Customer, url: str) -> bool:
    await customer.power("web-01", at=url)
    return True


def _limit(pid: int, size: int) -> None:
    """No file of the process may become longer: its disk is full."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
