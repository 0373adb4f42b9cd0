"""Which sites' pages may talk to us from a browser: our own, and those that are configured.

All others get no answer that a page could read (CORS), and no WebSocket, whose Origin nobody else checks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final
from urllib.parse import urlsplit

from conduit.services.web.asgi import Application, Receive, Scope, Send

_METHODS: Final = b"GET, POST, PUT, PATCH, DELETE"
_HEADERS: Final = (
    b"authorization, content-type, connect-protocol-version, connect-timeout-ms, grpc-timeout, x-grpc-web, x-user-agent"
)
_EXPOSED: Final = (
    b"grpc-status, grpc-message, grpc-status-details-bin, connect-content-encoding, connect-accept-encoding"
)
_PREFLIGHT_AGE: Final = b"600"  # seconds
Allowed = Callable[[], Collection[str]]
"Origins such as ``https://manager.example``; asked each time, for they may change."


def check_origins(app: Application, allowed: Allowed) -> Application:
    """*app*, for our own pages and those of *allowed*."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin")
        if scope["type"] not in ("http", "websocket") or origin is None or _is_own(scope, origin):
            await app(scope, receive, send)
        elif origin not in allowed():
            await _refuse(app, scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS":
            await _answer_preflight(origin, send)
        else:
            await app(scope, receive, _exposing(origin, send) if scope["type"] == "http" else send)

    return checked


def _header(scope: Scope, name: bytes) -> str | None:
    values = (value for key, value in scope.get("headers", ()) if key.lower() == name)
    found = next(values, None)
    return None if found is None else found.decode("latin-1")


def _is_own(scope: Scope, origin: str) -> bool:
    host = _header(scope, b"host")
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()


async def _refuse(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """A WebSocket is closed; a request is served, but no page of that site can read the answer."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await app(scope, receive, send)


async def _answer_preflight(origin: str, send: Send) -> None:
    headers = [
        *_allow(origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _HEADERS),
        (b"access-control-max-age", _PREFLIGHT_AGE),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _exposing(origin: str, send: Send) -> Send:
    async def exposing(message: Any) -> None:
        if message["type"] == "http.response.start":
            more = [*_allow(origin), (b"access-control-expose-headers", _EXPOSED)]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return exposing


def _allow(origin: str) -> list[tuple[bytes, bytes]]:
    """Without credentials: cookies are for our own pages."""
    return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]
