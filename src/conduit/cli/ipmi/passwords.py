"""Where passwords come from: a prompt, a file, the environment and, if it must be, an argument."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncclick as click

PASSWORD_VARIABLES: Final = ("IPMITOOL_PASSWORD", "IPMI_PASSWORD")  # ipmitool's order
KG_VARIABLE: Final = "IPMI_KGKEY"
MAX_FILE: Final = 16 << 20  # characters: more hosts than anybody may name


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


def first_line(path: str) -> str:
    """The first line of a file or, for ``-``, of standard input.

    :raises click.UsageError: there is no such file, or nothing in it.
    """
    if path == "-":
        line = sys.stdin.readline() if sys.stdin else ""
    else:
        text = read_text(path)
        if text is None:
            what = "a directory" if Path(path).is_dir() else "not there"
            raise click.UsageError(f"the password file {path!r} is {what}")
        line = text
    if not line:
        raise click.UsageError("the password file is empty" if path != "-" else "no password on standard input")
    return line.partition("\n")[0]  # and no other line end: a password may hold what Unicode takes for one


def read_text(path: str) -> str | None:
    """A small text file's contents, or None if it is not there.

    :raises click.UsageError: it is there and cannot be read.
    """
    file = Path(path)
    try:
        if not file.exists() or file.is_dir():
            return None
        with file.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
            return stream.read(MAX_FILE)
    except OSError as error:
        raise click.UsageError(f"cannot read {path!r}: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        return None


def is_interactive() -> bool:
    """Whether there is somebody to ask; with standard input closed there is not even a file."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(prompt: str) -> str:
    """A secret typed on the terminal, unseen.

    :raises click.UsageError: there is no terminal.
    """
    if not is_interactive():
        raise click.UsageError("cannot ask for a password: standard input is not a terminal")
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise click.UsageError("no password was typed") from None


def ask_twice(prompt: str) -> str:
    """A new secret, typed twice to be sure.

    :raises click.UsageError: the two differ, or there is no terminal.
    """
    first = ask(f"{prompt}: ")
    if ask(f"{prompt}, again: ") != first:
        raise click.UsageError("the two passwords differ")
    return first
