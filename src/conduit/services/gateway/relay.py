"""A viewer's stream: bytes between its WebSocket, or gRPC stream, and its server's Agent, while its session lasts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from conduit._trio import open_background_nursery
from conduit.console.messages import Ended
from conduit.console.words import End
from conduit.errors import CallError, ConduitError
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.operations import metadata_of
from conduit.services.gateway.sessions import Face, Session, Sessions
from conduit.services.gateway.traffic import Receive, Send, Traffic
from conduit.tunnel import TunnelStream

logger = structlog.get_logger(__name__)
LAST_WORDS: Final = 1.0  # seconds that a viewer has to take them
_TEXTS: Final = {
    End.CLOSED: "This session was closed.",
    End.EXPIRED: "This session has expired. Open the {face} again.",
    End.REVOKED: "Your access to this server has ended.",
    End.DRAIN: "The Gateway is being restarted. Connecting again.",
    End.LOST: "The connection with the datacenter is lost. Connecting again.",
}
_RETRY: Final = frozenset({End.DRAIN, End.LOST})


@dataclass(frozen=True, slots=True)
class Pumps:
    """How bytes travel; each returns how it ended, or None when the other side knows."""

    to_viewer: Callable[[TunnelStream, Send], Awaitable[Ended | None]]
    to_agent: Callable[[TunnelStream, Receive], Awaitable[Ended | None]]


class Relay:
    """Connects viewers and Agents.

    :param face: what is shown, which is also the kind of the tunnel's streams.
    """

    def __init__(self, agents: Agents, sessions: Sessions, traffic: Traffic, face: Face, pumps: Pumps) -> None:
        self._agents = agents
        self._traffic = traffic
        self._sessions = sessions
        self._face = face
        self._pumps = pumps

    async def run(
        self, session: Session, receive: Receive, send: Send, wishes: Mapping[str, str] | None = None
    ) -> Ended | None:
        """Relay until one side ends; what the viewer is to be told, unless it left or knows.

        :param wishes: of the viewer, for the Agent.
        """
        last: Ended | None = None
        send, receive = self._traffic.count_sent(self._face, send), self._traffic.count_received(self._face, receive)
        with self._sessions.viewing(session) as scope:
            try:
                last = await self._relay(session, receive, send, wishes or {})
            except CallError as error:
                last = ended(End.LOST, self._face, error.message)
            except (ConduitError, trio.BrokenResourceError) as error:
                reason = str(error.__cause__ or error)
                logger.info("the way is lost", face=self._face, server=session.server_id, reason=reason)
                last = ended(End.LOST, self._face)
        if last is not None and last.reason is End.LOST:
            self._traffic.lost.labels(self._face).inc()
        return ended(session.ended_because, self._face) if scope.cancelled_caught else last

    async def _relay(self, session: Session, receive: Receive, send: Send, wishes: Mapping[str, str]) -> Ended | None:
        tunnel = self._agents.tunnel_to(session.grant.context.agent_id)
        metadata = {**wishes, **metadata_of(session.grant), "mode": "read" if session.read_only else "write"}
        if session.may_take:
            metadata["take"] = "yes"
        stream = await tunnel.open_stream(self._face, metadata)
        ways: list[Ended | None] = []
        async with stream, open_background_nursery() as nursery:
            gone = trio.Event()

            async def way(run: Awaitable[Ended | None]) -> None:
                ways.append(await run)
                gone.set()

            nursery.start_soon(way, self._pumps.to_viewer(stream, send))
            nursery.start_soon(way, self._pumps.to_agent(stream, receive))
            await gone.wait()
        return ways[0]


def ended(reason: End, face: Face = Face.CONSOLE, text: str = "") -> Ended:
    """The last words to a viewer."""
    return Ended(reason=reason, text=text or _TEXTS.get(reason, reason.value).format(face=face), retry=reason in _RETRY)
