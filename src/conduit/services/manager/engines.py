"""How each kind of database is spoken to."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from conduit.errors import LocalProtocolError

_BUSY: Final = 5.0  # seconds that a writer waits for another
_POSTGRESQL: Final = "postgresql"
_CONNECT: Final = 5  # seconds until PostgreSQL has to answer
_SILENCE: Final = 10_000  # milliseconds that what we sent may stay without an acknowledgement
_PATIENCE: Final = "-c statement_timeout=20s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
_AT_ODDS: Final = frozenset({"40001", "40P01"})  # SQLSTATE: serialization failure, deadlock
_CONNECTIONS: Final = 8
_to_json: Final = partial(json.dumps, ensure_ascii=False)  # as people write it, so that it can be searched


def make_engine(url: str) -> sa.Engine:
    """For a URL of SQLite or PostgreSQL; connects when it is needed.

    :raises LocalProtocolError: it is none, or the driver is missing. The URL, which may have a password, is not told.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise LocalProtocolError(
            "the setting database is no URL, such as postgresql://conduit@db.example/conduit"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgresql(parsed)
        case other:
            raise LocalProtocolError(f"the setting database names {other}; the Manager keeps SQLite and PostgreSQL")


def connections_of(engine: sa.Engine) -> int:
    """That are of use at the same time: SQLite has one writer, and its reads are short."""
    return _CONNECTIONS if is_postgresql(engine) else 1


def is_postgresql(bind: sa.Engine | sa.Connection) -> bool:
    """Whether several transactions may run at the same time."""
    return bind.dialect.name == _POSTGRESQL


def may_try_again(error: sa.exc.DBAPIError) -> bool:
    """Whether two transactions were at odds, and this one was undone so that the other could go on."""
    return getattr(error.orig, "sqlstate", None) in _AT_ODDS


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url, connect_args={"timeout": _BUSY, "check_same_thread": False}, json_serializer=_to_json
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:  # Any: sqlite3's connection, or a look-alike
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = NORMAL", "case_sensitive_like = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("lower", 1, _lower, deterministic=True)  # its own knows ASCII only


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _postgresql(url: sa.URL) -> sa.Engine:
    """Serializable: what is read and then written is as safe as with SQLite, where transactions take turns."""
    limits = {"connect_timeout": _CONNECT, "tcp_user_timeout": _SILENCE, "options": _PATIENCE}
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="SERIALIZABLE",
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,
            json_serializer=_to_json,
            connect_args={name: value for name, value in limits.items() if name not in url.query},
        )
    except ImportError as error:
        message = "the database is PostgreSQL, whose driver is missing: install conduit-bmc[services,postgresql]"
        raise LocalProtocolError(message) from error
