"""A Manager for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.manager import TestManager, open_test_manager


@pytest.fixture
async def test_manager(tmp_path: Path) -> AsyncIterator[TestManager]:
    async with open_test_manager(tmp_path) as manager:
        yield manager
