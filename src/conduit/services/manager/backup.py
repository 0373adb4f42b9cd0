"""A copy of the Manager's database while it runs, and its way back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from conduit.errors import AuthenticationError, LocalProtocolError
from conduit.services.clock import system_clock
from conduit.services.manager.database import opened
from conduit.services.manager.occupancy import alone
from conduit.services.manager.run import ManagerSettings
from conduit.services.manager.schema import customers, servers
from conduit.services.manager.vault import Vault, read_master_key


def back_up(settings: ManagerSettings, target: Path) -> None:
    """Write a consistent copy to *target*, a new file that only we read; the Manager may run meanwhile.

    :raises LocalProtocolError: it cannot be done.
    """
    source = _sqlite_file(settings)
    if not source.exists():
        raise LocalProtocolError(f"there is no database {source}")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise LocalProtocolError(f"cannot write {target}: {error.strerror}") from error
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def restore(settings: ManagerSettings, source: Path, *, replace: bool) -> str:
    """Put a copy in place of the database, after looking whether it is one and whether our master key opens it.

    :param replace: though there is a database; that one is kept beside, as ``manager.db.before``.
    :returns: what is in it, in words.
    :raises LocalProtocolError: it is no copy of ours, there is a database, or a Manager uses it.
    """
    with alone(settings.state):
        return _restore(settings, source, replace=replace)


def _restore(settings: ManagerSettings, source: Path, *, replace: bool) -> str:
    target = _sqlite_file(settings)
    if target.exists() and not replace:
        raise LocalProtocolError(f"{target} exists; stop the Manager and say --replace")
    beside = target.with_name(f".{target.name}.restored")
    _copy(source, beside)
    try:
        words = _look(settings, beside)
    except (AuthenticationError, LocalProtocolError, sa.exc.DatabaseError) as error:
        beside.unlink()
        raise LocalProtocolError(f"{source} is no database that {settings.master_key} opens: {error}") from error
    for part in ("", "-wal"):  # what a Manager that crashed had not moved into the file is in the second
        kept = target.with_name(f"{target.name}.before{part}")
        kept.unlink(missing_ok=True)  # a log belongs to one file and no other
        if (old := target.with_name(target.name + part)).exists():
            old.replace(kept)
    target.with_name(f"{target.name}-shm").unlink(missing_ok=True)
    beside.replace(target)
    return words


def _copy(source: Path, target: Path) -> None:
    try:
        data = source.read_bytes()
    except OSError as error:
        raise LocalProtocolError(f"cannot read {source}: {error.strerror}") from error
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _look(settings: ManagerSettings, path: Path) -> str:
    vault = Vault(read_master_key(settings.master_key))
    with opened(f"sqlite:///{path}") as database:

        def work(connection: sa.Connection) -> tuple[int, int]:
            vault.authority(connection, system_clock())
            counts = [sa.select(sa.func.count()).select_from(table) for table in (customers, servers)]
            accounts, machines = (connection.execute(query).scalar_one() for query in counts)
            return accounts, machines

        accounts, machines = database.run_here(work)
    return f"{accounts} accounts, {machines} servers"


def _sqlite_file(settings: ManagerSettings) -> Path:
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        key = f"keep a copy of {settings.master_key} too"
        raise LocalProtocolError(f"this copies SQLite only; for PostgreSQL use pg_dump and pg_restore, and {key}")
    return Path(url.database)
