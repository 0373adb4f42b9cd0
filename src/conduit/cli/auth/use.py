"""``conduit auth use``."""

from __future__ import annotations

import asyncclick as click

from conduit.cli.nouns import Leaf, tell
from conduit.cli.profiles.files import locked
from conduit.cli.profiles.place import Place, world_of
from conduit.cli.render import Field, Report

__all__ = ["command"]


@click.command("use", cls=Leaf, example="auth use staff")
@click.argument("name")
@click.pass_context
async def command(ctx: click.Context, name: str) -> None:
    """Choose the profile that counts where neither --profile nor CONDUIT_PROFILE names one."""
    place = Place(world_of(ctx))
    async with locked(place.lock):
        place.save(place.profiles().using(name))
    tell(ctx, Report(summary=f"Profile {name} it is", fields=[Field("profile", "Profile", name)], brief=True))
