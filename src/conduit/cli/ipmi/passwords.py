"""Where passwords come from: a prompt, a file, the environment and, if it must be, an argument."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import asyncclick as click

from conduit.cli.prompts import ask, first_line, is_interactive

PASSWORD_VARIABLES: Final = ("IPMITOOL_PASSWORD", "IPMI_PASSWORD")  # ipmitool's order
KG_VARIABLE: Final = "IPMI_KGKEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSource:
    """What the options say about the password. An argument beats a file, a file the environment, that a prompt."""

    argument: str | None = field(default=None, repr=False)
    "From ``-P``; every user of the machine can see it."
    file: str | None = None
    "From ``-f``: its first line is the password; ``-`` is standard input."
    environment: bool = False
    "From ``-E``."
    prompt: bool = False
    "From ``-a``: ask, whatever else there is."

    def read(self, *, needless: bool = False) -> str:
        """The password.

        :param needless: the log-in works without one.
        :raises click.UsageError: nothing says it, and there is nobody to ask.
        """
        if self.prompt:
            return ask("Password: ")
        if self.argument is not None:
            return self.argument
        if self.file is not None:
            return first_line(self.file)
        if self.environment:
            return from_environment(os.environ)
        if needless:
            return ""
        if not is_interactive():
            raise click.UsageError("no password: use -f FILE or -E, or run on a terminal to be asked (-P '' for none)")
        return ask("Password: ")


def from_environment(environment: Mapping[str, str]) -> str:
    """The password in the environment.

    :raises click.UsageError: there is none.
    """
    for name in PASSWORD_VARIABLES:
        if name in environment:
            return environment[name]
    raise click.UsageError(f"-E was given, but {PASSWORD_VARIABLES[1]} is not set")
