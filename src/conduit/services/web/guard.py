"""Keeps one client from taking what all need: requests at the same time, and time for a request's body."""

from __future__ import annotations

from collections import Counter
from typing import Final

import trio

from conduit.services.web.asgi import Application, Message, Receive, Scope, Send, answer, header
from conduit.services.web.clients import client_key
from conduit.services.web.errors import problem_body
from conduit.services.web.limits import Limits

_PROBLEM: Final = (b"content-type", b"application/problem+json")
_STREAMS: Final = ("application/grpc", "application/connect+")
_EXHAUSTED: Final = (b"grpc-status", b"8")
TOO_MANY: Final = "too many requests of yours are open: let some of them end"


def guard(app: Application, limits: Limits) -> Application:
    """*app*, within the limits. Streams of messages have a limit for each message, which connectrpc knows."""
    open_requests: Counter[str] = Counter()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        client = client_key(scope["client"][0] if scope["client"] else "")
        if open_requests[client] >= limits.requests_per_client:
            await _refuse(scope, send)
            return
        open_requests[client] += 1
        try:
            await _run(app, scope, receive, send, limits)
        finally:
            open_requests[client] -= 1
            if not open_requests[client]:
                del open_requests[client]

    return guarded


async def _run(app: Application, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
    if scope["type"] == "websocket" or header(scope, b"content-type").startswith(_STREAMS):
        await app(scope, receive, send)
        return
    length = header(scope, b"content-length")
    if length.isdecimal() and int(length) > limits.body:
        body = problem_body(413, f"a request's body has at most {limits.body} bytes")
        await answer(send, 413, body, [_PROBLEM])
        return
    patience = _Patience(receive, send, limits.slow_body)
    await app(scope, patience.receive, patience.send)
    await patience.finish()


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
    elif header(scope, b"content-type").startswith("application/grpc"):
        content_type = (b"content-type", b"application/grpc")
        await answer(send, 200, b"", [content_type, _EXHAUSTED, (b"grpc-message", TOO_MANY.encode())])
    else:
        body = problem_body(429, TOO_MANY, code="resource_exhausted")
        await answer(send, 429, body, [_PROBLEM, (b"retry-after", b"1")])


class _Patience:
    """One request, whose body must be here in time."""

    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._deadline = trio.current_time() + seconds
        self._is_whole = False
        self._has_answer = False
        self._is_late = False

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()
        with trio.move_on_at(self._deadline):
            message = await self._receive()
            self._is_whole = not message.get("more_body", False)
            return message
        self._is_late = True
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._is_late and not self._has_answer:
            return  # the application speaks to nobody
        self._has_answer = True
        await self._send(message)

    async def finish(self) -> None:
        if self._is_late and not self._has_answer:
            await answer(self._send, 408, problem_body(408, "the request's body took too long"), [_PROBLEM])
