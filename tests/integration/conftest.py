"""Virtual BMCs in a process of their own, as people run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import FindPeer
from tests.fakes.turned_time import TurnedTime

HOST = "127.0.0.1"
COUNT = 3
READY_WITHIN = 20.0  # seconds


@dataclass(frozen=True)
class Fleet:
    """Running ``conduit bmc sim``."""

    ports: tuple[int, ...]
    user: str = "admin"
    password: str = "correct-horse"

    @property
    def hosts(self) -> str:
        """All of them, for ``-H``."""
        return f"{HOST}:[{','.join(map(str, self.ports))}]"

    @property
    def environment(self) -> dict[str, str]:
        """For a process that takes its password from ``-E``."""
        return {**os.environ, "IPMI_PASSWORD": self.password}


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three virtual BMCs on ports of the system's choice."""
    users = tmp_path_factory.mktemp("fleet") / "users"
    users.write_text(f"{Fleet.user}:{Fleet.password}:administrator\n")
    with run_bmcs(users, COUNT) as running:
        yield running


@contextmanager
def run_bmcs(users: Path, count: int, *options: str) -> Iterator[Fleet]:
    """``conduit bmc sim`` with *count* BMCs on ports of the system's choice."""
    words = ["bmc", "sim", "--listen", f"{HOST}:0", "--count", str(count), "--user-file", str(users), *options]
    with subprocess.Popen([sys.executable, "-m", "conduit", *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Fleet(tuple(read_ports(process, count)))
        finally:
            process.terminate()
            process.wait(READY_WITHIN)


def read_ports(process: subprocess.Popen[str], count: int) -> Iterator[int]:
    """Ports out of the ``ready ADDRESS:PORT`` lines."""
    assert process.stdout is not None
    for _ in range(count):
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        yield int(line.rpartition(":")[2])


@pytest.fixture
def turned_time(peer: FindPeer) -> TurnedTime:
    """Clocks of processes; skips the test where libfaketime is missing."""
    return TurnedTime(peer("faketime"))
