"""``conduit ipmi`` against OpenIPMI's simulator: what we say reaches its chassis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import FindPeer
from tests.interop.ipmi_sim import ADMIN, OPERATOR, USER, Simulator, SimUser, run_ipmi_sim

pytestmark = pytest.mark.interop
TIMEOUT = 30.0  # seconds
KG = "0123456789abcdefghi"  # 19 characters are what its configuration takes
SUITES = (0, 1, 2, 3, 6, 11)  # it opens a session with 7, 8 and 12, and then answers nobody, ipmitool included


@pytest.fixture(scope="module")
def sim(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with run_ipmi_sim(peer("ipmi_sim"), tmp_path_factory.mktemp("sim")) as running:
        yield running


@pytest.fixture(scope="module")
def keyed_sim(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with run_ipmi_sim(peer("ipmi_sim"), tmp_path_factory.mktemp("keyed"), kg=KG) as running:
        yield running


def conduit(sim: Simulator, *words: str, user: SimUser = ADMIN) -> subprocess.CompletedProcess[str]:
    options = ["-H", sim.host, "-p", str(sim.port), "-U", user.name, "-E"]
    return subprocess.run(
        [sys.executable, "-m", "conduit", "ipmi", *options, *words],
        env={**os.environ, "IPMI_PASSWORD": user.password},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


def test_power_reaches_the_chassis(sim: Simulator) -> None:
    for verb, power in (("on", "1"), ("off", "0"), ("on", "1")):
        assert conduit(sim, "power", verb).returncode == 0
        assert sim.chassis("power") == power
        state = "on" if power == "1" else "off"
        assert conduit(sim, "power", "status").stdout == f"Chassis power is {state}\n"


def test_reset_reaches_the_chassis(sim: Simulator) -> None:
    assert conduit(sim, "power", "reset").returncode == 0
    assert "reset=1" in sim.chassis_log


@pytest.mark.parametrize(("device", "boot"), [("pxe", "pxe"), ("cdrom", "cdrom"), ("bios", "bios"), ("none", "none")])
def test_boot_device_reaches_the_chassis(sim: Simulator, device: str, boot: str) -> None:
    assert conduit(sim, "chassis", "bootdev", device).returncode == 0
    assert sim.chassis("boot") == boot


@pytest.mark.parametrize(
    "options",
    [
        ["-I", "lan", "-A", "none"],
        ["-I", "lan", "-A", "md2"],
        ["-I", "lan", "-A", "md5"],
        ["-I", "lan", "-A", "password"],
        ["-I", "lan"],
        *(["-C", str(suite)] for suite in SUITES),
        [],
    ],
    ids=" ".join,
)
def test_every_way_to_log_in(sim: Simulator, options: list[str]) -> None:
    run = conduit(sim, *options, "--output", "json", "session", "info")
    assert (run.returncode, run.stderr) == (0, "")
    own = json.loads(run.stdout)
    assert own["interface"] == ("lan" if "lan" in options else "lanplus")
    assert own["cipher_suite"] == (None if "lan" in options else int(options[1]) if options else 3)
    assert own["privilege"] == "administrator"


def test_users_as_the_simulator_knows_them(sim: Simulator) -> None:
    rows = json.loads(conduit(sim, "--output", "json", "user", "list").stdout)["users"]
    known = {row["name"]: row["privilege"] for row in rows if row["name"]}
    assert known == {"admin": "administrator", "oper": "operator", "user": "user"}


@pytest.mark.parametrize("user", [OPERATOR, USER])
def test_lesser_users_log_in_with_less(sim: Simulator, user: SimUser) -> None:
    assert conduit(sim, "-L", user.privilege, "mc", "info", user=user).returncode == 0


def test_wrong_password_is_refused(sim: Simulator) -> None:
    run = conduit(sim, "power", "off", user=SimUser(ADMIN.user_id, ADMIN.name, "hunter2", ADMIN.privilege))
    assert run.returncode == 1
    assert "wrong password" in run.stderr
    assert "hunter2" not in run.stderr


@pytest.mark.parametrize("option", [["-k", KG], ["-y", KG.encode().hex()]])
def test_two_key_log_in(keyed_sim: Simulator, option: list[str]) -> None:
    assert conduit(keyed_sim, *option, "power", "on").returncode == 0
    assert keyed_sim.chassis("power") == "1"


def test_two_key_log_in_without_the_key_fails(keyed_sim: Simulator) -> None:
    run = conduit(keyed_sim, "power", "off")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1


def test_raw_and_errors_in_words(sim: Simulator) -> None:
    assert conduit(sim, "raw", "app", "1").stdout.startswith("00 03 09 08 02 9f 91 12 00 02 0f")
    run = conduit(sim, "chassis", "poh")
    assert run.returncode == 1
    assert "the BMC does not know this command (completion code 0xc1)" in run.stderr
