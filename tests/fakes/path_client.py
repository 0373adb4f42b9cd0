"""A customer whose console comes back by itself, and keeps every byte that it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx
import trio
from protobuf import Message

from conduit.console.messages import Message as ConsoleMessage
from conduit.console.words import Mode
from conduit.errors import CallError, ConduitError
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.manager.v1 import manager_pb
from conduit.services.connect_client import ConnectClient
from conduit.services.websocket_client import WebSocket, open_websocket
from conduit.tunnel.call_frames import Code
from tests.fakes.console_seen import PATIENCE, Seen

AGAIN: Final = 0.05  # seconds between attempts
_Answer = TypeVar("_Answer", bound=Message[Any])


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


class Viewer(Seen):
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
        super().__init__(mode)
        self._customer = customer
        self._server_id = server_id
        self._mode = mode
        self._at = at or [""]
        self._source = source
        self.connections = 0
        self._websocket: WebSocket | None = None

    async def type(self, data: bytes) -> None:
        await self.until(lambda: self.is_live and self.session.is_writer, "writer")
        assert self._websocket is not None
        for message in self.session.type(data):
            await self._websocket.send(message)

    async def say(self, message: ConsoleMessage) -> None:
        assert self._websocket is not None
        await self._websocket.send(message.encode())

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
            self._websocket, self._is_connected = None, False
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
            self._websocket, self._is_connected = websocket, True
            self.connections += 1
            while self.session.ended is None:
                data = await websocket.receive()
                if data is None:
                    return
                self.take(data)


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
