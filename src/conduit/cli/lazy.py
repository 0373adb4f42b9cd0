"""Groups of commands whose modules are imported only when somebody asks for one of the commands."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import asyncclick as click

RARELY: Final = 20_000  # objects between two collections


class Part(NamedTuple):
    """A command that is not imported yet."""

    module: str
    help: str
    "One line for the list of commands."
    attribute: str = "command"
    "Its name in the module."

    def load(self) -> click.Command:
        """The command itself."""
        with _rare_collections():
            command = getattr(importlib.import_module(self.module), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}.{self.attribute} is no command")
        return command


@contextmanager
def _rare_collections() -> Iterator[None]:
    """An import makes many objects, nearly all of which stay: it is a tenth faster if nobody looks for garbage."""
    before = gc.get_threshold()
    gc.set_threshold(RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class LazyGroup(click.Group):
    """A group that imports a part when somebody asks for it, and not before; the list of them needs none.

    :param parts: by name.
    """

    def __init__(self, *args: Any, parts: Mapping[str, Part], **kwargs: Any) -> None:  # Any: what click.Group takes
        super().__init__(*args, **kwargs)
        self.parts = parts

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All parts."""
        return sorted(self.parts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The part of that name."""
        part = self.parts.get(cmd_name)
        return None if part is None else part.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of parts, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.parts[name].help) for name in sorted(self.parts)])
