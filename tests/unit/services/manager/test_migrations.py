"""A database of any earlier version comes up to date, and is then what the code expects."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from conduit.services.manager.database import MIGRATIONS, opened
from conduit.services.manager.schema import metadata


@pytest.mark.parametrize("version", [None, "0001", "0002"])
def test_every_version_comes_up_to_date(tmp_path: Path, version: str | None) -> None:
    url = f"sqlite:///{tmp_path / 'manager.db'}"
    engine = sa.create_engine(url)
    if version is not None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, version)
    with opened(url), engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
