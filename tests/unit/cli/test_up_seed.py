from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from conduit.cli.up.fleet import Fleet
from conduit.cli.up.kept import Kept
from conduit.cli.up.seed import Ports, Seed, plant, plant_again
from conduit.errors import LocalProtocolError
from conduit.services.certificates import new_key, request_certificate
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.run import ManagerSettings
from conduit.services.manager.schema import machines
from conduit.services.manager.vault import read_master_key
from conduit.services.secret import Secret


async def test_a_folder_that_was_used_before_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "manager").mkdir()
    with pytest.raises(LocalProtocolError, match="was used before: give a folder that is empty"):
        await plant(tmp_path, Ports(1, 2, 3), Fleet({}, {}))


async def test_the_second_time_accounts_are_the_same_and_machines_join_anew_only_when_they_must(tmp_path: Path) -> None:
    fleet = Fleet({}, {})
    seed = await plant(tmp_path, Ports(1, 2, 3), fleet)
    await enrol(seed, "gateway", "gw1")
    tokens = {kind: (tmp_path / f"{kind}.join-token").read_text() for kind in ("gateway", "agent")}

    again = await plant_again(tmp_path, Ports(4, 5, 6), fleet, kept(tmp_path))
    assert again.passwords == seed.passwords
    assert "http://127.0.0.1:4" in again.config("agent").read_text()
    assert kept(tmp_path).ports == Ports(4, 5, 6)
    assert (tmp_path / "gateway.join-token").read_text() == tokens["gateway"]  # its certificate is good
    assert (tmp_path / "agent.join-token").read_text() != tokens["agent"]  # it never got one

    await enrol(again, "agent", "agent1")
    with opened(settings_of(again).database_url) as database:
        database.run_here(lambda connection: connection.execute(sa.update(machines).values(certificate_expires_at=1.0)))
    last = await plant_again(tmp_path, Ports(4, 5, 6), fleet, kept(tmp_path))
    for kind, name in (("gateway", "gw1"), ("agent", "agent1")):
        await enrol(last, kind, name)  # under its old name, with a new token


def kept(folder: Path) -> Kept:
    found = Kept.read(folder)
    assert found is not None
    return found


def settings_of(seed: Seed) -> ManagerSettings:
    return ManagerSettings(state=seed.data / "manager")


async def enrol(seed: Seed, kind: str, name: str) -> None:
    settings, token = settings_of(seed), Secret((seed.data / f"{kind}.join-token").read_text())
    with opened(settings.database_url) as database:
        async with open_manager(database, read_master_key(settings.master_key)) as manager:
            await manager.machines.enroll(token, name, request_certificate(new_key()))
