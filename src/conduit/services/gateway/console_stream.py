"""A console's messages between its viewer and the Agent's hub, each as it is."""

from __future__ import annotations

import trio

from conduit.console.messages import MAX_MESSAGE, Ended
from conduit.console.words import End
from conduit.errors import DecodeError
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.relay import LAST_WORDS, Pumps, Relay, ended
from conduit.services.gateway.sessions import Face, Session, Sessions
from conduit.services.gateway.traffic import Receive, Send, Traffic
from conduit.tunnel import TunnelStream
from conduit.tunnel.framing import MessageReader, encode_message


class ConsoleRelay:
    """Connects viewers and hubs."""

    def __init__(self, agents: Agents, sessions: Sessions, traffic: Traffic) -> None:
        self._relay = Relay(agents, sessions, traffic, Face.CONSOLE, Pumps(_to_viewer, _to_hub))

    async def run(self, session: Session, receive: Receive, send: Send) -> None:
        """Relay until one side ends. The viewer is told why, unless it left, or the hub has told it."""
        last = await self._relay.run(session, receive, send)
        if last is not None:
            with trio.move_on_after(LAST_WORDS, shield=True):
                await send(last.encode())


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
