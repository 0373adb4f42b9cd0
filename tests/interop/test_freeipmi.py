"""FreeIPMI, which checks more than any other client, against our virtual BMC, without any workaround."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig, PlusConfig, PowerState, Timings, UserConfig
from conduit.ipmi.bmc.config import LanConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from tests.wired import ADMIN, EVERY_AUTH_TYPE, EVERY_SUITE, USER

pytestmark = pytest.mark.interop

DEADLINE = 40  # seconds that a tool may take
SUITES = [0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17]  # what -I takes
INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
# ipmipower compares a straight password without its padding, so only one of full length works there.
FULL = UserConfig(name=b"full", password=b"0123456789abcdef")

FindPeer = Callable[[str], Path]


def config(kg: bytes = b"") -> BmcConfig:
    plus = PlusConfig(suites=EVERY_SUITE, kg=kg)
    return BmcConfig(users=(ADMIN, USER, FULL), plus=plus, lan=LanConfig(auth_types=EVERY_AUTH_TYPE), timings=INSTANT)


async def run(
    tool: Path, bmc: ServedBmc, *arguments: str, user: UserConfig = ADMIN
) -> subprocess.CompletedProcess[bytes]:
    who = ("-h", f"{bmc.host}:{bmc.port}", "-u", user.name.decode(), "-p", user.password.decode())
    patience = ("--session-timeout=10000", "--retransmission-timeout=1000")
    with trio.fail_after(DEADLINE):
        return await trio.run_process(
            [tool, *who, *patience, *arguments], capture_stdout=True, capture_stderr=True, check=False
        )


@pytest.mark.parametrize("suite", SUITES)
async def test_ipmipower_switches_power_on_with_every_suite(peer: FindPeer, suite: int) -> None:
    tool = peer("ipmipower")
    async with open_virtual_bmc(config()) as bmc:
        done = await run(tool, bmc, "-D", "LAN_2_0", "-I", str(suite), "--on")
        assert done.stdout.endswith(b": ok\n"), done.stdout
        assert bmc.bmc.state.machine.state is PowerState.RUNNING
        assert not bmc.bmc.drops


@pytest.mark.parametrize("auth_type", ["none", "md2", "md5", "straight_password_key"])
async def test_ipmipower_switches_power_on_with_every_auth_type(peer: FindPeer, auth_type: str) -> None:
    tool = peer("ipmipower")
    async with open_virtual_bmc(config()) as bmc:
        done = await run(tool, bmc, "-D", "LAN", "-a", auth_type, "--on", user=FULL)
        assert done.stdout.endswith(b": ok\n"), done.stdout
        assert bmc.bmc.state.machine.state is PowerState.RUNNING


@pytest.mark.parametrize("suite", SUITES)
async def test_bmc_info_reads_the_device_with_every_suite(peer: FindPeer, suite: int) -> None:
    tool = peer("bmc-info")
    async with open_virtual_bmc(config()) as bmc:
        done = await run(tool, bmc, "-D", "LAN_2_0", "-I", str(suite))
        assert done.returncode == 0, done.stderr.decode()
        assert b"Device ID             : 32" in done.stdout
        assert b"Medium Type          : 802.3 LAN" in done.stdout


@pytest.mark.parametrize("auth_type", ["none", "md2", "md5", "straight_password_key"])
async def test_bmc_info_reads_the_device_with_every_auth_type(peer: FindPeer, auth_type: str) -> None:
    tool = peer("bmc-info")
    async with open_virtual_bmc(config()) as bmc:
        done = await run(tool, bmc, "-D", "LAN", "-a", auth_type, "--get-device-id")
        assert done.returncode == 0, done.stderr.decode()
        assert b"Device ID             : 32" in done.stdout


@pytest.mark.parametrize("suite", SUITES)
async def test_ipmi_chassis_reads_the_status_with_every_suite(peer: FindPeer, suite: int) -> None:
    tool = peer("ipmi-chassis")
    async with open_virtual_bmc(config()) as bmc:
        done = await run(tool, bmc, "-D", "LAN_2_0", "-I", str(suite), "--get-chassis-status")
        assert done.returncode == 0, done.stderr.decode()
        assert b"System Power                        : off" in done.stdout


async def test_kg_is_needed_where_it_is_set(peer: FindPeer) -> None:
    tool = peer("ipmipower")
    async with open_virtual_bmc(config(kg=b"both keys")) as bmc:
        done = await run(tool, bmc, "-D", "LAN_2_0", "-I", "17", "-k", "both keys", "--on")
        assert done.stdout.endswith(b": ok\n"), done.stdout
        done = await run(tool, bmc, "-D", "LAN_2_0", "-I", "17", "--off")
        assert b"k_g invalid" in done.stdout
        assert bmc.bmc.state.machine.state is PowerState.RUNNING


async def test_a_wrong_password_is_named(peer: FindPeer) -> None:
    tool = peer("ipmipower")
    wrong = UserConfig(name=ADMIN.name, password=b"wrong")
    async with open_virtual_bmc(config()) as bmc:
        done = await run(tool, bmc, "-D", "LAN_2_0", "-I", "17", "--on", user=wrong)
        assert b"password invalid" in done.stdout


async def test_a_user_level_account_is_refused_power_control(peer: FindPeer) -> None:
    tool = peer("ipmi-chassis")
    async with open_virtual_bmc(config()) as bmc:
        arguments = ("-D", "LAN_2_0", "-I", "17", "-l", "USER")
        done = await run(tool, bmc, *arguments, "--chassis-control=POWER-UP", user=USER)
        assert done.returncode != 0
        assert bmc.bmc.state.machine.state is PowerState.OFF
        done = await run(tool, bmc, *arguments, "--get-chassis-status", user=USER)
        assert done.returncode == 0, done.stderr.decode()
