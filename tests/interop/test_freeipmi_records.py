"""FreeIPMI's tools that read several kinds of records at once, on our BMC."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from tests.wired import ADMIN

pytestmark = pytest.mark.interop

DEADLINE = 40  # seconds that a tool may take
FindPeer = Callable[[str], Path]


@pytest.fixture
async def served() -> AsyncIterator[ServedBmc]:
    async with open_virtual_bmc(BmcConfig(users=(ADMIN,), running=True)) as served:
        yield served


async def says(program: Path, served: ServedBmc, *words: str | Path) -> str:
    where = (
        "-D",
        "LAN_2_0",
        "-I",
        "17",
        "-l",
        "ADMIN",
        "-h",
        f"{served.host}:{served.port}",
        "-u",
        "admin",
        "-p",
        "secret",
    )
    with trio.fail_after(DEADLINE):
        done: subprocess.CompletedProcess[bytes] = await trio.run_process(
            [program, *where, *words], capture_stdout=True, capture_stderr=True, check=False
        )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


async def test_ipmi_fru_finds_both_inventories_by_their_locators(
    peer: FindPeer, served: ServedBmc, tmp_path: Path
) -> None:
    answer = await says(peer("ipmi-fru"), served, f"--sdr-cache-directory={tmp_path}")
    assert "FRU Inventory Device: Builtin FRU (ID 00h)" in answer
    assert "FRU Inventory Device: PSU FRU (ID 01h)" in answer
    assert "FRU Product Name: Virtual Server" in answer


async def test_ipmi_config_reads_and_changes_event_filters(peer: FindPeer, served: ServedBmc, tmp_path: Path) -> None:
    before = tmp_path / "pef.conf"
    await says(peer("ipmi-config"), served, "--category=pef", "--checkout", f"--filename={before}")
    assert "Section Event_Filter_1" in before.read_text()
    setting = "Community_String:Community_String=fleet"
    await says(peer("ipmi-config"), served, "--category=pef", "--commit", f"--key-pair={setting}")
    assert served.bmc.state.lan.community == b"fleet"
