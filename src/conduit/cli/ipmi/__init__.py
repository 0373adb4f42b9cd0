"""``conduit ipmi``: talks to BMCs over IPMI, with ipmitool's options, to one or to many at once."""

from __future__ import annotations

import logging
from typing import Any

import asyncclick as click

from conduit.cli.ipmi.base import OUTPUT, VERBOSITY, Noun
from conduit.cli.ipmi.channel import channel
from conduit.cli.ipmi.chassis import chassis
from conduit.cli.ipmi.failures import SHOW_TRACEBACK, errors_in_one_line
from conduit.cli.ipmi.mc import mc
from conduit.cli.ipmi.options import OPTIONS, make_settings
from conduit.cli.ipmi.ping import ping
from conduit.cli.ipmi.power import make_power
from conduit.cli.ipmi.raw import raw
from conduit.cli.ipmi.render import Format
from conduit.cli.ipmi.session import session
from conduit.cli.ipmi.user import user

__all__ = ["command"]


class IpmiGroup(Noun):
    """The top of it, from where errors go out as one line."""

    async def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with errors_in_one_line(None):
            return await super().make_context(info_name, args, parent, **extra)

    async def invoke(self, ctx: click.Context) -> Any:
        with errors_in_one_line(ctx):
            return await super().invoke(ctx)


@click.group("ipmi", cls=IpmiGroup, params=list(OPTIONS), example="power status")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:  # Any: each option has its own type
    """Talk to a BMC over IPMI, or to many BMCs at once.

    Options are ipmitool's, and come before the command. The password is asked
    for on a terminal, or comes from -E or -f. Exit status: 0 done, 1 failed,
    2 wrong usage.
    """
    verbose = ctx.meta.get(VERBOSITY, 0)
    if verbose >= SHOW_TRACEBACK:
        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
    ctx.obj = make_settings(options, verbose=verbose, output=ctx.meta.get(OUTPUT, Format.TABLE))


for part in (make_power(), chassis, mc, user, channel, session, raw, ping):
    command.add_command(part)
command.add_command(mc, "bmc")  # ipmitool's other name for it
