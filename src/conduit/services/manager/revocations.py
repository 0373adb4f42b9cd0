"""What is worth nothing any more before its time; Gateways hear of it within a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa

from conduit.services.certificates import LIFE
from conduit.services.clock import MAX_SKEW
from conduit.services.manager.engines import is_postgresql
from conduit.services.manager.schema import revocations
from conduit.services.tokens import SERVER_LIFE, SESSION_LIFE

Kind = Literal["token", "customer", "machine", "server"]
AT_ONCE: Final = 1000  # revocations told in one message
_OPENED: Final = SERVER_LIFE + SESSION_LIFE + MAX_SKEW  # seconds that something lives which a server token opened
_MATTERS: Final = {"machine": LIFE + MAX_SKEW}  # seconds; the others matter to live sessions

_SINCE: Final = (
    sa.select(revocations.c.number)
    .where(
        revocations.c.kind == sa.bindparam("kind"),
        revocations.c.target == sa.bindparam("target"),
        revocations.c.not_before > sa.bindparam("issued"),
    )
    .limit(1)
)


_TAKE_TURNS: Final = sa.text("LOCK TABLE revocations IN EXCLUSIVE MODE")  # until the end; readers do not wait


@dataclass(frozen=True, slots=True)
class Revocation:
    """Whatever *target* got before *not_before* is worth nothing."""

    number: int
    kind: str
    target: str
    not_before: float


def revoke(connection: sa.Connection, kind: Kind, target: str, now: float) -> None:
    """Note that everything of *target* issued before *now* has ended; part of the connection's transaction."""
    if is_postgresql(
        connection
    ):  # numbers must be seen in their order, or a Gateway that has the later misses the earlier
        connection.execute(_TAKE_TURNS)
    expires = now + _MATTERS.get(kind, _OPENED)
    row = {"kind": kind, "target": target, "not_before": now, "expires_at": expires}
    connection.execute(sa.delete(revocations).where(revocations.c.expires_at < now))
    connection.execute(sa.insert(revocations).values(row))


def revocations_after(connection: sa.Connection, number: int, limit: int = AT_ONCE) -> list[Revocation]:
    """In order, those that came after *number*."""
    query = sa.select(revocations).where(revocations.c.number > number).order_by(revocations.c.number).limit(limit)
    return [Revocation(row.number, row.kind, row.target, row.not_before) for row in connection.execute(query)]


def revoked_since(connection: sa.Connection, kind: Kind, target: str, issued_at: float) -> bool:
    """Whether what *target* got at *issued_at* is worth nothing any more."""
    return connection.execute(_SINCE, {"kind": kind, "target": target, "issued": issued_at}).first() is not None


def revoked_at(connection: sa.Connection, kind: Kind, target: str) -> float:
    """When *target* was revoked last, as far as that still matters; 0 for never."""
    its = sa.and_(revocations.c.kind == kind, revocations.c.target == target)
    return float(connection.execute(sa.select(sa.func.max(revocations.c.not_before)).where(its)).scalar() or 0)
