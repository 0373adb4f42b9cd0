"""A hub and our virtual BMC over loopback: two people at one serial console, while the BMC misbehaves."""

from __future__ import annotations

import gc
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from conduit.console import Mode, Phase
from conduit.console import messages as m
from conduit.console.words import State
from conduit.ipmi import Bmc, open_bmc
from conduit.ipmi.bmc import BmcConfig, Faults, UserConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.services.agent.hub import ConsoleHub, open_console_hub
from conduit.services.agent.sol_holder import find_sol_holder
from tests.fakes.console import FakeBmc, FakeViewer, until
from tests.fakes.serial_host import HostStream


@asynccontextmanager
async def logged_in(served: ServedBmc) -> AsyncIterator[Bmc]:
    async with open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc:
        yield bmc


async def shout(served: ServedBmc) -> None:
    """A machine whose serial line answers in capitals."""
    host = HostStream(served)
    while True:
        data = host.port.host_read(1000)
        if data:
            host.port.host_write(data.upper())
        await trio.sleep(0.01)


@asynccontextmanager
async def stage(**faults: Any) -> AsyncIterator[tuple[ConsoleHub, ServedBmc, Bmc, trio.Nursery]]:
    config = BmcConfig(users=(UserConfig(name=b"admin", password=b"secret"),), faults=Faults(**faults))
    async with trio.open_nursery() as nursery, open_virtual_bmc(config) as served, logged_in(served) as bmc:
        nursery.start_soon(shout, served)
        find_holder = partial(find_sol_holder, bmc)
        async with open_console_hub(bmc.console, find_holder=find_holder) as hub:
            yield hub, served, bmc, nursery
        nursery.cancel_scope.cancel()


async def test_two_viewers_see_the_same_and_the_machine_hears_the_writer(autojump_clock: MockClock) -> None:
    async with stage() as (hub, _, _, nursery):
        li, omar = FakeViewer(nursery), FakeViewer(nursery, "Omar", Mode.READ)
        for viewer in (li, omar):
            await viewer.attach(hub)
        await until(lambda: li.session.is_live and omar.session.is_live)
        await li.type_keys(b"hello\r")
        await until(lambda: li.text == omar.text == b"HELLO\r")
        assert li.of(m.Taken)[-1].sequence == 1
        await li.type_keys(b"long " * 1000)
        await until(lambda: len(omar.text) == 5006)
        assert li.text == omar.text == b"HELLO\r" + b"LONG " * 1000


async def test_a_bmc_that_kills_sessions_leaves_a_gap_and_a_console_that_works(autojump_clock: MockClock) -> None:
    async with stage(drop_sessions_after=100.0) as (hub, _, _, nursery):
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await until(lambda: viewer.session.is_live)
        await viewer.type_keys(b"one")
        await until(lambda: viewer.text == b"ONE")
        await until(lambda: bool(viewer.of(m.Gap)), 300)
        await until(lambda: viewer.session.is_live)
        await viewer.type_keys(b"two")
        await until(lambda: viewer.text == b"ONETWO")
        assert viewer.session.doubled == viewer.session.missing == 0
        assert any(told.state is State.RECONNECTING for told in viewer.of(m.StateChanged))


async def test_a_console_that_another_system_holds_is_named_and_had_once_it_is_free(autojump_clock: MockClock) -> None:
    async with stage() as (hub, served, _, nursery), logged_in(served) as other:
        viewer = FakeViewer(nursery)
        async with other.console() as theirs:
            await viewer.attach(hub)
            await until(lambda: hub.machine.phase is Phase.BUSY)
            await until(lambda: viewer.session.state is not None and viewer.session.state.state is State.BUSY)
            assert viewer.session.state is not None
            assert viewer.session.state.holder == "127.0.0.1"
            assert "from the Agent's own address" in viewer.session.state.text
            assert theirs.status.active
        await until(lambda: viewer.session.is_live)


async def test_a_console_that_is_taken_from_us_is_not_taken_back(autojump_clock: MockClock) -> None:
    async with stage() as (hub, served, _, nursery), logged_in(served) as other:
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await until(lambda: viewer.session.is_live)
        async with other.console(steal=True) as theirs:
            await until(lambda: hub.machine.phase is Phase.BUSY)
            await trio.sleep(120)
            assert theirs.status.active
        await until(lambda: viewer.session.is_live)


async def test_five_hundred_viewers_of_a_hundred_consoles(autojump_clock: MockClock, tmp_path: Path) -> None:
    said = b"".join(b"line %7d of a busy console, as long as lines are on average\r\n" % at for at in range(500))
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        gc.collect()
        before = resident()
        hubs = []
        for number in range(100):
            bmc = FakeBmc()
            hub = await stack.enter_async_context(open_console_hub(bmc.open, spool=tmp_path / str(number)))
            hubs.append((hub, bmc))
        viewers = [FakeViewer(nursery, f"viewer {at}") for at in range(500)]
        for at, viewer in enumerate(viewers):
            viewer.remembers = False
            await viewer.attach(hubs[at % 100][0])
        await until(lambda: all(viewer.session.is_live for viewer in viewers))
        attached = resident()
        for at in range(0, len(said), 4096):
            for _, bmc in hubs:
                bmc.console.say(said[at : at + 4096])
            await trio.sleep(0.1)
        await until(lambda: all(viewer.session.position == len(said) for viewer in viewers))
        after = resident()
        assert all(viewer.session.doubled == viewer.session.missing == 0 for viewer in viewers)
        assert attached - before < 64 << 10, "KiB"
        assert after - before < 128 << 10, "KiB"
        nursery.cancel_scope.cancel()


def resident() -> int:
    """KiB, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
