"""Our RFB server and our client, on loopback: every way in, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from conduit._trio import open_background_nursery
from conduit.errors import AuthenticationError, ConduitError, LocalProtocolError
from conduit.rfb import server as server_module
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.login import Connection, LoginOptions, open_connection
from conduit.rfb.messages import FramebufferUpdateRequest, KeyEvent, SetEncodings
from conduit.rfb.names import Encoding, SecurityType, VeNCryptType
from conduit.rfb.security import Credentials
from conduit.rfb.server import Access, RfbServer, access_by_certificate, access_by_password
from conduit.rfb.server_messages import ServerMessageReader
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust
from conduit.rfb.viewing import Input
from tests.fakes.certificates import Authority

A_DOWN = KeyEvent(0x61, down=True)


class Shown:
    """A text display on a port, and what viewers did to it."""

    def __init__(self, access: Access | None = None, *, most: int = 8) -> None:
        self.display = TextDisplay("node1")
        self.done: list[Input] = []
        self.server = RfbServer(Audience(self.display, most=most), access, on_input=self.done.append)
        self.port = 0

    @property
    def address(self) -> DisplayAddress:
        return DisplayAddress("127.0.0.1", self.port)

    def write(self, text: str) -> None:
        self.display.receive(text.encode())
        self.server.stir()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(5):
            while not condition():  # noqa: ASYNC110 - the other side is a socket away
                await trio.sleep(0.005)


@asynccontextmanager
async def shown(access: Access | None = None, *, most: int = 8) -> AsyncIterator[Shown]:
    stage = Shown(access, most=most)
    async with open_background_nursery() as nursery:
        stage.port = await nursery.start(stage.server.serve, "127.0.0.1", 0)
        yield stage


def with_password(password: str, username: str = "") -> LoginOptions:
    return LoginOptions(credentials=Credentials(username=username, password=password))


async def see(connection: Connection) -> Framebuffer:
    """Ask for all of it, and wait for it."""
    init, stream = connection.init, connection.stream
    reader = ServerMessageReader(Framebuffer(init.width, init.height))
    await stream.send_all(SetEncodings((Encoding.ZRLE,)).encode())
    await stream.send_all(FramebufferUpdateRequest(reader.picture.whole, incremental=False).encode())
    with trio.fail_after(5):
        while not reader.receive_data(await stream.receive_some()):
            continue
    return reader.picture


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def by_certificate(authority: Authority) -> Access:
    files = authority.issue("")
    return access_by_certificate(files.certificate, files.key, "alice", "correct horse")


async def test_a_viewer_sees_what_the_machine_writes_and_types() -> None:
    async with shown() as stage:
        stage.write("hello")
        async with open_connection(stage.address, LoginOptions()) as connection:
            assert connection.init.name == "node1"
            assert await see(connection) == stage.display.picture
            await connection.stream.send_all(A_DOWN.encode())
            await stage.wait_for(lambda: stage.done == [A_DOWN])
        await stage.wait_for(lambda: len(stage.done) == 2)
        assert stage.done[-1] == KeyEvent(0x61, down=False)


async def test_a_password_lets_in() -> None:
    access = access_by_password("secret")
    async with shown(access) as stage, open_connection(stage.address, with_password("secret")) as connection:
        assert connection.handshake.method is SecurityType.VNC_AUTH
        await see(connection)


async def test_a_wrong_password_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WRONG_PASSWORD_DELAY", 0.01)
    async with shown(access_by_password("secret")) as stage:
        with pytest.raises(AuthenticationError):
            async with open_connection(stage.address, with_password("guess")):
                pytest.fail("in")
        assert stage.server.audience.seats == ()


async def test_a_second_password_is_for_looking() -> None:
    access = Access(methods=(SecurityType.VNC_AUTH,), password="secret", view_password="looks")
    async with shown(access) as stage, open_connection(stage.address, with_password("looks")) as connection:
        await connection.stream.send_all(A_DOWN.encode())
        await see(connection)
        assert stage.done == []
        assert stage.server.audience.seats[0].dropped_inputs == 1


async def test_user_and_password_inside_tls_let_in(authority: Authority) -> None:
    access = by_certificate(authority)
    trust = TransportOptions(trust=Trust(ca=authority.path))
    options = LoginOptions(credentials=Credentials(username="alice", password="correct horse"), transport=trust)
    async with shown(access) as stage, open_connection(stage.address, options) as connection:
        assert connection.handshake.method is VeNCryptType.X509_PLAIN
        stage.write("secret things")
        assert await see(connection) == stage.display.picture


async def test_a_server_that_nobody_vouches_for_learns_no_password(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    trust = TransportOptions(trust=Trust(ca=Authority(tmp_path / "other").path))
    options = LoginOptions(credentials=Credentials(username="alice", password="correct horse"), transport=trust)
    async with shown(by_certificate(authority)) as stage:
        with pytest.raises(ConduitError, match="certificate"):
            async with open_connection(stage.address, options):
                pytest.fail("in")


async def test_one_too_many_is_told_so() -> None:
    async with shown(most=1) as stage, open_connection(stage.address, LoginOptions()):
        await stage.wait_for(lambda: len(stage.server.audience.seats) == 1)
        with pytest.raises(ConduitError, match="1 watch this display already"):
            async with open_connection(stage.address, LoginOptions()):
                pytest.fail("in")


async def test_one_that_breaks_the_rules_is_thrown_out_and_the_others_stay() -> None:
    async with shown() as stage, open_connection(stage.address, LoginOptions()) as good:
        async with open_connection(stage.address, LoginOptions()) as bad:
            await bad.stream.send_all(b"\x63nonsense")
            with trio.fail_after(5):
                while await bad.stream.receive_some():
                    continue
        await see(good)
        await stage.wait_for(lambda: len(stage.server.audience.seats) == 1)


async def test_one_that_does_not_log_in_is_thrown_out(autojump_clock: trio.testing.MockClock) -> None:
    stage = Shown()
    ours, theirs = trio.testing.memory_stream_pair()
    with pytest.raises(ConduitError, match="in time"):
        await stage.server.serve_stream(ours)
    assert trio.current_time() == pytest.approx(server_module.HANDSHAKE)
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")
    await theirs.aclose()


async def test_one_that_does_not_read_is_thrown_out(autojump_clock: trio.testing.MockClock) -> None:
    stage = Shown()
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with open_background_nursery() as nursery:
        nursery.start_soon(stage.server.serve_stream, ours)
        for part, answer in ((12, b"RFB 003.008\n"), (2, b"\x01"), (4, b"\x01")):
            received = b""
            while len(received) < part:
                received += await theirs.receive_some(part - len(received))
            await theirs.send_all(answer)
        await trio.sleep(server_module.SEND_WITHIN / 2)
        assert len(stage.server.audience.seats) == 1
        await trio.sleep(server_module.SEND_WITHIN)
        assert len(stage.server.audience.seats) == 0


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    with pytest.raises(LocalProtocolError, match="here are no certificate"):
        access_by_certificate(tmp_path / "nor here", tmp_path / "here", "alice", "x")


def test_a_way_in_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(LocalProtocolError, match="certificate"):
        Access(methods=(VeNCryptType.X509_PLAIN,), username="alice", password="x")
    with pytest.raises(LocalProtocolError, match="password"):
        Access(methods=(SecurityType.VNC_AUTH,))
    assert access_by_password("").methods == (SecurityType.NONE,)
    assert "secret" not in repr(access_by_password("secret"))
