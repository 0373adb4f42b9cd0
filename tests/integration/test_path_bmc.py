"""A BMC is silent, restarts, or ends the console: viewers are told, and the console comes back by itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import pytest
import trio

from conduit._trio import open_background_nursery
from conduit.console.words import Cause, State
from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from conduit.tunnel.call_frames import Code
from tests.fakes.path import Lines, open_path
from tests.fakes.path_client import Viewer
from tests.fakes.turned_time import TurnedTime

pytestmark = [pytest.mark.slow, pytest.mark.interop]
FAST: Final = 5  # times as fast as ours are the services' clocks; a BMC that says nothing is given up after 30 s
LONG: Final = 60.0  # seconds, ours


async def test_a_bmc_that_ends_the_console_costs_no_byte(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        await path.start_all()
        lines = path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await _quiet(lines, viewer)
            await leaks.look()
            path.end_console("web-01")
            await viewer.until(lambda: viewer.session.state is not None and not viewer.session.is_live, "it is told")
            lines.pause = 0.005
            await viewer.until(lambda: bool(viewer.gaps), "the gap is told")
            await viewer.more()
            assert viewer.connections == 1
            assert [gap.cause for gap in viewer.gaps] == [Cause.BMC]
            viewer.check_whole()
            await leaks.check()


async def test_a_bmc_that_restarts_is_told_and_its_console_comes_back(tmp_path: Path, turned_time: TurnedTime) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        await path.start_all(partial(turned_time.faster, FAST))
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            path.reboot("web-01")
            await viewer.until(lambda: State.RECONNECTING in viewer.states, "it is told", patience=LONG)
            await viewer.until(lambda: viewer.is_live, "live", patience=LONG)
            await viewer.more()
            assert (await customer.power("web-01")).state == PowerState.OFF
            assert viewer.connections == 1
            assert {gap.cause for gap in viewer.gaps} == {Cause.BMC}
            viewer.check_honest()
            await leaks.check()


async def test_a_silent_bmc_is_told_and_its_console_comes_back(tmp_path: Path, turned_time: TurnedTime) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        await path.start_all(partial(turned_time.faster, FAST))
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            with path.mute("web-01"):
                await viewer.until(lambda: State.RECONNECTING in viewer.states, "it is told", patience=LONG)
                with pytest.raises(CallError) as refused:
                    await customer.power("web-01")
                assert refused.value.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
            await viewer.until(lambda: viewer.is_live, "live", patience=LONG)
            await viewer.more()
            assert (await customer.power("web-01")).state == PowerState.OFF
            assert viewer.connections == 1
            assert {gap.cause for gap in viewer.gaps} == {Cause.BMC}
            assert all(gap.ms for gap in viewer.gaps)
            viewer.check_honest()
            await leaks.check()


async def _quiet(lines: Lines, viewer: Viewer) -> None:
    """The server says nothing, and the viewer has all of it."""
    lines.pause = 0.3
    await viewer.until(lambda: len(viewer.text) >= 10 * lines.said, "all of it")
    await trio.sleep(0.05)
