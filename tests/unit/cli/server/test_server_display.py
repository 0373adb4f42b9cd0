"""``conduit server screenshot``, ``type`` and ``vnc``: what they ask for, say, and refuse."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import trio
from trio.testing import memory_stream_pair

from conduit.cli.server.display import _to_screen
from conduit.errors import CallError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import encode_png
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.tunnel.call_frames import Code
from tests.fakes.command_line import CommandLine
from tests.fakes.services import FakeServices

PICTURE = Framebuffer(64, 40)
PNG = encode_png(PICTURE.pixels, PICTURE.width, PICTURE.height)
NO_DISPLAY = CallError(Code.NOT_FOUND, "this server has no display here")


@pytest.fixture
def alice(alice: CommandLine, services: FakeServices, home: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Every server of hers has a screen, and she writes files into the test's own folder."""
    monkeypatch.chdir(home)
    services.servers.answers = {
        "GetScreenshot": pb.GetScreenshotResponse(image=PNG, width=64, height=40, screen_width=640, screen_height=400),
        "SendKeys": pb.SendKeysResponse(keys=5),
    }
    return alice


async def test_a_screenshot_becomes_a_file(alice: CommandLine, services: FakeServices, home: Path) -> None:
    outcome = await alice.done("server", "screenshot", "web-01")
    assert outcome.out == "web-01.png: 64x40 pixels of web-01\n"
    assert (home / "web-01.png").read_bytes() == PNG
    data = await alice.json("server", "screenshot", "web-01", "-o", "other.png", "--width", "160")
    assert data == {"server": "web-01", "file": "other.png", "width": 64, "height": 40}
    assert (home / "other.png").read_bytes() == PNG
    asked = services.servers.asked[-1]
    assert isinstance(asked, pb.GetScreenshotRequest)
    assert asked.max_width == 160


async def test_a_screenshot_goes_to_standard_output_and_nothing_else(
    alice: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(said))
    await alice.run("server", "screenshot", "web-01", "-o", "-")
    assert said.getvalue() == PNG


async def test_a_screenshot_is_asked_for_again_and_keys_are_not(alice: CommandLine, services: FakeServices) -> None:
    unavailable = CallError(Code.UNAVAILABLE, "the display does not answer")
    services.servers.failures = [unavailable]
    await alice.done("server", "screenshot", "web-01")
    assert len(services.servers.asked) == 2
    services.servers.failures = [unavailable]
    outcome = await alice.run("server", "type", "web-01", "hello")
    assert (outcome.status, outcome.err) == (1, "Error: the display does not answer\n")
    assert len(services.servers.asked) == 3


async def test_a_text_or_a_chord_is_typed(
    alice: CommandLine, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    for words, field, value in (
        (["root", "--enter"], "text", "root\n"),
        (["--enter"], "text", "\n"),
        (["-"], "text", "from a pipe\n"),
        (["--key", "ctrl-alt-delete"], "chord", "ctrl-alt-delete"),
    ):
        outcome = await alice.done("server", "type", "web-01", *words)
        assert outcome.out == "5 keys typed on web-01\n"
        asked = services.servers.asked[-1]
        assert isinstance(asked, pb.SendKeysRequest)
        assert asked.what is not None
        assert (asked.what.field, asked.what.value) == (field, value)
    services.servers.answers["SendKeys"] = pb.SendKeysResponse(keys=1)
    assert (await alice.done("server", "type", "web-01", "x")).out == "1 key typed on web-01\n"
    assert await alice.json("server", "type", "web-01", "x") == {"server": "web-01", "keys": 1}


@pytest.mark.parametrize("words", [[], ["text", "--key", "f1"], ["--enter", "--key", "f1"]])
async def test_one_thing_is_typed_at_a_time(alice: CommandLine, services: FakeServices, words: list[str]) -> None:
    outcome = await alice.run("server", "type", "web-01", *words)
    assert outcome.status == 2
    assert "give a text, --enter or --key" in outcome.err
    assert services.servers.asked == []


async def test_a_text_that_is_too_long_is_not_sent(alice: CommandLine, services: FakeServices) -> None:
    outcome = await alice.run("server", "type", "web-01", "x" * 4097)
    assert (outcome.status, outcome.err) == (2, "Error: at most 4096 characters at a time\n")
    assert services.servers.asked == []


@pytest.mark.parametrize("words", [["screenshot", "web-01"], ["type", "web-01", "x"]])
async def test_what_the_agent_says_is_one_line(
    alice: CommandLine, services: FakeServices, home: Path, words: list[str]
) -> None:
    services.servers.failing = {"GetScreenshot": NO_DISPLAY, "SendKeys": NO_DISPLAY}
    outcome = await alice.run("server", *words)
    assert (outcome.status, outcome.out, outcome.err) == (1, "", "Error: this server has no display here\n")
    assert not (home / "web-01.png").exists()


async def test_a_file_that_cannot_be_written_is_one_line(alice: CommandLine) -> None:
    outcome = await alice.run("server", "screenshot", "web-01", "-o", "no/such/folder.png")
    assert (outcome.status, outcome.err) == (2, "Error: cannot write no/such/folder.png: No such file or directory\n")


async def test_without_a_viewer_the_page_is_named(alice: CommandLine) -> None:
    outcome = await alice.done("server", "vnc", "web-01")
    assert outcome.out == "https://gw1.example/display/web-01\n"
    assert await alice.json("server", "vnc", "web-01") == {"viewer_url": "https://gw1.example/display/web-01"}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("192.0.2.1:5901", "192.0.2.1 is not of this machine alone: listen on 127.0.0.1 or [::1]"),
        ("0.0.0.0:5901", "0.0.0.0 is not of this machine alone: listen on 127.0.0.1 or [::1]"),
        ("somewhere:5901", "'somewhere' is no address: say 127.0.0.1:5901"),
        ("127.0.0.1:vnc", "'vnc' is no port: say 127.0.0.1:5901"),
        ("127.0.0.1:65536", "'65536' is no port: say 127.0.0.1:5901"),
        ("127.0.0.1:\u00b2", "'\u00b2' is no port: say 127.0.0.1:5901"),
    ],
)
async def test_only_this_machine_may_have_a_display_without_a_password(
    alice: CommandLine, where: str, words: str
) -> None:
    outcome = await alice.run("server", "vnc", "web-01", "--listen", where)
    assert (outcome.status, outcome.out, outcome.err) == (2, "", f"Error: {words}\n")


@pytest.mark.parametrize("command", ["screenshot", "type", "vnc"])
async def test_help_has_an_example(alice: CommandLine, command: str) -> None:
    outcome = await alice.done("server", command, "--help")
    assert f"Example:\n  conduit server {command} db-01" in outcome.out


async def test_somebody_elses_server_does_not_exist(alice: CommandLine, services: FakeServices) -> None:
    for command, *options in (["screenshot"], ["type", "--enter"], ["vnc"], ["vnc", "--listen", "127.0.0.1:0"]):
        outcome = await alice.run("server", command, "build-01", *options)
        assert (outcome.status, outcome.err) == (1, "Error: there is no such server, or it is not yours\n"), command
    assert services.servers.asked == []


async def test_a_screen_that_takes_no_more_is_still_read_to_its_last_words() -> None:
    """What it said when it closed comes after our own failure to send: a cut would lose it."""
    (viewer, far_viewer), (screen, far_screen) = memory_stream_pair(), memory_stream_pair()
    await far_screen.aclose()
    await far_viewer.send_all(b"a request for a picture")
    with trio.CancelScope() as scope:
        await _to_screen(viewer, screen, scope)
        assert not scope.cancel_called
        await far_viewer.aclose()
        await _to_screen(viewer, screen, scope)
    assert scope.cancel_called, "its viewer left"
