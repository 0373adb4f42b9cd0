"""`conduit manager` with PostgreSQL, as operators run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from conduit.cli.up.fleet import HOST
from conduit.cli.up.seed import write_private
from conduit.cli.up.tree import Service, free_ports
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.run import ManagerSettings
from conduit.services.manager.vault import read_master_key
from conduit.services.secret import Secret
from conduit.services.settings import load
from tests.conftest import FindPeer
from tests.interop.postgresql_server import Postgresql

pytestmark = pytest.mark.interop
ADMIN = "ops@provider.example"
PASSWORD = "correct horse battery"
PATIENCE = 30.0  # seconds


def conduit(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conduit", "manager", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=os.environ)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql) -> Path:
    """Of a Manager that was made with its first account."""
    folder = tmp_path_factory.mktemp("service")
    path, password = folder / "manager.toml", folder / "password"
    write_private(password, PASSWORD)
    url, (port,) = postgresql.url(postgresql.new_database()), trio.run(free_ports, 1, HOST)
    write_private(path, f'state = "{folder}/manager"\ndatabase = "{url}"\nport = {port}\n')
    made = conduit("init", "--config", path, "--admin", ADMIN, "--password-file", password)
    assert made.returncode == 0, made.stderr
    return path


async def test_a_manager_serves_from_postgresql_and_goes_on_after_a_restart(config: Path) -> None:
    port = load(ManagerSettings, config, "manager", {}).port
    manager = Service("manager", config, config.parent)
    for _ in range(2):
        await manager.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=PATIENCE) as http:
                asked = {"email": ADMIN, "password": PASSWORD}
                assert (await http.post("/api/v1/auth/token", json=asked)).status_code == 200
                assert (await http.get("/ready")).status_code == 200
        finally:
            await manager.stop()


def test_copies_are_made_with_postgresqls_own_programs(config: Path) -> None:
    for verb, file in (("backup", "copy"), ("restore", "manager.toml")):
        done = conduit(verb, "--config", config, config.parent / file)
        assert done.returncode == 2
        assert done.stderr.strip() == (
            "Error: this copies SQLite only; for PostgreSQL use pg_dump and pg_restore, and keep a copy of "
            f"{config.parent}/manager/master.key too"
        )


async def test_what_pg_dump_copies_pg_restore_brings_back(config: Path, postgresql: Postgresql, peer: FindPeer) -> None:
    """As the documentation says."""
    settings = load(ManagerSettings, config, "manager", {})
    old, new = settings.database.rpartition("/")[2], postgresql.new_database()
    copy = config.parent / "manager.dump"
    dump = [str(peer("pg_dump")), "--format=custom", f"--file={copy}", old]
    restore = [str(peer("pg_restore")), "--no-owner", "--exit-on-error", f"--dbname={new}", str(copy)]
    for command in (dump, restore):
        await trio.run_process(command, env=postgresql.environment)
    with opened(postgresql.url(new)) as database:
        async with open_manager(database, read_master_key(settings.master_key)) as manager:
            assert (await manager.accounts.log_in(ADMIN, Secret(PASSWORD)))[0].email == ADMIN
