"""The event log with others: ipmitool and FreeIPMI on our BMC, and our client on OpenIPMI's simulator."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig, Limits, PlusConfig, Timings
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.client import open_bmc
from conduit.ipmi.commands import AddSelEntry
from conduit.ipmi.operations.sel import clear_sel, read_sel, unpack_records
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sel import SystemEventRecord
from tests.conftest import FindPeer
from tests.interop.ipmi_sim import ADMIN as SIM_ADMIN
from tests.interop.ipmi_sim import run_ipmi_sim
from tests.wired import ADMIN, EVERY_SUITE

pytestmark = pytest.mark.interop
DEADLINE = 40  # seconds
CONFIG = BmcConfig(
    users=(ADMIN,),
    plus=PlusConfig(suites=EVERY_SUITE),
    timings=Timings(power_on=0, post=0, soft_shutdown=0, cycle=0),
    limits=Limits(events=64),
    running=True,
)
MEMORY = Event.decode(bytes.fromhex("040c536f00ffff"))
SUPPLY = Event.decode(bytes.fromhex("040840ef01ffff"))


async def output(*words: str | Path) -> str:
    with trio.fail_after(DEADLINE):
        done = await trio.run_process(words, capture_stdout=True, capture_stderr=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode()  # "SEL has no entries" is an error to ipmitool


async def ipmitool(peer: FindPeer, bmc: ServedBmc, *words: str) -> str:
    where = ("-H", bmc.host, "-p", str(bmc.port), "-U", "admin", "-P", "secret", "-N", "2", "-R", "2")
    return await output(peer("ipmitool"), "-I", "lanplus", "-C", "17", *where, *words)


async def ipmi_sel(peer: FindPeer, bmc: ServedBmc, *words: str) -> str:
    where = ("-h", f"{bmc.host}:{bmc.port}", "-u", "admin", "-p", "secret", "-D", "LAN_2_0", "-I", "17")
    return await output(peer("ipmi-sel"), *where, "--ignore-sdr-cache", *words)


async def test_ipmitool_lists_shows_saves_and_clears(peer: FindPeer, tmp_path: Path) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        assert "SEL has no entries" in await ipmitool(peer, bmc, "sel", "list")
        await ipmitool(peer, bmc, "event", "3")
        await ipmitool(peer, bmc, "chassis", "power", "off")
        listed = await ipmitool(peer, bmc, "sel", "list")
        assert "Memory #0x53 | Correctable ECC | Asserted" in listed
        assert "Power Unit #0xa0 | Power off/down | Asserted" in listed
        assert await ipmitool(peer, bmc, "sel", "elist")
        assert "Entries          : 2" in await ipmitool(peer, bmc, "sel", "info")
        assert "Sensor Number         : 53" in await ipmitool(peer, bmc, "sel", "get", "1")
        file = tmp_path / "raw"
        await ipmitool(peer, bmc, "sel", "writeraw", str(file))
        saved = unpack_records(file.read_bytes())
        assert [one.describe() for one in saved] == [one.describe() for one in bmc.bmc.state.event_log]
        assert "Clearing SEL" in await ipmitool(peer, bmc, "sel", "clear")
        assert [one.describe() for one in bmc.bmc.state.event_log] == ["Event logging 0xa6: log cleared"]


async def test_ipmitool_deletes_one_and_sets_the_clock(peer: FindPeer) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        for event in (MEMORY, SUPPLY):
            bmc.bmc.state.event_log.log(event, trio.current_time())
        await ipmitool(peer, bmc, "sel", "delete", "1")
        assert [one.record_id for one in bmc.bmc.state.event_log] == [2]
        await ipmitool(peer, bmc, "sel", "time", "set", "01/02/26 03:04:05")
        assert "01/02/26 03:04:0" in await ipmitool(peer, bmc, "sel", "time", "get")


async def test_ipmitool_shows_filters_and_how_far_they_are(peer: FindPeer) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        assert "0x51 | 16 | 8 |" in await ipmitool(peer, bmc, "pef", "info")
        assert "0xffff | 0xffff |" in await ipmitool(peer, bmc, "pef", "status")
        assert "8 | disabled, pre-configured" in await ipmitool(peer, bmc, "pef", "filter", "list")
        await ipmitool(peer, bmc, "pef", "filter", "enable", "3")
        assert bmc.bmc.state.pef.filters[3].enabled
        assert "1 | 1 | disabled | Match-always | 1" in await ipmitool(peer, bmc, "pef", "policy", "list")


async def test_freeipmi_lists_tails_and_clears(peer: FindPeer) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        now = trio.current_time()
        for event in (MEMORY, SUPPLY):
            bmc.bmc.state.event_log.log(event, now)
        assert "Number of log entries                  : 2" in await ipmi_sel(peer, bmc, "--info")
        listed = await ipmi_sel(peer, bmc)
        assert "Correctable memory error" in listed
        assert "Power Supply Failure detected" in listed
        assert "Power Supply Failure detected" in await ipmi_sel(peer, bmc, "--tail=1")
        await ipmi_sel(peer, bmc, "--clear")
        assert len(bmc.bmc.state.event_log) == 1


def test_our_list_of_the_simulators_log_is_ipmitools(peer: FindPeer, tmp_path: Path) -> None:
    with run_ipmi_sim(peer("ipmi_sim"), tmp_path) as sim:
        where = ["-H", sim.host, "-p", str(sim.port), "-U", SIM_ADMIN.name, "-P", SIM_ADMIN.password]

        async def fill_and_read() -> list[str]:
            async with open_bmc(sim.host, port=sim.port, username=SIM_ADMIN.name, password=SIM_ADMIN.password) as bmc:
                await clear_sel(bmc, confirm=True)
                for event in (MEMORY, SUPPLY):
                    await bmc.request(AddSelEntry(record=SystemEventRecord(event=event)))
                contents = await read_sel(bmc)
                assert not contents.notes
                return [one.encode().hex() for one in contents.records]

        ours = trio.run(fill_and_read)
        file = tmp_path / "raw"
        subprocess.run(
            [peer("ipmitool"), "-I", "lanplus", *where, "sel", "writeraw", file],
            timeout=DEADLINE, check=True, capture_output=True,
        )  # fmt: skip
        theirs = [one.encode().hex() for one in unpack_records(file.read_bytes())]
        assert len(ours) == 2
        assert ours == theirs
