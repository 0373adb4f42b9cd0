"""Agents and Gateways: join tokens, certificates, revocation."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from conduit.errors import AuthenticationError, CallError, LocalProtocolError
from conduit.services.certificates import KINDS, LIFE, Authority, Identity, check_name, to_pem
from conduit.services.clock import Clock
from conduit.services.machine_tokens import Machine
from conduit.services.manager.database import Database
from conduit.services.manager.revocations import revoke, revoked_at
from conduit.services.manager.schema import datacenters, join_tokens, machines
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

MAX_TTL: Final = 7 * 24 * 3600.0  # seconds that a join token may be good for
_REFUSED: Final = "the join token is not valid: it has expired, is used up, or never was"


@dataclass(frozen=True, slots=True)
class Certified:
    """What a machine gets."""

    identity: Identity
    certificate: str
    ca: str
    issued_at: float
    expires_at: float
    datacenter_id: str
    region: str


@dataclass(frozen=True, slots=True)
class MachineRecord:
    """A machine that has a certificate."""

    id: str
    kind: str
    datacenter_id: str
    region: str
    certificate_expires_at: float
    last_seen: float | None
    created_at: float


class Machines:
    """Which there are, and what their certificates are worth."""

    def __init__(self, database: Database, authority: Authority, clock: Clock) -> None:
        self._database = database
        self._authority = authority
        self._clock = clock

    async def create_join_token(
        self, *, kind: str, datacenter_id: str, region: str, ttl: float, uses: int, created_by: str
    ) -> tuple[Secret, float]:
        """For *uses* machines, within *ttl* seconds; and when that is over.

        :param datacenter_id: an Agent's; one that is new is in *region*.
        :raises CallError: INVALID_ARGUMENT.
        """
        if kind not in KINDS:
            raise CallError(Code.INVALID_ARGUMENT, f"a machine is one of: {', '.join(sorted(KINDS))}")
        if not (0 < ttl <= MAX_TTL and 1 <= uses <= 1000):
            raise CallError(Code.INVALID_ARGUMENT, f"a join token lives up to {MAX_TTL:.0f} s, for 1 to 1000 machines")
        token = Secret(f"cj-{secrets.token_urlsafe(24)}")
        now = self._clock()

        def work(connection: sa.Connection) -> None:
            place = _place(connection, kind, datacenter_id, region, now)
            row = {"kind": kind, **place, "uses_left": uses, "expires_at": now + ttl, "created_by": created_by}
            connection.execute(sa.delete(join_tokens).where(join_tokens.c.expires_at < now))
            connection.execute(sa.insert(join_tokens).values(digest=_digest(token), **row))

        await self._database.run(work)
        return token, now + ttl

    async def enroll(self, join_token: Secret, name: str, request: bytes) -> Certified:
        """A machine's first certificate, or its next one if the last has expired.

        :raises CallError: UNAUTHENTICATED, INVALID_ARGUMENT; ALREADY_EXISTS: a machine of this name has a certificate
            that counts, or is elsewhere.
        """
        try:
            check_name(name)
        except LocalProtocolError as error:
            raise CallError(Code.INVALID_ARGUMENT, str(error)) from error

        def work(connection: sa.Connection) -> Certified:
            row = self._use(connection, join_token)
            identity = Identity(row.kind, name)
            self._forget_expired(connection, identity, row)
            certified = self._certify(connection, identity, request, row.datacenter_id, row.region)
            new = {
                "id": machine_id(identity),
                "kind": row.kind,
                "datacenter_id": row.datacenter_id,
                "region": row.region,
                "certificate_expires_at": certified.expires_at,
                "created_at": certified.issued_at,
            }
            try:
                connection.execute(sa.insert(machines).values(new))
            except sa.exc.IntegrityError as error:
                message = f"there is an {row.kind} {name} already; choose another name, or revoke that one first"
                raise CallError(Code.ALREADY_EXISTS, message) from error
            return certified

        return await self._database.run(work)

    async def renew(self, machine: Machine, request: bytes) -> Certified:
        """The next certificate of a machine that has one.

        :raises CallError: UNAUTHENTICATED.
        """

        def work(connection: sa.Connection) -> Certified:
            row = _checked(connection, machine)
            certified = self._certify(connection, machine.identity, request, row.datacenter_id, row.region)
            change = sa.update(machines).where(machines.c.id == row.id)
            connection.execute(change.values(certificate_expires_at=certified.expires_at, last_seen=self._clock()))
            return certified

        return await self._database.run(work)

    async def check(self, machine: Machine) -> tuple[str, str]:
        """Datacenter and region of a machine whose certificate is not revoked.

        :raises CallError: UNAUTHENTICATED.
        """

        def work(connection: sa.Connection) -> tuple[str, str]:
            row = _checked(connection, machine)
            connection.execute(sa.update(machines).where(machines.c.id == row.id).values(last_seen=self._clock()))
            return row.datacenter_id, row.region

        return await self._database.run(work)

    async def check_still(self, machine: Machine) -> None:
        """Whether it is as good as when it began to listen.

        :raises CallError: UNAUTHENTICATED.
        """

        def work(connection: sa.Connection) -> None:
            _checked(connection, machine)

        await self._database.run(work)

    async def list(self) -> Sequence[MachineRecord]:
        """All, by id."""

        def work(connection: sa.Connection) -> Sequence[MachineRecord]:
            rows = connection.execute(sa.select(machines).order_by(machines.c.id)).mappings()
            return [MachineRecord(**{name: row[name] for name in MachineRecord.__dataclass_fields__}) for row in rows]

        return await self._database.run(work)

    async def revoke(self, machine: str) -> None:
        """End a machine's certificates; with a new join token it may come back under its name.

        :raises CallError: NOT_FOUND.
        """

        def work(connection: sa.Connection) -> None:
            if connection.execute(sa.delete(machines).where(machines.c.id == machine)).rowcount == 0:
                raise CallError(Code.NOT_FOUND, f"there is no machine {machine}")
            revoke(connection, "machine", machine, self._clock())

        await self._database.run(work)

    def _use(self, connection: sa.Connection, token: Secret) -> sa.Row[tuple[object, ...]]:
        its = join_tokens.c.digest == _digest(token)
        alive = sa.and_(its, join_tokens.c.uses_left > 0, join_tokens.c.expires_at >= self._clock())
        take = sa.update(join_tokens).where(alive).values(uses_left=join_tokens.c.uses_left - 1)
        if connection.execute(take).rowcount == 0:
            raise CallError(Code.UNAUTHENTICATED, _REFUSED)
        return connection.execute(sa.select(join_tokens).where(its)).one()

    def _forget_expired(self, connection: sa.Connection, identity: Identity, place: sa.Row[Any]) -> None:
        """A machine that was away for too long comes back under its name, to where it was."""
        its = machines.c.id == machine_id(identity)
        there = sa.and_(machines.c.datacenter_id == place.datacenter_id, machines.c.region == place.region)
        expired = machines.c.certificate_expires_at < self._clock()
        connection.execute(sa.delete(machines).where(its, there, expired))

    def _certify(
        self, connection: sa.Connection, identity: Identity, request: bytes, datacenter_id: str, region: str
    ) -> Certified:
        # Certificates count whole seconds: one that comes after a revocation must not look as if it were older.
        now = max(self._clock(), math.ceil(revoked_at(connection, "machine", machine_id(identity))))
        try:
            certificate = self._authority.issue(request, identity, now)
        except AuthenticationError as error:
            raise CallError(Code.INVALID_ARGUMENT, str(error)) from error
        ca = to_pem(self._authority.certificate)
        return Certified(identity, to_pem(certificate), ca, now, now + LIFE, datacenter_id, region)


def machine_id(identity: Identity) -> str:
    """Its key in the table."""
    return f"{identity.kind}/{identity.name}"


def _checked(connection: sa.Connection, machine: Machine) -> sa.Row[tuple[object, ...]]:
    query = sa.select(machines).where(machines.c.id == machine_id(machine.identity))
    row = connection.execute(query).one_or_none()
    if row is None or machine.certified_at < math.floor(row.created_at):
        raise CallError(Code.UNAUTHENTICATED, "the machine's certificate is revoked")
    return row


def _place(connection: sa.Connection, kind: str, datacenter_id: str, region: str, now: float) -> dict[str, str]:
    """Where a machine is; a datacenter that is named for the first time is made."""
    if kind == "gateway":
        if not region:
            raise CallError(Code.INVALID_ARGUMENT, "a Gateway needs a region")
        return {"datacenter_id": "", "region": region}
    if not datacenter_id:
        raise CallError(Code.INVALID_ARGUMENT, "an Agent needs a datacenter")
    known = connection.execute(sa.select(datacenters.c.region).where(datacenters.c.id == datacenter_id)).scalar()
    if known is None and not region:
        raise CallError(Code.INVALID_ARGUMENT, f"datacenter {datacenter_id} is new: say its region too")
    if known is None:
        row = {"id": datacenter_id, "region": region, "created_at": now}
        connection.execute(sa.insert(datacenters).values(row))
    elif region and region != known:
        raise CallError(Code.INVALID_ARGUMENT, f"datacenter {datacenter_id} is in region {known}, not {region}")
    return {"datacenter_id": datacenter_id, "region": str(known or region)}


def _digest(token: Secret) -> str:
    return hashlib.sha256(token.reveal().encode()).hexdigest()
