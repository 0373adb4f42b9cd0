"""A command line whose services are in this process, and whose home is the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conduit.cli.profiles.place import World
from conduit.services.api.common.v1.server_pb import VNCType
from conduit.services.manager.registry import ReportedServer
from tests.fakes.command_line import CommandLine
from tests.fakes.manager import PASSWORD
from tests.fakes.services import MANAGER, FakeServices, open_fake_services


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONDUIT_PROFILE", "CONDUIT_MANAGER", "CONDUIT_KEYRING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[FakeServices]:
    """Alice has web-01 and db-01, Bob has build-01."""
    async with open_fake_services(tmp_path) as made:
        for email, is_staff in (
            ("alice@acme.example", False),
            ("bob@globex.example", False),
            ("staff@provider.example", True),
        ):
            await made.manager.account(email, is_staff=is_staff)
        await made.register(
            ReportedServer(
                id="web-01",
                customer="alice@acme.example",
                display_name="Shop",
                tags=["web", "prod"],
                vnc_kind=VNCType.VNC_NATIVE,
            ),
            ReportedServer(id="db-01", customer="alice@acme.example", tags=["db"]),
            ReportedServer(id="build-01", customer="bob@globex.example"),
        )
        yield made


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD.reveal() + "\n")
    return path


@pytest.fixture
def line(services: FakeServices, home: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Nobody is logged in."""
    world = World(clock=services.manager.clock, transport=services.hosts, find_keyring=lambda: None)
    return CommandLine(world, capsys)


@pytest.fixture
async def alice(line: CommandLine, password_file: Path) -> CommandLine:
    """Alice is logged in."""
    await line.done(
        "auth", "login", "--manager", MANAGER, "--email", "alice@acme.example", "--password-file", str(password_file)
    )
    return line
