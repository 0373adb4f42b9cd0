"""SIGHUP to the Agent's process: it reads its servers again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from conduit._trio import open_background_nursery
from conduit.cli.up.tree import Service
from conduit.console.words import End
from tests.fakes.path import RunningPath, open_path, plan
from tests.fakes.path_client import Viewer, eventually

pytestmark = pytest.mark.slow


async def test_a_console_gets_a_log_and_stays_open_and_another_way_to_the_bmc_opens_it_anew(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01"), plan("web-02")) as path:
        await path.manager().start()
        await path.gateway().start()
        agent = path.process("agent")
        await agent.start()
        for server_id in ("web-01", "web-02"):
            path.speak(server_id)
        async with open_background_nursery() as nursery:
            first, second = (Viewer(path.customer(), server_id) for server_id in ("web-01", "web-02"))
            for viewer in (first, second):
                nursery.start_soon(viewer.run)
                await viewer.more()
            log = tmp_path / "console.log"
            header = "[servers.web-01.console]"
            reload(path, agent, lambda text: text.replace(header, f'{header}\nlog = "{log}"'))
            await eventually(lambda: has_lines(log), "the log has output")
            moved = log.rename(tmp_path / "console.log.moved")
            reload(path, agent, lambda text: text)
            await eventually(lambda: has_lines(log), "the log is opened anew")
            assert moved.exists()
            await first.more()
            assert (first.connections, first.gaps, first.ends) == (1, [], [])
            reload(
                path, agent, lambda text: text.replace('user = "', 'workarounds = []\ncipher_suite = 17\nuser = "', 1)
            )
            await first.until(lambda: any(end.reason is End.DRAIN and end.retry for end in first.ends), "opened anew")
            await first.more()
            await second.more()
            assert (second.connections, second.gaps, second.ends) == (1, [], [])
            for viewer in (first, second):
                viewer.check_honest()


def reload(path: RunningPath, agent: Service, change: Callable[[str], str]) -> None:
    """Change the Agent's configuration, and have it read."""
    config = path.seed.config("agent")
    config.write_text(change(config.read_text()))
    os.kill(agent.pid, signal.SIGHUP)


async def has_lines(log: Path) -> bool:
    """For :func:`eventually`."""
    file = trio.Path(log)
    return await file.exists() and (await file.read_bytes()).count(b"\n") > 20
