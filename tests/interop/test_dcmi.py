"""DCMI by ipmitool and FreeIPMI on our BMC, and what it does there."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig, Timings
from conduit.ipmi.bmc.dcmi import DcmiSensor
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.commands import DcmiEntity, PowerLimit
from tests.wired import ADMIN

pytestmark = pytest.mark.interop

DEADLINE = 40  # seconds that a tool may take
FindPeer = Callable[[str], Path]


@pytest.fixture
async def served() -> AsyncIterator[ServedBmc]:
    config = BmcConfig(users=(ADMIN,), timings=Timings(power_on=0, post=0), running=True)
    async with open_virtual_bmc(config) as served:
        sensors = {DcmiEntity.INLET: [DcmiSensor(1, 7, lambda: 23.4)], DcmiEntity.CPU: [DcmiSensor(1, 8, lambda: 51.0)]}
        served.bmc.state.dcmi.sensors.update({int(entity): found for entity, found in sensors.items()})
        yield served


async def says(*words: str | Path) -> str:
    with trio.fail_after(DEADLINE):
        done: subprocess.CompletedProcess[bytes] = await trio.run_process(
            list(words), capture_stdout=True, capture_stderr=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return " ".join(done.stdout.decode().split())


async def ipmitool(peer: FindPeer, served: ServedBmc, *words: str) -> str:
    where = ("-H", served.host, "-p", str(served.port), "-U", "admin", "-P", "secret", "-I", "lanplus", "-N", "2")
    return await says(peer("ipmitool"), *where, "dcmi", *words)


async def freeipmi(peer: FindPeer, served: ServedBmc, *words: str) -> str:
    where = ("-D", "LAN_2_0", "-h", f"{served.host}:{served.port}", "-u", "admin", "-p", "secret")
    return await says(peer("ipmi-dcmi"), *where, *words)


async def test_ipmitool_reads_power(peer: FindPeer, served: ServedBmc) -> None:
    answer = await ipmitool(peer, served, "power", "reading")
    assert "Instantaneous power reading: 130 Watts" in answer
    assert "Power reading state is: activated" in answer


async def test_ipmitool_limits_power(peer: FindPeer, served: ServedBmc) -> None:
    assert "No Active Power Limit" in await ipmitool(peer, served, "power", "get_limit")
    await ipmitool(peer, served, "power", "set_limit", "limit", "100")
    await ipmitool(peer, served, "power", "activate")
    assert served.bmc.state.dcmi.limit.watts == 100
    answer = await ipmitool(peer, served, "power", "get_limit")
    assert "Power Limit Active" in answer
    assert "Power Limit: 100 Watts" in answer
    assert "reading: 100 Watts" in await ipmitool(peer, served, "power", "reading")
    await ipmitool(peer, served, "power", "deactivate")
    assert "reading: 130 Watts" in await ipmitool(peer, served, "power", "reading")


async def test_ipmitool_discovers(peer: FindPeer, served: ServedBmc) -> None:
    answer = await ipmitool(peer, served, "discover")
    assert "Power management available" in answer
    assert "512 SEL entries" in answer


async def test_ipmitool_names_things(peer: FindPeer, served: ServedBmc) -> None:
    await ipmitool(peer, served, "set_asset_tag", "rack 7, unit 12, left")
    assert served.bmc.state.dcmi.asset_tag == b"rack 7, unit 12, left"
    assert "Asset tag: rack 7, unit 12, left" in await ipmitool(peer, served, "asset_tag")
    await ipmitool(peer, served, "set_mc_id_string", "bmc-17")
    assert "bmc-17" in await ipmitool(peer, served, "get_mc_id_string")


async def test_ipmitool_reads_temperatures(peer: FindPeer, served: ServedBmc) -> None:
    answer = await ipmitool(peer, served, "get_temp_reading")
    assert "+23 C" in answer
    assert "+51 C" in answer


async def test_freeipmi_reads_capabilities_and_statistics(peer: FindPeer, served: ServedBmc) -> None:
    answer = await freeipmi(peer, served, "--get-dcmi-capability-info")
    assert "DCMI Specification Conformance : 1.5" in answer
    assert "Available Rolling Average Time Period : 30 Seconds" in answer
    assert "Current Power : 130 Watts" in await freeipmi(peer, served, "--get-system-power-statistics")
    answer = await freeipmi(peer, served, "--get-enhanced-system-power-statistics")
    assert "Rolling Average Time Period 1 Minutes" in answer


async def test_freeipmi_limits_power(peer: FindPeer, served: ServedBmc) -> None:
    await freeipmi(
        peer, served, "--set-power-limit", "--exception-actions=LOG_EVENT_TO_SEL_ONLY", "--power-limit-requested=110",
        "--correction-time-limit=2000", "--statistics-sampling-period=2",
    )  # fmt: skip
    await freeipmi(peer, served, "--activate-deactivate-power-limit=ACTIVATE")
    # It sends back the exception action that it read before, whatever it was told.
    assert served.bmc.state.dcmi.limit == PowerLimit(watts=110, correction_ms=2000, sampling=2)
    assert "Power Limit Requested : 110 watts" in await freeipmi(peer, served, "--get-power-limit")


async def test_freeipmi_names_things(peer: FindPeer, served: ServedBmc) -> None:
    await freeipmi(peer, served, "--set-asset-tag=rack 7, unit 12, left")
    assert await freeipmi(peer, served, "--get-asset-tag") == "rack 7, unit 12, left"
    await freeipmi(peer, served, "--set-management-controller-identifier-string=bmc-17")
    assert await freeipmi(peer, served, "--get-management-controller-identifier-string") == "bmc-17"
