"""The Gateway's WebSockets, which a session's ticket opens once: consoles and displays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import trio
from quart import websocket
from quart_trio import QuartTrio

from conduit.errors import CallError
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.sessions import Face
from conduit.services.secret import Secret
from conduit.services.web.openapi import failures
from conduit.services.web.websockets import OrderlyWebSocket
from conduit.tunnel.call_frames import Code

CONSOLE: Final = "/api/v1/consoles/{session_id}/stream"
DISPLAY: Final = "/api/v1/displays/{session_id}/stream"
PROTOCOL: Final = "conduit.console.1"
RFB_PROTOCOLS: Final = ("binary", "rfb")  # what viewers call it
GOING_AWAY: Final = 1001  # RFC 6455 section 7.4.1
POLICY: Final = 1008
MAX_REASON: Final = 120  # characters: a close frame has room for 123 bytes
_TICKET: Final = "ticket."
_NO_WEBSOCKET: Final = "this is a WebSocket; the session's ticket is one of its subprotocols, ticket.TICKET"
_HEADER: Final[Mapping[str, Any]] = {"schema": {"type": "string"}}


def add_streams(rest: QuartTrio, gateway: Gateway) -> None:
    """Serve both; who comes without a WebSocket is told."""
    rest.asgi_websocket_class = OrderlyWebSocket
    _add_consoles(rest, gateway)
    _add_displays(rest, gateway)
    for path in (CONSOLE, DISPLAY):
        rest.get(_route(path), endpoint=f"plain {path}")(_plain)


def streams_described() -> dict[str, Any]:
    """Both, for the OpenAPI document."""
    console = f"The console, as messages of {PROTOCOL}; offer that subprotocol too."
    display = f"The screen, as RFB 3.8 in binary messages; offer {' or '.join(RFB_PROTOCOLS)} too."
    seat = {
        "name": "seat",
        "in": "query",
        "description": "Number of the seat that a viewer had, to have it again.",
        "schema": {"type": "string", "pattern": "^[0-9]*$"},
    }
    return {
        CONSOLE: {"get": _described("StreamConsole", console, [])},
        DISPLAY: {"get": _described("StreamDisplay", display, [seat])},
    }


def _add_consoles(rest: QuartTrio, gateway: Gateway) -> None:
    @rest.websocket(_route(CONSOLE))
    async def console(session_id: str) -> tuple[str, int] | None:
        try:
            session = gateway.sessions.redeem(_ticket(websocket.requested_subprotocols), session_id)
        except CallError as error:
            return error.message, 401
        await websocket.accept(subprotocol=PROTOCOL)
        await gateway.relay.run(session, _receive, websocket.send)
        return None


def _add_displays(rest: QuartTrio, gateway: Gateway) -> None:
    @rest.websocket(_route(DISPLAY))
    async def display(session_id: str) -> tuple[str, int] | None:
        protocols = websocket.requested_subprotocols
        try:
            session = gateway.sessions.redeem(_ticket(protocols), session_id, Face.DISPLAY)
        except CallError as error:
            return error.message, 401
        await websocket.accept(subprotocol=next((each for each in protocols if each in RFB_PROTOCOLS), None))
        seat = websocket.args.get("seat", "")
        last = await gateway.displays.run(session, _receive, websocket.send, seat if seat.isdecimal() else "")
        if last is not None:
            await websocket.close(GOING_AWAY if last.retry else POLICY, last.text[:MAX_REASON])
        return None


async def _plain(session_id: str) -> NoReturn:
    raise CallError(Code.INVALID_ARGUMENT, _NO_WEBSOCKET)


def _ticket(protocols: list[str]) -> Secret:
    """Browsers can send a secret with a WebSocket in no other header than this."""
    return Secret(next((each.removeprefix(_TICKET) for each in protocols if each.startswith(_TICKET)), ""))


async def _receive() -> bytes:
    message = await websocket.receive()
    if isinstance(message, str):
        raise trio.EndOfChannel
    return message


def _route(path: str) -> str:
    """As Quart writes its places."""
    return path.replace("{", "<").replace("}", ">")


def _described(name: str, summary: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    place = {"name": "session_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    opened = {"description": "Switching Protocols.", "headers": {"Sec-WebSocket-Protocol": _HEADER}}
    return {
        "operationId": name,
        "summary": "A WebSocket; its only credential is the subprotocol ticket.TICKET.",
        "description": summary,
        "tags": ["streams"],
        "parameters": [place, *parameters],
        "responses": {"101": opened, **failures()},
        "security": [],
    }
