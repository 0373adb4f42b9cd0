"""Where the Manager keeps things: SQLite in a file, or PostgreSQL by URL. Blocking calls run in threads."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa
import trio
from alembic import command
from alembic.config import Config
from prometheus_client import Histogram

from conduit.errors import CallError, LocalProtocolError
from conduit.services.manager.engines import connections_of, is_postgresql, make_engine, may_try_again
from conduit.services.manager.turns import Turns
from conduit.tunnel.call_frames import Code

MIGRATIONS: Final = Path(__file__).with_name("migrations")
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)  # seconds
_TRIES: Final = 20  # of a transaction that is undone for another's sake
_LONGEST_PAUSE: Final = 6  # bits of milliseconds before the next try
_MIGRATING: Final = 0x636F6E64  # number of a lock
_DOES_NOT_WORK: Final = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
_Result = TypeVar("_Result")


class Database:
    """One database and how many threads may use it.

    :param url: SQLAlchemy's, such as ``sqlite:////var/lib/conduit/manager.db``.
    :raises LocalProtocolError: it cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self._turns = Turns(connections_of(self._engine))
        self.seconds = Histogram(
            "manager_db_query_duration_seconds", "Of transactions, their wait included.", buckets=BUCKETS, registry=None
        )

    async def run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """What *work* returns; it is one transaction, in a thread, and may be undone and run again.

        :raises CallError: UNAVAILABLE: the database does not work; nothing was changed.
        """
        since = trio.current_time()
        try:
            return await self._turns.run(lambda: self.run_here(work))
        finally:
            self.seconds.observe(trio.current_time() - since)

    def run_here(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Like :meth:`run`, in this thread."""
        for tries in count(1):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except _DOES_NOT_WORK as error:
                if tries < _TRIES and may_try_again(error):
                    threading.Event().wait(secrets.randbelow(2 ** min(tries, _LONGEST_PAUSE)) / 1000)
                    continue
                raise CallError(Code.UNAVAILABLE, "the Manager's database does not answer or is full") from error
            except sa.exc.DataError as error:
                raise CallError(
                    Code.INVALID_ARGUMENT, "a text is too long, or has characters that none may have"
                ) from error
        raise AssertionError("unreachable")

    async def check(self) -> None:
        """:raises CallError: UNAVAILABLE: it does not work."""
        await self.run(lambda connection: connection.execute(sa.text("SELECT 1")))

    def migrate(self) -> None:
        """Bring the tables up to date, from an empty file or any earlier version."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._engine.begin() as connection:
            if is_postgresql(connection):  # two Managers that start at the same time take turns
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database that is up to date; closed with the block.

    :raises LocalProtocolError: it cannot be reached or used.
    """
    database = Database(url)
    try:
        try:
            database.migrate()
        except sa.exc.DBAPIError as error:
            raise LocalProtocolError(f"the Manager's database cannot be used: {_first_line(error)}") from error
        yield database
    finally:
        database.close()


def _first_line(error: sa.exc.DBAPIError) -> str:
    """What the driver says; no password is in it."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
