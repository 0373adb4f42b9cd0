"""The inventory: which servers there are, whose they are, and which Gateways reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from conduit.errors import CallError
from conduit.services.clock import Clock
from conduit.services.manager import refreshing
from conduit.services.manager.accounts import Account
from conduit.services.manager.database import Database
from conduit.services.manager.pages import page_of, token_after
from conduit.services.manager.revocations import revoke
from conduit.services.manager.schema import customers, datacenters, gateways, machines, servers
from conduit.tunnel.call_frames import Code

GATEWAY_SILENCE: Final = 60.0  # seconds without a heartbeat after which a Gateway is given to nobody
AGENT_SILENCE: Final = 180.0  # seconds without a report after which an Agent's servers count as offline
MAX_SERVERS_PER_AGENT: Final = 10_000
_NO_SERVER: Final = "there is no such server, or it is not yours"

_SERVERS: Final = sa.select(servers, datacenters.c.region).join(
    datacenters, datacenters.c.id == servers.c.datacenter_id
)
_ONE_SERVER: Final = _SERVERS.where(servers.c.id == sa.bindparam("id"))
_ONE_OF_A_CUSTOMER: Final = _ONE_SERVER.where(servers.c.customer_id == sa.bindparam("customer"))
_ALIVE: Final = (
    sa.select(gateways)
    .where(gateways.c.region == sa.bindparam("region"), gateways.c.last_seen >= sa.bindparam("since"))
    .order_by(gateways.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedServer:
    """What an Agent says of a server."""

    id: str
    customer: str = ""
    "Email or id of its owner; empty: staff."
    display_name: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    control_kinds: Sequence[int] = ()
    sol_kind: int = 0
    vnc_kind: int = 0
    features: Sequence[str] = ()
    status: str = "online"
    discovery: str = ""
    "What is known about its BMC: a DiscoveryMetadata message in JSON; empty: no more than before."


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server as the Manager knows it."""

    id: str
    customer_id: str | None
    agent_id: str
    datacenter_id: str
    region: str
    display_name: str
    tags: Sequence[str]
    metadata: Mapping[str, str]
    control_kinds: Sequence[int]
    sol_kind: int
    vnc_kind: int
    features: Sequence[str]
    discovery: str
    status: str
    created_at: float
    updated_at: float
    last_seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A Gateway as the Manager knows it."""

    id: str
    region: str
    endpoint: str
    tunnel_endpoint: str
    version: str
    agent_ids: Sequence[str]
    created_at: float
    last_seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which servers to list; what is empty does not matter."""

    query: str = ""
    status: str = ""
    tag: str = ""
    datacenter_id: str = ""
    customer_id: str = ""
    regions: Sequence[str] = ()
    agents: Sequence[str] | None = None
    "Reached by one of these; None for any."


@dataclass(frozen=True, slots=True)
class Page:
    """Some servers, where the next page begins, and how many there are in all."""

    servers: Sequence[Server]
    next_token: str
    total: int


@dataclass(frozen=True, slots=True)
class Census:
    """How much of each there is."""

    servers: Mapping[tuple[str, ...], int]
    "By datacenter and status."
    gateways: Mapping[tuple[str, ...], int]
    "By region and status."
    machines: Mapping[tuple[str, ...], int]
    "That have enrolled, by kind."
    customers: int
    log_ins: int
    "That have not ended: one for each browser or profile that somebody logged in with."


class Registry:
    """Finds and keeps servers and Gateways. What an account may not see is to it as if it did not exist."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # --- servers ------------------------------------------------------------------------------------------------------

    async def report(self, agent_id: str, datacenter_id: str, reported: Sequence[ReportedServer]) -> dict[str, str]:
        """Take over an Agent's list; a server of it that is not there any more goes offline.

        :returns: why which servers were refused.
        """
        if len(reported) > MAX_SERVERS_PER_AGENT:
            raise CallError(Code.INVALID_ARGUMENT, f"an Agent has at most {MAX_SERVERS_PER_AGENT} servers")

        def work(connection: sa.Connection) -> dict[str, str]:
            now = self._clock()
            owners = _owners(connection, reported)
            refused = {}
            for server in reported:
                if not _keep(connection, agent_id, datacenter_id, server, owners.get(server.customer.lower()), now):
                    refused[server.id] = "another Agent has a server of that id"
            gone = sa.and_(servers.c.agent_id == agent_id, servers.c.id.not_in([server.id for server in reported]))
            connection.execute(sa.update(servers).where(gone).values(status="offline", updated_at=now))
            return refused

        return await self._database.run(work)

    async def server(self, account: Account, server_id: str) -> Server:
        """:raises CallError: NOT_FOUND, also when it is somebody else's."""
        return await self._database.run(lambda connection: self.find_server(connection, account, server_id))

    def find_server(self, connection: sa.Connection, account: Account, server_id: str) -> Server:
        """Like :meth:`server`, in the connection's transaction."""
        ours = _ONE_SERVER if account.is_staff else _ONE_OF_A_CUSTOMER
        row = connection.execute(ours, {"id": server_id, "customer": account.id}).one_or_none()
        if row is None:
            raise CallError(Code.NOT_FOUND, _NO_SERVER)
        return self._server(row)

    async def servers(self, account: Account, filters: Filters, page_size: int, page_token: str) -> Page:
        """A page of what the account may see, by id.

        :raises CallError: INVALID_ARGUMENT: no page begins so.
        """
        size, after = page_of(page_size, page_token)
        query = _filtered(_servers_of(account), account, filters, self._clock() - AGENT_SILENCE)

        def work(connection: sa.Connection) -> Page:
            total = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
            page = query.where(servers.c.id > after).order_by(servers.c.id).limit(size + 1)
            rows = connection.execute(page).all()
            token = token_after(rows[size - 1].id) if len(rows) > size else ""
            return Page([self._server(row) for row in rows[:size]], token, total)

        return await self._database.run(work)

    async def update(
        self, account: Account, server_id: str, *, display_name: str | None = None, tags: Sequence[str] | None = None
    ) -> Server:
        """Change what people call it.

        :raises CallError: NOT_FOUND, INVALID_ARGUMENT.
        """
        await self.server(account, server_id)
        values: dict[str, object] = {"updated_at": self._clock()}
        if display_name is not None:
            values["display_name"] = _checked_text(display_name, 200)
        if tags is not None:
            values["tags"] = [_checked_text(tag, 63) for tag in tags[:64]]
        change = sa.update(servers).where(servers.c.id == server_id).values(values)
        await self._database.run(lambda connection: connection.execute(change))
        return await self.server(account, server_id)

    async def assign(self, server_id: str, customer_id: str | None) -> None:
        """Give a server to a customer, or back to staff; tokens of its owner until now end.

        :raises CallError: NOT_FOUND.
        """

        def work(connection: sa.Connection) -> None:
            now = self._clock()
            values = {"customer_id": customer_id, "assigned_by_staff": True, "updated_at": now}
            if connection.execute(sa.update(servers).where(servers.c.id == server_id).values(values)).rowcount == 0:
                raise CallError(Code.NOT_FOUND, "there is no such server")
            revoke(connection, "server", server_id, now)

        await self._database.run(work)

    async def census(self) -> Census:
        """How much of each there is."""
        now = self._clock()
        online = sa.and_(servers.c.status == "online", servers.c.last_seen >= now - AGENT_SILENCE)
        states = servers.c.datacenter_id, sa.case((online, "online"), else_="offline")
        alive = sa.case((gateways.c.last_seen >= now - GATEWAY_SILENCE, "active"), else_="offline")

        def work(connection: sa.Connection) -> Census:
            def count(*kinds: sa.ColumnElement[str]) -> dict[tuple[str, ...], int]:
                rows = connection.execute(sa.select(*kinds, sa.func.count()).group_by(*kinds))
                return {tuple(kind): number for *kind, number in rows}

            people = connection.execute(sa.select(sa.func.count()).select_from(customers)).scalar_one()
            log_ins = connection.execute(refreshing.count_open(now)).scalar_one()
            return Census(count(*states), count(gateways.c.region, alive), count(machines.c.kind), people, log_ins)

        return await self._database.run(work)

    async def counts_by_customer(self) -> dict[str, tuple[int, int]]:
        """Servers of each customer, in all and online."""
        online = sa.and_(servers.c.status == "online", servers.c.last_seen >= self._clock() - AGENT_SILENCE)
        query = sa.select(servers.c.customer_id, sa.func.count(), sa.func.sum(sa.case((online, 1), else_=0)))

        def work(connection: sa.Connection) -> dict[str, tuple[int, int]]:
            rows = connection.execute(query.where(servers.c.customer_id.is_not(None)).group_by(servers.c.customer_id))
            return {owner: (total, alive) for owner, total, alive in rows}

        return await self._database.run(work)

    def _server(self, row: Any) -> Server:  # Any: a row of servers and its region
        values = {name: getattr(row, name) for name in Server.__dataclass_fields__}
        if row.last_seen < self._clock() - AGENT_SILENCE:
            values["status"] = "offline"
        return Server(**values)

    # --- Gateways -----------------------------------------------------------------------------------------------------

    async def heartbeat(
        self, *, gateway_id: str, region: str, endpoint: str, tunnel_endpoint: str, version: str, agents: Sequence[str]
    ) -> None:
        """A Gateway is alive, and who is connected to it."""

        def work(connection: sa.Connection) -> None:
            now = self._clock()
            values = {
                "region": region,
                "endpoint": endpoint,
                "tunnel_endpoint": tunnel_endpoint,
                "version": version,
                "agent_ids": list(agents),
                "last_seen": now,
            }
            change = sa.update(gateways).where(gateways.c.id == gateway_id).values(values)
            if connection.execute(change).rowcount == 0:
                connection.execute(sa.insert(gateways).values(id=gateway_id, created_at=now, **values))

        await self._database.run(work)

    async def gateways(self, region: str = "", *, alive: bool = False) -> list[Gateway]:
        """All, or those of a region; with *alive*, only those that were heard of lately."""
        query = sa.select(gateways).order_by(gateways.c.id)
        if region:
            query = query.where(gateways.c.region == region)
        if alive:
            query = query.where(gateways.c.last_seen >= self._clock() - GATEWAY_SILENCE)

        def work(connection: sa.Connection) -> list[Gateway]:
            return [Gateway(**row) for row in connection.execute(query).mappings()]

        return await self._database.run(work)

    async def gateways_to_dial(self, region: str) -> list[Gateway]:
        """Those of a region that have a valid certificate, however silent: perhaps it is us that did not hear them.

        An Agent that is not told of a Gateway any more leaves it, and the consoles there end.
        """
        its = machines.c.id == sa.literal("gateway/") + gateways.c.id
        valid = sa.and_(gateways.c.region == region, machines.c.certificate_expires_at >= self._clock())
        query = sa.select(gateways).join(machines, its).where(valid).order_by(gateways.c.id)

        def work(connection: sa.Connection) -> list[Gateway]:
            return [Gateway(**row) for row in connection.execute(query).mappings()]

        return await self._database.run(work)

    async def behind_agents(self) -> dict[str, tuple[str, int]]:
        """The datacenter of each Agent that was heard of lately, and how many servers it has."""
        heard = servers.c.last_seen >= self._clock() - AGENT_SILENCE
        columns = servers.c.agent_id, servers.c.datacenter_id
        query = sa.select(*columns, sa.func.count()).where(heard).group_by(*columns)

        def work(connection: sa.Connection) -> dict[str, tuple[str, int]]:
            return {agent: (datacenter, count) for agent, datacenter, count in connection.execute(query)}

        return await self._database.run(work)

    def find_gateway(self, connection: sa.Connection, server: Server) -> Gateway:
        """One that has the tunnel of the server's Agent now, or else one of the region.

        :raises CallError: UNAVAILABLE: there is none.
        """
        values = {"region": server.region, "since": self._clock() - GATEWAY_SILENCE}
        alive = [Gateway(**row) for row in connection.execute(_ALIVE, values).mappings()]
        if not alive:
            raise CallError(Code.UNAVAILABLE, f"no Gateway of region {server.region} is running: tell staff")
        return next((gateway for gateway in alive if server.agent_id in gateway.agent_ids), alive[0])


def _servers_of(account: Account) -> sa.Select[Any]:
    """What an account may see; everything goes through here."""
    return _SERVERS if account.is_staff else _SERVERS.where(servers.c.customer_id == account.id)


def _filtered(query: sa.Select[Any], account: Account, filters: Filters, silent_since: float) -> sa.Select[Any]:
    if filters.query:
        like = f"%{_escaped(filters.query.lower())}%"
        fields = (servers.c.id, servers.c.display_name, sa.cast(servers.c.tags, sa.String))
        query = query.where(sa.or_(*(sa.func.lower(field).like(like, escape="\\") for field in fields)))
    if filters.tag:
        query = query.where(sa.cast(servers.c.tags, sa.String).like(f'%"{_escaped(filters.tag)}"%', escape="\\"))
    if filters.datacenter_id:
        query = query.where(servers.c.datacenter_id == filters.datacenter_id)
    if filters.regions:
        query = query.where(datacenters.c.region.in_(filters.regions))
    if filters.agents is not None:
        query = query.where(servers.c.agent_id.in_(filters.agents))
    if filters.customer_id and account.is_staff:
        query = query.where(servers.c.customer_id == filters.customer_id)
    if filters.status == "offline":
        query = query.where(sa.or_(servers.c.status == "offline", servers.c.last_seen < silent_since))
    elif filters.status:
        query = query.where(servers.c.status == filters.status, servers.c.last_seen >= silent_since)
    return query


def _escaped(text: str) -> str:
    """For LIKE."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _owners(connection: sa.Connection, reported: Sequence[ReportedServer]) -> dict[str, str]:
    """Ids of the customers that the reports name, by what they are called there."""
    named = {server.customer.lower() for server in reported if server.customer}
    its = sa.or_(customers.c.email.in_(named), customers.c.id.in_(named))
    rows = connection.execute(sa.select(customers.c.id, customers.c.email).where(its)).all()
    return {row.email: row.id for row in rows} | {row.id: row.id for row in rows}


def _keep(
    connection: sa.Connection,
    agent_id: str,
    datacenter_id: str,
    server: ReportedServer,
    owner: str | None,
    now: float,
) -> bool:
    """Whether the server is that Agent's."""
    row = connection.execute(sa.select(servers).where(servers.c.id == server.id)).one_or_none()
    if row is not None and row.agent_id != agent_id and not _may_take_over(row, datacenter_id, now):
        return False
    values = {
        "agent_id": agent_id,
        "datacenter_id": datacenter_id,
        "control_kinds": list(server.control_kinds),
        "sol_kind": server.sol_kind,
        "vnc_kind": server.vnc_kind,
        "features": list(server.features),
        "metadata": dict(server.metadata),
        "status": server.status,
        "last_seen": now,
    }
    if row is None:
        first = {"display_name": server.display_name or server.id, "tags": list(server.tags), "customer_id": owner}
        first["discovery"] = server.discovery
        new = {"id": server.id, "assigned_by_staff": False, "created_at": now, "updated_at": now, **first, **values}
        connection.execute(sa.insert(servers).values(new))
        return True
    if server.discovery:
        values["discovery"] = server.discovery
    if not row.assigned_by_staff and row.customer_id != owner:
        values |= {"customer_id": owner, "updated_at": now}
        revoke(connection, "server", server.id, now)
    connection.execute(sa.update(servers).where(servers.c.id == server.id).values(values))
    return True


def _may_take_over(row: Any, datacenter_id: str, now: float) -> bool:  # Any: a row of servers
    """Only a neighbour may, and only what nobody looks after."""
    return bool(row.datacenter_id == datacenter_id and row.last_seen < now - AGENT_SILENCE)


def _checked_text(text: str, most: int) -> str:
    text = text.strip()
    if not 0 < len(text) <= most or not text.isprintable():
        raise CallError(Code.INVALID_ARGUMENT, f"a name has 1 to {most} characters that can be printed")
    return text
