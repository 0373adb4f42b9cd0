"""The options before the command: what they mean, and what is said of nonsense."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncclick as click
import pytest

from conduit.cli import root
from conduit.cli.ipmi import command
from conduit.cli.ipmi.base import parse_number
from conduit.cli.ipmi.bootdev import ALIASES
from conduit.cli.ipmi.failures import describe
from conduit.cli.ipmi.options import OPTIONS, make_settings
from conduit.cli.ipmi.raw import parse_data, parse_netfn
from conduit.cli.ipmi.settings import Bridge, Settings
from conduit.cli.lazy import LazyGroup, Part
from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi.commands import boot_device
from conduit.ipmi.exchange import BMC, Hop, Target
from conduit.rmcp.credentials import Interface
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.workarounds import Workaround

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def nobody_at_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for name in ("IPMI_PASSWORD", "IPMITOOL_PASSWORD", "IPMI_KGKEY"):
        monkeypatch.delenv(name, raising=False)


async def run(*args: str) -> object:
    """Exit status of the command line *args*, or None for success."""
    return await command.main(list(args), prog_name="conduit ipmi", standalone_mode=False)


async def settings_of(*args: str) -> Settings:
    parser = click.Command("ipmi", params=list(OPTIONS))
    context = await parser.make_context("ipmi", list(args))
    return make_settings(context.params)


async def credentials_of(*args: str) -> object:
    return (await settings_of("-P", SECRET, *args)).credentials()


H = ("-H", "127.0.0.1", "-P", SECRET)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["power", "status"], "name it with -H"),
        (["-H", "127.0.0.1", "power", "status"], "no password: use -f FILE or -E"),
        (["-H", "127.0.0.1", "-E", "power", "status"], "IPMI_PASSWORD is not set"),
        (["-H", "127.0.0.1", "-f", "/nonexistent", "power", "status"], "'/nonexistent' is not there"),
        (["-H", "127.0.0.1", "-f", "/", "power", "status"], "'/' is a directory"),
        (["-H", "127.0.0.1", "-a", "power", "status"], "not a terminal"),
        (["-H", "n[2-1]", "-P", SECRET, "power", "status"], "-H: [2-1] in 'n[2-1]' runs backwards"),
        ([*H, "power", "fly"], "No such command 'fly'. (see `conduit ipmi power --help`)"),
        ([*H], "Missing command. (see `conduit ipmi --help`)"),
        ([*H, "--fly", "power", "status"], "No such option"),
        ([*H, f"--fly={SECRET}", "power", "status"], "No such option"),
        ([*H, "power", "status", "now"], "unexpected extra argument (now) (see `conduit ipmi power status --help`)"),
        ([*H, "-p", "0", "power", "status"], "is not a port"),
        ([*H, "-p", "65536", "power", "status"], "is not a port"),
        ([*H, "-C", "20", "power", "status"], "is not a cipher suite"),
        ([*H, "-C", "x", "power", "status"], "is not a cipher suite"),
        ([*H, "-L", "GOD", "power", "status"], "is not one of CALLBACK, USER"),
        ([*H, "-I", "open", "power", "status"], "'open' is not one of"),
        ([*H, "-A", "sha1", "power", "status"], "'sha1' is not one of"),
        ([*H, "-I", "lan", "-C", "3", "power", "status"], "-C is for IPMI 2.0"),
        ([*H, "-I", "lan", "-k", "key", "power", "status"], "-k is for IPMI 2.0"),
        ([*H, "-A", "md5", "-C", "3", "power", "status"], "give one of them"),
        ([*H, "-k", "a", "-y", "00", "power", "status"], "give the BMC key once"),
        ([*H, "-y", f"0x{SECRET}", "power", "status"], "the key is not hexadecimal"),
        ([*H, "-K", "power", "status"], "IPMI_KGKEY is not set"),
        ([*H, "-Y", "power", "status"], "not a terminal"),
        ([*H, "-k", "k" * 21, "power", "status"], "Kg has 21 bytes"),
        ([*H, "-U", "u" * 17, "power", "status"], "user name has 17 bytes"),
        (["-H", "127.0.0.1", "-P", SECRET * 3, "power", "status"], "password has 21 bytes"),
        ([*H, "-W", "magic", "power", "status"], "-W list shows all"),
        ([*H, "-o", "magic", "power", "status"], "-W list shows all"),
        ([*H, "-N", "0", "power", "status"], "'-N'"),
        ([*H, "-N", "long", "power", "status"], "'long' is not a number of seconds"),
        ([*H, "sel", "time", "set", "9999-12-31"], "the BMC's clock, which goes from 1970-01-01 to 2106-02-07"),
        ([*H, "sel", "time", "set", "1969-12-31"], "the BMC's clock, which goes from 1970-01-01 to 2106-02-07"),
        ([*H, "-R", "-1", "power", "status"], "'-1' is not a number of repeats, 0 to 100"),
        ([*H, "-R", "many", "power", "status"], "'many' is not a number of repeats"),
        ([*H, "--fanout", "0", "power", "status"], "'0' is not a number of hosts, 1 to 10000"),
        ([*H, "--output", "xml", "power", "status"], "'xml' is not one of"),
        ([*H, "power", "status", "--output", "xml"], "'xml' is not one of"),
        ([*H, "-T", "0x82", "mc", "info"], "-T needs -t"),
        ([*H, "-t", "0x100", "mc", "info"], "is not a byte"),
        ([*H, "-t", "0x82", "power", "off"], "other commands reach the BMC itself only"),
        ([*H, "-t", "0x82", "mc", "reset", "cold"], "other commands reach the BMC itself only"),
        ([*H, "-l", "1", "sol", "activate"], "other commands reach the BMC itself only"),
        ([*H, "-t", "0x82", "ping"], "other commands reach the BMC itself only"),
        ([*H, "raw"], "Missing argument"),
        ([*H, "raw", "6"], "Missing argument"),
        ([*H, "raw", "7", "1"], "an even number"),
        ([*H, "raw", "6", "256"], "is not a command"),
        ([*H, "raw", "6", "1", "0xzz"], "is not a byte"),
        ([*H, "raw", "6", "1", "010"], "is not a byte"),
        ([*H, "raw", "6", "1", *["0"] * 256], "at most 255"),
        ([*H, "chassis", "identify", "256"], "seconds from 0 to 255"),
        ([*H, "chassis", "identify", "soon"], "seconds from 0 to 255"),
        ([*H, "chassis", "bootdev", "tape"], "'tape' is not one of"),
        ([*H, "chassis", "bootdev", "--efi"], "which device?"),
        ([*H, "chassis", "bootdev", "pxe", "--clear"], "stands alone"),
        ([*H, "chassis", "bootdev", "pxe", "options=fly"], "'fly'"),
        ([*H, "chassis", "bootparam", "get", "128"], "is not a boot parameter"),
        ([*H, "chassis", "policy", "maybe"], "'maybe' is not one of"),
        ([*H, "mc", "reset"], "Missing argument"),
        ([*H, "mc", "watchdog", "set"], "Missing option '--timeout'"),
        ([*H, "channel", "info", "16"], "is not a channel"),
        ([*H, "user", "enable", "64"], "is not a user ID"),
        ([*H, "user", "set", "name", "3", "n" * 17], "user name has 17 bytes"),
        ([*H, "user", "set", "password", "3", SECRET], "too many arguments"),
        ([*H, "user", "set", "password", "3"], "no password on standard input"),
        ([*H, "user", "set", "password", "3", "--new-password", SECRET * 3], "password has 21 bytes"),
        ([*H, "user", "set", "password", "3", "--new-password", SECRET * 2 + "abc", "--size", "16"], "has 17 bytes"),
        ([*H, "user", "test", "3", "16", SECRET], "too many arguments"),
        ([*H, "session", "info", "id"], "give a number"),
        ([*H, "session", "info", "all", "3"], "give a number"),
        ([*H, "session", "info", "id", "x"], "is not a session ID"),
        ([*H, "power", "reset", "--wait"], "No such option"),
        ([*H, "power", "on", "--wait-timeout", "0"], "--wait-timeout"),
        ([*H, "ping", "-c", "0"], "is not a count"),
    ],
)
async def test_wrong_usage_is_one_line_and_status_2(
    args: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(*args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("conduit ipmi: ")
    assert captured.err.count("\n") == 1
    assert complaint in captured.err
    assert SECRET not in captured.err


async def test_workarounds_are_listed_with_what_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("-W", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [workaround.value for workaround in Workaround]
    assert all(len(line.split()) > 3 for line in lines)


async def test_defaults_are_those_of_the_client() -> None:
    settings = await settings_of()
    assert settings == Settings(hosts=(), password=settings.password)
    assert settings.privilege is Privilege.ADMINISTRATOR
    assert settings.interface is Interface.AUTO


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("USER", Privilege.USER),
        ("operator", Privilege.OPERATOR),
        ("Admin", Privilege.ADMINISTRATOR),
        ("1", Privilege.CALLBACK),
    ],
)
async def test_privilege_in_any_case(text: str, level: Privilege) -> None:
    assert (await settings_of("-L", text)).privilege is level


@pytest.mark.parametrize(
    ("args", "interface"),
    [
        ([], Interface.AUTO),
        (["-I", "LANPLUS"], Interface.LANPLUS),
        (["-C", "17"], Interface.LANPLUS),
        (["-k", "key"], Interface.LANPLUS),
        (["-A", "MD5"], Interface.LAN),
        (["-I", "lanplus", "-A", "password"], Interface.LANPLUS),
    ],
)
async def test_options_of_one_version_choose_that_version(args: list[str], interface: Interface) -> None:
    settings = await settings_of("-P", SECRET, *args)
    assert settings.credentials().interface is interface


@pytest.mark.parametrize(
    ("args", "kg"),
    [(["-k", "text"], b"text"), (["-y", "0x00ff"], b"\x00\xff"), (["-y", "A0b1"], b"\xa0\xb1"), ([], b"")],
)
async def test_bmc_key_as_text_or_hex(args: list[str], kg: bytes) -> None:
    assert (await settings_of(*args)).kg == kg


async def test_workarounds_add_up() -> None:
    settings = await settings_of("-W", "icts,sun20", "-o", "INTEL20", "-W", "icts")
    assert settings.workarounds == {Workaround.ICTS, Workaround.SUN20, Workaround.INTEL20}


async def test_settings_and_credentials_show_no_secret() -> None:
    settings = await settings_of("-P", SECRET, "-k", SECRET, "-U", "admin")
    assert SECRET not in repr(settings)
    assert SECRET not in repr(settings.credentials())


@pytest.mark.parametrize("args", [["-C", "0"], ["-I", "lan", "-A", "none"], ["-A", "none"]])
async def test_no_password_is_needed_where_nothing_proves_it(args: list[str]) -> None:
    assert (await settings_of(*args)).credentials().password == b""


@pytest.mark.parametrize(
    ("bridge", "target"),
    [
        (Bridge(), BMC),
        (Bridge(lun=2), Target(lun=2)),
        (Bridge(target=0x82, channel=7), Target(0x82, 0, (Hop(7, 0x82),))),
        (
            Bridge(target=0x72, channel=6, transit=0x82, transit_channel=0, lun=1),
            Target(0x72, 1, (Hop(0, 0x82), Hop(6, 0x72))),
        ),
    ],
)
def test_bridges_go_from_the_outside_in(bridge: Bridge, target: Target) -> None:
    assert bridge.resolve() == target


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("7", 7), ("07", 7), ("00", 0), ("10", 10), ("0x10", 16), ("0XfF", 255), ("0x0a", 10),
        ("010", None), ("08", None), ("-1", None), ("1_0", None), ("", None), ("0x", None), ("x", None),
        ("٣", None), ("1.0", None),
    ],
)  # fmt: skip
def test_numbers_are_decimal_or_hex_and_never_octal(text: str, number: int | None) -> None:
    assert parse_number(text) == number


def test_network_functions_by_name_and_number() -> None:
    assert [parse_netfn(text) for text in ("app", "APP", "6", "0x06", "chassis", "oem", "62")] == [
        6,
        6,
        6,
        6,
        0,
        46,
        62,
    ]
    assert parse_data(("0x20", "255", "0")) == b"\x20\xff\x00"


def test_ipmitools_boot_devices_are_known() -> None:
    assert all(boot_device(name) for name in ALIASES.values())


def test_errors_are_described_in_one_line() -> None:
    assert describe(ValueError("a\nb")).startswith("unexpected ValueError: a b; please report")
    assert "makes no sense: truncated x (at byte 3)" in describe(DecodeError("truncated x", offset=3))
    error = CompletionCodeError(0xC1, netfn=6, command=1, text="no\x1b[2J", name="GetDeviceId")
    assert describe(error) == "GetDeviceId: no\\x1b[2J (completion code 0xc1)"


def commands_of(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    parts = (
        {name: part.load() for name, part in group.parts.items()} if isinstance(group, LazyGroup) else group.commands
    )
    for name, part in parts.items():
        yield f"{path} {name}".strip(), part
        if isinstance(part, click.Group):
            yield from commands_of(part, f"{path} {name}".strip())


@pytest.mark.parametrize(("path", "part"), list(commands_of(command)))
async def test_every_command_has_help_with_an_example(
    path: str, part: click.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(*path.split(), "--help") == 0
    text = capsys.readouterr().out
    assert "Example:" in text
    assert "conduit ipmi -H bmc.example -U admin -E " in text
    assert part.get_short_help_str()


@pytest.mark.parametrize("group", [root, command])
def test_the_list_of_parts_names_each_by_what_its_own_help_says(group: LazyGroup) -> None:
    for part in group.parts.values():
        whole = part.load()
        if isinstance(whole, click.Group) and group is command:
            assert whole.get_short_help_str(limit=200) == part.help
        assert part.help.endswith(".")


def test_a_part_that_is_no_command_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match=r"conduit\.cli\.PARTS is no command"):
        Part("conduit.cli", "Nothing.", "PARTS").load()


async def test_ipmitools_underscores_are_hyphens_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("chassis", "restart_cause", "--help") == 0


async def test_password_file_named_before_the_command_is_read(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-file\nrest\n")
    assert (await settings_of("-f", str(tmp_path / "password"))).credentials().password == b"from-file"
