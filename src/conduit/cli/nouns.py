"""What the commands that talk to our services share: ``--output`` and ``--profile`` anywhere, examples, log-ins."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncclick as click

from conduit.cli.lazy import LazyGroup
from conduit.cli.render import Format, Report, make_console, printable, show
from conduit.errors import CallError, ConduitError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conduit.cli.profiles.session import Session

OUTPUT: Final = "conduit.cli.output"  # keys in a context's meta, which all contexts share
PROFILE: Final = "conduit.cli.profile"
HELP_NAMES: Final = ["-h", "--help"]


def _keep(key: str) -> Any:  # Any: click's callbacks
    def callback(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.meta[key] = value

    return callback


def _common_options() -> list[click.Parameter]:
    formats = [format_.value for format_ in Format]
    return [
        click.Option(
            ["--output"],
            type=click.Choice(formats, case_sensitive=False),
            expose_value=False,
            callback=_keep(OUTPUT),
            help="How to show results (table).",
        ),
        click.Option(
            ["--profile"],
            metavar="NAME",
            expose_value=False,
            callback=_keep(PROFILE),
            help="Whose log-in to use; or CONDUIT_PROFILE.",
        ),
    ]


class Exampled(click.Command):
    """A command or a group with our options and, in its help, an example.

    :param example: what one would type after ``conduit``.
    """

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:  # Any: whatever click's classes take
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += _common_options()
        self.context_settings.setdefault("help_option_names", HELP_NAMES)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Example"):
            formatter.write_text(f"conduit {self.example}")


class Leaf(Exampled):
    """A command."""

    async def invoke(self, ctx: click.Context) -> Any:
        """Run it; whatever fails inside of tasks comes out bare."""
        try:
            return await super().invoke(ctx)
        except BaseExceptionGroup as group:
            raise _first(group) from group


class Noun(Exampled, LazyGroup):
    """A group of commands about one thing, each imported when it is used."""


class Verbs(Exampled, click.Group):
    """A group of commands that are there already."""


def _first(group: BaseExceptionGroup) -> BaseException:
    """The exception that says most: Ctrl+C, then a failure that is meant, then whichever comes."""
    for kinds in (KeyboardInterrupt, (ConduitError, click.ClickException, click.exceptions.Exit)):
        found = group.subgroup(kinds)
        if found is not None:
            return _first(found) if isinstance(found.exceptions[0], BaseExceptionGroup) else found.exceptions[0]
    lone = group.exceptions[0]
    return _first(lone) if isinstance(lone, BaseExceptionGroup) else lone


# --- what commands do -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def logged_in(ctx: click.Context) -> AsyncIterator[Session]:
    """As whom the options say. :raises ConduitError: nobody is logged in."""
    from conduit.cli.profiles.place import world_of  # a help text shall not wait for these
    from conduit.cli.profiles.session import open_session

    async with open_session(world_of(ctx), ctx.meta.get(PROFILE)) as session:
        yield session


def output_of(ctx: click.Context) -> Format:
    """What ``--output`` says."""
    return Format(ctx.meta.get(OUTPUT, Format.TABLE.value).lower())


def tell(ctx: click.Context, report: Report) -> None:
    """Show what came of it."""
    show(report, output_of(ctx), make_console())


def complain(text: str) -> None:
    """One line on stderr, which stops nothing."""
    click.echo(f"conduit: {printable(' '.join(text.split()))}", err=True)


def is_interactive() -> bool:
    """Whether somebody sits at a terminal, who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; scripts mean what they say.

    :raises click.Abort: no.
    """
    if yes or not is_interactive():
        return
    click.echo(f"{printable(question)} [y/N] ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise click.ClickException("nothing was done")


def reason_of(error: ConduitError) -> str:
    """A failure in its own words."""
    return error.message if isinstance(error, CallError) else str(error)
