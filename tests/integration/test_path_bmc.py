"""A BMC is silent, restarts, or ends the console: viewers are told, and the console comes back by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from conduit._trio import open_background_nursery
from conduit.console.words import Cause, State
from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from conduit.tunnel.call_frames import Code
from tests.fakes.path import Lines, open_path
from tests.fakes.path_client import Viewer
from tests.fakes.usage import of_this_process, until_back

pytestmark = pytest.mark.slow
LONG = 600.0  # seconds, on a clock that is turned
FAST = 20.0  # times as fast as the real one


@pytest.fixture
def turned_clock() -> MockClock:
    """As fast as the real one, until a test turns it."""
    return MockClock(rate=1.0)


async def test_a_bmc_that_ends_the_console_costs_no_byte(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        for service in (path.manager(), path.gateway(), path.agent()):
            await service.start()
        lines = path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await _quiet(lines, viewer)
            before = await of_this_process()
            path.end_console("web-01")
            await viewer.until(lambda: viewer.session.state is not None and not viewer.session.is_live, "it is told")
            lines.pause = 0.005
            await viewer.until(lambda: bool(viewer.gaps), "the gap is told")
            await viewer.more()
            assert viewer.connections == 1
            assert [gap.cause for gap in viewer.gaps] == [Cause.BMC]
            viewer.check_whole()
            await until_back(before, of_this_process)


async def test_a_silent_bmc_is_told_and_its_console_comes_back(tmp_path: Path, turned_clock: MockClock) -> None:
    async with open_path(tmp_path) as path:
        for service in (path.manager(), path.gateway(), path.agent()):
            await service.start()
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            before = await of_this_process()
            with path.mute("web-01"):
                turned_clock.rate = FAST
                await viewer.until(lambda: _is(viewer, State.RECONNECTING), "it is told", patience=LONG)
                with pytest.raises(CallError) as refused:
                    await customer.power("web-01")
                assert refused.value.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
            path.reboot("web-01")
            turned_clock.rate = FAST
            await viewer.until(lambda: viewer.is_live, "live", patience=LONG)
            turned_clock.rate = 1.0
            await viewer.more()
            assert (await customer.power("web-01")).state == PowerState.OFF
            assert viewer.connections == 1
            assert {gap.cause for gap in viewer.gaps} == {Cause.BMC}
            assert all(gap.ms for gap in viewer.gaps)
            viewer.check_honest()
            await until_back(before, of_this_process)


async def _quiet(lines: Lines, viewer: Viewer) -> None:
    """The server says nothing, and the viewer has all of it."""
    lines.pause = 0.3
    await viewer.until(lambda: len(viewer.text) >= 10 * lines.said, "all of it")
    await trio.sleep(0.05)


def _is(viewer: Viewer, state: State) -> bool:
    return viewer.session.state is not None and viewer.session.state.state is state
