"""Displays on the whole path: a screen whose picture and keys a test knows, and those who look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.cli.up.fleet import HOST
from conduit.cli.up.seed import write_private
from conduit.errors import AuthenticationError, CallError, ConduitError, DisplayRefused
from conduit.rfb.audience import Audience
from conduit.rfb.client_handshake import ClientHandshake, Event, LoggedIn
from conduit.rfb.display import Display
from conduit.rfb.login import Connection
from conduit.rfb.messages import KeyEvent
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server import RfbServer, access_by_password
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.transports import Replayed
from conduit.rfb.viewing import Input
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.websocket_client import WebSocket, WebSocketStream, open_websocket
from conduit.tunnel.call_frames import Code
from tests.fakes.path import RunningPath
from tests.fakes.path_client import AGAIN, Customer

PASSWORD: Final = "sesame12"
PATIENCE: Final = 30.0  # seconds, on a busy machine


class ScreenServer:
    """A VNC server that may be ended and started again, always at the same port."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._scope = trio.CancelScope()
        self._done = trio.Event()
        self.port = 0
        self.text = ""
        self.typed: list[Input] = []
        self.logins = 0

    async def start(self, password: str = PASSWORD) -> None:
        """Return when it listens."""
        self.screen = TextDisplay("node1")
        self.server = RfbServer(Audience(self.screen), access_by_password(password), on_input=self.typed.append)
        self._scope, self._done = trio.CancelScope(), trio.Event()
        self.port = await self._nursery.start(self._run)
        self.text = ""
        self.write("node1 login: ")

    async def _run(self, *, task_status: trio.TaskStatus[int]) -> None:
        try:
            with self._scope:
                await self.server.serve(HOST, self.port, task_status=task_status)
        finally:
            self._done.set()

    async def stop(self) -> None:
        """As a machine that loses power does."""
        self._scope.cancel()
        await self._done.wait()

    def write(self, text: str) -> None:
        """Show this, too."""
        self.text += text
        self.screen.receive(text.encode())
        self.server.stir()

    @property
    def keys(self) -> str:
        """What went down, so far."""
        return "".join(chr(each.keysym) for each in self.typed if isinstance(each, KeyEvent) and each.down)

    @property
    def held(self) -> set[int]:
        """What is down."""
        down: set[int] = set()
        for each in self.typed:
            if isinstance(each, KeyEvent):
                (down.add if each.down else down.discard)(each.keysym)
        return down

    def picture(self) -> bytes:
        """Of what was written, drawn apart."""
        same = TextDisplay("node1")
        same.receive(self.text.encode())
        same.refresh()
        return bytes(same.picture.pixels)


async def add_display(path: RunningPath, server_id: str, *, password: str = PASSWORD) -> ScreenServer:
    """Give a server a screen; before the Agent starts.

    :param password: what the Agent believes it to be.
    """
    screen = ScreenServer(path.nursery)
    await screen.start()
    configure_display(path, server_id, screen.port, password)
    return screen


def configure_display(path: RunningPath, server_id: str, port: int, password: str = "") -> None:
    """Tell the Agent of a display on loopback; before it starts.

    :param password: empty: there is none.
    """
    text = f'\n[servers.{server_id}.display]\nurl = "vnc://{HOST}:{port}"\n'
    if password:
        secret = path.seed.data / f"{server_id}.display-password"
        write_private(secret, password)
        text += f'password_file = "{secret}"\n'
    with path.seed.config("agent").open("a") as file:
        file.write(text)


class Watcher:
    """Somebody who is let in, and looks until it is over."""

    def __init__(self, websocket: WebSocket, session_id: str, display: Display) -> None:
        self._websocket = websocket
        self.session_id = session_id
        self.display = display
        self.over = trio.Event()

    @property
    def told(self) -> tuple[int | None, str]:
        """How the Gateway closed."""
        return self._websocket.close_code, self._websocket.close_reason

    async def run(self) -> None:
        try:
            await self.display.run()
        except (ConduitError, trio.BrokenResourceError):
            self.over.set()

    async def sees(self, screen: ScreenServer) -> None:
        """Until it does."""
        await until(lambda: bytes(self.display.framebuffer.pixels) == screen.picture())

    async def press(self, text: str) -> None:
        """Raw key events, as of a viewer that does not care whether it may."""
        moves = [KeyEvent(ord(each), down) for each in text for down in (True, False)]
        await self.display._send(b"".join(move.encode() for move in moves))

    async def types(self, screen: ScreenServer, key: str) -> None:
        """Until a key arrives: whoever had the keyboard may be there for a moment yet."""
        with trio.fail_after(PATIENCE):
            while key not in screen.keys:
                await self.press(key)
                await trio.sleep(AGAIN)

    async def until_over(self) -> tuple[int | None, str]:
        """What it is told in the end."""
        with trio.fail_after(PATIENCE):
            await self.over.wait()
        return self.told


@asynccontextmanager
async def watching(
    customer: Customer, server_id: str, *, read_only: bool = False, seat: str = "", at: str = ""
) -> AsyncIterator[Watcher]:
    """:raises DisplayRefused: in the Agent's words."""
    request = pb.CreateVNCSessionRequest(server_id=server_id, read_only=read_only)
    created = await customer.ask("CreateVNCSession", request, pb.CreateVNCSessionResponse, at=at)
    url = created.websocket_endpoint + (f"?seat={seat}" if seat else "")
    async with open_websocket(url, subprotocols=["binary", f"ticket.{created.ticket}"]) as websocket:
        display = Display(await log_in_over(WebSocketStream(websocket)))
        watcher = Watcher(websocket, created.session_id, display)
        async with open_background_nursery() as nursery:
            nursery.start_soon(watcher.run)
            yield watcher


@asynccontextmanager
async def watching_again(customer: Customer, server_id: str) -> AsyncIterator[Watcher]:
    """The same, as soon as it can be had."""
    with trio.fail_after(PATIENCE) as patience:
        while True:
            try:
                async with watching(customer, server_id) as watcher:
                    patience.deadline = float("inf")
                    yield watcher
                    return
            except (CallError, DisplayRefused) as error:
                if isinstance(error, CallError) and error.code == Code.UNAUTHENTICATED:
                    await customer.token(server_id, fresh=True)
                await trio.sleep(AGAIN)


async def log_in_over(stream: trio.abc.Stream) -> Connection:
    """Without a password. :raises DisplayRefused: it was refused, in words."""
    handshake, events = ClientHandshake(Credentials(), LoginRules()), list[Event]()
    with trio.fail_after(PATIENCE):
        while not events:
            data = await stream.receive_some()
            if not data:
                handshake.receive_eof()
            events = handshake.receive_data(data)
            if said := handshake.data_to_send():
                await stream.send_all(said)
    (event,) = events
    assert isinstance(event, LoggedIn)
    return Connection(Replayed(stream, handshake.take_leftover()), event.init, handshake)


async def refusal(customer: Customer, server_id: str, *, seat: str = "") -> str:
    """The words with which a viewer is turned away."""
    try:
        async with watching(customer, server_id, seat=seat):
            raise AssertionError("it was let in")
    except (DisplayRefused, AuthenticationError) as error:
        return str(error)


async def until(condition: Callable[[], bool], what: str = "") -> None:
    """Return when it is true."""
    with trio.move_on_after(PATIENCE):
        while not condition():  # noqa: ASYNC110  # it is in other processes
            await trio.sleep(0.02)
        return
    raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")
