"""A viewer's stream: console messages between its WebSocket and the Agent's hub, each way as they are."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import CallError, DecodeError
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.consoles import Consoles, ConsoleSession
from conduit.services.gateway.operations import metadata_of
from conduit.tunnel import TunnelStream
from conduit.tunnel.framing import MessageReader, encode_message

KIND: Final = "console"
MAX_FROM_VIEWER: Final = 64 << 10  # bytes of one message
MAX_FROM_HUB: Final = 1 << 20  # bytes of one message
_ENDED: Final = 0x49
_WORDS: Final = {
    "closed": "This session was closed.",
    "expired": "This session has expired. Open the console again.",
    "revoked": "Your access to this server has ended.",
    "drain": "The Gateway is being restarted. Connecting again.",
    "lost": "The connection with the datacenter is lost. Connecting again.",
}
_RETRY: Final = frozenset({"drain", "lost"})
Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]
"The next message; raises trio.EndOfChannel when the viewer has gone."


class ConsoleRelay:
    """Connects viewers and hubs."""

    def __init__(self, agents: Agents, consoles: Consoles) -> None:
        self._agents = agents
        self._consoles = consoles

    async def run(self, session: ConsoleSession, receive: Receive, send: Send) -> None:
        """Relay until one side ends; the viewer is told why."""
        reason, text = "lost", ""
        with self._consoles.viewing(session) as scope:
            try:
                await self._relay(session, receive, send)
            except CallError as error:
                text = error.message
            except (trio.BrokenResourceError, trio.ClosedResourceError, DecodeError):
                pass
            reason = "lost"
        if scope.cancelled_caught:
            reason = session.ended_because or "closed"
        with trio.move_on_after(1, shield=True):
            await send(ended(reason, text))

    async def _relay(self, session: ConsoleSession, receive: Receive, send: Send) -> None:
        tunnel = self._agents.tunnel_to(session.grant.context.agent_id)
        metadata = {**metadata_of(session.grant), "mode": "read" if session.read_only else "write"}
        stream = await tunnel.open_stream(KIND, metadata)
        async with stream, open_background_nursery() as nursery:
            nursery.start_soon(_to_viewer, stream, send, nursery.cancel_scope)
            await _to_hub(stream, receive)
            nursery.cancel_scope.cancel()


def ended(reason: str, text: str = "") -> bytes:
    """The last message to a viewer."""
    body = {"reason": reason, "text": text or _WORDS.get(reason, reason), "retry": reason in _RETRY}
    return bytes([_ENDED]) + json.dumps(body).encode()


async def _to_viewer(stream: TunnelStream, send: Send, scope: trio.CancelScope) -> None:
    reader = MessageReader(MAX_FROM_HUB)
    while data := await stream.receive_some():
        for message in reader.receive(data):
            await send(message)
    scope.cancel()


async def _to_hub(stream: TunnelStream, receive: Receive) -> None:
    while True:
        try:
            message = await receive()
        except trio.EndOfChannel:
            return
        if len(message) > MAX_FROM_VIEWER:
            raise DecodeError("a console message is too long", offset=0)
        await stream.send_all(encode_message(message))
