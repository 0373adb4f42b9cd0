"""``conduit admin server``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.admin.customer import find_id
from conduit.cli.nouns import Leaf, Verbs, confirm, logged_in, tell
from conduit.cli.render import Field, Report
from conduit.services.api.manager.v1 import admin_pb as pb

__all__ = ["command"]


@click.command("assign", cls=Leaf, example="admin server assign db-01 alice@acme.example")
@click.argument("server")
@click.argument("customer", metavar="EMAIL|ID")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
@click.pass_context
async def assign(ctx: click.Context, server: str, customer: str, *, yes: bool) -> None:
    """Give a server to a customer. Whoever had it loses it at once, consoles too."""
    confirm(f"Give {server} to {customer}? Whoever has it now loses it.", yes=yes)
    async with logged_in(ctx) as session:
        customer_id = await find_id(session, customer)
        request = pb.AssignServerRequest(server_id=server, customer_id=customer_id)
        await session.admin("AssignServer", request, pb.AssignServerResponse)
    fields = [Field("server", "Server", server), Field("customer_id", "Customer", customer_id)]
    tell(ctx, Report(summary=f"{server} is {customer}'s", fields=fields, brief=True))


@click.command("unassign", cls=Leaf, example="admin server unassign db-01")
@click.argument("server")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
@click.pass_context
async def unassign(ctx: click.Context, server: str, *, yes: bool) -> None:
    """Take a server back: only staff reach it then."""
    confirm(f"Take {server} from whoever has it?", yes=yes)
    async with logged_in(ctx) as session:
        await session.admin("AssignServer", pb.AssignServerRequest(server_id=server), pb.AssignServerResponse)
    fields = [Field("server", "Server", server), Field("customer_id", "Customer", None)]
    tell(ctx, Report(summary=f"{server} is nobody's", fields=fields, brief=True))


command = Verbs(
    "server",
    commands={"assign": assign, "unassign": unassign},
    example="admin server assign db-01 alice@acme.example",
    help="Whose server is which.",
)
