"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a busy machine is not a bug. Repeatable everywhere, so that a red build is red at home too.
settings.register_profile("conduit", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("search", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "conduit"))

# What rich asks before it colours or draws a progress bar: the same answers on every machine.
os.environ["TERM"] = "xterm-256color"
for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
    os.environ.pop(name, None)

SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on an ordinary user's PATH, but FreeIPMI's home
SERVERS = Path("/usr/lib/postgresql")  # Debian keeps each version's programs in a folder of its own, on nobody's PATH

FAILURE = 4000  # characters of a failure that are shown at once

FindPeer = Callable[[str], Path]


def find_peer(name: str, *, required: bool) -> Path:
    """The executable *name* of another implementation; skips the test if it is missing, or fails it if *required*."""
    versions = sorted(map(str, SERVERS.glob("*/bin")), reverse=True)
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES, *versions))
    found = shutil.which(name, path=path)
    if found:
        return Path(found)
    reason = f"{name} is not installed"
    if required:
        pytest.fail(f"{reason}, and CONDUIT_REQUIRE_PEERS is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def peer() -> FindPeer:
    """Finds a real tool to test against: `ipmitool = peer("ipmitool")`."""
    required = os.environ.get("CONDUIT_REQUIRE_PEERS", "") not in {"", "0"}
    return lambda name: find_peer(name, required=required)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Names a failure at once, for the log of a run that is ended before its summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.nodeid} failed in its {report.when}:\n{report.longreprtext[-FAILURE:]}", file=sys.__stderr__)
