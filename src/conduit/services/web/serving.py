"""The server: listens, lets clients in within limits, and leaves in good order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog
import trio

from conduit._tcp import keep_alive
from conduit._trio import open_background_nursery
from conduit.services.web.asgi import Application
from conduit.services.web.bindings import Binding, Bound, listen
from conduit.services.web.clients import Networks, client_key
from conduit.services.web.connection import Connection
from conduit.services.web.errors import report
from conduit.services.web.hypercorn_cure import hypercorn_config, make_context, wrap
from conduit.services.web.lifespan import lifespan
from conduit.services.web.limits import Limits

logger = structlog.get_logger(__name__)

DEFAULTS: Final = Limits()


async def serve(
    app: Application,
    binding: Binding,
    *,
    limits: Limits = DEFAULTS,
    leave: trio.Event | None = None,
    trusted: Collection[str] = (),
    task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve *app* until *leave* is set or we are cancelled: then nobody new gets in, and what is open has its grace.

    :param trusted: networks of proxies, which may open as many connections as they like.
    :raises TransportError: an address cannot be had.
    :raises LocalProtocolError: TLS files are not good, or the application does not start.
    """
    listeners, bound = await listen(binding)
    server = Server(app, bound, limits, Networks(trusted))
    try:
        async with open_background_nursery() as watcher:
            with trio.CancelScope(shield=True) as life:
                watcher.start_soon(_leave, server, trio.Event() if leave is None else leave, life, limits.grace)
                async with lifespan(app):
                    await server.run(listeners, partial(task_status.started, bound))
    finally:
        for each in listeners:
            await trio.aclose_forcefully(each)


async def _leave(server: Server, leave: trio.Event, life: trio.CancelScope, grace: float) -> None:
    try:
        await leave.wait()
    finally:
        life.deadline = trio.current_time() + grace
        server.leave()


class Server:
    """Who is connected."""

    def __init__(self, app: Application, bound: Bound, limits: Limits, trusted: Networks) -> None:
        self._app = wrap(app)
        self._bound = bound
        self._limits = limits
        self._trusted = trusted
        self._config = hypercorn_config(limits)
        self._context = make_context()
        self._connections: set[Connection] = set()
        self._clients: Counter[str] = Counter()
        self._leaves = trio.Event()

    def leave(self) -> None:
        """Let nobody in any more."""
        self._leaves.set()

    async def run(self, listeners: list[trio.SocketListener], started: Callable[[], None]) -> None:
        """Until somebody calls :meth:`leave`, and then until the last connection has ended."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(partial(trio.serve_listeners, self._serve, listeners, handler_nursery=connections))
                started()
                await self._leaves.wait()
                accepting.cancel_scope.cancel()
            await self._context.terminated.set()
            for each in listeners:
                await each.aclose()
            for connection in list(self._connections):
                connections.start_soon(connection.leave)

    async def _serve(self, sock: trio.SocketStream) -> None:
        try:
            with self._place(sock) as has_place:
                if has_place:
                    keep_alive(sock)
                    connection = Connection(self._app, self._config, self._context, self._limits)
                    self._connections.add(connection)
                    try:
                        await connection.serve(sock, self._bound.tls)
                    finally:
                        self._connections.discard(connection)
        except Exception as error:  # noqa: BLE001  # one connection's failure is its own
            report(error, where="connection")
        finally:
            await trio.aclose_forcefully(sock)

    @contextmanager
    def _place(self, sock: trio.SocketStream) -> Iterator[bool]:
        """Whether there is room for one more, of this client's too."""
        try:
            client = client_key(sock.socket.getpeername()[0])
        except OSError:  # it is gone
            yield False
            return
        limit = math.inf if client in self._trusted else self._limits.connections_per_client
        if self._clients[client] >= limit or self._clients.total() >= self._limits.connections:
            logger.warning("too many connections", client=client)
            yield False
            return
        self._clients[client] += 1
        try:
            yield True
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]
