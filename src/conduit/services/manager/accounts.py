"""Customers and staff: passwords (argon2id), log-ins, and refresh tokens that are used once each."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from conduit.errors import CallError
from conduit.services.clock import Clock
from conduit.services.manager import refreshing
from conduit.services.manager.database import Database
from conduit.services.manager.log_in_metrics import LogInMetrics
from conduit.services.manager.pages import page_of, token_after
from conduit.services.manager.refreshing import Refresh
from conduit.services.manager.revocations import revoke, revoked_since
from conduit.services.manager.schema import customers, refresh_tokens
from conduit.services.manager.throttle import Throttle
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

MIN_PASSWORD: Final = 10  # characters
MAX_PASSWORD: Final = 256  # characters
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_LONGEST_EMAIL: Final = 254  # characters
HASHERS: Final = 2  # threads; each takes 64 MiB while it works
_DENIED: Final = "wrong email or password"
_WHO: Final[sa.BindParameter[str]] = sa.bindparam("who")
_ACTIVE: Final = sa.select(customers).where(
    sa.or_(customers.c.email == _WHO, customers.c.id == _WHO), customers.c.is_disabled.is_(False)
)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in."""

    id: str
    email: str
    display_name: str
    is_staff: bool
    created_at: float


class Accounts:
    """Who there is, and whether it is them."""

    def __init__(self, database: Database, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self.metrics = LogInMetrics()
        self._throttle = Throttle()
        self._limiter = trio.CapacityLimiter(HASHERS)
        self._turns = trio.Semaphore(HASHERS)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())  # so that an unknown email takes as long

    async def create(self, email: str, password: Secret, *, display_name: str = "", is_staff: bool = False) -> Account:
        """A new account.

        :raises CallError: INVALID_ARGUMENT, or ALREADY_EXISTS.
        """
        email = _checked_email(email)
        _check_password(password)
        account = Account(str(uuid.uuid4()), email, display_name or email, is_staff, self._clock())
        hashed = await trio.to_thread.run_sync(self._hasher.hash, password.reveal(), limiter=self._limiter)
        row = {
            "id": account.id,
            "email": email,
            "display_name": account.display_name,
            "password_hash": hashed,
            "is_staff": is_staff,
            "is_disabled": False,
            "created_at": account.created_at,
        }

        def work(connection: sa.Connection) -> None:
            try:
                connection.execute(sa.insert(customers).values(row))
            except sa.exc.IntegrityError as error:
                raise CallError(Code.ALREADY_EXISTS, f"{email} has an account already") from error

        await self._database.run(work)
        return account

    async def set_password(self, customer_id: str, password: Secret) -> None:
        """Change it; whoever is logged in there is so no more.

        :raises CallError: NOT_FOUND, INVALID_ARGUMENT.
        """
        _check_password(password)
        hashed = await trio.to_thread.run_sync(self._hasher.hash, password.reveal(), limiter=self._limiter)

        def work(connection: sa.Connection) -> None:
            change = sa.update(customers).where(customers.c.id == customer_id).values(password_hash=hashed)
            if connection.execute(change).rowcount == 0:
                raise CallError(Code.NOT_FOUND, "there is no such customer")
            self._end_sessions(connection, customer_id)

        await self._database.run(work)

    async def log_in(self, email: str, password: Secret, *, address: str = "") -> tuple[Account, Refresh]:
        """Whose password it is, and their refresh token.

        :param address: of whoever tries.
        :raises CallError: UNAUTHENTICATED: it is not them; which of the two is wrong is not said. RESOURCE_EXHAUSTED:
            too many wrong passwords.
        """
        with self.metrics.counted("password"):
            return await self._log_in(email.strip().lower()[:_LONGEST_EMAIL], password, address)

    async def _log_in(self, email: str, password: Secret, address: str) -> tuple[Account, Refresh]:
        self._throttle.check(email, address, self._clock())
        account = await self._try(email, password, address)
        if account is None:
            raise CallError(Code.UNAUTHENTICATED, _DENIED)
        refresh = await self._database.run(lambda connection: refreshing.begin(connection, account.id, self._clock()))
        return account, refresh

    async def _try(self, email: str, password: Secret, address: str) -> Account | None:
        """Whose password it is. Those who come at once take turns: each failure counts before the next one is heard.

        :raises CallError: RESOURCE_EXHAUSTED: meanwhile there were too many wrong ones.
        """
        async with self._turns:
            self._throttle.check(email, address, self._clock())
            found = await self._database.run(lambda connection: _find(connection, email))
            account, hashed = (None, self._nobody) if found is None else found
            matches = await trio.to_thread.run_sync(self._matches, hashed, password, limiter=self._limiter)
            if account is None or not matches:
                self._throttle.failed(email, address, self._clock())
                return None
            self._throttle.succeeded(email, address)
            return account

    async def refresh(self, token: Secret) -> tuple[Account, Refresh]:
        """Give a refresh token for the next one. One that was stolen ends all of its log-in.

        :raises CallError: UNAUTHENTICATED.
        """
        with self.metrics.counted("refresh"):
            outcome = await self._database.run(lambda connection: self._rotate(connection, token))
            if outcome is None:
                raise CallError(Code.UNAUTHENTICATED, "this log-in has ended: log in again")
            return outcome

    async def log_out(self, token: Secret) -> None:
        """End the log-in that the refresh token belongs to; nothing happens where there is none."""
        await self._database.run(lambda connection: refreshing.end_with(connection, token))

    async def end_sessions(self, email_or_id: str) -> None:
        """Log somebody out everywhere.

        :raises CallError: NOT_FOUND.
        """

        def work(connection: sa.Connection) -> None:
            found = _find(connection, email_or_id.strip().lower())
            if found is None:
                raise CallError(Code.NOT_FOUND, "there is no such customer")
            self._end_sessions(connection, found[0].id)

        await self._database.run(work)

    async def count(self) -> int:
        """How many there are."""
        query = sa.select(sa.func.count()).select_from(customers)
        return await self._database.run(lambda connection: connection.execute(query).scalar_one())

    async def list(self, page_size: int, page_token: str) -> tuple[Sequence[Account], str]:
        """A page of them by email, and where the next one begins.

        :raises CallError: INVALID_ARGUMENT: no page begins so.
        """
        size, after = page_of(page_size, page_token)
        query = sa.select(customers).where(customers.c.email > after).order_by(customers.c.email).limit(size + 1)

        def work(connection: sa.Connection) -> Sequence[Account]:
            return [account_of(row) for row in connection.execute(query)]

        found = await self._database.run(work)
        return found[:size], token_after(found[size - 1].email) if len(found) > size else ""

    async def find(self, email_or_id: str) -> Account | None:
        """Whom an email or an id means."""
        found = await self._database.run(lambda connection: _find(connection, email_or_id.strip().lower()))
        return None if found is None else found[0]

    async def find_since(self, customer_id: str, issued_at: float) -> Account | None:
        """The account of a token, unless all of its sessions were ended after that was issued."""
        return await self._database.run(lambda connection: find_since(connection, customer_id, issued_at))

    def _matches(self, hashed: str, password: Secret) -> bool:
        try:
            return self._hasher.verify(hashed, password.reveal()[:MAX_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False

    def _rotate(self, connection: sa.Connection, token: Secret) -> tuple[Account, Refresh] | None:
        rotated = refreshing.rotate(connection, token, self._clock())
        if rotated is None:
            return None
        found = _find(connection, rotated.customer_id)
        if found is None:
            refreshing.end_with(connection, token)
            return None
        return found[0], rotated.refresh

    def _end_sessions(self, connection: sa.Connection, customer_id: str) -> None:
        connection.execute(sa.delete(refresh_tokens).where(refresh_tokens.c.customer_id == customer_id))
        revoke(connection, "customer", customer_id, self._clock())


def find_since(connection: sa.Connection, customer_id: str, issued_at: float) -> Account | None:
    """See :meth:`Accounts.find_since`."""
    found = _find(connection, customer_id)
    ended = found is not None and revoked_since(connection, "customer", customer_id, issued_at)
    return None if found is None or ended else found[0]


def _find(connection: sa.Connection, email_or_id: str) -> tuple[Account, str] | None:
    """An account that is not disabled, and the hash of its password."""
    row = connection.execute(_ACTIVE, {"who": email_or_id}).one_or_none()
    return None if row is None else (account_of(row), row.password_hash)


def account_of(row: Any) -> Account:  # Any: a row of customers
    """The account in a row."""
    return Account(row.id, row.email, row.display_name, row.is_staff, row.created_at)


def check_account(email: str, password: Secret) -> None:
    """Whether there could be one.

    :raises CallError: INVALID_ARGUMENT, in words.
    """
    _checked_email(email)
    _check_password(password)


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    if _EMAIL.fullmatch(email) is None:
        raise CallError(Code.INVALID_ARGUMENT, f"{email!r} is no email address")
    return email


def _check_password(password: Secret) -> None:
    if not MIN_PASSWORD <= len(password.reveal()) <= MAX_PASSWORD:
        raise CallError(Code.INVALID_ARGUMENT, f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
