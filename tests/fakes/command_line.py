"""Runs ``conduit`` inside the test, against a world of the test's."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from conduit.cli import root
from conduit.cli.profiles.place import World


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its JSON."""
        return json.loads(self.out)


class CommandLine:
    """Types commands."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self._capsys = capsys

    async def run(self, *args: str) -> Outcome:
        """Whatever comes of it."""
        self._capsys.readouterr()
        status: object = None
        try:
            await root.main(list(args), prog_name="conduit", standalone_mode=True, obj=self.world)
        except SystemExit as ended:
            status = ended.code
        captured = self._capsys.readouterr()
        return Outcome(status if isinstance(status, int) else 0 if status is None else 1, captured.out, captured.err)

    async def done(self, *args: str) -> Outcome:
        """It must work."""
        outcome = await self.run(*args)
        assert outcome.status == 0, outcome
        return outcome

    async def json(self, *args: str) -> Any:
        """What it says to programs."""
        return (await self.done(*args, "--output", "json")).data
