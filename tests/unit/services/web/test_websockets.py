"""WebSockets whose clients leave: what they said before is handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from quart import websocket
from quart_trio import QuartTrio
from trio.testing import MockClock

from conduit.services.web.websockets import GRACE, OrderlyWebSocket

Handler = Callable[[], Awaitable[None]]
LEFT = {"type": "websocket.disconnect", "code": 1001}


async def connect(handler: Handler, *events: dict[str, Any]) -> float:
    """A client that sends these at once; how many seconds it takes until all is over."""
    app = QuartTrio(__name__, static_folder=None)
    app.asgi_websocket_class = OrderlyWebSocket
    app.websocket("/")(handler)
    sends, receives = trio.open_memory_channel[dict[str, Any]](100)
    for event in ({"type": "websocket.connect"}, *events):
        sends.send_nowait(event)

    async def send(_: Any) -> None:
        await trio.lowlevel.checkpoint()

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"gw1.example")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": [],
        "extensions": {},
    }
    started = trio.current_time()
    await app(scope, receives.receive, send)  # type: ignore[arg-type]  # messages as a server has them
    return trio.current_time() - started


def said(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data, "text": None}


async def test_what_was_sent_before_leaving_is_handled_to_the_last_word(autojump_clock: MockClock) -> None:
    heard: list[bytes | str] = []

    async def handler() -> None:
        await websocket.accept()
        try:
            while True:
                heard.append(await websocket.receive())
                await trio.sleep(0.1)
        except trio.EndOfChannel:
            heard.append("the end")

    seconds = await connect(handler, *(said(bytes((number,))) for number in range(8)), said(b""), LEFT)
    assert heard == [*(bytes((number,)) for number in range(8)), b"", "the end"]
    assert seconds < GRACE


async def test_a_handler_that_was_told_and_does_not_end_is_ended(autojump_clock: MockClock) -> None:
    async def handler() -> None:
        await websocket.accept()
        with suppress(trio.EndOfChannel):
            await websocket.receive()
        await trio.sleep_forever()

    assert await connect(handler, LEFT) == GRACE


async def test_who_asks_again_is_told_again_and_gets_no_more_time(autojump_clock: MockClock) -> None:
    async def handler() -> None:
        await websocket.accept()
        while True:
            with suppress(trio.EndOfChannel):
                await websocket.receive()
            await trio.sleep(1)

    assert await connect(handler, *[LEFT] * 10) == GRACE


async def test_a_handler_that_ends_first_ends_it_all(autojump_clock: MockClock) -> None:
    async def handler() -> None:
        await websocket.accept()

    assert await connect(handler) == 0


async def test_text_is_text(autojump_clock: MockClock) -> None:
    async def handler() -> None:
        await websocket.accept()
        assert await websocket.receive() == "words"

    assert await connect(handler, {"type": "websocket.receive", "bytes": None, "text": "words"}, LEFT) < GRACE
