"""``conduit admin join-token``."""

from __future__ import annotations

import re
from typing import Any, Final

import asyncclick as click

from conduit.cli.moments import moment_of
from conduit.cli.nouns import Leaf, Verbs, logged_in, tell
from conduit.cli.params import WholeNumber
from conduit.cli.render import Field, Report
from conduit.services.api.manager.v1 import admin_pb as pb

__all__ = ["command"]

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST: Final = 30 * 86_400  # seconds


class Duration(click.ParamType[int]):
    """Seconds, or a number with a unit: ``90``, ``15m``, ``1h``, ``7d``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """:raises click.BadParameter: no duration."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= _LONGEST:
            self.fail(f"{value!r} is no duration such as 15m, 1h or 7d, 30 days at most", param, ctx)
        return seconds


@click.command("create", cls=Leaf, example="admin join-token create --kind agent --datacenter dc1 --ttl 1h")
@click.option("--kind", type=click.Choice(["agent", "gateway"]), required=True, help="What may join.")
@click.option("--datacenter", default="", help="An Agent's.")
@click.option("--region", default="", help="A Gateway's; a datacenter's, when it is new.")
@click.option("--ttl", type=Duration(), default="1h", show_default=True, help="For how long.")
@click.option("--uses", type=WholeNumber(min=1, max=1000), default=1, show_default=True, help="How many may use it.")
@click.pass_context
async def create(ctx: click.Context, *, kind: str, datacenter: str, region: str, ttl: int, uses: int) -> None:
    """Make one. It is shown once: put it into a file that only the Agent or the Gateway can read."""
    if kind == "agent" and not datacenter:
        raise click.UsageError("an Agent is in a datacenter: --datacenter")
    if kind == "gateway" and not region:
        raise click.UsageError("a Gateway is in a region: --region")
    request = pb.CreateJoinTokenRequest(kind=kind, datacenter_id=datacenter, region=region, ttl_seconds=ttl, uses=uses)
    async with logged_in(ctx) as session:
        answer = await session.admin("CreateJoinToken", request, pb.CreateJoinTokenResponse)
    fields = [
        Field("join_token", "Join token", answer.join_token),
        Field("kind", "For", kind),
        Field("expires_at", "Until", moment_of(answer.expires_at)),
        Field("uses", "Uses", uses),
    ]
    tell(ctx, Report(summary=answer.join_token, fields=fields))


command = Verbs(
    "join-token",
    commands={"create": create},
    example="admin join-token create --kind agent --datacenter dc1 --ttl 1h",
    help="What lets a new Agent or Gateway in.",
)
