"""Inventory, LAN settings, users' passwords and firmware: others' tools on our BMC, and ours on ipmi_sim."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trio

from conduit.ipmi import open_bmc
from conduit.ipmi.bmc import FruConfig, NetworkConfig, UserConfig
from conduit.ipmi.bmc.fru import fru_memories
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.commands import LanParameter
from conduit.ipmi.commands.lan_alerts import CommunityString
from conduit.ipmi.commands.lan_parameters import IpAddress, IpAddressSource, MacAddress, SubnetMask, VlanId
from conduit.ipmi.operations.fru import read_fru_data
from conduit.ipmi.operations.lan import read_lan
from conduit.ipmi.records.fru import decode_fru
from tests.interop.ipmi_sim import ADMIN as SIM_ADMIN
from tests.interop.ipmi_sim import EMULATOR, Simulator, run_ipmi_sim

pytestmark = pytest.mark.interop

DEADLINE = 50  # seconds that a tool may take
PASSWORD = "secret"
ADMIN = UserConfig(name=b"admin", password=PASSWORD.encode())
LONG = UserConfig(name=b"long", password=b"0123456789abcdefghij")


class Ipmitool:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def run(self, bmc: ServedBmc, *words: str) -> subprocess.CompletedProcess[bytes]:
        where = ("-I", "lanplus", "-C", "17", "-H", bmc.host, "-p", str(bmc.port), "-U", "admin", "-P", PASSWORD)
        with trio.fail_after(DEADLINE):
            return await trio.run_process(
                [self._path, *where, *words], capture_stdout=True, capture_stderr=True, check=False
            )

    async def says(self, bmc: ServedBmc, *words: str) -> str:
        done = await self.run(bmc, *words)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture
def ipmitool(peer: Callable[[str], Path]) -> Ipmitool:
    return Ipmitool(peer("ipmitool"))


async def test_it_prints_reads_edits_and_writes_the_inventory(ipmitool: Ipmitool, tmp_path: Path) -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as bmc:
        memory = bmc.bmc.state.fru[0]
        printed = await ipmitool.says(bmc, "fru", "print", "0")
        assert "Product Name          : Virtual Server" in printed
        assert "Board Mfg Date        : Thu Dec 31 00:00:00 2020" in printed
        assert "Chassis Type          : Rack Mount Chassis" in printed
        file = tmp_path / "fru.bin"
        await ipmitool.says(bmc, "fru", "read", "0", str(file))
        assert file.read_bytes() == bytes(memory.data)
        for name in ("Same length ok", "A name that is much longer than the one before", "Short"):
            await ipmitool.run(bmc, "fru", "edit", "0", "field", "p", "1", name)  # 1.8.19 says 1 for success
            inventory = decode_fru(bytes(memory.data))
            assert inventory.notes == ()
            assert inventory.product is not None
            assert inventory.product.name.text() == name
        await ipmitool.says(bmc, "fru", "write", "0", str(file))
        assert bytes(memory.data) == file.read_bytes()


async def test_it_understands_the_power_supplys_records(ipmitool: Ipmitool) -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as bmc:
        printed = await ipmitool.says(bmc, "-v", "fru", "print", "1")
        assert "Capacity                   : 800 W" in printed
        assert "Input Voltage Range 1      : 90-264 V" in printed
        assert "Maximum current draw       : 60.000 A" in printed


@pytest.mark.parametrize("rollback", [False, True])
async def test_it_prints_and_sets_the_lan_parameters(ipmitool: Ipmitool, rollback: bool) -> None:
    async with open_virtual_bmc(users=(ADMIN,), network=NetworkConfig(rollback=rollback)) as bmc:
        lan = bmc.bmc.state.lan
        for words in (
            ("ipsrc", "static"),
            ("ipaddr", "192.0.2.9"),
            ("netmask", "255.255.0.0"),
            ("macaddr", "52:54:00:00:00:07"),
            ("snmp", "ours"),
            ("vlan", "id", "77"),
            ("bad_pass_thresh", "3", "1", "60", "120"),
        ):
            await ipmitool.says(bmc, "lan", "set", "1", *words)
        assert lan.get(LanParameter.IP_ADDRESS) == (IpAddress(address=IPv4Address("192.0.2.9")))
        assert lan.get(LanParameter.SUBNET_MASK) == SubnetMask(address=IPv4Address("255.255.0.0"))
        assert lan.get(LanParameter.COMMUNITY_STRING) == CommunityString(community=b"ours")
        assert lan.get(LanParameter.VLAN_ID) == VlanId(enabled=True, vlan=77)
        assert bmc.bmc.state.lock_out.policy.attempts == 3
        printed = await ipmitool.says(bmc, "lan", "print", "1")
        for line in (
            "IP Address              : 192.0.2.9",
            "MAC Address             : 52:54:00:00:00:07",
            "802.1q VLAN ID          : 77",
            "RMCP+ Cipher Suites     : 1,2,3,6,7,8,11,12,15,16,17",
            "Cipher Suite Priv Max   : aaaaaaaaaaaXXXX",
            "Bad Password Threshold  : 3",
        ):
            assert line in printed


async def test_its_cipher_privileges_are_heeded(ipmitool: Ipmitool) -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as bmc:
        await ipmitool.says(bmc, "lan", "set", "1", "cipher_privs", "aaXaaaaaaaaXXXX")
        async with open_bmc(bmc.host, port=bmc.port, username="admin", password=PASSWORD) as client:
            assert client.session.cipher_suite == 17
        assert 3 not in bmc.bmc.state.lan.suite_limits(bmc.bmc.state.channel_limit)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lan alert print 1 1", "Destination Type        : PET Trap"),
        ("lan6 print 1", "IPv6 Header Static Hop Limit: 64"),
        ("lan stats get 1", "RMCP Rx Valid"),
        ("user test 2 16 secret", "Success"),
        ("user test 3 20 0123456789abcdefghij", "Success"),
        ("hpm check", "BIOS"),
        ("firewall info channel 1 lun 0", "00,06 support"),
        ("firewall info channel 1 lun 0 netfn 10", "Commands on LUN 0x00, NetFn 0x0a"),
        ("channel getaccess 1 2", "admin"),
        ("channel info 1", "802.3 LAN"),
    ],
)
async def test_its_commands_work(ipmitool: Ipmitool, words: str, expected: str) -> None:
    async with open_virtual_bmc(users=(ADMIN, LONG)) as bmc:
        assert expected in await ipmitool.says(bmc, *words.split())


async def test_a_password_of_the_other_size_is_refused(ipmitool: Ipmitool) -> None:
    async with open_virtual_bmc(users=(ADMIN, LONG)) as bmc:
        assert (await ipmitool.run(bmc, "user", "test", "2", "20", "secret")).returncode != 0
        assert (await ipmitool.run(bmc, "user", "test", "2", "16", "wrong")).returncode != 0


async def ipmi_config(program: Path, bmc: ServedBmc, *words: str | Path) -> str:
    where = ("-h", f"{bmc.host}:{bmc.port}", "-u", "admin", "-p", PASSWORD, "-D", "LAN_2_0", "-I", "17")
    with trio.fail_after(DEADLINE):
        done = await trio.run_process(
            [program, *where, "-l", "ADMIN", *words], capture_stdout=True, capture_stderr=True, check=False
        )
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


async def test_freeipmi_checks_out_and_commits_the_configuration(peer: Callable[[str], Path]) -> None:
    program = peer("ipmi-config")
    async with open_virtual_bmc(users=(ADMIN,)) as bmc:
        text = await ipmi_config(program, bmc, "--category=core", "--checkout", "--section=Lan_Conf")
        assert "IP_Address" in text
        await ipmi_config(program, bmc, "--category=core", "--commit", "--key-pair=Lan_Conf:IP_Address=192.0.2.33")
        assert bmc.bmc.state.lan.get(LanParameter.IP_ADDRESS) == IpAddress(address=IPv4Address("192.0.2.33"))


# --- our client on ipmi_sim ---

FRU_SIZE = 256


@pytest.fixture(scope="module")
def sim(peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    content = fru_memories(FruConfig(serial_number="SIM-1"), bytes(16))[1].data
    data = " ".join(f"{byte:#04x}" for byte in content[:FRU_SIZE])
    lines = f"mc_add_fru_data 0x20 0 {FRU_SIZE} data {data}\n"
    with run_ipmi_sim(peer("ipmi_sim"), tmp_path_factory.mktemp("sim"), emulator=EMULATOR + lines) as sim:
        yield sim


def tool_on(sim: Simulator, program: Path, *words: str) -> str:
    where = ("-I", "lanplus", "-C", "3", "-H", sim.host, "-p", str(sim.port))
    user = ("-U", SIM_ADMIN.name, "-P", SIM_ADMIN.password)
    return subprocess.run(
        [program, *where, *user, *words], capture_output=True, check=False, timeout=DEADLINE
    ).stdout.decode()


async def test_our_client_reads_the_same_inventory_as_ipmitool(
    sim: Simulator, peer: Callable[[str], Path], tmp_path: Path
) -> None:
    file = tmp_path / "fru.bin"
    tool_on(sim, peer("ipmitool"), "fru", "read", "0", str(file))
    async with open_bmc(sim.host, port=sim.port, username=SIM_ADMIN.name, password=SIM_ADMIN.password) as bmc:
        data = await read_fru_data(bmc)
    assert data == file.read_bytes()
    inventory = decode_fru(data)
    assert inventory.notes == ()
    assert inventory.product is not None
    printed = tool_on(sim, peer("ipmitool"), "fru", "print", "0")
    assert f"Product Serial        : {inventory.product.serial_number.text()}" in printed


async def test_our_client_reads_the_same_lan_settings_as_ipmitool(sim: Simulator, peer: Callable[[str], Path]) -> None:
    printed = tool_on(sim, peer("ipmitool"), "lan", "print", "1")
    async with open_bmc(sim.host, port=sim.port, username=SIM_ADMIN.name, password=SIM_ADMIN.password) as bmc:
        read = await read_lan(bmc, 1)
    assert read.notes == ()
    mac, address, source = read.first(MacAddress), read.first(IpAddress), read.first(IpAddressSource)
    assert mac is None or f"MAC Address             : {mac.text}" in printed
    assert address is None or f"IP Address              : {address.address}" in printed
    assert source is None or "IP Address Source" in printed
    assert len(read.values) > 3
