"""The Manager's own tests again, over PostgreSQL: what is true of it with SQLite is true here."""

from __future__ import annotations

from types import ModuleType
from typing import Final

import pytest

from tests.unit.services.manager import test_accounts, test_machines, test_registry

pytestmark = pytest.mark.interop
MODULES: Final[tuple[ModuleType, ...]] = (test_accounts, test_machines, test_registry)


@pytest.fixture
def a_fixture() -> None:
    """To know its type."""


def facts_of(module: ModuleType) -> dict[str, object]:
    """Its tests, by names that no other module has, and its fixtures."""
    kind = module.__name__.rpartition(".test_")[2]
    named = vars(module).items()
    tests = {name.replace("test_", f"test_{kind}_", 1): value for name, value in named if name.startswith("test_")}
    return {name: value for name, value in named if isinstance(value, type(a_fixture))} | tests


for _module in MODULES:
    globals().update(facts_of(_module))
