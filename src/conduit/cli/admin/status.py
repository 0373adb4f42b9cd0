"""``conduit admin status``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.nouns import Leaf, logged_in, tell
from conduit.cli.render import Field, Report
from conduit.services.api.manager.v1 import admin_pb as pb

__all__ = ["command"]


@click.command("status", cls=Leaf, example="admin status")
@click.pass_context
async def command(ctx: click.Context) -> None:
    """How much there is of everything, and how much of it is there."""
    async with logged_in(ctx) as session:
        request = pb.GetDashboardMetricsRequest()
        found = await session.admin("GetDashboardMetrics", request, pb.GetDashboardMetricsResponse, safe=True)
    fields = [
        Field("servers", "Servers", found.total_bmcs),
        Field("servers_online", "Servers online", found.online_bmcs),
        Field("servers_offline", "Servers offline", found.offline_bmcs),
        Field("gateways", "Gateways", found.total_gateways),
        Field("gateways_active", "Gateways active", found.active_gateways),
        Field("customers", "Customers", found.total_customers),
    ]
    tell(ctx, Report(summary=f"{found.online_bmcs} of {found.total_bmcs} servers are online", fields=fields))
