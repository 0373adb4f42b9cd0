"""What every command that talks to our services has: help with an example, output in any place, completion."""

from __future__ import annotations

from collections.abc import Iterator

import asyncclick as click
import pytest

from conduit.cli import PARTS
from conduit.cli.lazy import LazyGroup
from conduit.cli.nouns import Exampled
from tests.fakes.command_line import CommandLine

NOUNS = ("auth", "server", "admin")


def commands_of(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        parts = {name: part.load() for name, part in command.parts.items()} if isinstance(command, LazyGroup) else {}
        for name, part in {**parts, **command.commands}.items():
            yield from commands_of(part, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"),
    [found for noun in NOUNS for found in commands_of(PARTS[noun].load(), (noun,))],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_every_command_has_help_with_an_example_of_itself(
    line: CommandLine, path: tuple[str, ...], command: click.Command
) -> None:
    assert isinstance(command, Exampled)
    outcome = await line.done(*path, "--help")
    assert f"Example:\n  conduit {path[0]} " in outcome.out
    assert command.example.startswith(" ".join(path))
    assert command.get_short_help_str()


async def test_output_and_profile_go_anywhere(alice: CommandLine) -> None:
    before = await alice.done("server", "--output", "json", "list")
    after = await alice.done("server", "list", "--output", "JSON")
    assert before.data == after.data
    outcome = await alice.run("server", "list", "--profile", "nobody")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_shells_get_a_script(line: CommandLine, shell: str) -> None:
    assert "_CONDUIT_COMPLETE" in (await line.done("completion", shell)).out


async def test_a_manager_that_is_away_is_one_line(alice: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conduit.cli.profiles.session.repeatedly", once)
    alice.world.transport.down.add("manager.example")  # type: ignore[union-attr]
    outcome = await alice.run("server", "list")
    assert outcome.err == "Error: cannot reach https://manager.example: connection refused\n"


async def once(attempt: object, **_: object) -> object:
    return await attempt()  # type: ignore[operator]
