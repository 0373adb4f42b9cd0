"""A line for each request, and a number that joins it to all else that is logged for it. No queries, no headers."""

from __future__ import annotations

import re
import secrets
from typing import Final

import structlog
import trio

from conduit.services.web.asgi import Application, Message, Receive, Scope, Send, header

logger = structlog.get_logger(__name__)

REQUEST: Final = "conduit.request"  # in the scope: the number
NAME: Final = b"x-request-id"
MAX_PATH: Final = 200  # characters
_GOOD: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})


def log_requests(app: Application) -> Application:
    """*app*, whose requests are logged and numbered; a number that a trusted proxy gives is kept."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        given = header(scope, NAME)
        number = given if _GOOD.fullmatch(given) else secrets.token_hex(8)
        scope[REQUEST] = number
        with structlog.contextvars.bound_contextvars(request=number):
            await _run(app, scope, receive, send, number)

    return logged


async def _run(app: Application, scope: Scope, receive: Receive, send: Send, number: str) -> None:
    since, status = trio.current_time(), 0

    async def noting(message: Message) -> None:
        nonlocal status
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (NAME, number.encode())]}
        elif message["type"] == "websocket.accept":
            status = 101
        await send(message)

    try:
        await app(scope, receive, noting)
    finally:
        log = logger.debug if scope["path"] in _QUIET else logger.info
        log(
            "request",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"][:MAX_PATH],
            status=status,
            seconds=round(trio.current_time() - since, 4),
            client=scope["client"][0] if scope["client"] else None,
            http=scope["http_version"],
        )
