"""What an Agent does with the streams that a Gateway opens: calls to brokers, viewers of consoles and displays."""

from __future__ import annotations

from functools import partial
from typing import Final

from conduit.console.messages import MAX_MESSAGE, Ended
from conduit.console.words import End
from conduit.errors import CallError
from conduit.rfb.sides import turn_away
from conduit.services.agent.broker_metrics import BrokerMetrics
from conduit.services.agent.display_calls import display_methods, find_display
from conduit.services.agent.operations import TENANT, served_methods
from conduit.services.agent.servers import Servers
from conduit.services.agent.viewer_stream import ViewerStream
from conduit.tunnel import Tunnel, TunnelStream, serve_streams, serving_calls
from conduit.tunnel.calls import KIND as CALL
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.serving import StreamHandler

CONSOLE: Final = "console"
DISPLAY: Final = "display"
MAX_STREAMS: Final = 2048


async def serve_tunnel(servers: Servers, metrics: BrokerMetrics, tunnel: Tunnel) -> None:
    """Until the tunnel ends."""
    methods = {**served_methods(servers.brokers, metrics), **display_methods(servers.displays)}
    handlers: dict[str, StreamHandler] = {
        CALL: serving_calls(methods),
        CONSOLE: partial(_serve_console, servers),
        DISPLAY: partial(_serve_display, servers),
    }
    await serve_streams(tunnel, handlers, max_handlers=MAX_STREAMS)


async def _serve_console(servers: Servers, stream: TunnelStream) -> None:
    server = servers.by_id.get(stream.metadata.get("server", ""))
    if server is None or server.hub is None:
        await _say_that_there_is_none(stream)
        return
    await server.hub.attach(
        stream,
        viewer_name=stream.metadata.get("user", ""),
        mode=stream.metadata.get("mode", "read"),
        may_take=stream.metadata.get("take") == "yes",
        tenant=stream.metadata.get(TENANT),
    )


async def _say_that_there_is_none(stream: TunnelStream) -> None:
    """To a viewer, which need not try again."""
    last = Ended(reason=End.DENIED, text="this server has no console here", retry=False)
    await ViewerStream(stream, MAX_MESSAGE).send([last.encode()])


async def _serve_display(servers: Servers, stream: TunnelStream) -> None:
    metadata = stream.metadata
    try:
        display = find_display(servers.displays, metadata)
    except CallError as error:
        await turn_away(stream, error.message)
        return
    await display.attach(
        stream,
        user=metadata.get("user", ""),
        mode=metadata.get("mode", "read"),
        may_take=metadata.get("take") == "yes",
        seat=metadata.get("seat", ""),
        tenant=metadata.get(TENANT),
        hang_up=partial(stream.reset, ErrorCode.CONNECT_ERROR),
    )
