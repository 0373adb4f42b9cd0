"""A customer whose console comes back by itself, and keeps every byte that it is given."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx
import trio
from protobuf import Message

from conduit.console.messages import Ended, Gap, Output, StateChanged
from conduit.console.viewer import ViewerSession
from conduit.console.words import Mode, State
from conduit.errors import CallError, ConduitError
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.manager.v1 import manager_pb
from conduit.services.connect_client import ConnectClient
from conduit.services.websocket_client import WebSocket, open_websocket
from conduit.tunnel.call_frames import Code

PATIENCE: Final = 20.0  # seconds, on a busy machine
AGAIN: Final = 0.05  # seconds between attempts
_Answer = TypeVar("_Answer", bound=Message[Any])
Check = Callable[[], bool]


class Customer:
    """Logs in once, and keeps the tokens."""

    def __init__(self, http: httpx.AsyncClient, manager: ConnectClient, email: str, password: str) -> None:
        self._http = http
        self._manager = manager
        self._email = email
        self._password = password
        self.access = ""
        self.tokens: dict[str, manager_pb.GetServerTokenResponse] = {}

    async def log_in(self) -> None:
        request = manager_pb.AuthenticateRequest(email=self._email, password=self._password)
        self.access = (await self._manager.call("Authenticate", request, manager_pb.AuthenticateResponse)).access_token

    async def token(self, server_id: str, *, fresh: bool = False) -> manager_pb.GetServerTokenResponse:
        """The one that is kept, or a new one."""
        if fresh or server_id not in self.tokens:
            if not self.access:
                await self.log_in()
            request = manager_pb.GetServerTokenRequest(server_id=server_id)
            self.tokens[server_id] = await self._manager.call(
                "GetServerToken", request, manager_pb.GetServerTokenResponse, bearer=self.access
            )
        return self.tokens[server_id]

    async def ask(self, method: str, request: Any, answer: type[_Answer], *, at: str = "") -> _Answer:
        """A call to the Gateway; the request names the server.

        :param at: URL of another Gateway than the Manager named.
        """
        token = await self.token(request.server_id)
        gateway = ConnectClient(self._http, at or token.gateway_endpoint, "gateway.v1.GatewayService")
        return await gateway.call(method, request, answer, bearer=token.token)

    async def power(self, server_id: str, *, at: str = "") -> gateway_pb.PowerStatusResponse:
        request = gateway_pb.PowerStatusRequest(server_id=server_id)
        return await self.ask("GetPowerStatus", request, gateway_pb.PowerStatusResponse, at=at)

    async def manager(self, method: str, request: Any, answer: type[_Answer]) -> _Answer:
        """A call to the Manager."""
        return await self._manager.call(method, request, answer, bearer=self.access)


class Viewer:
    """Looks at a console, and comes back when it is lost, until its task is cancelled.

    :param at: URLs of the Gateways to try, one after the other; by default the one that the Manager named.
    """

    def __init__(
        self,
        customer: Customer,
        server_id: str,
        *,
        mode: Mode = Mode.WRITE,
        at: list[str] | None = None,
        source: str = "",
    ) -> None:
        self._customer = customer
        self._server_id = server_id
        self._mode = mode
        self._at = at or [""]
        self._source = source
        self.session = ViewerSession(name="test", mode=mode)
        self.start = 0
        "Offset of the first byte of the text."
        self.text = bytearray()
        self.gaps: list[Gap] = []
        self.ends: list[Ended] = []
        self.states: list[State] = []
        self.failures: list[ConduitError] = []
        self.connections = 0
        self._websocket: WebSocket | None = None
        self._news = trio.Event()

    # --- what it sees ---

    @property
    def whole_lines(self) -> list[int]:
        """Numbers of the lines, without the first and the last, of which there may be a part."""
        lines = bytes(self.text).split(b"\r\n")[1:-1]
        return [int(line) if len(line) == 8 and line.isdigit() else -1 for line in lines]

    def check_whole(self) -> None:
        """No byte is lost, none came twice."""
        lines = self.whole_lines
        assert lines, "nothing was seen"
        breaks = [(before, after) for before, after in itertools.pairwise(lines) if after != before + 1]
        assert not breaks, f"{len(breaks)} breaks among {len(lines)} lines: {breaks[:5]}"
        assert (self.session.missing, self.session.doubled) == (0, 0)

    def check_honest(self) -> None:
        """Where lines are missing, or begin anew, a gap was told; no byte came twice."""
        assert (self.session.missing, self.session.doubled) == (0, 0)
        told = [gap.at for gap in self.gaps]
        lines, at = bytes(self.text).split(b"\r\n"), self.start
        before: int | None = None
        for line in lines[:-1]:
            number = int(line) if len(line) == 8 and line.isdigit() else None
            whole = before is None or number == before + 1
            near = any(at - 10 <= offset <= at + len(line) + 2 for offset in told)
            assert whole or near, f"{line!r} at {at} after {before}; gaps at {told}"
            before, at = number, at + len(line) + 2

    @property
    def is_live(self) -> bool:
        return self._websocket is not None and self.session.is_live

    def is_in(self, state: State) -> bool:
        """What it was told last."""
        return self.session.state is not None and self.session.state.state is state

    async def until(self, check: Check, what: str = "", *, patience: float = PATIENCE) -> None:
        """Return when *check* is true; it is asked whenever something comes."""
        with trio.move_on_after(patience):
            while not check():
                await self._news.wait()
            return
        raise AssertionError(
            f"not within {patience:.0f} s: {what}; ends {self.ends[-3:]}, failures {self.failures[-3:]},"
            f" state {self.session.state}, {len(self.text)} bytes"
        )

    async def more(self, lines: int = 20) -> None:
        """Return when it is live and so many lines more have come."""
        await self.until(lambda: self.is_live, "live")
        want = len(self.text) + 10 * lines
        await self.until(lambda: len(self.text) >= want, "more lines")

    async def type(self, data: bytes) -> None:
        await self.until(lambda: self.is_live and self.session.is_writer, "writer")
        assert self._websocket is not None
        for message in self.session.type(data):
            await self._websocket.send(message)

    # --- how it gets there ---

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """For ever."""
        task_status.started()
        turn = 0
        while True:
            try:
                await self._connect(self._at[turn % len(self._at)])
            except (ConduitError, trio.BrokenResourceError, trio.EndOfChannel) as error:
                if isinstance(error, ConduitError):
                    self.failures.append(error)
                turn += 1
            self._websocket = None
            self._tell()
            await trio.sleep(AGAIN)

    async def _connect(self, at: str) -> None:
        try:
            answer = await self._customer.ask(
                "CreateSOLSession",
                gateway_pb.CreateSOLSessionRequest(server_id=self._server_id, read_only=self._mode is Mode.READ),
                gateway_pb.CreateSOLSessionResponse,
                at=at,
            )
        except CallError as error:
            if error.code == Code.UNAUTHENTICATED:
                await self._customer.token(self._server_id, fresh=True)
            raise
        protocols = ["conduit.console.1", f"ticket.{answer.ticket}"]
        async with open_from(self._source, answer.websocket_endpoint, protocols) as websocket:
            await websocket.send(self.session.attach())
            self._websocket = websocket
            self.connections += 1
            while self.session.ended is None:
                data = await websocket.receive()
                if data is None:
                    return
                for message in self.session.receive(data):
                    self._note(message)
                self._tell()

    def _note(self, message: object) -> None:
        match message:
            case Output():
                if not self.text:
                    self.start = message.offset
                self.text += message.data
            case Gap():
                self.gaps.append(message)
            case StateChanged():
                self.states.append(message.state)
            case Ended():
                self.ends.append(message)
            case _:
                pass

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()


@asynccontextmanager
async def open_from(source: str, url: str, protocols: list[str]) -> AsyncIterator[WebSocket]:
    """As the client's own, from a loopback address of choice: each address has a number of connections."""
    async with open_websocket(url, subprotocols=protocols, source=source or None) as websocket:
        yield websocket


async def eventually(check: Callable[[], Awaitable[bool]], what: str = "") -> None:
    """Return when *check* is true; one that fails with UNAVAILABLE is not yet."""
    with trio.move_on_after(PATIENCE):
        while True:
            try:
                if await check():
                    return
            except CallError as error:
                if error.code != Code.UNAVAILABLE:
                    raise
            await trio.sleep(AGAIN)
    raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")


async def gets_token(customer: Customer, server_id: str = "web-01") -> bool:
    """For :func:`eventually`: the Manager answers, and knows the server."""
    try:
        await customer.token(server_id, fresh=True)
    except CallError as error:
        if error.code == Code.NOT_FOUND:
            return False
        raise
    return True
