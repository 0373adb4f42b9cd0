"""The Gateway's HTTP side: RPC, REST, console WebSockets."""

from __future__ import annotations

from typing import Any, Final

import trio
from quart import websocket
from quart_trio import QuartTrio

from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_connect import GatewayService, GatewayServiceASGIApplication
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.gateway_metrics import LiveState
from conduit.services.gateway.rest import rest_service
from conduit.services.gateway.rpc import GatewayRpc
from conduit.services.gateway.sessions import Face
from conduit.services.secret import Secret
from conduit.services.web.asgi import Application
from conduit.services.web.compression import COMPRESSIONS
from conduit.services.web.fronting import WebSettings, front, interceptors
from conduit.services.web.health import Checks
from conduit.services.web.metrics import WebMetrics
from conduit.services.web.openapi import document
from conduit.services.web.rest import MAX_BODY, add_routes, answer_failures
from conduit.services.web.websockets import OrderlyWebSocket

PROTOCOL: Final = "conduit.console.1"
RFB_PROTOCOLS: Final = ("binary", "rfb")  # what viewers call it
GOING_AWAY: Final = 1001  # RFC 6455 section 7.4.1
POLICY: Final = 1008
MAX_REASON: Final = 120  # characters: a close frame has room for 123 bytes
_TICKET: Final = "ticket."


def create_app(gateway: Gateway, leaving: trio.Event, settings: WebSettings) -> Application:
    """The ASGI application.

    :param leaving: set when the Gateway is about to end.
    """
    rpc = GatewayRpc(gateway)
    rest = QuartTrio(__name__, static_folder=None)
    rest.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    rest.asgi_websocket_class = OrderlyWebSocket
    service = rest_service(rpc)
    described = document("Conduit Gateway", [service])
    add_routes(rest, service)
    answer_failures(rest)
    _add_consoles(rest, gateway)
    _add_displays(rest, gateway)

    @rest.get("/openapi.json")
    async def openapi() -> dict[str, Any]:
        return described

    metrics = WebMetrics("gateway", [GatewayService.desc()])
    sessions, traffic = gateway.sessions, gateway.traffic
    for each in (sessions.opened, sessions.ended, sessions.lives, traffic.bytes, traffic.messages, traffic.lost):
        metrics.registry.register(each)
    metrics.registry.register(LiveState(gateway.agents, sessions))
    return front(
        metrics,
        rest,
        [GatewayServiceASGIApplication(rpc, interceptors=interceptors(metrics), compressions=COMPRESSIONS)],
        [GatewayService.desc()],
        checks=Checks({"keys": gateway.check_keys}, leaving=leaving),
        origins=lambda: gateway.origins,
        settings=settings,
    )


def _add_consoles(rest: QuartTrio, gateway: Gateway) -> None:
    @rest.websocket("/api/v1/consoles/<session_id>/stream")
    async def console(session_id: str) -> tuple[str, int] | None:
        try:
            session = gateway.sessions.redeem(_ticket(websocket.requested_subprotocols), session_id)
        except CallError as error:
            return error.message, 401
        await websocket.accept(subprotocol=PROTOCOL)
        await gateway.relay.run(session, _receive, websocket.send)
        return None


def _add_displays(rest: QuartTrio, gateway: Gateway) -> None:
    @rest.websocket("/api/v1/displays/<session_id>/stream")
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


def _ticket(protocols: list[str]) -> Secret:
    """Browsers can send a secret with a WebSocket in no other header than this."""
    return Secret(next((each.removeprefix(_TICKET) for each in protocols if each.startswith(_TICKET)), ""))


async def _receive() -> bytes:
    message = await websocket.receive()
    if isinstance(message, str):
        raise trio.EndOfChannel
    return message
