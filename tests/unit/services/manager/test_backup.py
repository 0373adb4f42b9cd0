"""Copies of the Manager's database."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.errors import LocalProtocolError
from conduit.services.manager.backup import back_up, restore
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.occupancy import alone
from conduit.services.manager.run import ManagerSettings, run_manager
from conduit.services.manager.vault import make_master_key, read_master_key
from tests.fakes.manager import CHEAP, PASSWORD, Clock


async def founded(folder: Path) -> ManagerSettings:
    """A Manager with one account, that has run and ended."""
    folder.mkdir()  # noqa: ASYNC240
    settings = ManagerSettings(state=folder)
    with opened(settings.database_url) as database:
        async with open_manager(database, make_master_key(settings.master_key), clock=Clock(), hasher=CHEAP) as manager:
            await manager.accounts.create("alice@acme.example", PASSWORD)
    return settings


async def test_what_was_copied_while_it_ran_comes_back(tmp_path: Path) -> None:
    settings = await founded(tmp_path / "m")
    copy = tmp_path / "copy.db"
    with opened(settings.database_url) as database:
        async with open_manager(database, read_master_key(settings.master_key), hasher=CHEAP) as manager:
            back_up(settings, copy)
            await manager.accounts.create("late@acme.example", PASSWORD)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert restore(settings, copy, replace=True) == "1 accounts, 0 servers"
    with opened(settings.database_url) as database:
        async with open_manager(database, read_master_key(settings.master_key), hasher=CHEAP) as manager:
            await manager.accounts.log_in("alice@acme.example", PASSWORD)
            assert await manager.accounts.find("late@acme.example") is None


async def test_the_replaced_database_keeps_what_a_crashed_manager_had_not_moved_into_its_file(tmp_path: Path) -> None:
    settings = await founded(tmp_path / "m")
    back_up(settings, tmp_path / "copy.db")
    log = settings.state / "manager.db-wal"
    log.write_bytes(b"what was written last")
    restore(settings, tmp_path / "copy.db", replace=True)
    assert not log.exists()
    kept = settings.state / "manager.db.before-wal"
    assert kept.read_bytes() == b"what was written last"
    restore(settings, tmp_path / "copy.db", replace=True)
    assert not kept.exists(), "it belonged to another file"


async def test_a_database_is_not_replaced_unasked(tmp_path: Path) -> None:
    settings = await founded(tmp_path / "m")
    back_up(settings, tmp_path / "copy.db")
    with pytest.raises(LocalProtocolError, match="--replace"):
        restore(settings, tmp_path / "copy.db", replace=False)


async def test_a_database_is_not_replaced_under_a_running_manager(tmp_path: Path) -> None:
    settings = await founded(tmp_path / "m")
    back_up(settings, tmp_path / "copy.db")
    before = (settings.state / "manager.db").stat().st_ino
    leave = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(run_manager, replace(settings, port=0), leave=leave))
        with pytest.raises(LocalProtocolError, match="a Manager runs on"):
            restore(settings, tmp_path / "copy.db", replace=True)
        leave.set()
    assert (settings.state / "manager.db").stat().st_ino == before
    assert restore(settings, tmp_path / "copy.db", replace=True) == "1 accounts, 0 servers"


async def test_no_manager_starts_where_a_database_is_being_restored(tmp_path: Path) -> None:
    settings = await founded(tmp_path / "m")
    with alone(settings.state), pytest.raises(LocalProtocolError, match="is being restored"):
        await run_manager(replace(settings, port=0), leave=trio.Event())


async def test_a_copy_is_not_written_over_a_file(tmp_path: Path) -> None:
    settings = await founded(tmp_path / "m")
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(LocalProtocolError, match="cannot write"):
        back_up(settings, tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "mine"


async def test_somebody_elses_database_and_no_database_are_refused_and_ours_stays(tmp_path: Path) -> None:
    settings, other = await founded(tmp_path / "m"), await founded(tmp_path / "o")
    back_up(other, tmp_path / "other.db")
    (tmp_path / "nonsense.db").write_text("nonsense" * 1000)
    for name in ("other.db", "nonsense.db"):
        with pytest.raises(LocalProtocolError, match="no database that"):
            restore(settings, tmp_path / name, replace=True)
    back_up(settings, tmp_path / "still.db")


def test_a_master_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    make_master_key(path)
    with pytest.raises(LocalProtocolError, match="exists already"):
        make_master_key(path)
    assert read_master_key(path).key
    path.chmod(0o644)
    with pytest.raises(Exception, match="chmod 600"):
        read_master_key(path)
