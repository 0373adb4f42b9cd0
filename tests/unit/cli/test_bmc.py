from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import asyncclick as click
import pytest
import trio

from conduit.cli import root
from conduit.cli.bmc import (
    _numbered,
    apply_options,
    parse_auth_type,
    parse_suites,
    parse_user,
    read_users,
    spread_out,
    with_guest,
)
from conduit.cli.listening import Endpoint, parse_listen
from conduit.cli.params import WholeNumber
from conduit.cli.serial import ACPI_PATIENCE, Serial, parse_qemu, parse_serial, with_qemu
from conduit.errors import AuthenticationError
from conduit.ipmi.bmc import BmcConfig, Timings
from conduit.ipmi.client import open_bmc
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.display import open_display
from conduit.rfb.login import LoginOptions, probe
from conduit.rfb.names import VeNCryptType
from conduit.rfb.security import Credentials
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege
from tests.fakes.certificates import Authority


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [("127.0.0.1:9001", Endpoint("127.0.0.1", 9001)), ("[::1]:623", Endpoint("::1", 623))],
)
def test_where_to_listen(text: str, endpoint: Endpoint) -> None:
    assert parse_listen(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize("text", ["", "9001", "host:1", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1"])
def test_nowhere_to_listen(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_listen(text)


def test_several_are_spread_over_ports_or_addresses() -> None:
    first = Endpoint("127.0.0.1", 9001)
    assert [str(one) for one in spread_out(first, 2, spread=False)] == ["127.0.0.1:9001", "127.0.0.1:9002"]
    assert [str(one) for one in spread_out(first, 2, spread=True)] == ["127.0.0.1:9001", "127.0.0.2:9001"]
    assert [one.port for one in spread_out(Endpoint("127.0.0.1", 0), 2, spread=False)] == [0, 0]
    for endpoint, spread in ((Endpoint("127.0.0.1", 65535), False), (Endpoint("127.255.255.255", 1), True)):
        with pytest.raises(click.BadParameter):
            list(spread_out(endpoint, 2, spread=spread))


@pytest.mark.parametrize(
    ("text", "name", "password", "privilege"),
    [
        ("a:b:user", b"a", b"b", Privilege.USER),
        ("a:b:Operator", b"a", b"b", Privilege.OPERATOR),
        ("a:b", b"a", b"b", Privilege.ADMINISTRATOR),
        ("a:b:c:user", b"a", b"b:c", Privilege.USER),
        ("a:b:c", b"a", b"b:c", Privilege.ADMINISTRATOR),
        ("a:b:boss", b"a", b"b:boss", Privilege.ADMINISTRATOR),
        (":b", b"", b"b", Privilege.ADMINISTRATOR),
    ],
)
def test_users(text: str, name: bytes, password: bytes, privilege: Privilege) -> None:
    user = parse_user(text)
    assert (user.name, user.password, user.privilege) == (name, password, privilege)


@pytest.mark.parametrize(("text", "said"), [("abc", "'abc' is not a whole number"), ("0", "not in the range 1<=x<=9")])
def test_a_count_is_a_whole_number_within_its_range(text: str, said: str) -> None:
    assert WholeNumber(1, 9).convert("9", None, None) == 9
    with pytest.raises(click.BadParameter, match=said):
        WholeNumber(1, 9).convert(text, None, None)


@pytest.mark.parametrize("text", ["admin", "admin:" + "s" * 21])
def test_a_bad_user_is_named_and_the_password_is_not(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parse_user(text)
    assert "sss" not in str(caught.value)


def test_users_come_from_the_command_line_a_file_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDUIT_BMC_USERS", "env:e")
    users = read_users(("arg:a",), "# comment\nfile:f\n\n")
    assert [user.name for user in users] == [b"arg", b"file", b"env"]


def test_suites_and_auth_types() -> None:
    assert parse_suites("3,17") == (3, 17)
    assert parse_auth_type("PASSWORD") is AuthType.STRAIGHT_PASSWORD
    for text in ("x", "3,20", ""):
        with pytest.raises(click.BadParameter):
            parse_suites(text)
    with pytest.raises(click.BadParameter):
        parse_auth_type("oem")


def test_without_a_user_the_password_is_new_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    passwords = {apply_options(BmcConfig()).users[0].password for _ in range(3)}
    assert len(passwords) == 3
    assert capsys.readouterr().out == ""


def test_options_win_over_the_file() -> None:
    config = BmcConfig.from_toml("running = false\n[[users]]\nname = 'a'\npassword = 'b'")
    changed = apply_options(config, kg="k", suites="3", auth_types=("md5",), idle_timeout=2.0, running=True)
    assert (changed.plus.kg, changed.plus.suites, changed.limits.idle_timeout) == (b"k", (3,), 2.0)
    assert (changed.lan.auth_types, changed.running, changed.users) == (frozenset({AuthType.MD5}), True, config.users)


@asynccontextmanager
async def conduit(*arguments: str) -> AsyncIterator[trio.Process]:
    source = str(Path(__file__).parents[3] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "CONDUIT_BMC_USERS": "admin:secret"}
    command = [sys.executable, "-m", "conduit", *arguments]
    process = await trio.lowlevel.open_process(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with trio.fail_after(30):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                await pipe.aclose()


async def read_lines(process: trio.Process, count: int) -> list[str]:
    assert process.stdout is not None
    text = b""
    while text.count(b"\n") < count:
        text += await process.stdout.receive_some()
    return text.decode().splitlines()


async def test_sim_takes_its_users_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users, config = tmp_path / "users.txt", tmp_path / "bmc.toml"
    users.write_text("filed:f")
    config.write_text("running = true")
    arguments = ["bmc", "sim", "--listen", "127.0.0.1:0", "--config", str(config), "--user-file", str(users)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(root.main, arguments, standalone_mode=False))
        with trio.fail_after(20):
            while not (line := capsys.readouterr().out):  # noqa: ASYNC110 - standard output has no event
                await trio.sleep(0.01)
            port = int(line.rpartition(":")[2])
            async with open_bmc("127.0.0.1", port=port, username="filed", password="f") as bmc:
                assert (await bmc.chassis_status()).power_on
        os.kill(os.getpid(), signal.SIGINT)


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bmc.toml"
    bad.write_bytes(b"\xff")
    with pytest.raises(click.ClickException, match=r"bmc\.toml is not a text file"):
        await root.main(["bmc", "sim", "--config", str(bad)], standalone_mode=False)


async def test_the_root_lists_its_nouns_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        await root.main(["--help"])
    assert "Virtual BMCs" in capsys.readouterr().out
    with pytest.raises(click.UsageError):
        await root.main(["nonsense"], standalone_mode=False)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_sim_says_when_it_is_ready_serves_and_ends_cleanly(ending: signal.Signals) -> None:
    async with conduit("bmc", "sim", "--listen", "127.0.0.1:0", "--count", "2") as process:
        lines = await read_lines(process, 2)
        for line in lines:
            word, _, where = line.partition(" ")
            assert word == "ready"
            host, _, port = where.partition(":")
            async with open_bmc(host, port=int(port), username="admin", password="secret") as bmc:
                assert not (await bmc.chassis_status()).power_on
        process.send_signal(ending)
        assert await process.wait() == 0


async def test_sim_says_where_displays_are_and_lets_in_by_password(tmp_path: Path) -> None:
    secret = tmp_path / "vnc"
    secret.write_text("sesame\nnotes")
    options = ("--vnc", "0", "--vnc-password-file", str(secret))
    async with conduit("bmc", "sim", "--listen", "127.0.0.1:0", "--count", "2", *options) as process:
        lines = await read_lines(process, 4)
        address, _, where = lines[2].removeprefix("display ").partition(" vnc ")
        assert lines[0] == f"ready {address}"
        async with open_display(where, password="sesame") as shown:
            assert shown.name == "node1"
            assert (shown.framebuffer.width, shown.framebuffer.height) == (640, 400)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_displays_of_sim_want_a_name_and_a_password_inside_tls_where_they_have_a_certificate(
    tmp_path: Path,
) -> None:
    secret, files = tmp_path / "vnc", Authority(tmp_path).issue("")
    secret.write_text("a longer word than VncAuth has\n")
    options = (
        *("--vnc", "0", "--vnc-password-file", str(secret), "--vnc-user", "me"),
        *("--vnc-cert", str(files.certificate), "--vnc-key", str(files.key)),
    )
    async with conduit("bmc", "sim", "--listen", "127.0.0.1:0", *options) as process:
        where = (await read_lines(process, 2))[1].partition(" vnc ")[2]
        found = {}
        for password in ("wrong", secret.read_text().strip()):
            login = LoginOptions(
                credentials=Credentials("me", password), transport=TransportOptions(trust=Trust(ca=files.ca))
            )
            found[password] = await probe(DisplayAddress.parse(where), login)
        refused, shown = found.values()
        assert isinstance(refused.failure, AuthenticationError)
        assert shown.handshake is not None
        assert (shown.failure, shown.handshake.method) == (None, VeNCryptType.X509_PLAIN)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("bmc", "sim", "--listen", "nowhere"), 2, b"is not ADDRESS:PORT"),
        (("bmc", "sim", "--kg", "x" * 21), 2, b"Kg has 21 bytes"),
        (("bmc", "sim", "--user", "a:1", "--user", "a:2"), 2, b"two users have the same name"),
        (("bmc", "sim", "--listen", "192.0.2.1:9"), 1, b"cannot listen on 192.0.2.1 port 9"),
        (("bmc", "sim", "--config", "/nonexistent"), 2, b"does not exist"),
        (
            ("bmc", "sim", "--vnc-password-file", __file__),
            2,
            b"--vnc-password-file and the like are for --vnc PORT, which is missing",
        ),
        (("bmc", "sim", "--vnc-password-file", __file__, "--vnc", "0"), 2, b"a VNC password has 1 to 8 characters"),
        (("bmc", "sim", "--vnc-password-file", "/dev/null", "--vnc", "0"), 2, b"its first line is empty"),
        (("bmc", "sim", "--vnc-user", "me", "--vnc", "0"), 2, b"are for --vnc-cert FILE, which is missing"),
        (("bmc", "sim", "--vnc-cert", __file__, "--vnc", "0"), 2, b"whoever comes says --vnc-user and what is in"),
        (
            (
                *("bmc", "sim", "--listen", "127.0.0.1:0", "--vnc", "0", "--vnc-user", "me"),
                *("--vnc-cert", __file__, "--vnc-password-file", __file__),
            ),
            2,
            b"are no certificate and its key",
        ),
        (
            ("bmc", "sim", "--vnc", "0", "--listen", "0.0.0.0:0"),
            2,
            b"other machines can reach need --vnc-password-file",
        ),
        (("nonsense",), 2, b"No such command"),
    ],
)
async def test_mistakes_are_one_line_and_a_status(arguments: tuple[str, ...], status: int, complaint: bytes) -> None:
    async with conduit(*arguments) as process:
        assert await process.wait() == status
        assert process.stderr is not None
        output = await process.stderr.receive_some()
        assert complaint in output
        assert output.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("bmc", "--help"), ("bmc", "sim", "--help")])
async def test_help_and_version(arguments: tuple[str, ...]) -> None:
    async with conduit(*arguments) as process:
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("guest", Serial("guest")),
        ("none", Serial("none")),
        ("pty:", Serial("pty")),
        ("tcp:host:7000", Serial("tcp", "host", 7000)),
        ("tcp-listen:[::1]:0", Serial("tcp-listen", "::1", 0)),
        ("exec:sh -c 'a:b'", Serial("exec", command="sh -c 'a:b'")),
    ],
)
def test_what_a_serial_port_may_lead_to(text: str, serial: Serial) -> None:
    assert parse_serial(text) == serial


@pytest.mark.parametrize("text", ["", "tty", "tcp:", "tcp:host:0", "tcp:host:x", "tcp::1", "exec:", "pty:x", "guest:x"])
def test_what_it_may_not(text: str) -> None:
    with pytest.raises(click.BadParameter, match="--serial"):
        parse_serial(text)


def test_each_guest_has_its_own_name() -> None:
    config = with_guest(BmcConfig(), Serial())
    names = [_numbered(config, number).guest.hostname for number in range(3)]
    assert names == [b"node1", b"node2", b"node3"]
    assert config.guest.enabled
    assert not with_guest(BmcConfig(), Serial("none")).guest.enabled


def test_qemu_needs_an_image_that_exists_and_one_machine(tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="there is no disk image"):
        parse_qemu(str(tmp_path / "none"), 1)
    image = tmp_path / "image"
    image.write_bytes(b"")
    with pytest.raises(click.BadParameter, match="one disk image is one machine's"):
        parse_qemu(str(image), 2)
    assert with_qemu(BmcConfig()).timings.soft_shutdown == ACPI_PATIENCE
    own = BmcConfig(timings=Timings(cycle=9))
    assert with_qemu(own) is own


@pytest.mark.slow
async def test_serial_port_on_a_pty_is_told_after_the_ready_line() -> None:
    words = ["-m", "conduit", "bmc", "sim", "--listen", "127.0.0.1:0", "--user", "a:b", "--serial", "pty:"]
    process: trio.Process = await trio.lowlevel.open_process([sys.executable, *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    async with process.stdout:
        said = b""
        with trio.fail_after(20):
            while said.count(b"\n") < 2:
                said += await process.stdout.receive_some()
        process.terminate()
        assert await process.wait() == 0
    ready, serial = said.decode().splitlines()
    assert ready.startswith("ready 127.0.0.1:")
    assert serial.startswith(f"serial {ready.removeprefix('ready ')} /dev/pts/")
