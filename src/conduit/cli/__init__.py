"""The ``conduit`` command. Each noun is a module of this package and is imported only when it is used."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import asyncclick as click

from conduit import __version__
from conduit.errors import ConduitError, LocalProtocolError

# noun -> module, of which the command is the attribute ``command``; and one line for ``conduit --help``
NOUNS: Final[dict[str, tuple[str, str]]] = {
    "bmc": ("conduit.cli.bmc", "Virtual BMCs: hardware for tests and demos."),
    "ipmi": ("conduit.cli.ipmi", "BMCs over IPMI: power, boot device, users, sessions, raw commands."),
}


class LazyGroup(click.Group):
    """A group that imports a noun's module when somebody asks for the noun, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All nouns."""
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The noun's command."""
        if cmd_name not in NOUNS:
            return None
        command = importlib.import_module(NOUNS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(NOUNS[cmd_name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of nouns, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(noun, NOUNS[noun][1]) for noun in sorted(NOUNS)])

    async def invoke(self, ctx: click.Context) -> object:
        """Run the command; a deliberate failure is one line on stderr, with exit status 2 for wrong usage, else 1."""
        try:
            return await super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise click.UsageError(error.format_message()) from error  # with a context it is four lines
        except LocalProtocolError as error:
            raise click.UsageError(str(error)) from error
        except ConduitError as error:
            raise click.ClickException(str(error)) from error


@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: conduit bmc sim --help"
)
@click.version_option(__version__, prog_name="conduit")
def root() -> None:
    """BMCs: talk to them, share them, simulate them."""


def main() -> None:
    """Run the command line on Trio. Exit status 0 on success, 1 on a failed operation, 2 on wrong usage."""
    try:
        root(_anyio_backend="trio")
    except KeyboardInterrupt:
        sys.exit(130)
