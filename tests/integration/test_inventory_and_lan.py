"""Inventory, LAN settings and firmware over real sessions: operations, and the verbs made of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import trio

from conduit.cli.ipmi import command
from conduit.errors import CompletionCodeError, LocalProtocolError, RemoteProtocolError
from conduit.ipmi import Bmc, open_bmc
from conduit.ipmi.bmc import FruConfig, NetworkConfig, UserConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.commands import ReadFruData
from conduit.ipmi.commands.lan_access import CipherSuiteCount
from conduit.ipmi.commands.lan_ipv6 import Dhcpv6TimingSupport, Ipv6DynamicDuid, SlaacTiming, SlaacTimingSupport
from conduit.ipmi.commands.lan_parameters import DefaultGateway, IpAddress, SubnetMask
from conduit.ipmi.operations.fru import SCANNED, find_frus, list_frus, read_fru, read_fru_data, write_fru_data
from conduit.ipmi.operations.lan import read_lan, read_lan_value, set_lan
from conduit.ipmi.records.sdr_locators import FruDevice

PASSWORD = secrets.token_hex(4)
ADMIN = UserConfig(name=b"admin", password=PASSWORD.encode())
ADDRESS = IpAddress(address=IPv4Address("192.0.2.77"))
MASK = SubnetMask(address=IPv4Address("255.255.0.0"))

Ask = Callable[..., Awaitable[Any]]


def log_in(served: ServedBmc) -> Any:  # Any: whatever open_bmc returns
    return open_bmc(served.host, port=served.port, username="admin", password=PASSWORD)


@pytest.fixture
async def served() -> AsyncIterator[ServedBmc]:
    async with open_virtual_bmc(users=(ADMIN,)) as served:
        yield served


@pytest.fixture
async def bmc(served: ServedBmc) -> AsyncIterator[Bmc]:
    async with log_in(served) as bmc:
        yield bmc


@pytest.fixture
def conduit(
    served: ServedBmc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Ask:
    """Runs a command line; returns what it printed as JSON, or the exit status and the error."""
    monkeypatch.setenv("IPMI_PASSWORD", PASSWORD)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    async def run(*words: str) -> Any:
        options = ["-H", served.host, "-p", str(served.port), "-U", "admin", "-E"]
        status = await command.main([*options, *words, "--output", "json"], prog_name="c", standalone_mode=False)
        captured = capsys.readouterr()
        return json.loads(captured.out) if status is None else (status, captured.err)

    return run


# --- FRU ---


@pytest.mark.parametrize("config", [FruConfig(), FruConfig(max_read=6), FruConfig(max_read=34, by_words=True)])
async def test_a_fru_is_read_and_written_in_pieces_that_the_bmc_takes(config: FruConfig) -> None:
    async with open_virtual_bmc(users=(ADMIN,), fru=config) as served, log_in(served) as bmc:
        memory = served.bmc.state.fru[0]
        found = await read_fru(bmc)
        assert (found.data, found.inventory.notes) == (bytes(memory.data), ())
        changed = found.data[:300] + b"something else" + found.data[314:]
        assert await write_fru_data(bmc, changed, old=found.data) in (14, 15, 16)
        assert bytes(memory.data) == changed
        assert await write_fru_data(bmc, changed, old=changed) == 0
        assert await write_fru_data(bmc, changed[:101]) in (101, 102)


async def test_a_busy_fru_is_asked_again_but_not_for_ever(
    served: ServedBmc, bmc: Bmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conduit.ipmi.operations.fru.BUSY_WAIT", 0.0)
    memory = served.bmc.state.fru[0]
    memory.busy = 2
    assert await read_fru_data(bmc) == bytes(memory.data)
    memory.busy = 1000
    with pytest.raises(CompletionCodeError, match="busy"), trio.fail_after(10):
        await read_fru_data(bmc)


async def test_what_does_not_fit_or_stay_is_an_error(
    served: ServedBmc, bmc: Bmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalProtocolError, match="holds 1024 bytes"):
        await write_fru_data(bmc, bytes(1025))
    monkeypatch.setattr(served.bmc.state.fru[0], "write", lambda *_: True)
    with pytest.raises(RemoteProtocolError, match="reads back something else"):
        await write_fru_data(bmc, b"lost")


async def test_frus_that_are_not_there_are_not_listed(bmc: Bmc) -> None:
    assert {number: info.size for number, info in (await list_frus(bmc)).items()} == {0: 1024, 1: 256}
    with pytest.raises(CompletionCodeError):
        await bmc.request(ReadFruData(fru_id=5, offset=0, count=8))


async def test_frus_are_those_that_the_records_name_and_the_machine_itself(served: ServedBmc, bmc: Bmc) -> None:
    records = served.bmc.state.sdrs
    for elsewhere in (FruDevice(fru_id=7, access_address=0x32), FruDevice(fru_id=8, logical=False)):
        records.add(elsewhere.encode(), 0)
    assert await find_frus(bmc) == [0, 1]
    records.delete(records.id_of("Builtin FRU"), 0)
    records.delete(records.id_of("PSU FRU"), 0)
    assert await find_frus(bmc) == [0]


async def test_without_records_frus_are_looked_for(served: ServedBmc, bmc: Bmc) -> None:
    served.bmc.state.sdrs.clear(0)
    assert await find_frus(bmc) == SCANNED
    assert sorted(await list_frus(bmc)) == [0, 1]


async def test_fru_verbs_print_and_edit(served: ServedBmc, conduit: Ask, tmp_path: Path) -> None:
    listed = await conduit("fru", "list")
    assert [row["name"] for row in listed["frus"]] == ["Virtual Server", "Virtual Power Supply"]
    await conduit("fru", "edit", "product.asset_tag", "A-7", "--yes")
    await conduit("fru", "edit", "chassis.serial_number", "X" * 60, "--yes")
    shown = await conduit("fru", "print")
    assert (shown["product_asset_tag"], shown["chassis_serial_number"]) == ("A-7", "X" * 60)
    supply = await conduit("fru", "print", "1")
    assert supply["record_1"] == "power supply: 800 W, 90 to 264 V, hot swap"
    file = tmp_path / "fru.bin"
    await conduit("fru", "read", str(file))
    assert file.read_bytes() == bytes(served.bmc.state.fru[0].data)
    await conduit("fru", "edit", "product.asset_tag", "B-8", "--yes")
    await conduit("fru", "write", str(file), "--yes")
    assert (await conduit("fru", "print"))["product_asset_tag"] == "A-7"


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["edit", "product.name", "x"], 2, "--yes"),
        (["edit", "name", "x", "--yes"], 2, "AREA.NAME"),
        (["edit", "product.colour", "x", "--yes"], 2, "there is no field"),
        (["edit", "board.file_id", "x", "1", "--yes"], 2, "no board area"),
        (["print", "9"], 1, "not there"),
    ],
)
async def test_fru_verbs_say_what_is_wrong(conduit: Ask, words: list[str], status: int, reason: str) -> None:
    code, error = await conduit("fru", *words)
    assert code == status
    assert reason in error


async def test_broken_information_is_shown_as_far_as_it_goes(served: ServedBmc, conduit: Ask) -> None:
    memory = served.bmc.state.fru[0]
    memory.data[memory.data[3] * 8 + 9] ^= 0xFF
    shown = await conduit("fru", "print")
    assert shown["notes"] == ["board: wrong checksum"]
    assert shown["product_name"] == "Virtual Server"
    assert "board_product_name" in await conduit("fru", "print", "--no-checksums")


# --- LAN ---


async def test_all_parameters_are_read_and_absent_ones_skipped(bmc: Bmc) -> None:
    read = await read_lan(bmc)
    assert read.notes == ()
    assert len({value.PARAMETER for value in read.values}) == 59 - 9
    assert await read_lan_value(bmc, CipherSuiteCount) == CipherSuiteCount(count=11)


@pytest.mark.parametrize("rollback", [False, True])
async def test_values_are_set_together_or_not_at_all(rollback: bool) -> None:
    network = NetworkConfig(rollback=rollback)
    async with open_virtual_bmc(users=(ADMIN,), network=network) as served, log_in(served) as bmc:
        await set_lan(bmc, [ADDRESS, MASK])
        assert (await read_lan(bmc)).first(IpAddress) == ADDRESS
        gateway = DefaultGateway(address=IPv4Address("192.0.2.1"))
        with pytest.raises(CompletionCodeError, match="cannot be written"):
            await set_lan(bmc, [gateway, CipherSuiteCount(count=3)])
        after = await read_lan(bmc)
        assert after.first(DefaultGateway) == DefaultGateway(address=IPv4Address(0))
        assert served.bmc.state.lan.setter == 0


async def test_nothing_is_set_while_somebody_else_does(served: ServedBmc, bmc: Bmc) -> None:
    async with log_in(served) as other:
        await set_lan(other, [MASK])
        served.bmc.state.lan.setter = next(iter(served.bmc.state.sessions)).session_id
        with pytest.raises(CompletionCodeError, match="somebody else"):
            await set_lan(other, [ADDRESS])


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["ipaddr", "192.0.2.5"], "ip_address", "192.0.2.5"),
        (["netmask", "255.0.0.0"], "subnet_mask", "255.0.0.0"),
        (["defgw", "ipaddr", "192.0.2.1"], "default_gateway", "192.0.2.1"),
        (["defgw", "192.0.2.2"], "default_gateway", "192.0.2.2"),
        (["bakgw", "macaddr", "52:54:00:00:00:01"], "backup_gateway_mac", "52:54:00:00:00:01"),
        (["macaddr", "52:54:00:00:00:01"], "mac_address", "52:54:00:00:00:01"),
        (["ipsrc", "dhcp"], "ip_address_source", "dhcp"),
        (["vlan", "id", "42"], "vlan_id", 42),
        (["vlan", "priority", "5"], "vlan_priority", 5),
        (["snmp", "ours"], "community", "ours"),
        (["arp", "interval", "2.5"], "gratuitous_arp_interval", 2.5),
        (["ipv6", "2001:db8::5/48"], "ipv6_static_address_0", "2001:db8::5/48 (static, active)"),
        (["ipv6", "off"], "ipv6_static_address_0", "disabled"),
        (["ipv6mode", "ipv6"], "ipv6_enables", "ipv6 only"),
        (["bad_pass_thresh", "3", "60", "120"], "bad_password_threshold", "3, forgotten after 60 s, locked for 120 s"),
        (["cipher_privs", "oaaaaaaaaaaXXXXX"], "cipher_suite_privileges", "oaaaaaaaaaaXXXXX"),
    ],
)
async def test_lan_set_takes_what_ipmitools_users_type(conduit: Ask, words: list[str], key: str, value: object) -> None:
    assert await conduit("lan", "set", "1", *words) == {"set": " ".join(words)}
    assert (await conduit("lan", "print", "1"))[key] == value


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["arp", "respond", "off"], "arp_control", "responses off, gratuitous off"),
        (["arp", "generate", "on"], "arp_control", "responses on, gratuitous on"),
        (
            ["auth", "admin,user", "MD5"],
            "auth_type_enables",
            ["callback: md2 md5", "user: md5", "operator: md2 md5", "administrator: md5", "oem: md2 md5"],
        ),
    ],
)
async def test_lan_set_changes_a_part_and_leaves_the_rest(
    conduit: Ask, words: list[str], key: str, value: object
) -> None:
    assert await conduit("lan", "set", "1", *words) == {"set": " ".join(words)}
    assert (await conduit("lan", "print", "1"))[key] == value


async def test_a_channel_stays_open_and_its_other_settings_stay(served: ServedBmc, conduit: Ask) -> None:
    before = replace(served.bmc.state.access, user_level_authentication=False)
    served.bmc.state.access = before
    assert await conduit("lan", "set", "1", "access", "on") == {"set": "access on"}
    assert served.bmc.state.access == before
    code, error = await conduit("lan", "set", "1", "access", "off")
    assert code == 1
    assert "does not support that access mode" in error


async def test_duids_and_timers_are_put_together_of_their_blocks(served: ServedBmc, bmc: Bmc, conduit: Ask) -> None:
    lan = served.bmc.state.lan
    lan.set(SlaacTimingSupport(value=1))
    lan.set(SlaacTiming(set_selector=0, block=0, data=bytes((1, 2, 3))))
    lan.set(Dhcpv6TimingSupport(value=2))
    shown = await conduit("lan", "print")
    assert shown["ipv6_dynamic_duid_0"].startswith("00:03:00:01:02")
    assert shown["slaac_timing_0"] == "01:02:03"
    assert "dhcpv6_timing_0" not in shown
    assert len((await read_lan(bmc)).all(Ipv6DynamicDuid)) == 1


async def test_what_the_bmc_does_not_have_is_not_edited(
    conduit: Ask, served: ServedBmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.bmc.state.lan, "has", lambda _: False)
    assert await conduit("lan", "set", "1", "arp", "respond", "on") == (
        2, "conduit ipmi: the BMC has no LAN parameter arp_control\n",
    )  # fmt: skip


async def test_a_vlan_is_switched_off(conduit: Ask) -> None:
    await conduit("lan", "set", "1", "vlan", "id", "42")
    await conduit("lan", "set", "1", "vlan", "id", "off")
    assert "vlan_id" not in await conduit("lan", "print")


async def test_a_channel_without_lan_settings_is_said(conduit: Ask) -> None:
    code, error = await conduit("lan", "print", "7")
    assert code == 1
    assert error == "conduit ipmi: channel 7 has no LAN settings; `channel info` shows what it is\n"


async def test_alert_destinations_are_a_table(conduit: Ask) -> None:
    await conduit("lan", "set", "1", "alert", "2", "192.0.2.50")
    rows = (await conduit("lan", "print"))["destinations"]
    assert [row["address"] for row in rows if row["destination"] == 2] == ["192.0.2.50"]
    assert (await conduit("lan", "stats"))["rmcp_received"] > 0


@pytest.mark.parametrize(
    "words",
    [
        ["colour", "red"], ["ipaddr", "here"], ["ipaddr"], ["vlan", "id", "5000"], ["ipsrc", "luck"],
        ["bad_pass_thresh", "3", "61"], ["cipher_privs", "aaa"], ["snmp", "x" * 19],
        ["auth", "admin", "luck"], ["access"], ["arp", "respond", "maybe"],
    ],
)  # fmt: skip
async def test_wrong_words_are_wrong_usage(conduit: Ask, words: list[str]) -> None:
    code, error = await conduit("lan", "set", "1", *words)
    assert code == 2
    assert error.count("\n") == 1


# --- firmware ---


async def test_firmware_and_firewall_are_shown(conduit: Ask) -> None:
    assert [row["description"] for row in (await conduit("firmware", "info"))["components"]] == ["BMC", "BIOS"]
    assert (await conduit("hpm", "check"))["hpm"] is True
    names = {row["name"] for row in (await conduit("firewall", "info"))["commands"]}
    assert {"GetDeviceId", "ReadFruData", "GetLanConfiguration"} <= names
