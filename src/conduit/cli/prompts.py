"""Secrets that people type, or have in files."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Final

import asyncclick as click

MAX_FILE: Final = 16 << 20  # characters: more than any list of ours may have


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
