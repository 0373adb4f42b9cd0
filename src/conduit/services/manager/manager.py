"""The Manager's parts, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import sqlalchemy as sa
import structlog
import trio
from argon2 import PasswordHasher

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.services.certificates import Authority
from conduit.services.clock import Clock, system_clock
from conduit.services.manager.accounts import Account, Accounts
from conduit.services.manager.callers import Callers
from conduit.services.manager.database import Database
from conduit.services.manager.machines import Machines
from conduit.services.manager.registry import Gateway, Registry, Server
from conduit.services.manager.revocations import Revocation, revocations_after
from conduit.services.manager.vault import Vault
from conduit.services.permissions import OWNER, STAFF
from conduit.services.sealing import Sealer, SealingKey
from conduit.services.tokens import AccessClaims, ServerClaims, ServerContext, SigningKey, TokenSigner, TokenVerifier

logger = structlog.get_logger(__name__)


KEYS_FRESH: Final = 60.0  # seconds that a region's keys are not asked for again


@dataclass(frozen=True, slots=True)
class _Keys:
    """The ones that sign and verify tokens now; the first signs."""

    signing: list[SigningKey]
    signer: TokenSigner
    verifier: TokenVerifier

    @classmethod
    def of(cls, signing: list[SigningKey]) -> Self:
        public = {key.key_id: key.private.public_key() for key in signing}
        return cls(signing, TokenSigner(signing[0]), TokenVerifier(public))


@dataclass(frozen=True, slots=True)
class Way:
    """How an account gets to a server."""

    account: Account
    server: Server
    gateway: Gateway


class Manager:
    """Everything that its APIs need. Made by :func:`open_manager`."""

    def __init__(
        self, database: Database, vault: Vault, authority: Authority, clock: Clock, hasher: PasswordHasher | None
    ) -> None:
        self.database = database
        self.clock = clock
        self.started_at = clock()
        self.leaving = trio.Event()
        "Set when it is being stopped."
        self.authority = authority
        self.accounts = Accounts(database, clock, hasher)
        self.machines = Machines(database, authority, clock)
        self.registry = Registry(database, clock)
        self.callers = Callers(self.accounts, self.machines, lambda: self._keys.verifier, authority.certificate, clock)
        self._vault = vault
        self._keys: _Keys
        self._region_keys: dict[str, tuple[list[SealingKey], float]] = {}  # and until when they are good to know

    async def refresh_keys(self) -> Self:
        """Take the keys that are good now; a new one is made in time."""
        keys = await self.database.run(lambda connection: self._vault.signing_keys(connection, self.clock()))
        self._keys = _Keys.of(keys)
        self.callers.forget()
        return self

    async def keep_keys(self, interval: float = 300.0) -> None:
        """Do so every *interval* seconds, for ever. While the database does not work, the keys stay as they are."""
        while True:
            await trio.sleep(interval)
            try:
                await self.refresh_keys()
            except CallError as error:
                logger.warning("the keys stay as they are", reason=error.message)

    async def pause(self, seconds: float) -> bool:
        """Wait; whether the Manager goes on after that. What streams news ends when it does not."""
        with trio.move_on_after(seconds):
            await self.leaving.wait()
        return not self.leaving.is_set()

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JSON Web Key Set."""
        return {"keys": [key.public_jwk() for key in self._keys.signing]}

    async def region_keys(self, region: str) -> list[SealingKey]:
        """That open the contexts of the region's tokens; the first seals them."""
        kept, until = self._region_keys.get(region, ([], 0.0))
        if self.clock() >= until:
            kept = await self.database.run(lambda connection: self._vault.region_keys(connection, region, self.clock()))
            self._region_keys[region] = kept, self.clock() + KEYS_FRESH
        return kept

    def access_token(self, account: Account) -> tuple[str, float]:
        """For the account, and when it ends."""
        token, claims = self._keys.signer.access_token(
            customer_id=account.id, email=account.email, is_staff=account.is_staff, now=self.clock()
        )
        return token, claims.expires_at

    async def way_to(self, server_id: str, claims: AccessClaims) -> Way:
        """In one transaction: tokens are what is asked for most.

        :raises CallError: UNAUTHENTICATED, NOT_FOUND, UNAVAILABLE: no Gateway of its region is running.
        """

        def work(connection: sa.Connection) -> Way:
            account = self.callers.find_customer(connection, claims)
            server = self.registry.find_server(connection, account, server_id)
            return Way(account, server, self.registry.find_gateway(connection, server))

        return await self.database.run(work)

    async def server_token(self, account: Account, server: Server) -> tuple[str, ServerClaims]:
        """For a server that the account was found to own, or to look after."""
        self.accounts.metrics.minted.inc()
        sealer = Sealer(await self.region_keys(server.region))
        context = ServerContext(
            server_id=server.id,
            agent_id=server.agent_id,
            datacenter_id=server.datacenter_id,
            tenant=server.customer_id or "",
        )
        return self._keys.signer.server_token(
            customer_id=account.id,
            email=account.email,
            server_id=server.id,
            permissions=STAFF if account.is_staff else OWNER,
            seal_context=lambda token_id: sealer.seal(context.encode(), bound_to=token_id),
            now=self.clock(),
        )

    async def revocations_after(self, number: int) -> list[Revocation]:
        """In order, those that came after *number*."""
        return await self.database.run(lambda connection: revocations_after(connection, number))

    async def check_ready(self) -> None:
        """:raises CallError: the database does not answer."""
        await self.database.run(lambda connection: connection.execute(sa.text("SELECT 1")).scalar())


@asynccontextmanager
async def open_manager(
    database: Database, master: SealingKey, *, clock: Clock = system_clock, hasher: PasswordHasher | None = None
) -> AsyncIterator[Manager]:
    """The Manager over a database that is up to date."""
    vault = Vault(master)
    authority = await database.run(lambda connection: vault.authority(connection, clock()))
    manager = await Manager(database, vault, authority, clock, hasher).refresh_keys()
    async with open_background_nursery() as nursery:
        nursery.start_soon(manager.keep_keys)
        yield manager
        nursery.cancel_scope.cancel()
