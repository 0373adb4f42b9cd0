"""What is measured: websockify and our own relay as processes of their own, and how much of the machine they take."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bench.run import ROOT, environment
from bench.tunnel_ends import cpu_of
from bench.tunnel_forward import HOST, descendants, free_port

PATIENCE: Final = 20.0  # seconds until something is there
NAMES: Final = ("websockify", "conduit")


@dataclass(frozen=True, slots=True)
class Running:
    """A process with its children, and where it takes viewers."""

    pid: int
    port: int

    def cpu(self) -> float:
        """Processor seconds so far, of those that live."""
        return sum(map(cpu_of, descendants(self.pid)))

    def memory(self) -> int:
        """Bytes, of which those that several processes have count for each with its share (PSS)."""
        found = 0
        for pid in descendants(self.pid):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) << 10  # type: ignore[index]  # it is there
        return found


@contextmanager
def process(*command: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the block."""
    with subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(), cwd=ROOT
    ) as one:
        try:
            yield one
        finally:
            one.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                one.wait(3)
            one.kill()


def find(log: IO[str] | None, pattern: str) -> int:
    """The number in the first line of this kind."""
    deadline = time.monotonic() + PATIENCE
    seen = ""
    while log is not None and time.monotonic() < deadline and (line := log.readline()):
        seen += line
        if found := re.search(pattern, line):
            return int(found[1])
    raise RuntimeError(f"it does not start: {seen!r}")


@contextmanager
def far(*words: str) -> Iterator[int]:
    """The display; its port."""
    with process(sys.executable, "-m", "bench.display_far", *words, stdin=subprocess.PIPE) as one:
        yield find(one.stdout, r"^(\d+)$")


def websockify_program() -> str:
    """That of this environment, or another one.

    :raises RuntimeError: there is none.
    """
    beside = Path(sys.executable).with_name("websockify")
    program = str(beside) if beside.exists() else shutil.which("websockify")
    if program is None:
        raise RuntimeError("websockify is not installed")
    return program


def websockify_version() -> str:
    """What it says, or the package's version where it says nothing."""
    try:
        interpreter = Path(websockify_program()).read_text().partition("\n")[0].removeprefix("#!").split()
    except RuntimeError as error:
        return str(error)
    show = "from importlib.metadata import version as v; print(v('websockify'), 'numpy', v('numpy'))"
    done = subprocess.run([*interpreter, "-c", show], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() or "unknown"


@contextmanager
def relay(name: str, target: int) -> Iterator[Running]:
    """One of both before the display at *target*."""
    if name == "websockify":
        port = free_port()
        with process(websockify_program(), f"{HOST}:{port}", f"{HOST}:{target}") as one:
            find(one.stdout, r"proxying from [\d.:]+:(\d+)")
            yield Running(one.pid, port)
        return
    listen = ("--listen", f"{HOST}:0", "--websocket", f"{HOST}:0", "--viewers", "2000")
    with process(sys.executable, "-m", "conduit", "rfb", f"{HOST}:{target}", "relay", *listen) as one:
        yield Running(one.pid, find(one.stdout, r"ready [\d.]+:(\d+): for WebSockets"))
