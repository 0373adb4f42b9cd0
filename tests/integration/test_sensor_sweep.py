"""``sensor list`` over a file of fifty BMCs, all of which are one process; the real thing has a thousand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.conftest import HOST, run_bmcs

COUNT = 50
TIMEOUT = 50.0  # seconds


@pytest.mark.slow
def test_all_sensors_of_fifty_bmcs_named_in_a_file(tmp_path: Path) -> None:
    users, hosts = tmp_path / "users", tmp_path / "hosts"
    users.write_text("admin:correct-horse\n")
    with run_bmcs(users, COUNT, "--on") as fleet:
        hosts.write_text("".join(f"{HOST}:{port}\n" for port in fleet.ports))
        words = ["ipmi", "-H", str(hosts), "-U", fleet.user, "-E", "-C", "17", "sensor", "list", "--output", "json"]
        environment = {**fleet.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        for _ in range(2):  # the second time the records come from the cache
            run = subprocess.run(
                [sys.executable, "-m", "conduit", *words],
                env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False,
            )  # fmt: skip
            assert (run.returncode, run.stderr) == (0, f"conduit ipmi: {COUNT} of {COUNT} hosts succeeded\n")
            rows = [json.loads(line) for line in run.stdout.splitlines()]
            assert {row["port"] for row in rows} == set(fleet.ports)
            assert Counter(len(row["result"]["sensors"]) for row in rows) == {22: COUNT}
            cached = list((tmp_path / "cache" / "conduit" / "sdr").iterdir())
            assert len(cached) == COUNT
