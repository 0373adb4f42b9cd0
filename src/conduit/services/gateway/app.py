"""The Gateway's HTTP side: RPC, REST, console WebSockets."""

from __future__ import annotations

from typing import Any

import trio
from quart_trio import QuartTrio

from conduit.services.api.gateway.v1.gateway_connect import GatewayService, GatewayServiceASGIApplication
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.gateway_metrics import LiveState
from conduit.services.gateway.rest import rest_service
from conduit.services.gateway.rpc import GatewayRpc
from conduit.services.gateway.streams import add_streams, streams_described
from conduit.services.web.asgi import Application
from conduit.services.web.compression import COMPRESSIONS
from conduit.services.web.fronting import WebSettings, front, interceptors
from conduit.services.web.health import Checks
from conduit.services.web.metrics import WebMetrics
from conduit.services.web.openapi import document
from conduit.services.web.rest import MAX_BODY, add_routes, answer_failures


def create_app(gateway: Gateway, leaving: trio.Event, settings: WebSettings) -> Application:
    """The ASGI application.

    :param leaving: set when the Gateway is about to end.
    """
    rpc = GatewayRpc(gateway)
    rest = QuartTrio(__name__, static_folder=None)
    rest.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    service = rest_service(rpc)
    described = document("Conduit Gateway", [service], streams_described())
    add_routes(rest, service)
    answer_failures(rest)
    add_streams(rest, gateway)

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
