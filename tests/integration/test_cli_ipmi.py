"""``conduit ipmi`` as a process, against ``conduit bmc sim`` as another."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import socket  # noqa: TID251  # a port that nobody answers on
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import HOST, Fleet

TIMEOUT = 30.0  # seconds
CONDUIT = [sys.executable, "-m", "conduit", "ipmi"]
QUICK = ["-N", "0.1", "-R", "0"]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes everything and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


def conduit(fleet: Fleet, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command line to its end."""
    return subprocess.run(
        [*CONDUIT, *words],
        env=fleet.environment, input=stdin, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


def one(fleet: Fleet, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run it against the first BMC."""
    return conduit(fleet, "-H", HOST, "-p", str(fleet.ports[0]), "-U", fleet.user, *words, stdin=stdin)


def test_power_goes_off_and_on_again(fleet: Fleet) -> None:
    for words, line in (
        (["on", "--wait"], "Chassis power control: on; power is on after"),
        (["status"], "Chassis power is on"),
        (["off", "--wait"], "Chassis power control: off; power is off after"),
        (["status"], "Chassis power is off"),
    ):
        run = one(fleet, "-E", "power", *words)
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.startswith(line)


@pytest.mark.parametrize("source", [["-E"], ["-f", "FILE"], ["-f", "-"]])
def test_password_is_in_no_argument(fleet: Fleet, source: list[str], tmp_path: Path, silent_port: int) -> None:
    file = tmp_path / "password"
    file.write_text(f"{fleet.password}\n")
    options = [str(file) if word == "FILE" else word for word in source]
    assert one(fleet, *options, "power", "status", stdin=f"{fleet.password}\n").returncode == 0
    words = [*CONDUIT, "-H", HOST, "-p", str(silent_port), "-U", fleet.user, *options, "power", "status"]
    with subprocess.Popen(
        words, env=fleet.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert fleet.password.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()


def test_json_and_yaml_of_one_host_are_an_object(fleet: Fleet) -> None:
    run = one(fleet, "-E", "--output", "json", "mc", "info")
    assert json.loads(run.stdout)["ipmi_version"] == "2.0"
    run = one(fleet, "-E", "mc", "info", "--output", "yaml")
    assert yaml.safe_load(run.stdout)["ipmi_version"] == "2.0"


def test_many_hosts_give_a_line_each_and_a_sum(fleet: Fleet) -> None:
    run = conduit(fleet, "-H", fleet.hosts, "-U", fleet.user, "-E", "mc", "guid", "rfc4122")
    assert run.returncode == 0
    assert sorted(line.split(": ")[0] for line in run.stdout.splitlines()) == [
        f"{HOST}:{port}" for port in sorted(fleet.ports)
    ]
    assert run.stderr == "conduit ipmi: 3 of 3 hosts succeeded\n"


def test_one_failing_host_stops_no_other_and_fails_the_command(fleet: Fleet, silent_port: int, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    lines = [f"{HOST}:{port}" for port in (silent_port, *fleet.ports)]
    hosts.write_text("# rack 1\n" + "\n".join(lines))
    words = ["-H", f"@{hosts}", "-U", fleet.user, "-E", *QUICK, "power", "status"]
    run = conduit(fleet, *words)
    assert run.returncode == 1
    assert len(run.stdout.splitlines()) == 3
    assert run.stderr.splitlines() == [
        f"conduit ipmi: {HOST}:{silent_port}: the BMC does not answer",
        "conduit ipmi: 3 of 4 hosts succeeded",
    ]
    run = conduit(fleet, "--output", "json", *words)
    assert run.returncode == 1
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert [result["ok"] for result in results].count(True) == 3
    failed = next(result for result in results if not result["ok"])
    assert (failed["port"], failed["error"]["type"]) == (silent_port, "PeerTimeoutError")
    run = conduit(fleet, "--output", "yaml", *words)
    assert {result["host"] for result in yaml.safe_load_all(run.stdout)} == {HOST}


def test_results_come_as_they_come(fleet: Fleet, silent_port: int) -> None:
    hosts = f"{HOST}:{silent_port},{fleet.hosts}"
    words = [*CONDUIT, "-H", hosts, "-U", fleet.user, "-E", "-N", "60", "power", "status"]
    with subprocess.Popen(
        words, env=fleet.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        for _ in fleet.ports:  # although one host will be silent for a minute
            assert "Chassis power is" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        assert run.communicate(timeout=TIMEOUT) == ("", "conduit ipmi: interrupted: 3 of 4 hosts succeeded\n")
        assert run.returncode == 130


def test_fanout_of_one_takes_them_in_turn(fleet: Fleet) -> None:
    run = conduit(fleet, "-H", fleet.hosts, "-U", fleet.user, "-E", "--fanout", "1", "power", "status")
    assert [int(line.split(":")[1]) for line in run.stdout.splitlines()] == list(fleet.ports)


def test_a_network_is_swept_and_only_those_that_answer_are_listed(fleet: Fleet) -> None:
    words = ["-H", f"{HOST}/28", "-p", str(fleet.ports[0]), "-N", "0.2", "ping", "--rate", "1000"]
    run = conduit(fleet, *words)
    assert run.returncode == 0
    assert run.stdout.startswith(f"{HOST}: speaks IPMI, ")
    assert run.stderr == "conduit ipmi: 1 of 14 addresses answered\n"
    run = conduit(fleet, "-H", "127.9.9.0/29", "-p", str(fleet.ports[0]), "-N", "0.1", "ping")
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "conduit ipmi: 0 of 6 addresses answered\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_is_obeyed_quietly_and_closes_the_session(fleet: Fleet, number: int, status: int) -> None:
    assert one(fleet, "-E", "power", "on", "--wait").returncode == 0
    before = sessions(fleet)
    words = [*CONDUIT, "-H", HOST, "-p", str(fleet.ports[0]), "-U", fleet.user, "-E", "-v"]
    with subprocess.Popen(
        [*words, "power", "cycle", "--wait", "--wait-timeout", "600"],
        env=fleet.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stderr is not None
        assert "cipher suite 17" in run.stderr.readline()  # logged in
        run.send_signal(number)
        assert run.communicate(timeout=TIMEOUT) == ("", "")
        assert run.returncode == status
    assert sessions(fleet) == before


def sessions(fleet: Fleet) -> int:
    """How many are open, the asking one included."""
    count: int = json.loads(one(fleet, "-E", "--output", "json", "session", "info").stdout)["active_sessions"]
    return count


def test_reader_that_goes_away_makes_no_noise(fleet: Fleet) -> None:
    words = [*CONDUIT, "-H", fleet.hosts, "-U", fleet.user, "-E", "power", "status"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    with subprocess.Popen(words, env=fleet.environment, stdout=write_end, stderr=subprocess.PIPE, text=True) as run:
        os.close(write_end)
        _, err = run.communicate(timeout=TIMEOUT)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_password_is_asked_for_on_a_terminal_and_not_echoed(fleet: Fleet) -> None:
    words = [*CONDUIT, "-H", HOST, "-p", str(fleet.ports[0]), "-U", fleet.user, "power", "status"]
    status, screen = on_terminal(words, f"{fleet.password}\n")
    assert status == 0
    assert "Password: " in screen
    assert "Chassis power is" in screen
    assert fleet.password not in screen


def test_progress_is_shown_on_a_terminal_and_results_stay_whole(fleet: Fleet) -> None:
    words = [*CONDUIT, "-H", fleet.hosts, "-U", fleet.user, "power", "status"]
    status, screen = on_terminal(words, f"{fleet.password}\n")
    assert status == 0
    assert "3/3" in screen
    for port in fleet.ports:
        assert f"{HOST}:{port}: Chassis power is" in screen


@pytest.mark.parametrize("many", [False, True])
def test_ctrl_c_on_a_terminal_ends_without_noise_and_closes_sessions(
    fleet: Fleet, silent_port: int, many: bool
) -> None:
    before = sessions(fleet)
    hosts = f"{HOST}:[{','.join(map(str, (*fleet.ports, silent_port)))}]" if many else f"{HOST}:{fleet.ports[0]}"
    options = ["-H", hosts, "-U", fleet.user, "-E", "-C", "17", "-N", "60", "-R", "0"]
    verb = ["power", "status"] if many else ["-v", "sel", "follow"]
    master, slave = pty.openpty()
    try:
        with subprocess.Popen(
            [*CONDUIT, *options, *verb],
            env=fleet.environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that ^C is a signal to it
        ) as run:  # fmt: skip
            screen = read_until(master, b"3/4" if many else b"cipher suite 17")
            os.write(master, b"\x03")
            assert run.wait(TIMEOUT) == 128 + signal.SIGINT
            screen += read_until(master, b"interrupted: 3 of 4 hosts" if many else b"")
    finally:
        os.close(master)
        os.close(slave)
    assert b"Traceback" not in screen
    assert sessions(fleet) == before


def read_until(terminal: int, wanted: bytes) -> bytes:
    screen = b""
    while wanted not in screen:
        ready, _, _ = select.select([terminal], [], [], TIMEOUT)
        assert ready, screen
        screen += os.read(terminal, 4096)
    return screen


ON_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def on_terminal(words: list[str], typed: str) -> tuple[int, str]:
    """Run *words* on a pseudo-terminal and type when asked; returns the exit status and what was on the screen."""
    with subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        screen = b""
        while b"Password" not in screen and (part := os.read(run.stdout.fileno(), 4096)):
            screen += part
        rest, _ = run.communicate(typed.encode(), timeout=TIMEOUT)
    return run.returncode, (screen + rest).decode()


def test_a_full_disk_is_named_and_no_fault_of_ours(fleet: Fleet) -> None:
    with Path("/dev/full").open("w") as full:
        words = [*CONDUIT, "-H", HOST, "-p", str(fleet.ports[0]), "-U", fleet.user, "-E", "power", "status"]
        run = subprocess.run(
            words, env=fleet.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False
        )
    assert (run.returncode, run.stderr) == (1, "conduit ipmi: the system refused: No space left on device\n")


def test_a_locale_that_lacks_a_letter_gets_it_escaped(fleet: Fleet) -> None:
    words = [*CONDUIT, "-H", HOST, "-p", str(fleet.ports[0]), "-U", fleet.user, "-E", "user", "set", "name", "5"]
    environment = {**fleet.environment, "PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C.UTF-8"}
    run = subprocess.run(
        [*words, "Jürgen"], env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (run.returncode, run.stdout) == (0, "Name of user 5 set to J\\xfcrgen\n")


@pytest.mark.parametrize(
    "words", [["-N", "nan", "power", "status"], ["power", "on", "--wait-timeout", "nan"], ["ping", "--interval", "nan"]]
)
def test_no_time_is_not_a_number(fleet: Fleet, words: list[str]) -> None:
    run = one(fleet, "-E", *words)
    assert run.returncode == 2
    assert "'nan' is not a number of seconds" in run.stderr
    assert run.stderr.count("\n") == 1
