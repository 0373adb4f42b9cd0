"""``conduit auth refresh``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.moments import moment
from conduit.cli.nouns import Leaf, logged_in, tell
from conduit.cli.render import Field, Report

__all__ = ["command"]


@click.command("refresh", cls=Leaf, example="auth refresh")
@click.pass_context
async def command(ctx: click.Context) -> None:
    """Renew the log-in now. Commands do it by themselves when it is due."""
    async with logged_in(ctx) as session:
        login = await session.refresh()
    until = moment(login.refresh_until)
    fields = [
        Field("profile", "Profile", session.name),
        Field("access_until", "Access until", moment(login.access_until)),
        Field("login_until", "Logged in until", until),
    ]
    tell(ctx, Report(summary=f"Logged in until {until} (profile {session.name})", fields=fields, brief=True))
