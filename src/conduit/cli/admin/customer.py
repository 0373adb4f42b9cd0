"""``conduit admin customer``."""

from __future__ import annotations

from typing import Final, Literal

import asyncclick as click
from protobuf import Oneof

from conduit.cli.moments import moment_of
from conduit.cli.nouns import Leaf, Verbs, confirm, logged_in, tell
from conduit.cli.paging import PAGE, pages
from conduit.cli.profiles.session import Session
from conduit.cli.prompts import ask_twice, first_line, is_interactive
from conduit.cli.render import Column, Field, Report, Rows
from conduit.errors import CallError
from conduit.services.api.manager.v1 import admin_pb as pb
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

__all__ = ["command"]

COLUMNS: Final = (
    Column("email", "Email"),
    Column("id", "ID"),
    Column("is_staff", "Staff"),
    Column("servers", "Servers", right=True),
    Column("online", "Online", right=True),
    Column("created_at", "Since"),
)
_password_file = click.option(
    "--password-file", default="", metavar="FILE", help="Its first line is the password; - is standard input."
)


@click.command("list", cls=Leaf, example="admin customer list")
@click.pass_context
async def list_(ctx: click.Context) -> None:
    """All accounts."""
    async with logged_in(ctx) as session:
        found = await _all(session)
    rows = [
        [each.email, each.customer_id, each.is_admin, each.server_count, each.online_server_count,
         moment_of(each.created_at)]
        for each in found
    ]  # fmt: skip
    tell(ctx, Report(summary=f"{len(rows)} accounts", rows=Rows(key="customers", columns=COLUMNS, rows=rows)))


@click.command("create", cls=Leaf, example="admin customer create alice@acme.example --name Acme")
@click.argument("email")
@click.option("--name", default="", help="To show.")
@click.option("--staff", is_flag=True, help="They look after everything.")
@_password_file
@click.pass_context
async def create(ctx: click.Context, email: str, *, name: str, staff: bool, password_file: str) -> None:
    """Make an account. The password is asked for on a terminal."""
    password = _new_password(password_file)
    request = pb.CreateCustomerRequest(email=email, password=password.reveal(), display_name=name, is_staff=staff)
    async with logged_in(ctx) as session:
        answer = await session.admin("CreateCustomer", request, pb.CreateCustomerResponse)
    made = answer.customer or pb.CustomerSummary(email=email)
    fields = [Field("id", "ID", made.customer_id), Field("email", "Email", made.email)]
    tell(ctx, Report(summary=f"{made.email} may log in (id {made.customer_id})", fields=fields, brief=True))


@click.command("set-password", cls=Leaf, example="admin customer set-password alice@acme.example")
@click.argument("customer", metavar="EMAIL|ID")
@_password_file
@click.pass_context
async def set_password(ctx: click.Context, customer: str, *, password_file: str) -> None:
    """Set somebody's password, which ends their log-ins."""
    password = _new_password(password_file)
    async with logged_in(ctx) as session:
        customer_id = await find_id(session, customer)
        request = pb.SetCustomerPasswordRequest(customer_id=customer_id, password=password.reveal())
        await session.admin("SetCustomerPassword", request, pb.SetCustomerPasswordResponse)
    fields = [Field("id", "ID", customer_id)]
    tell(ctx, Report(summary=f"{customer} has a new password, and is logged out", fields=fields, brief=True))


@click.command("revoke", cls=Leaf, example="admin customer revoke alice@acme.example")
@click.argument("customer", metavar="EMAIL|ID")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
@click.pass_context
async def revoke(ctx: click.Context, customer: str, *, yes: bool) -> None:
    """End all of somebody's log-ins and consoles, within seconds. They may log in again."""
    confirm(f"Log {customer} out everywhere, and end their consoles?", yes=yes)
    async with logged_in(ctx) as session:
        customer_id = await find_id(session, customer)
        what: Oneof[Literal["customer_id"], str] = Oneof("customer_id", customer_id)
        await session.admin("Revoke", pb.RevokeRequest(what=what), pb.RevokeResponse)
    fields = [Field("id", "ID", customer_id)]
    tell(ctx, Report(summary=f"{customer} is logged out everywhere", fields=fields, brief=True))


def _new_password(source: str) -> Secret:
    if source:
        return Secret(first_line(source))
    if not is_interactive():
        raise click.UsageError("no password: use --password-file FILE, or run on a terminal to be asked")
    return Secret(ask_twice("New password"))


async def find_id(session: Session, customer: str) -> str:
    """The id of whom an email names; anything else is an id.

    :raises CallError: NOT_FOUND.
    """
    if "@" not in customer:
        return customer
    for each in await _all(session):
        if each.email == customer.strip().lower():
            return each.customer_id
    raise CallError(Code.NOT_FOUND, f"there is no customer {customer}")


async def _all(session: Session) -> list[pb.CustomerSummary]:
    async def ask(token: str) -> pb.ListAllCustomersResponse:
        request = pb.ListAllCustomersRequest(page_size=PAGE, page_token=token)
        return await session.admin("ListAllCustomers", request, pb.ListAllCustomersResponse, safe=True)

    return [each async for page in pages(ask) for each in page.customers]


command = Verbs(
    "customer",
    commands={"create": create, "list": list_, "revoke": revoke, "set-password": set_password},
    example="admin customer create alice@acme.example",
    help="Accounts: make them, set passwords, end their log-ins.",
)
