"""A display's bytes between its viewer and the Agent, which speaks RFB with it: the Gateway does not look at them."""

from __future__ import annotations

from typing import Final

import trio

from conduit.console.messages import Ended
from conduit.console.words import End
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.relay import Pumps, Relay, ended
from conduit.services.gateway.sessions import Face, Session, Sessions
from conduit.services.gateway.traffic import Receive, Send, Traffic
from conduit.tunnel import TunnelStream
from conduit.tunnel.frames import ErrorCode

SEAT: Final = "seat"  # the stream's metadata: which viewer of the console this one is, and whose keyboard it has
CHUNK: Final = 64 << 10  # bytes to a viewer at a time
_LOST: Final = "The connection with the screen is lost. Connecting again."


class DisplayRelay:
    """Connects viewers and screens."""

    def __init__(self, agents: Agents, sessions: Sessions, traffic: Traffic) -> None:
        self._relay = Relay(agents, sessions, traffic, Face.DISPLAY, Pumps(_to_viewer, _to_screen))

    async def run(self, session: Session, receive: Receive, send: Send, seat: str = "") -> Ended | None:
        """Relay until one side ends; what the viewer should be told. RFB itself has no last words.

        :param seat: the viewer of the console, by its number, with which this one shares the keyboard.
        """
        return await self._relay.run(session, receive, send, {SEAT: seat} if seat else None)


async def _to_viewer(stream: TunnelStream, send: Send) -> Ended | None:
    """Until the Agent ends it: in good order where RFB has said why, by a reset when it has lost the screen."""
    try:
        while data := await stream.receive_some(CHUNK):
            await send(data)
    except trio.BrokenResourceError as error:
        return _screen_lost(stream, error)
    return None


async def _to_screen(stream: TunnelStream, receive: Receive) -> Ended | None:
    """Until the viewer leaves."""
    while True:
        try:
            data = await receive()
        except trio.EndOfChannel:
            return None
        try:
            await stream.send_all(data)
        except trio.BrokenResourceError as error:
            return _screen_lost(stream, error)


def _screen_lost(stream: TunnelStream, error: trio.BrokenResourceError) -> Ended:
    """What a viewer is told of a way that broke, whichever direction notices first.

    :raises trio.BrokenResourceError: it is not the screen that was lost.
    """
    if stream.reset_code != ErrorCode.CONNECT_ERROR:
        raise error
    return ended(End.LOST, Face.DISPLAY, _LOST)
