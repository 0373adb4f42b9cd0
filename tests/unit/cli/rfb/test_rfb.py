"""``conduit rfb``: which display, what it offers, and viewers through a relay."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.cli.profiles.place import World
from conduit.cli.rfb import relay
from conduit.cli.rfb.relay_terms import Terms
from conduit.errors import DisplayRefused, RemoteProtocolError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.client_messages import CLIPBOARD
from conduit.rfb.login import LoginOptions, log_in, open_connection
from conduit.rfb.messages import SetEncodings
from conduit.rfb.names import Encoding, SecurityType
from conduit.rfb.transports import TransportOptions
from conduit.rfb.websocket_stream import WebSocketWishes
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
        (("host", "relay", "--encoding", "jpeg"), "'jpeg' is no encoding here; there are copyrect,"),
        (("host", "relay", "--hide-encoding", "mpeg"), "'mpeg' is no encoding here"),
        (("host", "relay", "--clipboard-up", "-1"), "--clipboard-up"),
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


class Said:
    """What a command says while it runs."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.text = ""

    async def until(self, words: str) -> None:
        with trio.fail_after(20):
            while words not in self.text:
                await trio.sleep(0.01)
                self.text += self._capsys.readouterr().out

    def line(self, number: int) -> str:
        return self.text.splitlines()[number]


async def test_a_viewer_comes_in_through_the_relay_without_a_password(
    cli: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    display, said = FakeDisplay([SecurityType.VNC_AUTH]), Said(capsys)
    async with open_listener(display.serve) as port, trio.open_nursery() as nursery:
        words = ("rfb", f"{HOST}:{port}", "-P", "geheim", "relay", "--listen", f"{HOST}:0", "--view-only")
        nursery.start_soon(partial(cli.run, *words))
        await said.until("only\n")
        assert said.text.endswith("'rack 7', 320 x 200, to look at only\n")
        address = DisplayAddress.parse(said.text.split()[1].rstrip(":"))
        async with open_connection(address, LoginOptions()) as connection:
            assert connection.init == INIT
        await said.until("the viewer left")
        nursery.cancel_scope.cancel()
    assert display.shared == [True, True]


async def test_a_password_that_is_refused_later_is_tried_once_whoever_comes(
    cli: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    display, said = FakeDisplay([SecurityType.VNC_AUTH]), Said(capsys)
    async with open_listener(display.serve) as port, trio.open_nursery() as nursery:
        nursery.start_soon(partial(cli.run, "rfb", f"{HOST}:{port}", "-P", "geheim", "relay", "--listen", f"{HOST}:0"))
        await said.until("320 x 200\n")
        display.password = "another"  # somebody has changed it
        address = DisplayAddress.parse(said.text.split()[1].rstrip(":"))

        async def come() -> None:
            with pytest.raises(DisplayRefused, match="who are you"):
                await log_in(address, LoginOptions())

        async with trio.open_nursery() as viewers:
            for _ in range(3):
                viewers.start_soon(come)
        await come()
        await said.until("is not asked again")
        nursery.cancel_scope.cancel()
    assert display.viewers == 2, "the relay's own look, and the first viewer"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), {Encoding.ZRLE, Encoding.TIGHT, Encoding.RAW, Encoding.CURSOR, Encoding.QUALITY_9, 4711}),
        (("--encoding", "zrle"), {Encoding.ZRLE, Encoding.RAW, Encoding.CURSOR, Encoding.QUALITY_9}),
        (
            ("--hide-encoding", "jpeg", "--hide-encoding", "4711", "--hide-encoding", "Cursor"),
            {Encoding.ZRLE, Encoding.TIGHT, Encoding.RAW},
        ),
    ],
)
async def test_the_display_is_asked_for_no_other_encodings_than_it_may(
    cli: CommandLine, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], asked: set[int]
) -> None:
    wished = (Encoding.ZRLE, Encoding.TIGHT, Encoding.RAW, Encoding.CURSOR, Encoding.QUALITY_9, 4711)
    send, receive = trio.open_memory_channel[bytes](1)

    class Listening(FakeDisplay):
        async def heard(self, data: bytes) -> None:
            await send.send(data)

    said = Said(capsys)
    async with open_listener(Listening([SecurityType.NONE]).serve) as port, trio.open_nursery() as nursery:
        nursery.start_soon(partial(cli.run, "rfb", f"{HOST}:{port}", "relay", "--listen", f"{HOST}:0", *words))
        await said.until("320 x 200\n")
        async with open_connection(
            DisplayAddress.parse(said.text.split()[1].rstrip(":")), LoginOptions()
        ) as connection:
            await connection.stream.send_all(SetEncodings(wished).encode())
            data = await receive.receive()
            while not data:  # the relay's own look
                data = await receive.receive()
        assert set(SetEncodings.decode(data).encodings) == asked
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("words", "up", "down"),
    [
        ((), CLIPBOARD, None),
        (("--clipboard-up", "100"), 100, None),
        (("--clipboard-down", "0"), CLIPBOARD, 0),
        (("--no-clipboard", "--clipboard-up", "100"), 0, 0),
    ],
)
async def test_clipboards_may_be_kept_back_each_way(words: tuple[str, ...], up: int, down: int | None) -> None:
    context = await relay.command.make_context("relay", list(words), resilient_parsing=True)
    terms = Terms(**{name: value for name, value in context.params.items() if name not in ("listen", "websocket")})
    assert (terms.rules.clipboard, terms.rules.clipboard_down) == (up, down)


async def test_a_viewer_in_a_page_comes_in_from_where_it_may_and_only_if_there_is_room(
    cli: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    display, said = FakeDisplay([SecurityType.NONE]), Said(capsys)
    async with open_listener(display.serve) as port, trio.open_nursery() as nursery:
        words = ("--listen", f"{HOST}:0", "--websocket", f"{HOST}:0", "--origin", "https://noc.example")
        nursery.start_soon(partial(cli.run, "rfb", f"{HOST}:{port}", "relay", "--viewers", "1", *words))
        await said.until("for WebSockets: 'rack 7'")
        place = said.line(1).split()[1].rstrip(":")
        address = DisplayAddress.parse(f"ws://{place}/")
        async with open_connection(address, page("https://noc.example")) as connection:
            assert connection.init == INIT
            await (await trio.open_tcp_stream(HOST, int(place.rpartition(":")[2]))).aclose()
            await said.until("turned away: there are 1 viewers already")
        await said.until("the viewer left")
        with pytest.raises(RemoteProtocolError, match="403"):
            async with open_connection(address, page("https://evil.example")):
                pytest.fail("it is let in")
        await said.until("turned away: a page that nobody has let in")
        nursery.cancel_scope.cancel()
    assert display.viewers == 2


def page(origin: str) -> LoginOptions:
    """A viewer in a page from there."""
    return LoginOptions(transport=TransportOptions(websocket=WebSocketWishes(fields={"Origin": origin})))
