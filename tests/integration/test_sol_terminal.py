"""``conduit ipmi sol`` on a pseudo-terminal and on pipes, against our own BMC and its guest."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import trio

from conduit.ipmi.bmc import PowerCommand, Timings, UserConfig
from conduit.ipmi.bmc.guest import GuestConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.client import open_bmc

LIMIT: Final = 20.0  # seconds
PASSWORD: Final = "correct-horse"
GUEST: Final = GuestConfig(enabled=True, boot=0.05, loader=0.05, login_delay=0)
PROMPT: Final = b"node1 login: "

pytestmark = pytest.mark.slow


@pytest.fixture
async def served() -> AsyncIterator[ServedBmc]:
    users = (UserConfig(name=b"admin", password=PASSWORD.encode()),)
    timings = Timings(power_on=0, post=0.05, soft_shutdown=0.05)
    async with open_virtual_bmc(users=users, timings=timings, running=True, guest=GUEST) as one:
        yield one


def command(served: ServedBmc, *words: str) -> list[str]:
    where = ["-H", served.host, "-p", str(served.port), "-U", "admin", "-E"]
    return [sys.executable, "-m", "conduit", "ipmi", *where, *words]


ENVIRONMENT: Final = {**os.environ, "IPMI_PASSWORD": PASSWORD}


async def on_pipes(served: ServedBmc, *words: str, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(LIMIT):
        return await trio.run_process(
            command(served, "sol", *words),
            env=ENVIRONMENT,
            stdin=typed,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )


class Terminal:
    """`sol activate` on a terminal of its own."""

    def __init__(self, process: trio.Process, master: int, slave: int) -> None:
        self.process = process
        self.master = master
        self._slave = slave
        self.before = termios.tcgetattr(slave)
        self.screen = b""

    async def shows(self, text: bytes) -> bytes:
        """Read until it is there; what was shown up to it."""
        with trio.fail_after(LIMIT):
            while text not in self.screen:
                await trio.lowlevel.wait_readable(self.master)
                self.screen += os.read(self.master, 4096)
        shown, _, self.screen = self.screen.partition(text)
        return shown + text

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    @property
    def is_raw(self) -> bool:
        return not termios.tcgetattr(self._slave)[3] & termios.ICANON

    async def becomes(self, *, raw: bool) -> None:
        with trio.fail_after(LIMIT):
            while self.is_raw is not raw:  # noqa: ASYNC110 - a process has no event
                await trio.sleep(0.01)

    async def ended(self) -> int:
        """The exit status; the terminal must be as it was."""
        with trio.fail_after(LIMIT):
            status = await self.process.wait()
        assert termios.tcgetattr(self._slave) == self.before
        return status


@pytest.fixture
async def terminal(served: ServedBmc) -> AsyncIterator[Terminal]:
    async with open_terminal(served) as one:
        yield one


@asynccontextmanager
async def open_terminal(served: ServedBmc, *words: str) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = await trio.lowlevel.open_process(
        command(served, "sol", "activate", *words), env=ENVIRONMENT, stdin=slave, stdout=slave, stderr=slave
    )
    try:
        one = Terminal(process, master, slave)
        one.before = before
        await one.shows(PROMPT)
        yield one
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)
        os.close(slave)


async def test_one_logs_in_works_and_leaves_by_tilde_dot(terminal: Terminal) -> None:
    assert terminal.is_raw
    terminal.type(b"root\r")
    await terminal.shows(b"Password: ")
    terminal.type(b"conduit\r")
    shown = await terminal.shows(b"root@node1:~# ")
    assert b"conduit" not in shown
    terminal.type(b"unfinished\x03")
    await terminal.shows(b"^C\r\nroot@node1:~# ")
    terminal.type(b"uname\r")
    await terminal.shows(b"uname\r\nLinux\r\n")
    terminal.type(b"\r~.")
    await terminal.shows(b"[conduit: console closed]")
    assert await terminal.ended() == 0


async def test_menu_breaks_and_tells(terminal: Terminal, served: ServedBmc) -> None:
    terminal.type(b"\x1db")
    await terminal.shows(b"[conduit: break sent]")
    terminal.type(b"h")
    await terminal.shows(b"sysrq: HELP")
    terminal.type(b"\x1ds")
    await terminal.shows(b"[conduit: active; instance 1")
    terminal.type(b"\r~?")
    await terminal.shows(b"~.  quit")
    assert served.bmc.state.sol.port.breaks == 1
    terminal.type(b"\x1dq")
    assert await terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signal_restores_the_terminal_and_closes_the_session(
    terminal: Terminal, served: ServedBmc, number: signal.Signals
) -> None:
    terminal.process.send_signal(number)
    assert await terminal.ended() == 128 + number
    assert len(served.bmc.state.sessions) == 0


async def test_taken_console_says_so_and_restores_the_terminal(terminal: Terminal, served: ServedBmc) -> None:
    async with (
        open_bmc(served.host, port=served.port, username="admin", password=PASSWORD) as bmc,
        bmc.console(steal=True),
    ):
        await terminal.shows(b"[conduit: the console has ended: ")
        assert await terminal.ended() == 1


async def test_suspended_console_gives_the_terminal_back_and_goes_on(terminal: Terminal) -> None:
    terminal.type(b"\r~\x1a")
    await terminal.becomes(raw=False)
    terminal.process.send_signal(signal.SIGCONT)
    await terminal.becomes(raw=True)
    terminal.type(b"\x1dq")
    assert await terminal.ended() == 0


async def test_pipe_carries_input_through_and_ends_after_a_silence(served: ServedBmc, tmp_path: Path) -> None:
    cast, log = tmp_path / "a.cast", tmp_path / "a.log"
    run = await on_pipes(
        served, "activate", "--linger", "0.5", "--record", str(cast), "--log", str(log),
        typed=b"root\rconduit\recho ~.\rexit\r",
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"echo ~.\r\n~.\r\n" in run.stdout
    assert log.read_bytes() == run.stdout
    header, *events = [json.loads(line) for line in cast.read_text().splitlines()]
    assert header["version"] == 2
    assert "".join(event[2] for event in events).encode() == run.stdout


async def test_a_recording_tells_when_the_terminal_gets_another_size(served: ServedBmc, tmp_path: Path) -> None:
    cast = tmp_path / "a.cast"
    async with open_terminal(served, "--record", str(cast)) as terminal:
        termios.tcsetwinsize(terminal.master, (50, 132))
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.type(b"root\r")
        await terminal.shows(b"Password: ")
        terminal.type(b"\x1dq")
        assert await terminal.ended() == 0
    _, *events = [json.loads(line) for line in cast.read_text().splitlines()]
    assert [event[2] for event in events if event[1] == "r"] == ["132x50"]


async def test_boot_is_watched_until_a_text(served: ServedBmc) -> None:
    async with trio.open_nursery() as nursery:

        async def reset() -> None:
            while not served.bmc.state.sol.port.watched:  # noqa: ASYNC110 - the port has no event
                await trio.sleep(0.01)
            served.bmc.state.machine.command(PowerCommand.RESET, trio.current_time())
            served.wake()

        nursery.start_soon(reset)
        run = await on_pipes(served, "activate", "--until", "init process")
    assert run.returncode == 0
    assert b"Conduit Virtual Firmware" in run.stdout


async def test_console_is_had_by_one_unless_it_is_stolen(served: ServedBmc) -> None:
    async with open_bmc(served.host, port=served.port, username="admin", password=PASSWORD) as bmc, bmc.console():
        run = await on_pipes(served, "activate")
        assert run.returncode == 1
        assert run.stderr.count(b"\n") == 1
        run = await on_pipes(served, "activate", "--steal", "--linger", "0.5", typed=b"\r")
        assert run.returncode == 0
        assert PROMPT in run.stdout


async def test_info_set_and_deactivate(served: ServedBmc) -> None:
    assert (await on_pipes(served, "set", "retry-interval", "200")).returncode == 0
    assert (await on_pipes(served, "set", "privilege", "operator")).returncode == 0
    assert (await on_pipes(served, "set", "force-encryption", "on")).returncode == 0
    shown = json.loads((await on_pipes(served, "info", "--output", "json")).stdout)
    assert (shown["retry_interval"], shown["privilege"], shown["force_encryption"]) == (200, "operator", True)
    run = await on_pipes(served, "deactivate")
    assert (run.returncode, run.stderr) == (1, b"conduit ipmi: console 1 is not active\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["set", "threshold", "many"], b"'many' is no value for threshold"),
        (["set", "retry-count", "9"], b"retry-count: "),
        (["set", "bit-rate", "300"], b"SOL runs at 9600"),
        (["activate", "--escape", "ab"], b"one printable character"),
        (["activate", "--log", "/nowhere/log"], b"cannot write /nowhere/log"),
    ],
)
async def test_wrong_usage_is_one_line(served: ServedBmc, words: list[str], complaint: bytes) -> None:
    run = await on_pipes(served, *words)
    assert run.returncode == 2
    assert complaint in run.stderr
    assert run.stderr.count(b"\n") == 1
