from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conduit.services.agent.config import Console, Control, ServerConfig
from conduit.services.agent.servers import may_stay

CONTROL = Control(type="ipmi", address="10.0.0.1", user="u", sealed_password=True)
SERVER = ServerConfig(control=[CONTROL], console=Console(), customer="a@acme.example")


@pytest.mark.parametrize(
    "changes",
    [
        {"console": Console(log=Path("/var/log/db.log"))},
        {"console": Console(steal=True)},
        {"display_name": "Database", "tags": ["db"], "metadata": {"rack": "7"}},
        {},
    ],
)
def test_a_log_and_names_are_no_reason_to_open_a_server_anew(changes: dict[str, Any]) -> None:
    assert may_stay(SERVER, replace(SERVER, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"console": None},
        {"customer": "b@globex.example"},
        {"control": [replace(CONTROL, port=6230)]},
        {"control": [CONTROL, replace(CONTROL, address="10.0.0.2")]},
        {"console": Console(steal=True), "control": [replace(CONTROL, cipher_suite=17)]},
    ],
)
def test_another_way_to_the_bmc_owner_or_console_is(changes: dict[str, Any]) -> None:
    assert not may_stay(SERVER, replace(SERVER, **changes))
