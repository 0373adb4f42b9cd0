"""A service dies in the middle of a console, or leaves in good order; the console goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from conduit._trio import open_background_nursery
from conduit.console.words import Cause, End, State
from conduit.ipmi.bmc import BmcConfig, Limits
from tests.fakes.path import HOST, open_path, plan
from tests.fakes.path_client import Viewer

pytestmark = pytest.mark.slow


async def test_a_gateway_that_is_killed_or_leaves_costs_a_console_no_byte(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        gateway = (await path.start_all())["gateway"]
        path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            gateway.kill()
            await gateway.wait_dead()
            await viewer.until(lambda: not viewer.is_live)
            assert not any(end.reason is End.DRAIN for end in viewer.ends)
            await gateway.start()
            await viewer.more()
            await gateway.stop()
            await viewer.until(lambda: any(end.reason is End.DRAIN and end.retry for end in viewer.ends), "drain")
            await gateway.start()
            await viewer.more()
            await leaks.check()
            assert not viewer.gaps
            viewer.check_whole()


async def test_an_agent_that_is_killed_or_leaves_goes_on_at_the_same_offset(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        agent = (await path.start_all())["agent"]
        path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            epoch, before = viewer.session.epoch, viewer.session.position
            agent.kill()
            await agent.wait_dead()
            path.forget("web-01")
            await viewer.until(lambda: not viewer.is_live)
            await agent.start()
            await viewer.more()
            assert viewer.session.epoch == epoch
            assert [gap.cause for gap in viewer.gaps] == [Cause.RESTART]
            assert viewer.gaps[0].at >= (before or 0)
            assert viewer.gaps[0].ms
            await agent.stop()
            await viewer.until(lambda: any(end.reason is End.DRAIN and end.retry for end in viewer.ends), "drain")
            await agent.start()
            await viewer.more()
            assert viewer.session.epoch == epoch
            assert [gap.cause for gap in viewer.gaps] == [Cause.RESTART] * 2
            await leaks.check()
            viewer.check_honest()


async def test_a_console_that_a_killed_agent_left_behind_is_told_and_comes_back_by_itself(tmp_path: Path) -> None:
    limits = Limits(idle_timeout=12.0)  # real BMCs wait for a minute
    async with open_path(tmp_path, plan("web-01", config=BmcConfig(limits=limits))) as path:
        leaks = await path.leaks()
        agent = (await path.start_all())["agent"]
        path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            agent.kill()
            await agent.wait_dead()
            await agent.start()
            await viewer.until(lambda: viewer.is_in(State.BUSY), "it is told")
            state = viewer.session.state
            assert state is not None
            assert state.holder == HOST
            assert "left behind at a restart ends within about a minute" in state.text
            await viewer.until(lambda: viewer.is_live, "live", patience=60)
            await viewer.more()
            viewer.check_honest()
            await leaks.check()
