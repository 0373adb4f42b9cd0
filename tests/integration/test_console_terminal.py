"""The terminal of ``conduit server console`` on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 15.0  # seconds for anything to appear


class Terminal:
    """Somebody at a terminal."""

    def __init__(self) -> None:
        self.handle, inner = pty.openpty()
        self.before = termios.tcgetattr(inner)
        self._inner = inner
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.console_process"],
            cwd=ROOT,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            start_new_session=True,
        )

    def type(self, data: bytes) -> None:
        """As by hand."""
        os.write(self.handle, data)

    def until(self, words: bytes) -> bytes:
        """What is shown up to *words*; what comes after them counts for the next time."""
        while words not in self.seen:
            ready, _, _ = select([self.handle], [], [], LIMIT)
            assert ready, f"{words!r} does not appear in {self.seen!r}"
            self.seen += os.read(self.handle, 4096)
        shown, _, self.seen = self.seen.partition(words)
        return shown

    def settings_now(self) -> list[object]:
        """Of the terminal."""
        return list(termios.tcgetattr(self._inner))

    def close(self) -> None:
        """Whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.handle)
        os.close(self._inner)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    try:
        yield made
    finally:
        made.close()


def test_a_lost_connection_comes_back_and_says_what_was_missed(terminal: Terminal) -> None:
    terminal.until(b"ready> ")
    terminal.type(b"c")
    assert b"\x1b[2m" in terminal.until(b"[conduit: connection lost")
    terminal.until(b"<while nobody looked>")
    terminal.until(b"nothing missed]")
    terminal.type(b"hi")
    terminal.until(b"hi")


def test_keys_are_refused_with_bell_and_words_while_the_console_is_not_live(terminal: Terminal) -> None:
    terminal.until(b"ready> ")
    terminal.type(b"l")
    terminal.until(b"[conduit: The console's connection with the BMC is lost. Trying again]")
    terminal.type(b"rm -rf /\r")
    assert b"\a" in terminal.until(b"[conduit: not sent: The console's connection")


def test_ctrl_bracket_has_a_menu_and_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.until(b"ready> ")
    terminal.type(b"\x1d")
    terminal.until(b"w ask for the keyboard")
    terminal.type(b"s\x1ds")
    terminal.until(b"live; the keyboard is yours")
    terminal.type(b"\r~.")
    terminal.until(b"console closed")
    assert terminal.process.wait(LIMIT) == 0
    assert terminal.settings_now() == list(terminal.before)


def test_a_session_that_staff_end_says_so_and_fails(terminal: Terminal) -> None:
    terminal.until(b"ready> ")
    terminal.type(b"e")
    terminal.until(b"the console has ended: Staff ended this session.")
    assert terminal.process.wait(LIMIT) == 1
    assert terminal.settings_now() == list(terminal.before)
