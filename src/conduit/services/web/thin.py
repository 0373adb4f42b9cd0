"""The thinnest way to serve an ASGI application; gives way to the adapter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import trio
from connectrpc.code import Code as ConnectCode
from connectrpc.errors import ConnectError
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve
from hypercorn.utils import wrap_app

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code

Asgi = Callable[..., Awaitable[None]]


class Errors:
    """Turns CallErrors into Connect's."""

    async def intercept_unary(self, call_next: Any, request: Any, ctx: Any) -> Any:
        try:
            return await call_next(request, ctx)
        except CallError as error:
            raise connect_error(error) from error

    async def intercept_server_stream(self, call_next: Any, request: Any, ctx: Any) -> Any:
        try:
            async for each in call_next(request, ctx):
                yield each
        except CallError as error:
            raise connect_error(error) from error


def connect_error(error: CallError) -> ConnectError:
    name = Code(error.code).name
    return ConnectError(ConnectCode["CANCELED" if name == "CANCELLED" else name], error.message)


def compose(rest: Asgi, services: Sequence[Any]) -> Asgi:
    routes: Mapping[str, Asgi] = {service.path: service for service in services}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        chosen = rest
        if scope["type"] == "http":
            chosen = routes.get(scope["path"].rpartition("/")[0], rest)
        await chosen(scope, receive, send)

    return app


async def serve(app: Asgi, host: str, port: int, *, task_status: trio.TaskStatus[int]) -> None:
    config = Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_max_requests = 10**9
    config.keep_alive_timeout = 3600
    config.accesslog = None
    config.graceful_timeout = 2
    sockets: Sockets = config.create_sockets()
    for each in sockets.insecure_sockets:
        each.listen(100)
    bound = sockets.insecure_sockets[0].getsockname()[1]

    async def run(*, task_status: Any) -> None:
        await worker_serve(
            wrap_app(app, config.wsgi_max_body_size, "asgi"), config, sockets=sockets, task_status=task_status
        )

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        task_status.started(bound)
