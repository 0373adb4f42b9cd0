"""PostgreSQL, started once, with a database for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from conduit.services.manager.database import opened
from conduit.services.manager.schema import metadata
from tests.conftest import FindPeer
from tests.fakes.manager import TestManager, open_test_manager
from tests.interop.postgresql_server import Postgresql, run_postgresql


@pytest.fixture(scope="session")
def postgresql(peer: FindPeer) -> Iterator[Postgresql]:
    """It runs."""
    with run_postgresql(peer("initdb").parent) as server:
        yield server


@pytest.fixture(scope="session")
def with_tables(postgresql: Postgresql) -> str:
    """URL of a database that is emptied for each test, which is quicker than a new one."""
    url = postgresql.url(postgresql.new_database())
    with opened(url):
        return url


@pytest.fixture
async def test_manager(tmp_path: Path, with_tables: str) -> AsyncIterator[TestManager]:
    """As in the unit tests, over PostgreSQL."""
    tables = ", ".join(metadata.tables)
    with opened(with_tables) as database:
        database.run_here(lambda connection: connection.execute(sa.text(f"TRUNCATE {tables} RESTART IDENTITY")))
    async with open_test_manager(tmp_path, with_tables) as manager:
        yield manager
