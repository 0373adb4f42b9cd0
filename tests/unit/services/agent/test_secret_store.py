"""The Agent's sealed passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from conduit.errors import LocalProtocolError
from conduit.services.agent.secret_store import SecretStore
from conduit.services.secret import Secret


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "state" / "secrets.json", tmp_path / "state" / "secrets.key")


def test_a_password_comes_back_and_is_not_in_the_file(store: SecretStore, tmp_path: Path) -> None:
    store.set("db-01", "admin", Secret("one"))
    store.set("db-01", "admin", Secret("hush-hush"))
    store.set("db-02", "admin", Secret("other"))
    assert store.get("db-01", "admin") == Secret("hush-hush")
    kept = tmp_path / "state" / "secrets.json"
    assert b"hush" not in kept.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in kept.parent.iterdir()} == {0o600}


def test_a_password_is_for_its_server_and_user(store: SecretStore, tmp_path: Path) -> None:
    store.set("db-01", "admin", Secret("hush"))
    file = tmp_path / "state" / "secrets.json"
    file.write_text(file.read_text().replace("db-01 admin", "db-02 admin"))
    with pytest.raises(LocalProtocolError, match="cannot be opened"):
        store.get("db-02", "admin")
    with pytest.raises(LocalProtocolError, match="conduit agent secret set db-01"):
        store.get("db-01", "admin")


def test_what_is_removed_is_gone(store: SecretStore) -> None:
    store.set("db-01", "admin", Secret("hush"))
    assert store.remove("db-01", "admin")
    assert not store.remove("db-01", "admin")


@pytest.mark.parametrize("damage", ["nonsense", "00", ""])
def test_a_damaged_key_is_told(store: SecretStore, tmp_path: Path, damage: str) -> None:
    store.set("db-01", "admin", Secret("hush"))
    (tmp_path / "state" / "secrets.key").write_text(damage)
    with pytest.raises(LocalProtocolError):
        store.get("db-01", "admin")


def test_a_key_that_others_read_is_not_used(store: SecretStore, tmp_path: Path) -> None:
    store.set("db-01", "admin", Secret("hush"))
    (tmp_path / "state" / "secrets.key").chmod(0o644)
    with pytest.raises(LocalProtocolError, match="chmod 600"):
        store.get("db-01", "admin")


def test_a_damaged_store_is_told(store: SecretStore, tmp_path: Path) -> None:
    store.set("db-01", "admin", Secret("hush"))
    (tmp_path / "state" / "secrets.json").write_text("{")
    with pytest.raises(LocalProtocolError, match="cannot be read"):
        store.get("db-01", "admin")
