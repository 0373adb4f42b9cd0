"""Where profiles and tokens are on this machine, and what tests put in place of the world."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncclick as click

from conduit.cli.profiles.keeper import LoginKeeper
from conduit.cli.profiles.profiles import DEFAULT, VARIABLE, Profile, Profiles
from conduit.cli.profiles.vaults import KEYRING, FileVault, KeyringVault, Vault, VaultError, find_keyring
from conduit.services.clock import Clock, system_clock

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What commands reach beyond their arguments."""

    clock: Clock = system_clock
    transport: httpx.AsyncBaseTransport | None = None
    "In place of connections."
    find_keyring: Callable[[], KeyringVault | None] = find_keyring


def world_of(ctx: click.Context) -> World:
    """The world, which a test hands to the root as its object."""
    found = ctx.find_object(World)
    return World() if found is None else found


class Place:
    """Somebody's folders: configuration, and what must stay secret."""

    def __init__(self, world: World) -> None:
        import platformdirs

        self._world = world
        self.profiles_file = platformdirs.user_config_path("conduit") / "profiles.json"
        self._secrets = platformdirs.user_state_path("conduit") / "tokens"

    def profiles(self) -> Profiles:
        """Those that there are."""
        return Profiles.load(self.profiles_file)

    def save(self, profiles: Profiles) -> None:
        """Keep them."""
        profiles.save(self.profiles_file)

    @property
    def lock(self) -> Path:
        """Of the file of profiles."""
        return self._secrets / "profiles.lock"

    def keeper(self, name: str, profile: Profile) -> LoginKeeper:
        """Of a profile's tokens, where they were put.

        :raises VaultError: that was the keyring, and there is none.
        """
        return self._keeper(name, self._vault() if profile.vault == KEYRING else FileVault(self._secrets))

    def keepers_for_login(self, name: str) -> list[LoginKeeper]:
        """For a new log-in, the best place first."""
        keyring = self._world.find_keyring()
        vaults: list[Vault] = [FileVault(self._secrets)]
        return [self._keeper(name, vault) for vault in ([] if keyring is None else [keyring]) + vaults]

    def _keeper(self, name: str, vault: Vault) -> LoginKeeper:
        return LoginKeeper(vault, name, self._secrets / f"{name}.lock", self._world.clock)

    def _vault(self) -> Vault:
        keyring = self._world.find_keyring()
        if keyring is None:
            raise VaultError("the log-in is in a keyring that is not there now; log in: conduit auth login")
        return keyring


def chosen_name(named: str | None, profiles: Profiles) -> str:
    """By option, environment, or as it was left."""
    return named or os.environ.get(VARIABLE, "") or profiles.current or DEFAULT
