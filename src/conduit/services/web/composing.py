"""One ASGI application for one port: RPC services by their path, everything else by its longest prefix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from conduit.services.web.asgi import Application, Receive, Scope, Send
from conduit.services.web.lifespan import lifespan


class Service(Protocol):
    """An ASGI application of connectrpc."""

    @property
    def path(self) -> str:
        """Where its methods are: ``/package.v1.Service``."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None:
        """ASGI."""
        ...


def compose(
    rest: Application, services: Sequence[Service], *, mounts: Mapping[str, Application] | None = None
) -> Application:
    """One application.

    :param rest: takes what nobody else does, and WebSockets.
    :param services: connectrpc's ASGI applications; each has its ``path``.
    :param mounts: other applications by path; the longest that fits wins. They see the whole path, and no lifespan.
    """
    return _Composite(rest, {service.path: service for service in services}, dict(mounts or {}))


class _Composite:
    def __init__(
        self, rest: Application, services: Mapping[str, Application], mounts: Mapping[str, Application]
    ) -> None:
        self._rest = rest
        self._services = services
        self._mounts = sorted(mounts.items(), key=lambda mount: len(mount[0]), reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._choose(scope)(scope, receive, send)

    def _choose(self, scope: Scope) -> Application:
        path = scope["path"]
        if scope["type"] == "http":
            service = self._services.get(path.rpartition("/")[0])
            if service is not None:
                return service
        for prefix, app in self._mounts:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return app
        return self._rest

    async def _live(self, receive: Receive, send: Send) -> None:
        parts = {id(app): app for app in (self._rest, *self._services.values())}
        await receive()
        async with AsyncExitStack() as stack:
            try:
                for app in parts.values():
                    await stack.enter_async_context(lifespan(app))
            except Exception as error:  # noqa: BLE001  # whatever the application raises: the server says it and ends
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
