"""A Manager with a database in a folder, a clock that tests turn, and passwords that are cheap to check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from argon2 import PasswordHasher

from conduit.services.certificates import certificate_from_pem, new_key, request_certificate
from conduit.services.machine_tokens import machine_token
from conduit.services.manager.accounts import Account
from conduit.services.manager.database import opened
from conduit.services.manager.manager import Manager, open_manager
from conduit.services.manager.vault import make_master_key
from conduit.services.secret import Secret

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = Secret("correct horse battery")


class Clock:
    """Shows what it is told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class TestManager:
    """The Manager and what tests do with it."""

    __test__ = False

    def __init__(self, manager: Manager, clock: Clock) -> None:
        self.manager = manager
        self.clock = clock

    async def account(self, email: str = "alice@acme.example", *, is_staff: bool = False) -> Account:
        """A new one."""
        return await self.manager.accounts.create(email, PASSWORD, is_staff=is_staff)

    def bearer(self, account: Account) -> str:
        """An access token of the account."""
        return self.manager.access_token(account)[0]

    async def machine(self, kind: str, name: str, *, datacenter: str = "dc1", region: str = "eu") -> str:
        """Enrol one; a token that it signs."""
        place = datacenter if kind == "agent" else ""
        token, _ = await self.manager.machines.create_join_token(
            kind=kind, datacenter_id=place, region=region, ttl=60, uses=1, created_by="test"
        )
        key = new_key()
        certified = await self.manager.machines.enroll(token, name, request_certificate(key))
        return machine_token(certificate_from_pem(certified.certificate.encode()), key, self.clock())


@asynccontextmanager
async def open_test_manager(folder: Path, url: str = "") -> AsyncIterator[TestManager]:
    """With an empty database.

    :param url: of another than SQLite.
    """
    clock = Clock()
    master = make_master_key(folder / "master.key")
    with opened(url or f"sqlite:///{folder / 'manager.db'}") as database:
        async with open_manager(database, master, clock=clock, hasher=CHEAP) as manager:
            yield TestManager(manager, clock)
