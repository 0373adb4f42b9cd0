"""What an import costs: the protocol packages are usable without an event loop."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import conduit

CHECK = """
import importlib, sys
importlib.import_module(sys.argv[1])
loaded = {"trio", "asyncio", "asyncclick", "rich", "yaml"} & set(sys.modules)
sys.exit(f"loads {', '.join(sorted(loaded))}" if loaded else 0)
"""


@pytest.mark.parametrize("name", ["conduit", "conduit.errors", "conduit.rmcp"])
def test_import_loads_neither_trio_nor_the_command_line(name: str) -> None:
    run = subprocess.run([sys.executable, "-c", CHECK, name], capture_output=True, text=True, timeout=30, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_version_is_a_release_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", conduit.__version__)


def test_client_is_loaded_when_it_is_asked_for() -> None:
    from conduit import ipmi
    from conduit.ipmi import client

    assert ipmi.open_bmc is client.open_bmc
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ipmi.nothing
