"""Every verb of ``conduit ipmi`` on a virtual BMC in the same process: what it changes, and what it reports."""

from __future__ import annotations

import io
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from conduit.cli.ipmi import command
from conduit.ipmi.bmc import BmcConfig, PowerState, Timings, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serve import ServedBmc, serve
from conduit.ipmi.commands import BootDevice, IdentifyState, PowerRestorePolicy
from conduit.ipmi.messages import PrivilegeLimit
from conduit.rmcp.privilege import Privilege

HOST = "127.0.0.1"
USER_ID = 7
FAST = Timings(power_on=0.0, power_off=0.0, post=0.0, soft_shutdown=0.0, cycle=0.0)
USERS = (
    UserConfig(name=b"admin", password=b"adminpw"),
    UserConfig(name=b"guest", password=b"guestpw", privilege=Privilege.USER),
)

Conduit = Callable[..., Awaitable[object]]


@pytest.fixture(autouse=True)
def password_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPMI_PASSWORD", "adminpw")


@pytest.fixture
async def served(nursery: trio.Nursery) -> AsyncIterator[ServedBmc]:
    bmc = VirtualBmc(BmcConfig(users=USERS, timings=FAST, running=True, power_on_hours=25), entropy=secrets.token_bytes)
    served: ServedBmc = await nursery.start(serve, bmc, HOST, 0)
    yield served
    nursery.cancel_scope.cancel()


@pytest.fixture
def conduit(served: ServedBmc) -> Conduit:
    """Runs a command line as ``admin``; returns the exit status, or None for success."""

    async def run(*words: str) -> object:
        options = ["-H", HOST, "-p", str(served.port), "-U", "admin", "-E", "-N", "0.3", "-R", "1"]
        return await command.main([*options, *words], prog_name="conduit ipmi", standalone_mode=False)

    return run


@pytest.fixture
def ask(conduit: Conduit, capsys: pytest.CaptureFixture[str]) -> Callable[..., Awaitable[Any]]:
    """Runs a command line with ``--output json``; returns what it printed."""

    async def run(*words: str) -> Any:
        assert await conduit(*words, "--output", "json") is None
        captured = capsys.readouterr()
        assert captured.err == ""
        return json.loads(captured.out)

    return run


Ask = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    ("words", "states"),
    [
        (["on"], {PowerState.RUNNING, PowerState.POST}),
        (["off"], {PowerState.OFF}),
        (["soft"], {PowerState.OFF}),
        (["reset"], {PowerState.RUNNING, PowerState.POST}),
        (["off", "--wait"], {PowerState.OFF}),
        (["soft", "--wait", "--wait-timeout", "5"], {PowerState.OFF}),
    ],
)
async def test_power_verbs_act(served: ServedBmc, ask: Ask, words: list[str], states: set[PowerState]) -> None:
    assert (await ask("power", *words))["action"] == words[0]
    assert (await ask("power", "status"))["power"] == ("off" if PowerState.OFF in states else "on")
    assert served.bmc.state.machine.state in states


async def test_diagnostic_interrupt_arrives(served: ServedBmc, ask: Ask) -> None:
    await ask("chassis", "power", "diag")
    assert served.bmc.state.machine.interrupts == 1


async def test_waiting_for_power_ends_in_time(conduit: Conduit, capsys: pytest.CaptureFixture[str]) -> None:
    assert await conduit("power", "on", "--wait", "--wait-timeout", "0.1") is None  # on already
    assert capsys.readouterr().out.startswith("Chassis power control: on; power is on after")


async def test_power_that_does_not_come_is_an_error(
    conduit: Conduit, served: ServedBmc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.bmc.state.machine, "command", lambda *_args, **_kwargs: True)
    assert await conduit("power", "off", "--wait", "--wait-timeout", "0.1") == 1
    assert "power is still on after 0.1 s" in capsys.readouterr().err


async def test_chassis_status_has_stable_keys(ask: Ask) -> None:
    status = await ask("chassis", "status")
    assert status["power"] == "on"
    assert set(status) == {
        "power", "power_overload", "power_interlock", "power_fault", "power_control_fault", "power_restore_policy",
        "last_power_event", "chassis_intrusion", "front_panel_lockout", "drive_fault", "cooling_fault", "identify",
        "disabled_buttons",
    }  # fmt: skip


async def test_identify_lights_up(served: ServedBmc, ask: Ask) -> None:
    assert await ask("chassis", "identify") == {"seconds": 15, "forced": False}
    assert (await ask("chassis", "status"))["identify"] == IdentifyState.TEMPORARY.name.lower()
    assert await ask("chassis", "identify", "force") == {"seconds": None, "forced": True}
    assert (await ask("chassis", "status"))["identify"] == IdentifyState.INDEFINITE.name.lower()
    assert await ask("chassis", "identify", "off") == {"seconds": 0, "forced": False}
    assert (await ask("chassis", "status"))["identify"] == IdentifyState.OFF.name.lower()


@pytest.mark.parametrize("words", [["disk", "--efi", "--persistent"], ["disk", "options=efiboot,persistent"]])
async def test_boot_device_is_set_shown_and_taken_back(served: ServedBmc, ask: Ask, words: list[str]) -> None:
    await ask("chassis", "bootdev", *words)
    flags = served.bmc.state.machine.boot_flags
    assert (flags.valid, flags.device, flags.efi, flags.persistent) == (True, BootDevice.DISK, True, True)
    shown = await ask("chassis", "bootparam", "get", "5")
    assert (shown["device"], shown["boot_type"], shown["persistent"]) == ("hdd", "efi", True)
    await ask("chassis", "bootdev", "--clear")
    assert not served.bmc.state.machine.boot_flags.valid
    assert (await ask("chassis", "bootdev"))["valid"] is False
    assert served.bmc.state.boot_setter == 0  # nothing is left "in progress"


async def test_restore_policy(served: ServedBmc, ask: Ask) -> None:
    assert (await ask("chassis", "policy"))["supported"] == ["always-on", "previous", "always-off"]
    assert (await ask("chassis", "policy", "always-on"))["policy"] == "always-on"
    assert served.bmc.state.machine.restore_policy is PowerRestorePolicy.ALWAYS_ON


async def test_counters_and_causes(ask: Ask) -> None:
    assert (await ask("chassis", "poh"))["hours"] == 25
    await ask("power", "reset")
    assert (await ask("chassis", "restart_cause"))["cause"] == "Chassis Control command"


async def test_controller_says_what_it_is(ask: Ask) -> None:
    info = await ask("mc", "info")
    assert (info["ipmi_version"], info["firmware_revision"], info["available"]) == ("2.0", "1.00", True)
    assert info == await ask("bmc", "info")
    assert (await ask("mc", "guid", "rfc4122"))["guid"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert (await ask("mc", "guid", "--device"))["raw"] == bytes(range(16)).hex()
    assert (await ask("mc", "selftest"))["passed"] is True


@pytest.mark.parametrize("kind", ["warm", "cold"])
async def test_controller_resets(ask: Ask, kind: str) -> None:
    assert (await ask("mc", "reset", kind))["reset"] == kind
    assert (await ask("power", "status"))["power"] == "on"


async def test_watchdog_is_set_started_and_stopped(ask: Ask) -> None:
    timer = await ask("mc", "watchdog", "set", "--timeout", "300", "--action", "cycle", "--use", "osload", "--start")
    assert (timer["running"], timer["action"], timer["use"], timer["initial_seconds"]) == (True, "cycle", "osload", 300)
    assert 299 < timer["present_seconds"] <= 300
    await ask("mc", "watchdog", "off")
    timer = await ask("mc", "watchdog", "get")
    assert (timer["running"], timer["action"]) == (False, "none")
    await ask("mc", "watchdog", "reset")
    assert (await ask("mc", "watchdog", "get"))["running"] is True


async def test_user_is_made_used_and_disabled(
    served: ServedBmc, ask: Ask, conduit: Conduit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new").write_text("a-new-password-of-20\n")
    who = str(USER_ID)
    await ask("user", "set", "name", who, "alice")
    assert (await ask("user", "set", "password", who, "--password-file", str(tmp_path / "new")))["size"] == 20
    await ask("user", "priv", who, "OPERATOR", "1")
    await ask("user", "enable", who)
    assert (await ask("user", "access", who, "1", "--ipmi"))["ipmi_messaging"] is True
    row = next(row for row in (await ask("user", "list"))["users"] if row["id"] == USER_ID)
    assert (row["name"], row["enabled"], row["privilege"]) == ("alice", True, "operator")
    as_alice = ("-U", "alice", "-f", str(tmp_path / "new"), "-L", "operator")
    assert (await command.main(
        ["-H", HOST, "-p", str(served.port), *as_alice, "power", "status"], standalone_mode=False
    )) is None  # fmt: skip
    capsys.readouterr()
    assert (await ask("user", "test", who, "20", "--password-file", str(tmp_path / "new")))["correct"] is True
    await ask("user", "disable", who)
    user = served.bmc.state.users.get(USER_ID)
    assert user is not None
    assert not user.enabled
    assert user.on(1).limit == PrivilegeLimit.OPERATOR


async def test_new_password_comes_through_standard_input(
    ask: Ask, served: ServedBmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("piped-password\n"))
    await ask("user", "set", "password", str(USER_ID))
    user = served.bmc.state.users.get(USER_ID)
    assert user is not None
    assert user.has_password(b"piped-password")


async def test_wrong_password_fails_its_test(
    conduit: Conduit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong").write_text("hunter2\n")
    assert await conduit("user", "test", "2", "--password-file", str(tmp_path / "wrong")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the password is wrong" in captured.err
    assert "hunter2" not in captured.err


async def test_channels(ask: Ask) -> None:
    assert (await ask("channel", "info"))["medium"] == "802.3 LAN"
    stores = [row["store"] for row in (await ask("channel", "access"))["access"]]
    assert stores == ["active", "saved"]
    suites = (await ask("channel", "ciphers"))["suites"]
    assert [suite["id"] for suite in suites][:2] == [17, 3]  # as we would choose
    assert suites[0]["confidentiality"] == "AES-CBC-128"


async def test_sessions_say_how_ours_came_about(ask: Ask) -> None:
    own = await ask("session", "info")
    assert (own["interface"], own["cipher_suite"], own["privilege"]) == ("lanplus", 17, "administrator")
    assert "cipher suite 17 is the best" in own["reason"]
    assert own["user_id"] == 2
    assert (await ask("session", "info", "all"))["active_sessions"] == 1
    own = await ask("-I", "lan", "session", "info")
    assert (own["interface"], own["cipher_suite"], own["algorithms"]) == ("lan", None, "MD5")


async def test_session_is_found_by_its_handle_and_nobody_has_another(
    ask: Ask, conduit: Conduit, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = (await ask("session", "info"))["handle"]
    assert (await ask("session", "info", "handle", str(handle + 1)))["sessions"][0]["handle"] == handle + 1
    assert await conduit("session", "info", "id", "0xdeadbeef") == 1
    assert capsys.readouterr().err == "conduit ipmi: there is no session with id 0xdeadbeef\n"


async def test_no_session_is_left_behind(served: ServedBmc, ask: Ask, conduit: Conduit) -> None:
    await ask("power", "status")
    assert await conduit("raw", "app", "0x99") == 1
    assert len(served.bmc.state.sessions) == 0


async def test_raw_bytes_go_out_and_come_back(ask: Ask, conduit: Conduit, capsys: pytest.CaptureFixture[str]) -> None:
    answer = await ask("raw", "0x06", "1")
    assert answer["data"].startswith("20 01 01 00 02")
    assert answer["length"] == 15
    assert await conduit("raw", "app", "0x01") is None
    assert capsys.readouterr().out == f"{answer['data']}\n"
    assert await conduit("raw", "app", "0x99") == 1
    assert "completion code 0xc1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bridge", "device_id"),
    [
        (["-t", "0x20"], 0x20),
        (["-t", "0x72", "-b", "0"], 0x72),
        (["-T", "0x72", "-B", "0", "-t", "0x82", "-b", "7"], 0x82),
    ],
)
async def test_bridged_commands_reach_controllers_behind_the_bmc(ask: Ask, bridge: list[str], device_id: int) -> None:
    assert (await ask(*bridge, "mc", "info"))["device_id"] == device_id
    assert (await ask(*bridge, "raw", "app", "1"))["data"].startswith(f"{device_id:02x}")


async def test_verbose_says_how_the_session_came_about(conduit: Conduit, capsys: pytest.CaptureFixture[str]) -> None:
    assert await conduit("power", "status", "-v") is None
    captured = capsys.readouterr()
    assert captured.out == "Chassis power is on\n"
    assert "IPMI 2.0, cipher suite 17" in captured.err
    assert "adminpw" not in captured.err


async def test_output_is_taken_before_and_after_the_command_and_the_last_counts(
    conduit: Conduit, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["--output", "yaml", "power", "status"],
        ["power", "--output", "yaml", "status"],
        ["--output", "json", "power", "status", "--output", "YAML"],
    ):
        assert await conduit(*words) is None
        assert yaml.safe_load(capsys.readouterr().out) == {"power": "on"}


async def test_wrong_password_is_said_without_it(served: ServedBmc, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-H", HOST, "-p", str(served.port), "-U", "admin", "-P", "hunter2", "-vv", "power", "status"]
    assert await command.main(words, standalone_mode=False) == 1
    captured = capsys.readouterr()
    assert "password" in captured.err
    assert "hunter2" not in captured.err


async def test_user_may_not_switch_power(served: ServedBmc, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-H", HOST, "-p", str(served.port), "-U", "guest", "-P", "guestpw", "-L", "USER", "power", "off"]
    assert await command.main(words, standalone_mode=False) == 1
    assert "privilege" in capsys.readouterr().err
    assert served.bmc.state.machine.is_on


async def test_silence_names_its_host(capsys: pytest.CaptureFixture[str], conduit: Conduit) -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as silent:
        await silent.bind((HOST, 0))
        port = silent.getsockname()[1]
        words = ["-H", HOST, "-p", str(port), "-N", "0.05", "-R", "0"]
        assert await command.main([*words, "ping"], standalone_mode=False) == 1
        assert await command.main([*words, "-U", "a", "-E", "power", "status"], standalone_mode=False) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(f"127.0.0.1, UDP port {port}" in line for line in lines)


async def test_ping_needs_no_password(
    served: ServedBmc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPMI_PASSWORD")
    words = ["-H", HOST, "-p", str(served.port), "--output", "json", "ping", "-c", "2", "--interval", "0"]
    assert await command.main(words, standalone_mode=False) is None
    pong = json.loads(capsys.readouterr().out)
    assert (pong["ipmi"], pong["pings"]) == (True, 2)
    assert 0 < pong["rtt_min_ms"] <= pong["rtt_ms"] <= pong["rtt_max_ms"] < 1000


async def test_unexpected_error_asks_to_be_reported(
    conduit: Conduit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("conduit.cli.ipmi.power.state_report", broken)
    assert await conduit("power", "status") == 1
    captured = capsys.readouterr()
    assert captured.err == (
        "conduit ipmi: unexpected RuntimeError: two lines; please report this (-vv shows where it comes from)\n"
    )
    assert await conduit("power", "status", "-vv") == 1
    assert "Traceback" in capsys.readouterr().err
