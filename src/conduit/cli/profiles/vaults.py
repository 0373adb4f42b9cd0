"""Where tokens are kept: in the system's keyring where there is one, else in files that only their owner reads."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from conduit.cli.profiles.files import read_private, remove, write_private
from conduit.errors import ConduitError

if TYPE_CHECKING:
    from collections.abc import Callable

FILE: Final = "file"
KEYRING: Final = "keyring"
SWITCH: Final = "CONDUIT_KEYRING"
"""In the environment, ``off`` leaves the keyring alone."""
_SERVICE: Final = "conduit"
_USABLE: Final = 1.0  # priority from which a backend of keyring is a real one, and no file in plain text


class VaultError(ConduitError):
    """The keyring does not do what it is asked to."""


class Vault(Protocol):
    """Keeps texts by name."""

    kind: str

    async def read(self, name: str) -> str | None:
        """What is kept, None for nothing."""
        ...

    async def write(self, name: str, text: str) -> None:
        """Keep *text* in place of what was there."""
        ...

    async def delete(self, name: str) -> None:
        """Keep nothing."""
        ...


class FileVault:
    """Files in a folder, 0600 in 0700."""

    kind = FILE

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, name: str) -> str | None:
        """What is kept, None for nothing."""
        return read_private(self._path(name))

    async def write(self, name: str, text: str) -> None:
        """Keep *text*."""
        write_private(self._path(name), text)

    async def delete(self, name: str) -> None:
        """Keep nothing."""
        remove(self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


class KeyringVault:
    """The system's keyring, asked in a thread: it may ask the user in turn."""

    kind = KEYRING

    def __init__(self, backend: Any) -> None:  # Any: keyring's classes are found at run time
        self._backend = backend

    async def read(self, name: str) -> str | None:
        """:raises VaultError: it is locked, or gone."""
        text: str | None = await self._ask(partial(self._backend.get_password, _SERVICE, name))
        return text

    async def write(self, name: str, text: str) -> None:
        """:raises VaultError: it is locked, or gone."""
        await self._ask(partial(self._backend.set_password, _SERVICE, name, text))

    async def delete(self, name: str) -> None:
        """:raises VaultError: it is locked, or gone."""
        from keyring.errors import PasswordDeleteError

        def work() -> None:
            with suppress(PasswordDeleteError):  # nothing is kept
                self._backend.delete_password(_SERVICE, name)

        await self._ask(work)

    async def _ask(self, work: Callable[[], Any]) -> Any:  # Any: what *work* returns
        try:
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
        except Exception as error:  # each backend raises what it likes
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise VaultError(
                f"the system's keyring refuses ({words}): unlock it, or log in again with {SWITCH}=off"
            ) from error


def find_keyring() -> KeyringVault | None:
    """The keyring, where there is a usable one and the environment does not switch it off."""
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no"):
        return None
    import keyring  # it looks for backends for a tenth of a second

    backend: Any = keyring.get_keyring()
    members = getattr(backend, "backends", [backend])  # of the one that asks several in turn
    return KeyringVault(backend) if any(member.priority >= _USABLE for member in members) else None
