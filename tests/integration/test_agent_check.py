"""``conduit agent check``: every way to every BMC and every display, each with a row, and words where it fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conduit.cli import root
from tests.fakes.path import open_path
from tests.fakes.path_displays import PASSWORD, ScreenServer, add_display, until


@dataclass
class Stage:
    """An Agent's configuration, and what it is about."""

    config: Path
    password: Path
    "The file with the display's."
    screen: ScreenServer
    capsys: pytest.CaptureFixture[str]

    async def check(self, *words: str) -> tuple[object, str]:
        """The exit status, and what was said."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            await root.main(
                ["agent", "check", "--config", str(self.config), *words], prog_name="conduit", standalone_mode=True
            )
        said = self.capsys.readouterr()
        assert said.err == ""
        return ended.value.code, said.out

    async def rows(self, status: int) -> dict[str, dict[str, Any]]:
        """By endpoint."""
        found, out = await self.check("--output", "json")
        assert found == status, out
        return {row["endpoint"]: row for row in json.loads(out)["endpoints"]}

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


@pytest.fixture
async def stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Stage]:
    async with open_path(tmp_path) as path:
        screen = await add_display(path, "web-01")
        yield Stage(path.seed.config("agent"), path.seed.data / "web-01.display-password", screen, capsys)


async def test_each_way_has_a_row_and_tells_what_it_found(stage: Stage) -> None:
    rows = await stage.rows(0)
    assert set(rows) == {"ipmi-1", "display"}
    assert (rows["ipmi-1"]["works"], rows["ipmi-1"]["protocol"], rows["ipmi-1"]["power"]) == (True, "ipmi-2.0", "off")
    display = rows["display"]
    assert (display["server"], display["works"], display["trouble"]) == ("web-01", True, "")
    assert (display["protocol"], display["screen"]) == ("rfb-3.8 vnc", "640x400 node1")
    status, table = await stage.check()
    assert status == 0
    assert "rfb-3.8 vnc" in table
    assert "640x400 node1" in table
    await until(lambda: not stage.screen.server.audience.seats)  # nobody stays logged in


async def test_a_display_that_fails_says_why_beside_a_bmc_that_works(stage: Stage) -> None:
    stage.password.write_text("a-wrong-one")
    rows = await stage.rows(1)
    assert rows["ipmi-1"]["works"]
    assert not rows["display"]["works"]
    assert "the password is wrong" in rows["display"]["trouble"]
    assert "a-wrong-one" not in str(rows)
    stage.password.unlink()
    assert str(stage.password) in (await stage.rows(1))["display"]["trouble"]
    await stage.screen.stop()
    stage.password.write_text(PASSWORD)
    stage.password.chmod(0o600)
    assert "cannot connect" in (await stage.rows(1))["display"]["trouble"]
    stage.change('url = "vnc://', 'url = "vncs://')
    assert "cannot connect" in (await stage.rows(1))["display"]["trouble"]
