"""``conduit up --data``: once at a time, again with what was there, and not without one of its services."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from conduit.cli.up.fleet import ACME

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "conduit", "up", "--data")
PATIENCE = 60.0  # seconds, on a busy machine


@contextmanager
def up(folder: Path, *, port: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """Runs, and has said that it is ready."""
    more = [] if port is None else ["--port", str(port)]
    with subprocess.Popen(
        [*COMMAND, str(folder), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _wait_for(process.stdout, "ready after")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)


def _wait_for(stream: IO[str] | None, words: str) -> None:
    assert stream is not None
    for line in stream:
        if words in line:
            return
    raise AssertionError(f"it does not say {words}")


def servers_of(folder: Path) -> list[str]:
    """What alice sees, with the password that she was given the first time."""
    kept = json.loads((folder / "up.json").read_text())
    url = f"http://127.0.0.1:{kept['ports']['manager']}/api/v1"
    body = {"email": ACME, "password": kept["accounts"][ACME]}
    token = _post(f"{url}/auth/token", body)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{url}/servers", headers=headers, trust_env=False, timeout=PATIENCE)
    return [server["id"] for server in answer.json()["servers"]]


def _post(url: str, body: dict[str, str]) -> dict[str, str]:
    answer = httpx.post(url, json=body, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


def child(process: subprocess.Popen[str], name: str) -> int:
    """The process of a service."""
    children = Path(f"/proc/{process.pid}/task").glob("*/children")  # of each thread
    for pid in " ".join(path.read_text() for path in children).split():
        if name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            return int(pid)
    raise AssertionError(f"there is no {name}")


def test_a_second_one_is_refused_in_a_line_and_a_later_one_finds_everything(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with up(folder) as first:
        second = subprocess.run([*COMMAND, str(folder)], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == (
            f"Error: {folder} is in use by `conduit up`, process {first.pid}: end that one, or give another folder\n"
        )
        before, kept = servers_of(folder), (folder / "up.json").read_text()
        certificate = (folder / "agent" / "machine.pem").read_bytes()
    assert first.returncode == 0
    assert len(before) == 4
    with up(folder):
        assert servers_of(folder) == before
        assert (folder / "up.json").read_text() == kept
        assert (folder / "agent" / "machine.pem").read_bytes() == certificate
    other = subprocess.run(
        [*COMMAND, str(folder), "--password", "another-password"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "leave --password out" in other.stderr


def test_a_service_that_ends_by_itself_ends_all_of_it_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with up(folder) as process:
        others = [child(process, name) for name in ("manager", "agent")]
        os.kill(child(process, "gateway"), signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert errors == f"Error: the gateway has ended by signal 9 (SIGKILL); its log: {folder / 'gateway.log'}\n"
    assert not any(Path(f"/proc/{pid}").exists() for pid in others)
