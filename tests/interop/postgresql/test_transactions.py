"""What SQLite never lets happen, since its transactions take turns, does not happen with PostgreSQL either."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
import trio

from conduit.errors import CallError, LocalProtocolError
from conduit.services.manager.database import Database, opened
from conduit.services.manager.registry import Filters, ReportedServer
from conduit.services.manager.revocations import revocations_after, revoke
from conduit.services.manager.schema import datacenters, metadata
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import TestManager, open_test_manager
from tests.interop.postgresql_server import Postgresql

pytestmark = pytest.mark.interop
MANY: Final = 40
PATIENCE: Final = 10.0  # seconds


@pytest.fixture
def database(postgresql: Postgresql) -> Iterator[Database]:
    with opened(postgresql.url(postgresql.new_database())) as empty:
        yield empty


def test_the_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    def look(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        return {name: {column["name"] for column in inspector.get_columns(name)} for name in metadata.tables}

    expected = {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    assert database.run_here(look) == expected
    database.migrate()  # once more changes nothing
    assert database.run_here(look) == expected


async def test_a_revocation_is_never_seen_before_one_with_a_lower_number(database: Database) -> None:
    """A Gateway asks for those after the last that it has: one that came late would be lost to it."""
    has_number, may_end = threading.Event(), threading.Event()

    def slow(connection: sa.Connection) -> None:
        revoke(connection, "machine", "agent/slow", 100.0)
        has_number.set()
        may_end.wait(PATIENCE)

    seen: list[str] = []

    async def follow() -> None:
        after = 0
        while len(seen) < 2:
            found = await database.run(partial(revocations_after, number=after))
            after = found[-1].number if found else after
            seen.extend(each.target for each in found)
            if not found:
                await trio.sleep(0.02)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run, slow)
        await trio.to_thread.run_sync(has_number.wait, PATIENCE)
        nursery.start_soon(database.run, partial(revoke, kind="machine", target="agent/quick", now=100.0))
        nursery.start_soon(follow)
        await trio.sleep(0.3)  # time in which the quick one would be seen
        assert not seen
        may_end.set()
    assert seen == ["agent/slow", "agent/quick"]


async def test_transactions_that_are_at_odds_are_repeated_until_each_has_counted(database: Database) -> None:
    def found(connection: sa.Connection) -> None:
        connection.execute(sa.insert(datacenters).values(id="dc1", region="eu", created_at=0.0))

    def count_up(connection: sa.Connection) -> None:
        value = connection.execute(sa.select(datacenters.c.created_at)).scalar_one()
        connection.execute(sa.update(datacenters).values(created_at=value + 1))

    await database.run(found)
    async with trio.open_nursery() as nursery:
        for _ in range(MANY):
            nursery.start_soon(database.run, count_up)
    assert (
        await database.run(lambda connection: connection.execute(sa.select(datacenters.c.created_at)).scalar()) == MANY
    )


async def test_reports_of_the_same_servers_at_the_same_time_are_one_after_the_other(
    tmp_path: Path, postgresql: Postgresql
) -> None:
    async with open_test_manager(tmp_path, postgresql.url(postgresql.new_database())) as running:
        await running.machine("agent", "a1")
        reported = [ReportedServer(id=f"web-{number:02}", customer="") for number in range(5)]
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(running.manager.registry.report, "a1", "dc1", reported)
        staff = await running.account(is_staff=True)
        assert (await running.manager.registry.servers(staff, Filters(), 10, "")).total == len(reported)


async def test_a_text_that_no_table_can_have_is_the_callers_fault(test_manager: TestManager) -> None:
    with pytest.raises(CallError) as refused:
        await test_manager.manager.accounts.find("nobody\0@acme.example")
    assert refused.value.code == Code.INVALID_ARGUMENT


async def test_a_database_that_goes_away_is_told_and_comes_back(postgresql: Postgresql, database: Database) -> None:
    await database.check()
    with postgresql.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    await database.check()  # on a new connection


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url, server: url.replace(server.password, "wrong"), "password authentication failed"),
        (lambda url, server: url.replace(f":{server.port}/", ":1/"), "refused"),
        (lambda url, server: url + "-not-there", "does not exist"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_without_a_password(
    postgresql: Postgresql, change: Callable[[str, Postgresql], str], words: str
) -> None:
    url = change(postgresql.url(postgresql.new_database()), postgresql)
    with pytest.raises(LocalProtocolError, match=words) as refused, opened(url):
        pytest.fail("opened")
    assert "\n" not in str(refused.value)
    assert postgresql.password not in str(refused.value)
