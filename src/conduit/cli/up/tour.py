"""The scripted tour of ``conduit up --check``: what a customer does, with the effect proven at the BMC itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import asyncclick as click
import httpx
import trio
from protobuf import Message, Oneof

from conduit.cli.up.fleet import ACME, GLOBEX, Fleet, has_qemu
from conduit.cli.up.seed import STAFF, Seed
from conduit.cli.up.tree import Tree
from conduit.console.messages import Ended, Output
from conduit.console.viewer import ViewerSession
from conduit.console.words import Mode
from conduit.errors import CallError, ConduitError
from conduit.rfb.client_handshake import ClientHandshake, Event
from conduit.rfb.images import decode_png
from conduit.rfb.messages import Area, FramebufferUpdateRequest, KeyEvent
from conduit.rfb.security import Credentials, LoginRules
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.manager.v1 import manager_pb
from conduit.services.connect_client import ConnectClient
from conduit.services.websocket_client import WebSocket, WebSocketStream, open_websocket
from conduit.tunnel.call_frames import Code
from conduit.virtual.screen import VirtualScreen

_Answer = TypeVar("_Answer", bound=Message[Any])
PATIENCE = 20.0  # seconds until something that takes its time is true


class TourError(ConduitError):
    """Something is not as it should be."""


@dataclass(slots=True)
class Visitor:
    """Somebody who is logged in."""

    email: str
    token: str
    servers: list[str] = field(default_factory=list)


class Tour:
    """Each step is a method; a step that fails raises."""

    def __init__(self, seed: Seed, fleet: Fleet, tree: Tree, http: httpx.AsyncClient) -> None:
        self._seed = seed
        self._fleet = fleet
        self._tree = tree
        self._http = http
        self._manager = ConnectClient(http, seed.manager_url, "manager.v1.BMCManagerService")
        self._visitors: dict[str, Visitor] = {}
        self._server_token = ""
        self._session = ViewerSession(name="tour", mode=Mode.WRITE)

    @property
    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """In order: what each shows, and how."""
        real = [("a QEMU machine boots, and says so on its console", self.real_machine)] if has_qemu() else []
        return [
            ("each logs in; a wrong password is refused", self.log_in),
            ("each sees their own servers, staff see all", self.list_servers),
            ("a server that is off says so", self.status),
            ("power on, and the BMC is on", self.power_on),
            ("power off, and the BMC is off", self.power_off),
            ("sensors are read", self.sensors),
            ("an IPMI 1.5 server answers too", self.old_server),
            ("the serial console echoes what is typed", self.console),
            ("a screenshot shows what is on the screen, pixel by pixel", self.screenshot),
            ("what is typed at the screen arrives at the machine", self.type_at_screen),
            ("who may only look types nothing", self.look_only),
            *real,
            ("the console goes on where it was after a Gateway's restart", self.restart),
            ("somebody else's server does not exist", self.denied),
            ("a token for one server opens no other", self.other_server),
        ]

    async def log_in(self) -> str:
        for email, password in self._seed.passwords.items():
            request = manager_pb.AuthenticateRequest(email=email, password=password.reveal())
            answer = await self._manager.call("Authenticate", request, manager_pb.AuthenticateResponse)
            self._visitors[email] = Visitor(email, answer.access_token)
        wrong = manager_pb.AuthenticateRequest(email=ACME, password="wrong wrong wrong")  # noqa: S106
        await _refused(Code.UNAUTHENTICATED, self._manager.call("Authenticate", wrong, manager_pb.AuthenticateResponse))
        return ", ".join(self._visitors)

    async def list_servers(self) -> str:
        expected = {email: self._fleet.owned_by(email) for email in self._visitors}
        expected[STAFF] = set(self._fleet.plans)
        for visitor in self._visitors.values():
            await _eventually(self._sees, visitor, expected[visitor.email])
        return ", ".join(f"{email.partition('@')[0]}: {len(ids)}" for email, ids in expected.items())

    async def _sees(self, visitor: Visitor, expected: set[str]) -> bool:
        answer = await self._manager.call(
            "ListServers", manager_pb.ListServersRequest(), manager_pb.ListServersResponse, bearer=visitor.token
        )
        visitor.servers = [server.id for server in answer.servers]
        return set(visitor.servers) == expected

    async def status(self) -> str:
        gateway = await self._gateway_for(ACME, "web-01")
        await _eventually(self._has_state, gateway, "web-01", gateway_pb.PowerState.OFF)
        _expect(not self._fleet.is_on("web-01"), "the BMC itself says on")
        return "web-01 is off"

    async def power_on(self) -> str:
        return await self._switch("PowerOn", gateway_pb.PowerState.ON)

    async def power_off(self) -> str:
        return await self._switch("PowerOff", gateway_pb.PowerState.OFF)

    async def _switch(self, method: str, state: gateway_pb.PowerState) -> str:
        gateway = await self._gateway_for(ACME, "web-01")
        request = gateway_pb.PowerOperationRequest(server_id="web-01", wait=True, timeout_seconds=30)
        answer = await gateway.call(
            method, request, gateway_pb.PowerOperationResponse, bearer=self._server_token, timeout=60
        )
        _expect(answer.state == state, f"the answer says {answer.state!r}")
        _expect(self._fleet.is_on("web-01") == (state == gateway_pb.PowerState.ON), "the BMC itself says otherwise")
        return f"{answer.elapsed_ms} ms over {answer.protocol}"

    async def sensors(self) -> str:
        gateway = await self._gateway_for(ACME, "db-01")
        request = gateway_pb.ListSensorsRequest(server_id="db-01")
        answer = await gateway.call(
            "ListSensors", request, gateway_pb.ListSensorsResponse, bearer=self._server_token, timeout=60
        )
        found = [sensor for sensor in answer.sensors if sensor.has_field("value")]
        _expect(len(found) > 5, f"there are only {len(found)} readings")
        return f"{len(answer.sensors)} sensors, such as {found[0].name} {found[0].value:g} {found[0].unit}"

    async def old_server(self) -> str:
        gateway = await self._gateway_for(ACME, "legacy-01")
        request = gateway_pb.PowerStatusRequest(server_id="legacy-01")
        answer = await gateway.call(
            "GetPowerStatus", request, gateway_pb.PowerStatusResponse, bearer=self._server_token
        )
        _expect(answer.state == gateway_pb.PowerState.OFF, f"it says {answer.state!r}")
        return f"off, over {answer.protocol}"

    async def console(self) -> str:
        async with self._open_console() as console:
            await console.until(b"login: ", wake=b"\r")
            await console.type(b"root\r")
            await console.until(b"Password: ")
            await console.type(b"conduit\r")
            await console.until(b"# ")
            await console.type(b"echo one two | sort\r")
            await console.until(b"one two", times=2)  # the line's echo, and what it did
        return f"logged in and ran a command, {self._session.position} bytes"

    async def screenshot(self) -> str:
        request = gateway_pb.GetScreenshotRequest(server_id="db-01")
        answer = await self._on_screen("GetScreenshot", request, gateway_pb.GetScreenshotResponse)
        width, height, pixels = decode_png(answer.image)
        shown = self._screen.display
        shown.refresh()
        same = (width, height, pixels) == (shown.picture.width, shown.picture.height, bytes(shown.picture.pixels))
        _expect(same, "it shows something else")
        return f"{width}x{height} pixels, {len(answer.image)} bytes of PNG"

    async def type_at_screen(self) -> str:
        text: Oneof[Literal["text"], str] = Oneof("text", "echo typed $((40 + 2))\n")
        request = gateway_pb.SendKeysRequest(server_id="db-01", what=text)
        answer = await self._on_screen("SendKeys", request, gateway_pb.SendKeysResponse)
        await _eventually(self._shows, "typed $((40 + 2))")
        return f"{answer.keys} keys"

    async def look_only(self) -> str:
        request = gateway_pb.CreateVNCSessionRequest(server_id="db-01", read_only=True)
        answer = await self._on_screen("CreateVNCSession", request, gateway_pb.CreateVNCSessionResponse)
        protocols = ["binary", f"ticket.{answer.ticket}"]
        async with open_websocket(answer.websocket_endpoint, subprotocols=protocols) as websocket:
            viewer = TourViewer(WebSocketStream(websocket))
            await viewer.log_in()
            await viewer.type("zzz")
            await viewer.see()  # what it typed before has been looked at
        _expect("zzz" not in self._screen.display.terminal.text(), "the machine got its keys")
        return "a viewer with a session of its own pressed three keys in vain"

    @property
    def _screen(self) -> VirtualScreen:
        shown = self._fleet.screens["db-01"].shown
        if shown is None:
            raise TourError("db-01 has no screen of ours")
        return shown

    async def _shows(self, text: str) -> bool:
        return text in self._screen.display.terminal.text()

    async def _on_screen(self, method: str, request: Message[Any], answer: type[_Answer]) -> _Answer:
        gateway = await self._gateway_for(ACME, "db-01")
        return await gateway.call(method, request, answer, bearer=self._server_token)

    async def restart(self) -> str:
        before = self._session.position
        await self._tree.services["gateway"].stop()
        await self._tree.services["gateway"].start()
        await _eventually(self._answers, "db-01")
        async with self._open_console() as console:
            await console.type(b"echo still here\r")
            await console.until(b"still here", times=2)
        lost, doubled = self._session.missing, self._session.doubled
        _expect(lost == 0 and doubled == 0, f"{lost} bytes lost, {doubled} doubled")
        return f"from byte {before} to {self._session.position}, nothing lost, nothing doubled"

    async def real_machine(self) -> str:
        gateway = await self._gateway_for(STAFF, "spare-01")
        await gateway.call(
            "PowerOn",
            gateway_pb.PowerOperationRequest(server_id="spare-01", wait=True, timeout_seconds=30),
            gateway_pb.PowerOperationResponse,
            bearer=self._server_token,
            timeout=60,
        )
        session = ViewerSession(name="tour", mode=Mode.WRITE)
        async with self._open_console(STAFF, "spare-01", session) as console:
            await console.until(b"SeaBIOS")
        await gateway.call(
            "PowerOff",
            gateway_pb.PowerOperationRequest(server_id="spare-01"),
            gateway_pb.PowerOperationResponse,
            bearer=self._server_token,
        )
        return f"{session.position} bytes from its firmware"

    async def _answers(self, server_id: str) -> bool:
        try:
            gateway = await self._gateway_for(ACME, server_id)
            request = gateway_pb.PowerStatusRequest(server_id=server_id)
            await gateway.call("GetPowerStatus", request, gateway_pb.PowerStatusResponse, bearer=self._server_token)
        except CallError as error:
            if error.code == Code.UNAVAILABLE:
                return False  # the Agent, or the Gateway, is on its way
            raise
        return True

    @asynccontextmanager
    async def _open_console(
        self, email: str = ACME, server_id: str = "db-01", session: ViewerSession | None = None
    ) -> AsyncIterator[TourConsole]:
        gateway = await self._gateway_for(email, server_id)
        answer = await gateway.call(
            "CreateSOLSession",
            gateway_pb.CreateSOLSessionRequest(server_id=server_id),
            gateway_pb.CreateSOLSessionResponse,
            bearer=self._server_token,
        )
        protocols = ["conduit.console.1", f"ticket.{answer.ticket}"]
        async with open_websocket(answer.websocket_endpoint, subprotocols=protocols) as websocket:
            console = TourConsole(websocket, session or self._session)
            await console.begin()
            yield console

    async def denied(self) -> str:
        await _refused(Code.NOT_FOUND, self._gateway_for(GLOBEX, "web-01"))
        return "web-01 does not exist for bob"

    async def other_server(self) -> str:
        gateway = await self._gateway_for(ACME, "web-01")
        request = gateway_pb.PowerStatusRequest(server_id="build-01")
        call = gateway.call("GetPowerStatus", request, gateway_pb.PowerStatusResponse, bearer=self._server_token)
        await _refused(Code.PERMISSION_DENIED, call)
        return "build-01 is refused to a token for web-01"

    async def _gateway_for(self, email: str, server_id: str) -> ConnectClient:
        answer = await self._manager.call(
            "GetServerToken",
            manager_pb.GetServerTokenRequest(server_id=server_id),
            manager_pb.GetServerTokenResponse,
            bearer=self._visitors[email].token,
        )
        self._server_token = answer.token
        return ConnectClient(self._http, answer.gateway_endpoint, "gateway.v1.GatewayService")

    async def _has_state(self, gateway: ConnectClient, server_id: str, state: gateway_pb.PowerState) -> bool:
        request = gateway_pb.PowerStatusRequest(server_id=server_id)
        try:
            answer = await gateway.call(
                "GetPowerStatus", request, gateway_pb.PowerStatusResponse, bearer=self._server_token
            )
        except CallError as error:
            if error.code == Code.UNAVAILABLE:
                return False  # the Agent is on its way
            raise
        return answer.state == state


class TourConsole:
    """A console as the tour uses it."""

    def __init__(self, websocket: WebSocket, session: ViewerSession) -> None:
        self._websocket = websocket
        self.session = session
        self._seen = b""

    async def begin(self) -> None:
        """Attach, and wait until typing is of use."""
        await self._websocket.send(self.session.attach())
        with self._patience("the console is not live"):
            while not (self.session.is_live and self.session.is_writer):
                await self._receive()

    async def type(self, data: bytes) -> None:
        """Send what a person would type; what was seen before does not count any more."""
        self._seen = b""
        for message in self.session.type(data):
            await self._websocket.send(message)

    async def until(self, words: bytes, *, times: int = 1, wake: bytes = b"") -> None:
        """Return when the server has said *words* so many times; *wake* is typed when it is silent."""
        with self._patience(f"it does not say {words!r}"):
            while self._seen.count(words) < times:
                with trio.move_on_after(1) as waited:
                    await self._receive()
                if waited.cancelled_caught and wake:
                    await self.type(wake)

    async def _receive(self) -> None:
        data = await self._websocket.receive()
        if data is None:
            raise TourError("the Gateway has closed the connection")
        for message in self.session.receive(data):
            if isinstance(message, Output):
                self._seen += message.data
            elif isinstance(message, Ended):
                raise TourError(message.text)

    @contextmanager
    def _patience(self, otherwise: str) -> Iterator[None]:
        with trio.move_on_after(PATIENCE) as scope:
            yield
        if scope.cancelled_caught:
            raise TourError(f"{otherwise} within {PATIENCE:.0f} s: {self._seen[-200:]!r}")


class TourViewer:
    """A VNC viewer as the tour uses it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def log_in(self) -> None:
        """Without a password."""
        handshake, events = ClientHandshake(Credentials(), LoginRules()), list[Event]()
        with trio.move_on_after(PATIENCE) as scope:
            while not events:
                events = handshake.receive_data(await self._stream.receive_some())
                await self._stream.send_all(handshake.data_to_send())
        if scope.cancelled_caught:
            raise TourError("the display lets nobody in")

    async def type(self, text: str) -> None:
        """As a viewer does that does not care whether it may."""
        moves = [KeyEvent(ord(each), down) for each in text for down in (True, False)]
        await self._stream.send_all(b"".join(move.encode() for move in moves))

    async def see(self) -> None:
        """Wait for pixels."""
        wanted = FramebufferUpdateRequest(Area(0, 0, 8, 8), incremental=False)
        await self._stream.send_all(wanted.encode())
        with trio.move_on_after(PATIENCE) as scope:
            await self._stream.receive_some()
        if scope.cancelled_caught:
            raise TourError("the display shows nothing")


async def run_tour(tour: Tour) -> None:
    """Show all steps.

    :raises TourError: one failed.
    """
    for number, (what, step) in enumerate(tour.steps, 1):
        started = trio.current_time()
        try:
            told = await step()
        except ConduitError as error:
            reason = error.message if isinstance(error, CallError) else str(error)
            raise TourError(f"step {number}, {what}: {reason}") from error
        click.echo(f"{number:2}. {what}: {told} ({trio.current_time() - started:.2f} s)")


async def _refused(code: Code, call: Awaitable[object]) -> None:
    try:
        await call
    except CallError as error:
        _expect(error.code == code, f"refused with {error.message!r}, not with {code.name}")
        return
    raise TourError("it was not refused")


async def _eventually(check: Callable[..., Awaitable[bool]], *args: object) -> None:
    with trio.move_on_after(PATIENCE):
        while not await check(*args):  # noqa: ASYNC110  # what is asked is in other processes
            await trio.sleep(0.1)
        return
    raise TourError(f"not true within {PATIENCE:.0f} s")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise TourError(otherwise)
