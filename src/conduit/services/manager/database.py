"""Where the Manager keeps things: SQLite in a file, or PostgreSQL by URL. Blocking calls run in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import trio
from alembic import command
from alembic.config import Config

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code

MIGRATIONS: Final = Path(__file__).with_name("migrations")
_BUSY: Final = 5.0  # seconds that a writer waits for another
_Result = TypeVar("_Result")


class Database:
    """One database and how many threads may use it.

    :param url: SQLAlchemy's, such as ``sqlite:////var/lib/conduit/manager.db``.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        readers = 1 if self._engine.dialect.name == "sqlite" else 8
        self._limiter = trio.CapacityLimiter(readers)

    async def run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """What *work* returns; it is one transaction, in a thread.

        :raises CallError: UNAVAILABLE: the database does not work; nothing was changed.
        """
        return await trio.to_thread.run_sync(self.run_here, work, limiter=self._limiter)

    def run_here(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Like :meth:`run`, in this thread."""
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise CallError(Code.UNAVAILABLE, "the Manager's database does not answer or is full") from error

    async def check(self) -> None:
        """:raises CallError: UNAVAILABLE: it does not work."""
        await self.run(lambda connection: connection.execute(sa.text("SELECT 1")))

    def migrate(self) -> None:
        """Bring the tables up to date, from an empty file or any earlier version."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database that is up to date; closed with the block."""
    database = Database(url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY, "check_same_thread": False})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:  # Any: sqlite3's connection, or a look-alike
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
