"""``conduit auth logout``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.nouns import Leaf, complain, logged_in, tell
from conduit.cli.profiles.session import MANAGER, Session
from conduit.cli.render import Field, Report
from conduit.errors import CallError
from conduit.services.api.manager.v1 import manager_pb as pb
from conduit.services.connect_client import ConnectClient

__all__ = ["command"]

PATIENCE = 5.0  # seconds for the Manager's part; ours does not depend on it


@click.command("logout", cls=Leaf, example="auth logout")
@click.pass_context
async def command(ctx: click.Context) -> None:
    """End the log-in: the Manager forgets it, and so do we."""
    async with logged_in(ctx) as session:
        login = await session.keeper.find()
        if login is not None:
            await _tell_manager(session, login.refresh.reveal())
        await session.keeper.drop()
    said = "Logged out" if login is not None else "Nobody was logged in"
    fields = [Field("profile", "Profile", session.name), Field("was_logged_in", "Was logged in", login is not None)]
    tell(ctx, Report(summary=f"{said} (profile {session.name})", fields=fields, brief=True))


async def _tell_manager(session: Session, refresh: str) -> None:
    client = ConnectClient(session.http, session.profile.manager, MANAGER)
    try:
        await client.call("Logout", pb.LogoutRequest(refresh_token=refresh), pb.LogoutResponse, timeout=PATIENCE)
    except CallError as error:
        complain(f"the Manager was not told ({error.message}): the log-in ends there by itself")
