"""Manager and Gateway as far as the pages see them: the built pages, their calls, one console, one display.

Everything that a test wants to happen, a cut line or a lost BMC, is a method or an attribute here. It runs on Trio in a
thread of its own, because Playwright's synchronous interface has the test's.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import h11
import trio
from PIL import Image
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Ping, Request
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tests.browser.fake_display import FakeDisplay
from tests.browser.fake_hub import FakeHub, HubViewer
from tests.browser.real_hub import RealHub, RealViewer

T = TypeVar("T")

EMAIL = "anna@acme.example"
PASSWORD = "correct horse"
COOKIE = "__Host-conduit"
SERVERS = ("db-01", "db-02", "gpu-7")
LAST_SEEN = "2026-01-02T03:04:05Z"
READ_SIZE = 65_536
OVER = (h11.RemoteProtocolError, LocalProtocolError, RemoteProtocolError)
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def as_json(status: int, value: object, *headers: tuple[str, str]) -> Answer:
    return Answer(status, json.dumps(value).encode(), JSON, headers)


def in_future(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def error(status: int, message: str) -> Answer:
    return as_json(status, {"title": "Refused", "status": status, "detail": message})  # RFC 9457


@dataclass
class FakeConduit:
    """What a test may set and see. Change it through `Running.do`, in its own thread."""

    pages: Path
    hub: FakeHub = field(default_factory=FakeHub)
    real_hub: RealHub | None = None
    "Where consoles lead, instead of the fake one."
    permissions: list[str] = field(
        default_factory=lambda: ["console:read", "console:write", "power:read", "power:write", "vnc:read", "vnc:write"]
    )
    refuse_session: Answer | None = None
    "Answered to whoever asks for a console session."
    refuse_display: Answer | None = None
    "The same of a display's."
    refuse_token: Answer | None = None
    "The same of a server token."
    refuse_tickets: int = 0
    "How many tickets are worth nothing at displays."
    servers: tuple[str, ...] = SERVERS
    without_console: tuple[str, ...] = ()
    without_display: tuple[str, ...] = ()
    thumbnails: list[str] = field(default_factory=list)
    "Servers whose screens were looked at, in order."
    thumbnail_fails: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()
    list_fails: bool = False
    signed_in: bool = False
    refresh_life: float = 14 * 24 * 3600.0
    "Seconds that a sign-in lasts if it is not renewed."
    session_life: float = 12 * 3600.0
    "The same of a console session."
    power: str = "on"
    power_verbs: list[str] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)
    tickets_made: int = 0
    origin: str = ""
    gateway: str = ""
    "The Gateway's origin; the pages' own unless a test says otherwise."
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.display = FakeDisplay(self.hub)

    # --- HTTP ---

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        path = target.partition("?")[0]
        self.requests.append(f"{method} {path}")
        if method == "OPTIONS":
            return Answer(204)
        if path.startswith("/api/v1/auth/"):
            return self._auth(path.rpartition("/")[2], headers, json.loads(body))
        if path.startswith("/api/v1/"):
            return self._api(method, path.split("/")[3:], target, headers, json.loads(body or b"null"))
        return self._page(path)

    def _auth(self, what: str, headers: dict[str, str], body: dict[str, str]) -> Answer:
        if what == "login":
            if (body["email"], body["password"]) != (EMAIL, PASSWORD):
                return error(401, "wrong email or password")
            self.signed_in = True
        elif what == "logout":
            self.signed_in = False
            return as_json(200, {}, ("Set-Cookie", f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"))
        elif not self.signed_in or COOKIE not in headers.get("cookie", ""):
            return error(401, "not signed in")
        cookie = f"{COOKIE}=refresh; Path=/; Secure; HttpOnly; SameSite=Strict"
        token = {
            "access_token": "access",
            "expires_at": "2099-01-01T00:00:00Z",
            "refresh_expires_at": in_future(self.refresh_life),
            "customer": {"id": "c1", "email": EMAIL},
        }
        return as_json(200, token, ("Set-Cookie", cookie))

    def _api(self, method: str, parts: list[str], target: str, headers: dict[str, str], body: Any) -> Answer:
        bearer = headers.get("authorization", "")
        match (method, *parts):
            case ("GET", "servers") if bearer == "Bearer access":
                return self._list(target)
            case ("POST", "servers", server, "token") if bearer == "Bearer access" and server in self.servers:
                if self.refuse_token is not None:
                    return self.refuse_token
                token = {"token": f"server {server}", "gateway_endpoint": self.gateway, "permissions": self.permissions}
                return as_json(200, token | {"expires_at": "2099-01-01T00:00:00Z"})
            case (_, "servers", server, "power") if bearer == f"Bearer server {server}":
                if method == "POST":
                    self.power_verbs.append(body["action"])
                    self.power = "off" if body["action"] in {"off", "soft"} else "on"
                return as_json(200, {"state": f"POWER_STATE_{self.power.upper()}"})
            case ("POST", "consoles") if bearer == f"Bearer server {body['server_id']}":
                return self.refuse_session or self._session("console", read_only=body["read_only"])
            case ("POST", "displays") if bearer == f"Bearer server {body['server_id']}":
                return self.refuse_display or self._session("display", read_only=body["read_only"])
            case ("GET", "servers", server, "screenshot") if bearer == f"Bearer server {server}":
                return self._screenshot(server)
        return error(401 if bearer != "Bearer access" else 404, "no such server among yours")

    def _list(self, target: str) -> Answer:
        if self.list_fails:
            return error(503, "the database does not answer")
        query = target.partition("query=")[2].partition("&")[0]
        found = [
            {
                "id": name,
                "display_name": name,
                "status": "offline" if name in self.offline else "online",
                "datacenter_id": "ams1",
                "last_seen": LAST_SEEN,
                "features": self._faces(name),
            }
            for name in self.servers
            if query in name
        ]
        return as_json(200, {"servers": found, "next_page_token": "", "total_count": len(found)})

    def _faces(self, name: str) -> list[str]:
        missing = {"console": self.without_console, "display": self.without_display}
        return [face for face, without in missing.items() if name not in without]

    def _screenshot(self, server: str) -> Answer:
        self.thumbnails.append(server)
        if server in self.thumbnail_fails:
            return error(503, "the display does not answer")
        file = io.BytesIO()
        Image.new("RGB", (160, 100), (20, 40 * len(self.thumbnails) % 256, 200)).save(file, "PNG")
        return as_json(200, {"image": base64.b64encode(file.getvalue()).decode(), "width": 160, "height": 100})

    def _session(self, face: str, *, read_only: bool) -> Answer:
        self.tickets_made += 1
        ticket = f"{'read' if read_only else 'write'}-{self.tickets_made}"
        self.tickets.add(ticket)
        endpoint = self.gateway.replace("http", "ws", 1) + f"/{face}"
        ends = in_future(self.session_life)
        session = {"session_id": "s", "websocket_endpoint": endpoint, "ticket": ticket, "expires_at": ends}
        return as_json(200, session)

    def _page(self, path: str) -> Answer:
        first = path.split("/")[1]
        name = f"{first}.html" if first in {"login", "servers", "console", "display"} else path.lstrip("/")
        file = self.pages / name
        if not file.resolve().is_relative_to(self.pages.resolve()) or not file.is_file():
            return error(404, "no such page")
        return Answer(200, file.read_bytes(), TYPES[file.suffix], (("Content-Security-Policy", self.policy(first)),))

    def policy(self, page: str) -> str:
        away = "" if self.gateway == self.origin else f" {self.gateway} {self.gateway.replace('http', 'ws', 1)}"
        images = "'self' data:" if page == "display" else "'self'"
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'{away}; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )

    # --- connections ---

    async def handle(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                while await self._exchange(stream):
                    pass
        except* (trio.BrokenResourceError, trio.ClosedResourceError, *OVER):
            pass  # the browser went away, at whatever moment

    async def _exchange(self, stream: trio.SocketStream) -> bool:
        """One request and its answer; false when the connection is over."""
        machine = h11.Connection(h11.SERVER)
        seen, body = b"", b""
        request: h11.Request | None = None
        while True:
            event = machine.next_event()
            if event is h11.NEED_DATA:
                data = await stream.receive_some(READ_SIZE)
                seen += data
                machine.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if request is None or not isinstance(event, h11.EndOfMessage):
            return False
        headers = {name.decode(): value.decode() for name, value in request.headers}
        if headers.get("upgrade", "").lower() == "websocket":
            await self._websocket(stream, seen)
            return False
        answer = self.answer(request.method.decode(), request.target.decode(), headers, body)
        await stream.send_all(self._rendered(machine, answer, headers))
        return True

    def _rendered(self, machine: h11.Connection, answer: Answer, headers: dict[str, str]) -> bytes:
        lines = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), *answer.headers]
        if headers.get("origin") == self.origin != self.gateway:
            lines += [
                ("Access-Control-Allow-Origin", self.origin),
                ("Access-Control-Allow-Headers", "authorization, content-type"),
            ]
        parts = [
            machine.send(h11.Response(status_code=answer.status, headers=lines)),
            machine.send(h11.Data(data=answer.body)) if answer.body else b"",
            machine.send(h11.EndOfMessage()),
        ]
        return b"".join(part or b"" for part in parts)

    async def _websocket(self, stream: trio.SocketStream, head: bytes) -> None:
        machine = WSConnection(ConnectionType.SERVER)
        machine.receive_data(head)
        request = next(iter(machine.events()))
        assert isinstance(request, Request)
        version, ticket = request.subprotocols
        path, _, query = request.target.partition("?")
        assert version == {"/console": "conduit.console.1", "/display": "binary"}[path]
        if ticket.removeprefix("ticket.") not in self.tickets:
            return
        self.tickets.remove(ticket.removeprefix("ticket."))  # once
        if path == "/display" and self.refuse_tickets > 0:
            self.refuse_tickets -= 1
            return
        await stream.send_all(machine.send(AcceptConnection(subprotocol=version)))
        may_write = "write" in ticket
        if path == "/console":
            await self._console(stream, machine, may_write=may_write)
        else:
            await self._display(stream, machine, query.removeprefix("seat="), may_write=may_write)

    async def _display(self, stream: trio.SocketStream, machine: WSConnection, seat: str, *, may_write: bool) -> None:
        sending = trio.Lock()
        received: list[bytes] = []

        async def say(event: BytesMessage | CloseConnection) -> None:
            async with sending:
                with suppress(LocalProtocolError):  # it is closed already
                    await stream.send_all(machine.send(event))

        async def send(data: bytes) -> None:
            await say(BytesMessage(data=bytearray(data)))

        async def close(code: int, reason: str) -> None:
            await say(CloseConnection(code=code, reason=reason))

        async def receive() -> bytes:
            while not received:
                machine.receive_data(await stream.receive_some(READ_SIZE) or None)
                for event in machine.events():
                    if isinstance(event, CloseConnection):
                        return b""
                    if isinstance(event, BytesMessage):
                        received.append(bytes(event.data))
            return received.pop(0)

        await self.display.serve(receive, send, close, seat=seat, may_write=may_write)

    async def _console(self, stream: trio.SocketStream, machine: WSConnection, *, may_write: bool) -> None:
        async def send(message: bytes) -> None:
            await stream.send_all(machine.send(Message(data=bytearray(message))))

        async with trio.open_nursery() as nursery:
            connect = self.hub.connect if self.real_hub is None else self.real_hub.connect
            viewer = connect(send, nursery.cancel_scope, may_write=may_write)
            try:
                await self._receive(stream, machine, viewer, nursery)
            finally:
                viewer.leave()
                nursery.cancel_scope.cancel()

    async def _receive(
        self, stream: trio.SocketStream, machine: WSConnection, viewer: HubViewer | RealViewer, nursery: trio.Nursery
    ) -> None:
        while True:
            data = await stream.receive_some(READ_SIZE)
            machine.receive_data(data or None)
            for event in machine.events():
                match event:
                    case BytesMessage():
                        await viewer.receive(bytes(event.data), nursery)
                    case Ping():
                        await stream.send_all(machine.send(event.response()))
                    case CloseConnection():
                        return


class Running:
    """A `FakeConduit` in its thread."""

    def __init__(self, fake: FakeConduit, token: trio.lowlevel.TrioToken) -> None:
        self.fake = fake
        self.url = fake.origin
        self._token = token

    def do(self, call: Callable[[FakeConduit], T]) -> T:
        """What *call* makes of the fake, in the fake's thread."""
        return trio.from_thread.run_sync(call, self.fake, trio_token=self._token)

    def end_displays(self, code: int, reason: str) -> None:
        """Close the display's WebSockets, saying why."""

        async def end(fake: FakeConduit) -> None:
            for close in list(fake.display.closers):
                await close(code, reason)

        trio.from_thread.run(end, self.fake, trio_token=self._token)


@contextmanager
def running(pages: Path, *, gateway_elsewhere: bool = False) -> Iterator[Running]:
    """Serve *pages* and the calls on a free port of 127.0.0.1; *gateway_elsewhere*: the Gateway's on a second one."""
    ready = threading.Event()
    started: list[tuple[Running, trio.CancelScope]] = []

    async def main() -> None:
        fake = FakeConduit(pages)
        listeners = [(await trio.open_tcp_listeners(0, host="127.0.0.1"))[0] for _ in range(2)]
        first, second = (f"http://127.0.0.1:{listener.socket.getsockname()[1]}" for listener in listeners)
        fake.origin, fake.gateway = first, second if gateway_elsewhere else first
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, fake.handle, listeners)
            started.append((Running(fake, trio.lowlevel.current_trio_token()), nursery.cancel_scope))
            ready.set()

    thread = threading.Thread(target=trio.run, args=(main,), name="fake Conduit")
    thread.start()
    assert ready.wait(10), "the fake did not start"
    run, scope = started[0]
    try:
        yield run
    finally:
        run.do(lambda _: scope.cancel())
        thread.join(10)
