"""The Agent's sealed store of BMC passwords: one file, sealed with a key that is in another.

``conduit agent secret set SERVER`` fills it. The key may be anywhere, such as on a volume that is mounted at the start.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

from conduit.errors import AuthenticationError, LocalProtocolError
from conduit.services.sealing import KEY_SIZE, Sealer, SealingKey
from conduit.services.secret import Secret

_KEY_NAME: Final = "agent"


class SecretStore:
    """Passwords by server and user.

    :param path: of the store; made at the first secret.
    :param key_path: of its key; likewise.
    """

    def __init__(self, path: Path, key_path: Path) -> None:
        self._path = path
        self._key_path = key_path

    def get(self, server_id: str, user: str) -> Secret:
        """:raises LocalProtocolError: it is not there, or cannot be read."""
        note = self._notes().get(_label(server_id, user))
        if note is None:
            raise LocalProtocolError(f"no password of {server_id} is sealed: conduit agent secret set {server_id}")
        try:
            return Secret(self._sealer().open(note, bound_to=_label(server_id, user)).decode())
        except AuthenticationError as error:
            raise LocalProtocolError(f"the sealed password of {server_id} cannot be opened: {error}") from error

    def set(self, server_id: str, user: str, password: Secret) -> None:
        """Seal a password, in place of the one before."""
        label = _label(server_id, user)
        notes = {**self._notes(), label: self._sealer().seal(password.reveal().encode(), bound_to=label)}
        self._write(notes)

    def remove(self, server_id: str, user: str) -> bool:
        """Whether there was one."""
        notes = dict(self._notes())
        found = notes.pop(_label(server_id, user), None) is not None
        if found:
            self._write(notes)
        return found

    def _notes(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        try:
            notes = json.loads(self._path.read_text())
        except (OSError, ValueError) as error:
            raise LocalProtocolError(f"the sealed store {self._path} cannot be read: {error}") from error
        return {str(label): str(note) for label, note in notes.items()}

    def _write(self, notes: dict[str, str]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._path.with_name(f".{self._path.name}.new")
        _write_private(beside, json.dumps(notes, indent=1))
        beside.replace(self._path)

    def _sealer(self) -> Sealer:
        if not self._key_path.exists():
            self._key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(self._key_path, secrets.token_bytes(KEY_SIZE).hex())
        if self._key_path.stat().st_mode & 0o077:
            raise LocalProtocolError(f"{self._key_path} can be read by others: chmod 600 {self._key_path}")
        try:
            key = bytes.fromhex(self._key_path.read_text().strip())
        except ValueError as error:
            raise LocalProtocolError(f"{self._key_path} is no key") from error
        return Sealer([SealingKey(_KEY_NAME, key)])


def _label(server_id: str, user: str) -> str:
    return f"{server_id} {user}"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
