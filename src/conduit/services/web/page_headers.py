"""Headers that every answer has, unless it says otherwise: nothing is guessed, framed, or told to other sites."""

from __future__ import annotations

from typing import Final

from conduit.services.web.asgi import Application, Message, Receive, Scope, Send

HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
DEFAULTS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def add_headers(app: Application) -> Application:
    """*app*, whose answers have the headers; over TLS, browsers are told to stay with it."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        wanted = (*DEFAULTS, HSTS) if scope["scheme"] == "https" else DEFAULTS

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                message = {**message, "headers": [*headers, *(each for each in wanted if each[0] not in names)]}
            await send(message)

        await app(scope, receive, adding)

    return wrapped
