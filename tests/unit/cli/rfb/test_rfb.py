"""``conduit rfb``: which display, what it offers, and viewers through a relay."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.cli.profiles.place import World
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import LoginOptions, open_connection
from conduit.rfb.names import SecurityType
from tests.fakes.command_line import CommandLine
from tests.fakes.display_server import HOST, INIT, FakeDisplay, open_listener


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("CONDUIT_RFB_PASSWORD", raising=False)
    return CommandLine(World(), capsys)


async def test_info_says_what_is_offered_and_what_is_there(cli: CommandLine, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("geheim\n")
    async with open_listener(FakeDisplay([SecurityType.VNC_AUTH]).serve) as port:
        for words in ((f"{HOST}:{port}", "-f", str(password)), ("-f", str(password), f"{HOST}:{port}")):
            found = await cli.json("rfb", *words, "info")
            assert found["offered"] == ["vnc"]
            assert (found["method"], found["name"], found["width"]) == ("vnc", INIT.name, INIT.width)


async def test_info_shows_what_is_offered_where_the_password_is_missing(cli: CommandLine) -> None:
    async with open_listener(FakeDisplay([SecurityType.VNC_AUTH]).serve) as port:
        outcome = await cli.run("rfb", f"{HOST}:{port}", "info")
    assert outcome.status == 1
    assert "Ways to log in : vnc" in outcome.out
    assert outcome.err == "Error: the server offers vnc: it wants a password, and none is set\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("info",), "which display?"),
        ((), "Usage"),
        (("host", "nothing"), "No such command 'nothing'"),
        (("http://host", "info"), "leads to no display"),
        (("host", "--security", "rot13", "info"), "no way of logging in"),
        (("host", "--fingerprint", "ab", "info"), "64 hexadecimal digits"),
        (("host", "--password-file", "/nowhere", "info"), "is not there"),
    ],
)
async def test_wrong_usage_is_one_line(cli: CommandLine, words: tuple[str, ...], says: str) -> None:
    outcome = await cli.run("rfb", *words)
    assert outcome.status == 2
    assert says in outcome.out + outcome.err


@pytest.mark.parametrize("words", [("--help",), ("info", "--help"), ("relay", "-h"), ("host", "relay", "-h")])
async def test_help_needs_no_display(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert "Usage" in (await cli.done("rfb", *words)).out


async def test_headers_are_read_from_a_file_and_never_shown(cli: CommandLine, tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("X-Auth-Token: geheim\n\nnot a header, geheim\n")
    outcome = await cli.run("rfb", "ws://host/", "--header-file", str(headers), "info")
    assert outcome.status == 2
    assert "is no header field" in outcome.err
    assert "geheim" not in outcome.err


async def test_a_wrong_password_is_known_before_the_first_viewer_comes(cli: CommandLine) -> None:
    async with open_listener(FakeDisplay([SecurityType.VNC_AUTH]).serve) as port:
        outcome = await cli.run("rfb", f"{HOST}:{port}", "-P", "falsch", "relay", "--listen", f"{HOST}:0")
    assert (outcome.status, outcome.err) == (1, "Error: the server refuses the login: who are you?\n")


async def test_a_viewer_comes_in_through_the_relay_without_a_password(
    cli: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    display = FakeDisplay([SecurityType.VNC_AUTH])
    async with open_listener(display.serve) as port, trio.open_nursery() as nursery:
        words = ("rfb", f"{HOST}:{port}", "-P", "geheim", "relay", "--listen", f"{HOST}:0", "--view-only")
        nursery.start_soon(partial(cli.run, *words))
        said = ""
        with trio.fail_after(10):
            while "ready" not in said:
                await trio.sleep(0.01)
                said += capsys.readouterr().out
        assert said.endswith("'rack 7', 320 x 200, to look at only\n")
        address = DisplayAddress.parse(said.split()[1].rstrip(":"))
        async with open_connection(address, LoginOptions()) as connection:
            assert connection.init == INIT
        with trio.fail_after(10):
            while "the viewer left" not in said:
                await trio.sleep(0.01)
                said += capsys.readouterr().out
        nursery.cancel_scope.cancel()
    assert display.shared == [True, True]
