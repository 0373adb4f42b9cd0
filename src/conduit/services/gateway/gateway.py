"""The Gateway's parts, put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import trio

from conduit._trio import open_foreground_nursery
from conduit.errors import CallError
from conduit.services.clock import Clock, system_clock
from conduit.services.gateway.access import Access, Grant
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.console_stream import ConsoleRelay
from conduit.services.gateway.display_stream import DisplayRelay
from conduit.services.gateway.manager_link import ManagerLink
from conduit.services.gateway.operations import Operations
from conduit.services.gateway.sessions import Session, Sessions
from conduit.services.gateway.traffic import Traffic
from conduit.tunnel.call_frames import Code

SWEEP: Final = 1.0  # seconds between looks at what has expired or is revoked


class Gateway:
    """Everything that its APIs need.

    :param public_url: where clients reach it, such as ``https://gw1.example``; what it listens on is nobody's business.
    """

    def __init__(
        self,
        public_url: str,
        link: ManagerLink,
        access: Access,
        agents: Agents,
        clock: Clock = system_clock,
        *,
        origins: Iterable[str] = (),
        pages_url: str = "",
    ) -> None:
        self.public_url = public_url.rstrip("/")
        self.pages_url = (pages_url or public_url).rstrip("/")
        "Where the web pages are."
        self.origins = frozenset(origins)
        "Of sites whose pages may talk to us."
        self.clock = clock
        self.access = access
        self.agents = agents
        self.operations = Operations(agents)
        self.sessions = Sessions(access, clock)
        self.traffic = Traffic()
        self.relay = ConsoleRelay(agents, self.sessions, self.traffic)
        self.displays = DisplayRelay(agents, self.sessions, self.traffic)
        self._link = link
        self._streams: trio.Nursery | None = None

    def stream_url(self, session: Session) -> str:
        """The session's WebSocket."""
        return f"ws{self.public_url.removeprefix('http')}/api/v1/{session.face}s/{session.id}/stream"

    def page_url(self, session: Session) -> str:
        """The web page that shows it."""
        return f"{self.pages_url}/{session.face}/{session.server_id}{'?mode=read' if session.read_only else ''}"

    async def check_keys(self) -> str:
        """What tokens are judged by, in words.

        :raises CallError: UNAVAILABLE: nobody's token can be verified.
        """
        return self._link.check()

    async def grant(self, token: str) -> Grant:
        """What a token allows; one that is signed with a new key makes us ask for the keys.

        :raises CallError: UNAUTHENTICATED; UNAVAILABLE: it cannot be verified now.
        """
        self._link.check()
        if not self.access.knows_key_of(token):
            await self._link.fetch_keys()
        return self.access.grant(token)

    async def keep_order(self) -> None:
        """End what has expired or is revoked, and own the streams, for ever."""
        async with open_foreground_nursery() as self._streams:
            while True:
                await trio.sleep(SWEEP)
                self.sessions.sweep()
                self.agents.sweep(self.access.certificate_revoked)

    @property
    def streams(self) -> trio.Nursery:
        """Where streams run that no task of a request may own.

        :raises CallError: UNAVAILABLE: the Gateway has not begun.
        """
        if self._streams is None:
            raise CallError(Code.UNAVAILABLE, "the Gateway has not begun yet")
        return self._streams
