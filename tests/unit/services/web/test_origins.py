"""Which sites' pages may talk to us."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.services.web.origins import check_origins

FRIEND = "https://manager.example"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says what it was asked."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"served"})


async def ask(origin: str | None, *, kind: str = "http", method: str = "GET") -> list[Any]:
    headers = [(b"host", b"gw1.example")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads")

    scope = {"type": kind, "method": method, "path": "/", "headers": headers}
    await check_origins(app, lambda: {FRIEND})(scope, receive, send)
    return sent


def allowed(sent: list[Any]) -> bytes | None:
    return dict(sent[0].get("headers", ())).get(b"access-control-allow-origin")


async def test_whoever_is_no_page_is_served() -> None:
    assert allowed(await ask(None)) is None
    assert (await ask(None, kind="websocket"))[0]["type"] == "websocket.accept"


async def test_our_own_pages_are_served_whatever_the_scheme() -> None:
    assert (await ask("https://gw1.example", kind="websocket"))[0]["type"] == "websocket.accept"


async def test_a_friends_page_may_read_the_answer_without_cookies() -> None:
    sent = await ask(FRIEND)
    assert allowed(sent) == FRIEND.encode()
    assert b"access-control-allow-credentials" not in dict(sent[0]["headers"])


async def test_a_friends_page_is_told_beforehand_what_it_may_send() -> None:
    sent = await ask(FRIEND, method="OPTIONS")
    assert sent[0]["status"] == 204
    assert b"authorization" in dict(sent[0]["headers"])[b"access-control-allow-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://manager.example.evil.example", ""])
async def test_a_strangers_page_reads_nothing_and_gets_no_websocket(origin: str) -> None:
    assert allowed(await ask(origin)) is None
    assert allowed(await ask(origin, method="OPTIONS")) is None
    assert (await ask(origin, kind="websocket"))[0]["type"] == "websocket.close"
