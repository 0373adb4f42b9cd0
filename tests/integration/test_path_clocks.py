"""Clocks that are a minute apart change nothing; ten minutes are told in words."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.services.clock import MAX_SKEW
from conduit.tunnel.call_frames import Code
from tests.fakes.path import open_path
from tests.fakes.path_client import Viewer, eventually, gets_token
from tests.fakes.turned_time import TurnedTime
from tests.fakes.usage import of_service, of_this_process, until_back

pytestmark = [pytest.mark.slow, pytest.mark.interop]
MINUTE = 59  # seconds; with the time that a test takes
EARLY, LATE = -MINUTE / 2, MINUTE / 2


# Of any two services each is once before the other.
@pytest.mark.parametrize("skews", [(EARLY, LATE, LATE), (LATE, EARLY, LATE), (LATE, LATE, EARLY)])
async def test_services_whose_clocks_are_a_minute_apart_work_together(
    tmp_path: Path, turned_time: TurnedTime, skews: tuple[float, ...]
) -> None:
    async with open_path(tmp_path) as path:
        for name, skew in zip(("manager", "gateway", "agent"), skews, strict=True):
            await path.process(name, turned_time.shifted(skew)).start()
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            before = await of_this_process(), await of_service(path.seed.gateway_url)
            async with open_background_nursery() as another:
                newcomer = Viewer(customer, "web-01")
                another.start_soon(newcomer.run)
                await newcomer.more()
                another.cancel_scope.cancel()
            await until_back(before[0], of_this_process)
            await until_back(before[1], partial(of_service, path.seed.gateway_url))
            viewer.check_whole()
            newcomer.check_whole()


async def test_a_gateway_whose_clock_is_far_behind_says_so(tmp_path: Path, turned_time: TurnedTime) -> None:
    async with open_path(tmp_path) as path:
        await path.process("manager").start()
        await path.process("gateway", turned_time.shifted(-MAX_SKEW - 5)).start()
        await path.process("agent").start()
        customer = path.customer()
        await eventually(lambda: gets_token(customer), "the Agent has reported")
        with pytest.raises(CallError) as refused:
            await customer.power("web-01")
        assert refused.value.code == Code.UNAUTHENTICATED
        assert "check the clocks" in refused.value.message
