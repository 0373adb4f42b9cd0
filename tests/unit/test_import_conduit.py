"""What an import costs: the protocol packages are usable without an event loop."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import conduit
from conduit import ipmi

CHECK = """
import importlib, sys
importlib.import_module(sys.argv[1])
loaded = set(sys.argv[2:]) & set(sys.modules)
sys.exit(f"loads {', '.join(sorted(loaded))}" if loaded else 0)
"""


def check(name: str, *slow: str) -> None:
    """Importing *name* loads none of *slow*."""
    words = [sys.executable, "-c", CHECK, name, *slow]
    run = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("name", ["conduit", "conduit.errors", "conduit.rmcp", "conduit.ipmi"])
def test_import_loads_neither_trio_nor_the_command_line(name: str) -> None:
    check(name, "trio", "asyncio", "asyncclick", "rich", "yaml")


def test_help_waits_for_nothing_that_only_commands_need() -> None:
    check("conduit.cli.ipmi", "rich", "yaml", "conduit.ipmi.client", "conduit.ipmi.commands")


def test_version_is_a_release_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", conduit.__version__)


def test_client_is_loaded_when_it_is_asked_for() -> None:
    from conduit import ipmi
    from conduit.ipmi import client

    assert ipmi.open_bmc is client.open_bmc
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ipmi.nothing


def test_names_of_the_ipmi_package_are_all_there_and_no_others() -> None:
    assert all(getattr(ipmi, name).__name__ == name for name in ipmi.__all__)
    assert set(ipmi._HOMES) == set(ipmi.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(ipmi, "nonsense")  # noqa: B009  # a name that type checkers know is not there
