"""``conduit server list`` and ``show``: what the Manager knows."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import asyncclick as click

from conduit.cli.moments import moment_of
from conduit.cli.nouns import Leaf, logged_in, tell
from conduit.cli.paging import PAGE, pages
from conduit.cli.params import WholeNumber
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.cli.server.discovered import discovery_fields
from conduit.services.api.common.v1.server_pb import BMCType, SOLType, VNCType
from conduit.services.api.manager.v1 import manager_pb as pb

if TYPE_CHECKING:
    from conduit.cli.profiles.session import Session

__all__ = ["list_command", "show_command"]

COLUMNS: Final = (
    Column("id", "ID"),
    Column("name", "Name", folds=True),
    Column("status", "Status"),
    Column("datacenter", "Datacenter"),
    Column("control", "Control"),
    Column("console", "Console"),
    Column("display", "Display"),
    Column("tags", "Tags"),
)
STYLES: Final = {"offline": "red", "unknown": "yellow"}
CONTROLS: Final = {BMCType.BMC_IPMI: "ipmi", BMCType.BMC_REDFISH: "redfish"}
CONSOLES: Final = {SOLType.SOL_IPMI: "ipmi", SOLType.SOL_REDFISH_SERIAL: "redfish"}
DISPLAYS: Final = {VNCType.VNC_NATIVE: "vnc", VNCType.VNC_WEBSOCKET: "websocket"}


@click.command("list", cls=Leaf, example="server list --status offline --tag db")
@click.option("--query", "-q", default="", metavar="TEXT", help="Part of an id, a name or a tag.")
@click.option("--status", default="", help="Such as online or offline.")
@click.option("--tag", default="", help="A whole tag.")
@click.option("--datacenter", default="", help="A datacenter's id.")
@click.option("--customer", default="", metavar="ID", help="Staff only: this customer's.")
@click.option("--limit", type=WholeNumber(min=1), help="As many at most.  [default: all]")
@click.pass_context
async def list_command(ctx: click.Context, /, *, limit: int | None, **filters: str) -> None:
    """Your servers; staff see everybody's."""
    async with logged_in(ctx) as session:
        servers = await fetch(session, limit, filters)
    rows = Rows(
        key="servers",
        columns=COLUMNS,
        rows=[_row(server) for server in servers],
        styles=[STYLES.get(server.status, "") for server in servers],
    )
    tell(ctx, Report(summary=f"{len(servers)} servers", rows=rows))


async def fetch(session: Session, limit: int | None, filters: dict[str, str]) -> list[pb.Server]:
    """All of them, page by page."""

    async def ask(token: str) -> pb.ListServersResponse:
        request = pb.ListServersRequest(
            page_size=PAGE if limit is None else min(PAGE, limit),
            page_token=token,
            query=filters["query"],
            status=filters["status"],
            tag=filters["tag"],
            datacenter_id=filters["datacenter"],
            customer_id=filters["customer"],
        )
        return await session.manager("ListServers", request, pb.ListServersResponse)

    servers: list[pb.Server] = []
    async with aclosing(pages(ask)) as found:
        async for page in found:
            servers += page.servers
            if limit is not None and len(servers) >= limit:
                break
    return servers[:limit]


def _row(server: pb.Server) -> list[Value]:
    return [
        server.id,
        server.display_name or server.id,
        server.status,
        server.datacenter_id,
        _controls(server),
        _console(server),
        _display(server),
        list(server.tags),
    ]


def _controls(server: pb.Server) -> Value:
    return [CONTROLS.get(endpoint.type, "unknown") for endpoint in server.control_endpoints]


def _console(server: pb.Server) -> str | None:
    endpoint = server.sol_endpoint
    return None if endpoint is None else CONSOLES.get(endpoint.type)


def _display(server: pb.Server) -> str | None:
    endpoint = server.vnc_endpoint
    return None if endpoint is None else DISPLAYS.get(endpoint.type)


@click.command("show", cls=Leaf, example="server show db-01")
@click.argument("server")
@click.pass_context
async def show_command(ctx: click.Context, server: str) -> None:
    """What the Manager knows about a server. Its BMC is not asked."""
    async with logged_in(ctx) as session:
        answer = await session.manager("GetServer", pb.GetServerRequest(server_id=server), pb.GetServerResponse)
    found = answer.server or pb.Server(id=server)
    tell(ctx, Report(summary=f"{found.id} is {found.status}", fields=_fields(found)))


def _fields(server: pb.Server) -> list[Field]:
    metadata: dict[str, Value] = dict(server.metadata)
    return [
        Field("id", "ID", server.id),
        Field("name", "Name", server.display_name or server.id),
        Field("status", "Status", server.status),
        Field("customer", "Customer", server.customer_id or None),
        Field("region", "Region", server.region),
        Field("datacenter", "Datacenter", server.datacenter_id),
        Field("agent", "Agent", server.agent_id or None),
        Field("control", "Control", _controls(server)),
        Field("console", "Console", _console(server)),
        Field("display", "Display", _display(server)),
        Field("features", "Features", list(server.features)),
        Field("tags", "Tags", list(server.tags)),
        Field("metadata", "Metadata", metadata, ", ".join(f"{key}={value}" for key, value in metadata.items()) or "-"),
        Field("created_at", "Since", moment_of(server.created_at)),
        Field("last_seen", "Last seen", moment_of(server.last_seen)),
        *discovery_fields(server.discovery_metadata),
    ]
