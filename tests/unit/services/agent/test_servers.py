from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.services.agent.config import Console, Control, ServerConfig
from conduit.services.agent.console_log import LogSettings
from conduit.services.agent.hub_settings import HubSettings
from conduit.services.agent.secret_store import SecretStore
from conduit.services.agent.servers import endpoints_of, hub_settings, may_stay

CONTROL = Control(type="ipmi", address="10.0.0.1", user="u", sealed_password=True)
SERVER = ServerConfig(control=[CONTROL], console=Console(), customer="a@acme.example")


@pytest.mark.parametrize(
    "changes",
    [
        {"console": Console(log=Path("/var/log/db.log"))},
        {"console": Console(steal=True)},
        {"console": Console(log_bytes=1000, log_keep=0, log_timestamps=False)},
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
        {"console": Console(own_session=True)},
        {"customer": "b@globex.example"},
        {"control": [replace(CONTROL, port=6230)]},
        {"control": [CONTROL, replace(CONTROL, address="10.0.0.2")]},
        {"console": Console(steal=True), "control": [replace(CONTROL, cipher_suite=17)]},
    ],
)
def test_another_way_to_the_bmc_owner_or_console_is(changes: dict[str, Any]) -> None:
    assert not may_stay(SERVER, replace(SERVER, **changes))


def test_a_console_is_logged_as_the_file_says() -> None:
    assert hub_settings(Console(log_keep=1)) == HubSettings()
    log = LogSettings(path=Path("/var/log/db.log"), timestamps=False, max_bytes=1000, keep=0)
    said = Console(log=log.path, log_bytes=1000, log_keep=0, log_timestamps=False)
    assert hub_settings(said) == HubSettings(log=log)
    with pytest.raises(LocalProtocolError, match="log_bytes is at least 1"):
        Console(log_bytes=0)


@pytest.mark.parametrize("own", [True, False])
def test_a_console_may_have_a_session_of_its_own(tmp_path: Path, *, own: bool) -> None:
    store = SecretStore(tmp_path / "secrets.json", tmp_path / "secrets.key")
    server = replace(SERVER, console=Console(own_session=own))
    assert endpoints_of("db-01", server, store).share_session is not own
