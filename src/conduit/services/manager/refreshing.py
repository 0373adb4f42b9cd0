"""Refresh tokens: each is used once, for the next; one that comes again was stolen, unless its answer was lost."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from conduit.services.manager.schema import refresh_tokens
from conduit.services.secret import Secret

REFRESH_LIFE: Final = 14 * 24 * 3600.0  # seconds
GRACE: Final = 30.0  # seconds in which a used token may come again, if its successor has not been used


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token and when it is worth nothing."""

    token: Secret
    expires_at: float


@dataclass(frozen=True, slots=True)
class Rotated:
    """Whose token it was, and the next one."""

    customer_id: str
    refresh: Refresh


def begin(connection: sa.Connection, customer_id: str, now: float) -> Refresh:
    """The first token of a log-in."""
    connection.execute(sa.delete(refresh_tokens).where(refresh_tokens.c.expires_at < now))
    return _issue(connection, _new(now), customer_id, str(uuid.uuid4()))


def rotate(connection: sa.Connection, token: Secret, now: float) -> Rotated | None:
    """The next token for this one; None when it is worth nothing. One that was stolen ends all of its log-in.

    The answer to a client may be lost on the way. So a token that was used may come again for a moment, while nobody
    has used what was given for it: then that is taken back, and whoever has it is the thief.
    """
    found = sa.select(refresh_tokens).where(refresh_tokens.c.digest == digest(token))
    row = connection.execute(found.with_for_update()).one_or_none()
    if row is None or row.expires_at < now:
        return None
    refresh = _new(now)
    if row.used_at is not None and not _take_back(connection, row, now):
        end(connection, row.family)
        return None
    used = {"used_at": now if row.used_at is None else row.used_at, "successor": digest(refresh.token)}
    connection.execute(sa.update(refresh_tokens).where(refresh_tokens.c.digest == row.digest).values(used))
    return Rotated(row.customer_id, _issue(connection, refresh, row.customer_id, row.family))


def count_open(now: float) -> sa.Select[int]:
    """How many log-ins have not ended."""
    still = sa.and_(refresh_tokens.c.used_at.is_(None), refresh_tokens.c.expires_at >= now)
    return sa.select(sa.func.count(sa.distinct(refresh_tokens.c.family))).where(still)


def end(connection: sa.Connection, family: str) -> None:
    """End a log-in."""
    connection.execute(sa.delete(refresh_tokens).where(refresh_tokens.c.family == family))


def end_with(connection: sa.Connection, token: Secret) -> None:
    """End the log-in that a token belongs to, if any."""
    mine = sa.select(refresh_tokens.c.family).where(refresh_tokens.c.digest == digest(token))
    connection.execute(sa.delete(refresh_tokens).where(refresh_tokens.c.family.in_(mine)))


def digest(token: Secret) -> str:
    """What is kept of it."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def _take_back(connection: sa.Connection, row: sa.Row[tuple[object, ...]], now: float) -> bool:
    """Whether the successor of a used token was not used yet, and counts as used from now on."""
    if row.successor is None or now - row.used_at > GRACE:
        return False
    its = sa.and_(refresh_tokens.c.digest == row.successor, refresh_tokens.c.used_at.is_(None))
    return connection.execute(sa.update(refresh_tokens).where(its).values(used_at=now)).rowcount == 1


def _new(now: float) -> Refresh:
    return Refresh(Secret(secrets.token_urlsafe(32)), now + REFRESH_LIFE)


def _issue(connection: sa.Connection, refresh: Refresh, customer_id: str, family: str) -> Refresh:
    row = {"family": family, "customer_id": customer_id, "expires_at": refresh.expires_at}
    connection.execute(sa.insert(refresh_tokens).values(digest=digest(refresh.token), **row))
    return refresh
