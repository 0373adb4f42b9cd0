"""The ``conduit`` command. Each noun is a module of this package and is imported only when it is used."""

from __future__ import annotations

import io
import sys
from typing import Final

import asyncclick as click

from conduit import __version__
from conduit.cli.lazy import LazyGroup, Part
from conduit.errors import CallError, ConduitError, LocalProtocolError

PARTS: Final = {
    "admin": Part("conduit.cli.admin", "For staff: accounts, machines, whose server is which."),
    "agent": Part("conduit.cli.agent", "The Agent: next to the BMCs, dials out."),
    "auth": Part("conduit.cli.auth", "Log in to a Manager, and out."),
    "bmc": Part("conduit.cli.bmc", "Virtual BMCs: hardware for tests and demos."),
    "completion": Part("conduit.cli.completion", "Scripts that make a shell complete our commands."),
    "gateway": Part("conduit.cli.gateway", "The Gateway: where customers come in."),
    "ipmi": Part("conduit.cli.ipmi", "BMCs over IPMI: power, boot device, users, sessions, raw commands."),
    "manager": Part("conduit.cli.manager", "The Manager: accounts, tokens, inventory."),
    "rfb": Part("conduit.cli.rfb", "Displays (VNC): look, type, let viewers in."),
    "server": Part("conduit.cli.server", "Your servers: power, sensors, events, boot device, console."),
    "tunnel": Part("conduit.cli.tunnel", "TCP through one outbound connection, like ssh -R."),
    "up": Part("conduit.cli.up", "All of it on this machine, with virtual servers, to look at."),
}


class Root(LazyGroup):
    """All nouns, from where errors go out as one line."""

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
        except CallError as error:
            raise click.ClickException(error.message) from error
        except ConduitError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # whoever read our output has enough; click knows
        except OSError as error:
            what = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{what}{error.strerror or error}") from error


@click.command(
    cls=Root,
    parts=PARTS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: conduit bmc sim --help",
)
@click.version_option(__version__, prog_name="conduit")
def root() -> None:
    """BMCs: talk to them, share them, simulate them."""


def main() -> None:
    """Run the command line on Trio. Exit status 0 on success, 1 on a failed operation, 2 on wrong usage."""
    for stream, errors in (
        (sys.stdin, "surrogateescape"),  # a password may be any bytes
        (sys.stdout, "backslashreplace"),  # what the locale cannot say is escaped, and stops nothing
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):  # and not closed, or replaced
            stream.reconfigure(errors=errors)
    try:
        root(_anyio_backend="trio")
    except KeyboardInterrupt:
        sys.exit(130)
