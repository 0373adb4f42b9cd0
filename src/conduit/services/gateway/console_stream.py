"""A viewer's stream: console messages between its WebSocket, or gRPC stream, and the Agent's hub, each as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from conduit._trio import open_background_nursery
from conduit.console.messages import MAX_MESSAGE, Ended
from conduit.console.words import End
from conduit.errors import CallError, ConduitError, DecodeError
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.sessions import Sessions, Session
from conduit.services.gateway.operations import metadata_of
from conduit.tunnel import TunnelStream
from conduit.tunnel.framing import MessageReader, encode_message

logger = structlog.get_logger(__name__)
KIND: Final = "console"
LAST_WORDS: Final = 1.0  # seconds that a viewer has to take them
_TEXTS: Final = {
    End.CLOSED: "This session was closed.",
    End.EXPIRED: "This session has expired. Open the console again.",
    End.REVOKED: "Your access to this server has ended.",
    End.DRAIN: "The Gateway is being restarted. Connecting again.",
    End.LOST: "The connection with the datacenter is lost. Connecting again.",
}
_RETRY: Final = frozenset({End.DRAIN, End.LOST})
Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]
"The next message; raises trio.EndOfChannel when the viewer has gone."


class ConsoleRelay:
    """Connects viewers and hubs."""

    def __init__(self, agents: Agents, sessions: Sessions) -> None:
        self._agents = agents
        self._sessions = sessions

    async def run(self, session: Session, receive: Receive, send: Send) -> None:
        """Relay until one side ends. The viewer is told why, unless it left, or the hub has told it."""
        last: Ended | None = None
        with self._sessions.viewing(session) as scope:
            try:
                last = await self._relay(session, receive, send)
            except CallError as error:
                last = ended(End.LOST, error.message)
            except (ConduitError, trio.BrokenResourceError) as error:
                logger.info("a console's way is lost", server=session.server_id, reason=str(error.__cause__ or error))
                last = ended(End.LOST)
        if scope.cancelled_caught:
            last = ended(session.ended_because)
        if last is not None:
            with trio.move_on_after(LAST_WORDS, shield=True):
                await send(last.encode())

    async def _relay(self, session: Session, receive: Receive, send: Send) -> Ended | None:
        tunnel = self._agents.tunnel_to(session.grant.context.agent_id)
        metadata = {**metadata_of(session.grant), "mode": "read" if session.read_only else "write"}
        if session.may_take:
            metadata["take"] = "yes"
        stream = await tunnel.open_stream(KIND, metadata)
        ways: list[Ended | None] = []
        async with stream, open_background_nursery() as nursery:
            gone = trio.Event()

            async def way(run: Awaitable[Ended | None]) -> None:
                ways.append(await run)
                gone.set()

            nursery.start_soon(way, _to_viewer(stream, send))
            nursery.start_soon(way, _to_hub(stream, receive))
            await gone.wait()
        return ways[0]


def ended(reason: End, text: str = "") -> Ended:
    """The last message to a viewer."""
    return Ended(reason=reason, text=text or _TEXTS.get(reason, reason.value), retry=reason in _RETRY)


async def _to_viewer(stream: TunnelStream, send: Send) -> Ended | None:
    """Until the hub ends, whose last message told why; a stream that ends without one is lost."""
    reader, last = MessageReader(MAX_MESSAGE), b""
    while data := await stream.receive_some():
        for last in reader.receive(data):
            await send(last)
    return None if last[:1] == bytes((Ended.type_number,)) else ended(End.LOST)


async def _to_hub(stream: TunnelStream, receive: Receive) -> Ended | None:
    """Until the viewer leaves."""
    while True:
        try:
            message = await receive()
        except trio.EndOfChannel:
            return None
        if not 0 < len(message) <= MAX_MESSAGE:
            raise DecodeError("a console message that is empty or too long")
        await stream.send_all(encode_message(message))
