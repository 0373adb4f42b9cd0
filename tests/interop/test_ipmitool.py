"""ipmitool, as it is in every data centre, against our virtual BMC."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig, PlusConfig, PowerState, Timings, UserConfig
from conduit.ipmi.bmc.config import LanConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.commands import BootDevice
from conduit.rmcp.privilege import Privilege
from tests.wired import ADMIN, EVERY_AUTH_TYPE, EVERY_SUITE, USER

pytestmark = pytest.mark.interop

DEADLINE = 40  # seconds that a tool may take; ipmitool parses a big file at each start
INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
LONG = UserConfig(name=b"long", password=b"0123456789abcdefghij")


def config(**changes: object) -> BmcConfig:
    plus = PlusConfig(suites=EVERY_SUITE, kg=bytes(str(changes.pop("kg", "")), "ascii"))
    lan = LanConfig(auth_types=EVERY_AUTH_TYPE)
    return BmcConfig(users=(ADMIN, USER, LONG), plus=plus, lan=lan, timings=INSTANT)


class Tool:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def run(
        self, bmc: ServedBmc, *arguments: str, user: str = "admin", password: str = "secret"
    ) -> subprocess.CompletedProcess[bytes]:
        where = ("-H", bmc.host, "-p", str(bmc.port), "-U", user, "-P", password, "-N", "2", "-R", "2")
        with trio.fail_after(DEADLINE):
            return await trio.run_process(
                [self._path, *where, *arguments], capture_stdout=True, capture_stderr=True, check=False
            )

    async def says(self, bmc: ServedBmc, *arguments: str) -> str:
        done = await self.run(bmc, "-I", "lanplus", "-C", "17", *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture
def ipmitool(peer: Callable[[str], Path]) -> Tool:
    return Tool(peer("ipmitool"))


@pytest.mark.parametrize("suite", [0, 1, 2, 3, 6, 7, 8, 15, 16, 17])
async def test_every_suite_it_has_switches_power_on(ipmitool: Tool, suite: int) -> None:
    async with open_virtual_bmc(config()) as bmc:
        done = await ipmitool.run(bmc, "-I", "lanplus", "-C", str(suite), "power", "on")
        assert done.returncode == 0, done.stderr.decode()
        assert bmc.bmc.state.machine.state is PowerState.RUNNING
        assert not bmc.bmc.drops


@pytest.mark.parametrize("auth_type", ["NONE", "PASSWORD", "MD5"])
async def test_every_auth_type_that_works_in_it_switches_power_on(ipmitool: Tool, auth_type: str) -> None:
    async with open_virtual_bmc(config()) as bmc:
        done = await ipmitool.run(bmc, "-I", "lan", "-A", auth_type, "power", "on")
        assert done.returncode == 0, done.stderr.decode()
        assert bmc.bmc.state.machine.state is PowerState.RUNNING


async def test_it_finds_a_suite_by_itself(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config()) as bmc:
        done = await ipmitool.run(bmc, "-I", "lanplus", "power", "status")
        assert done.stdout == b"Chassis Power is off\n"
        assert not bmc.bmc.drops


async def test_kg_is_needed_where_it_is_set(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config(kg="both keys")) as bmc:
        right = await ipmitool.run(bmc, "-I", "lanplus", "-C", "3", "-k", "both keys", "power", "on")
        assert right.returncode == 0, right.stderr.decode()
        assert bmc.bmc.state.machine.state is PowerState.RUNNING
        wrong = await ipmitool.run(bmc, "-I", "lanplus", "-C", "3", "power", "off")
        assert wrong.returncode != 0
        assert bmc.bmc.state.machine.state is PowerState.RUNNING


async def test_a_password_of_20_bytes_works(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config()) as bmc:
        done = await ipmitool.run(
            bmc, "-I", "lanplus", "-C", "17", "power", "status", user="long", password=LONG.password.decode()
        )
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("interface", ["lan", "lanplus"])
async def test_a_user_level_account_is_refused_power_control(ipmitool: Tool, interface: str) -> None:
    async with open_virtual_bmc(config()) as bmc:
        login = {"user": USER.name.decode(), "password": USER.password.decode()}
        level = ("-I", interface, "-L", Privilege.USER.name)
        done = await ipmitool.run(bmc, *level, "power", "on", **login)
        assert done.returncode != 0
        assert b"Insufficient privilege level" in done.stderr
        assert bmc.bmc.state.machine.state is PowerState.OFF
        done = await ipmitool.run(bmc, *level, "power", "status", **login)
        assert done.stdout == b"Chassis Power is off\n"


async def test_a_wrong_password_is_refused(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config()) as bmc:
        done = await ipmitool.run(bmc, "-I", "lanplus", "-C", "17", "power", "on", password="wrong")
        assert done.returncode != 0
        assert bmc.bmc.state.machine.state is PowerState.OFF


async def test_power_commands_do_what_they_say(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config()) as bmc:
        machine = bmc.bmc.state.machine
        for command, state, boots in (
            ("on", PowerState.RUNNING, 1),
            ("reset", PowerState.RUNNING, 2),
            ("cycle", PowerState.RUNNING, 3),
            ("diag", PowerState.RUNNING, 3),
            ("soft", PowerState.OFF, 3),
        ):
            await ipmitool.says(bmc, "power", command)
            assert (machine.state, len(machine.boots)) == (state, boots), command
        assert machine.interrupts == 1


async def test_the_boot_device_is_taken_at_the_next_start(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config()) as bmc:
        await ipmitool.says(bmc, "chassis", "bootdev", "pxe", "options=efiboot")
        assert "Force PXE" in await ipmitool.says(bmc, "chassis", "bootparam", "get", "5")
        await ipmitool.says(bmc, "power", "on")
        flags = bmc.bmc.state.machine.boots[-1].flags
        assert (flags.device, flags.efi) == (BootDevice.PXE, True)
        assert "Boot Flag Invalid" in await ipmitool.says(bmc, "chassis", "bootparam", "get", "5")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("mc info", "Device ID                 : 32"),
        ("mc guid", "System GUID"),
        ("mc selftest", "Selftest: passed"),
        ("mc watchdog get", "Watchdog Timer Is:      Stopped"),
        ("mc getenables", "System Event Logging"),
        ("mc reset cold", "Sent cold reset"),
        ("chassis status", "System Power         : off"),
        ("chassis identify 5", "5 seconds"),
        ("chassis policy list", "always-off always-on previous"),
        ("chassis policy always-on", "always-on"),
        ("chassis poh", "POH Counter"),
        ("chassis restart_cause", "unknown"),
        ("chassis selftest", "passed"),
        ("user list 1", "ursula"),
        ("user summary 1", "Enabled User Count  : 3"),
        ("channel info 1", "802.3 LAN"),
        ("channel getciphers ipmi", "hmac_sha256"),
        ("session info active", "IPMIv2/RMCP+"),
        ("raw 6 1", "20 01"),
    ],
)
async def test_its_commands_work(ipmitool: Tool, command: str, expected: str) -> None:
    async with open_virtual_bmc(config()) as bmc:
        assert expected in await ipmitool.says(bmc, *command.split())


async def test_it_reaches_controllers_behind_the_bmc(ipmitool: Tool) -> None:
    async with open_virtual_bmc(config()) as bmc:
        assert ": 114" in await ipmitool.says(bmc, "-t", "0x72", "mc", "info")
        assert ": 130" in await ipmitool.says(bmc, "-T", "0x72", "-B", "0", "-t", "0x82", "-b", "7", "mc", "info")
