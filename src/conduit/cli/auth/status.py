"""``conduit auth status``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.moments import moment
from conduit.cli.nouns import PROFILE, Leaf, tell
from conduit.cli.profiles.place import Place, World, chosen_name, world_of
from conduit.cli.profiles.profiles import Profile
from conduit.cli.render import Column, Report, Rows, Value
from conduit.errors import ConduitError

__all__ = ["command"]

COLUMNS = (
    Column("profile", "Profile"),
    Column("current", "Current"),
    Column("state", "State"),
    Column("email", "Email"),
    Column("manager", "Manager"),
    Column("login_until", "Logged in until"),
    Column("vault", "Tokens in"),
)


@click.command("status", cls=Leaf, example="auth status")
@click.pass_context
async def command(ctx: click.Context) -> None:
    """Who is logged in where, and until when. Exit status 1: not, in the profile that counts."""
    world = world_of(ctx)
    place = Place(world)
    profiles = place.profiles()
    chosen = chosen_name(ctx.meta.get(PROFILE), profiles)
    rows = [
        await _row(world, place, name, profile, current=name == chosen)
        for name, profile in sorted(profiles.known.items())
    ]
    tell(ctx, Report(summary=f"{len(rows)} profiles", rows=Rows(key="profiles", columns=COLUMNS, rows=rows)))
    if not any(row[0] == chosen and row[2] == "logged in" for row in rows):
        raise click.exceptions.Exit(1)


async def _row(world: World, place: Place, name: str, profile: Profile, *, current: bool) -> list[Value]:
    until = None
    try:
        login = await place.keeper(name, profile).find()
    except ConduitError as error:
        state = str(error)
    else:
        if login is None:
            state = "not logged in"
        else:
            state = "ended" if login.is_over(world.clock()) else "logged in"
            until = moment(login.refresh_until)
    return [name, current, state, profile.email, profile.manager, until, profile.vault]
