"""The way between Gateway and Agent is lost, or there are two of them: the console goes on where it was."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from conduit._trio import open_background_nursery
from conduit.console.words import End
from tests.fakes.cutting_proxy import open_cutting_proxy
from tests.fakes.path import HOST, open_path
from tests.fakes.path_client import Customer, Viewer, eventually
from tests.fakes.stalling_proxy import open_stalling_proxy
from tests.fakes.turned_time import TurnedTime
from tests.fakes.usage import Leaks

pytestmark = [pytest.mark.slow, pytest.mark.interop]
FAST = 5  # times as fast as ours are the services' clocks; a silent tunnel is given up after 25 s or more
LONG = 60.0  # seconds, ours
CUT_AFTER = 3000  # bytes
CUTS = 4


async def test_a_tunnel_that_is_a_black_hole_costs_a_console_no_byte(tmp_path: Path, turned_time: TurnedTime) -> None:
    async with open_path(tmp_path) as path, open_stalling_proxy(path.seed.ports.tunnel) as proxy:
        config = path.seed.config("gateway")
        config.write_text(config.read_text() + f'public_tunnel = "{HOST}:{proxy.port}"\n')
        leaks = await path.leaks()
        await path.start_all(partial(turned_time.faster, FAST))
        path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            proxy.stall()
            await viewer.until(lambda: not viewer.is_live, "it is noticed", patience=LONG)
            await viewer.until(lambda: viewer.is_live, "the Agent has dialled again", patience=LONG)
            await viewer.more()
            assert viewer.ends[0].reason is End.LOST
            assert not viewer.gaps
            viewer.check_whole()
            proxy.forget()
            await leaks.check()


async def test_viewers_that_vanish_without_a_word_leave_nothing_behind(tmp_path: Path) -> None:
    async with (
        open_path(tmp_path) as path,
        open_cutting_proxy(path.seed.ports.gateway, every=CUT_AFTER, cuts=CUTS) as (proxy, port),
    ):
        config = path.seed.config("gateway")
        config.write_text(config.read_text() + f'public_url = "http://{HOST}:{port}"\n')
        leaks = await path.leaks()
        await path.start_all()
        path.speak("web-01")
        async with open_background_nursery() as nursery:
            viewer = Viewer(path.customer(), "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            await viewer.until(lambda: proxy.cuts == CUTS, "all cuts")
            await viewer.more()
            await leaks.check()
            assert viewer.connections > CUTS
            assert not viewer.gaps
            viewer.check_whole()


async def test_a_console_moves_between_two_gateways_and_back(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        await path.process("manager").start()
        names = "gateway", await path.second_gateway()
        leaks = Leaks(path.seed.manager_url, *(f"http://{HOST}:{path.gateway_port(name)}" for name in names))
        first, second = (path.process(name) for name in names)
        urls = [f"http://{HOST}:{path.gateway_port(name)}" for name in names]
        await first.start()
        await second.start()
        await path.process("agent").start()
        path.speak("web-01")
        customer = path.customer()
        async with open_background_nursery() as nursery:
            for url in urls:
                await eventually(partial(_answers, customer, url), f"{url} has the tunnel")
            viewer, other = Viewer(customer, "web-01", at=urls), Viewer(customer, "web-01", at=urls[1:])
            nursery.start_soon(viewer.run)
            nursery.start_soon(other.run)
            await viewer.more()
            await other.more()
            await leaks.look()
            await first.stop()
            await viewer.more()
            assert viewer.ends[0].reason is End.DRAIN
            await first.start()
            await eventually(partial(_answers, customer, urls[0]), "it has the tunnel again")
            await second.stop()
            await viewer.until(lambda: not viewer.is_live)
            await viewer.more()
            await second.start()
            await other.more()
            await eventually(partial(_answers, customer, urls[1]), "it has the tunnel again")
            viewer.check_whole()
            other.check_whole()
            assert not viewer.gaps
            assert bytes(other.text[:200]) in bytes(viewer.text)
            await leaks.check()


async def _answers(customer: Customer, url: str) -> bool:
    await customer.power("web-01", at=url)
    return True
