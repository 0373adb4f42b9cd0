"""Clocks that are a minute apart change nothing; ten minutes are told in words."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.services.clock import MAX_SKEW, Clock, system_clock
from conduit.tunnel.call_frames import Code
from tests.fakes.path import open_path
from tests.fakes.path_client import Viewer, eventually, gets_token

pytestmark = pytest.mark.slow
MINUTE = 59.0  # seconds; with the time that a test takes


def turned(by: float) -> Clock:
    return lambda: system_clock() + by


@pytest.mark.parametrize("skews", list(itertools.permutations((-MINUTE / 2, 0.0, MINUTE / 2))))
async def test_services_whose_clocks_are_a_minute_apart_work_together(tmp_path: Path, skews: tuple[float, ...]) -> None:
    async with open_path(tmp_path) as path:
        manager, gateway, agent = map(turned, skews)
        await path.manager(manager).start()
        await path.gateway(clock=gateway).start()
        await path.agent(clock=agent).start()
        path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            viewer.check_whole()


async def test_a_gateway_whose_clock_is_far_behind_says_so(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        await path.manager().start()
        await path.gateway(clock=turned(-MAX_SKEW - 5)).start()
        await path.agent().start()
        customer = path.customer()
        await eventually(lambda: gets_token(customer), "the Agent has reported")
        with pytest.raises(CallError) as refused:
            await customer.power("web-01")
        assert refused.value.code == Code.UNAUTHENTICATED
        assert "check the clocks" in refused.value.message
