"""``conduit admin machine`` and ``conduit admin gateway``."""

from __future__ import annotations

from typing import Final, Literal

import asyncclick as click
from protobuf import Oneof

from conduit.cli.moments import moment_of
from conduit.cli.nouns import Leaf, Verbs, confirm, logged_in, tell
from conduit.cli.paging import PAGE, pages
from conduit.cli.render import Column, Field, Report, Rows
from conduit.services.api.manager.v1 import admin_pb as pb

__all__ = ["gateway", "machine"]

MACHINES: Final = (
    Column("id", "ID"),
    Column("kind", "Kind"),
    Column("datacenter", "Datacenter"),
    Column("region", "Region"),
    Column("certificate_until", "Certificate until"),
    Column("last_seen", "Last seen"),
)
GATEWAYS: Final = (
    Column("id", "ID"),
    Column("region", "Region"),
    Column("status", "Status"),
    Column("endpoint", "Endpoint"),
    Column("servers", "Servers", right=True),
    Column("datacenters", "Datacenters"),
    Column("last_seen", "Last seen"),
)


@click.command("list", cls=Leaf, example="admin machine list")
@click.pass_context
async def list_machines(ctx: click.Context) -> None:
    """Agents and Gateways that have a certificate."""
    async with logged_in(ctx) as session:

        async def ask(token: str) -> pb.ListMachinesResponse:
            request = pb.ListMachinesRequest(page_size=PAGE, page_token=token)
            return await session.admin("ListMachines", request, pb.ListMachinesResponse, safe=True)

        machines = [each async for page in pages(ask) for each in page.machines]
    rows = Rows(
        key="machines",
        columns=MACHINES,
        rows=[
            [each.id, each.kind, each.datacenter_id or None, each.region or None,
             moment_of(each.certificate_expires_at), moment_of(each.last_seen)]
            for each in machines
        ],
    )  # fmt: skip
    tell(ctx, Report(summary=f"{len(machines)} machines", rows=rows))


@click.command("revoke", cls=Leaf, example="admin machine revoke agent/ams1-a")
@click.argument("machine")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
@click.pass_context
async def revoke(ctx: click.Context, machine: str, *, yes: bool) -> None:
    """End a machine's certificate, within seconds. It needs a new join token to come back."""
    confirm(f"Revoke {machine}? It is cut off until it joins again.", yes=yes)
    async with logged_in(ctx) as session:
        what: Oneof[Literal["machine_id"], str] = Oneof("machine_id", machine)
        await session.admin("Revoke", pb.RevokeRequest(what=what), pb.RevokeResponse)
    tell(ctx, Report(summary=f"{machine} is revoked", fields=[Field("id", "ID", machine)], brief=True))


@click.command("list", cls=Leaf, example="admin gateway list")
@click.pass_context
async def list_gateways(ctx: click.Context) -> None:
    """The Gateways, and which are alive."""
    async with logged_in(ctx) as session:

        async def ask(token: str) -> pb.GetGatewayHealthResponse:
            request = pb.GetGatewayHealthRequest(page_size=PAGE, page_token=token)
            return await session.admin("GetGatewayHealth", request, pb.GetGatewayHealthResponse, safe=True)

        gateways = [each async for page in pages(ask) for each in page.gateways]
    rows = Rows(
        key="gateways",
        columns=GATEWAYS,
        rows=[
            [each.gateway_id, each.region, each.status, each.endpoint, each.server_count, list(each.datacenter_ids),
             moment_of(each.last_seen)]
            for each in gateways
        ],
        styles=["" if each.status == "active" else "red" for each in gateways],
    )  # fmt: skip
    tell(ctx, Report(summary=f"{len(gateways)} Gateways", rows=rows))


machine = Verbs(
    "machine",
    commands={"list": list_machines, "revoke": revoke},
    example="admin machine list",
    help="Agents and Gateways: their certificates.",
)
gateway = Verbs(
    "gateway",
    commands={"list": list_gateways},
    example="admin gateway list",
    help="The Gateways, and which are alive.",
)
