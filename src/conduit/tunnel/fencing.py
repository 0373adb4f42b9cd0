"""One live tunnel for each identity: of two that claim to be the same Agent only the younger is heard."""

from __future__ import annotations

from typing import Final, Protocol

from conduit.errors import TunnelRefused
from conduit.tunnel.control import Hello

FENCED: Final = "fenced by a newer session"
TOO_OLD: Final = "a newer session of the same Agent is connected"


class Seated(Protocol):
    """What is fenced: a tunnel."""

    identity: str
    hello: Hello

    def end(self, reason: str) -> None:
        """End it now."""
        ...

    async def wait_closed(self) -> None:
        """Return when it has ended."""
        ...


class Seats:
    """Who is here. A certificate without an identity is nobody's, and has no seat."""

    def __init__(self) -> None:
        self._taken: dict[str, Seated] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def check(self, tunnel: Seated) -> None:
        """:raises TunnelRefused: one of a higher generation has the seat."""
        holder = self._taken.get(tunnel.identity)
        if holder is not None and holder.hello.generation > tunnel.hello.generation:
            raise TunnelRefused(TOO_OLD)

    async def take(self, tunnel: Seated) -> None:
        """Give *tunnel* the seat of its identity, when whoever had it has ended.

        :raises TunnelRefused: one of a higher generation has it.
        """
        if not tunnel.identity:
            return
        while (holder := self._taken.get(tunnel.identity)) is not None:
            self.check(tunnel)
            holder.end(FENCED)
            await holder.wait_closed()
            if self._taken.get(tunnel.identity) is holder:
                del self._taken[tunnel.identity]
        self._taken[tunnel.identity] = tunnel

    def leave(self, tunnel: Seated) -> None:
        """*tunnel* has ended."""
        if self._taken.get(tunnel.identity) is tunnel:
            del self._taken[tunnel.identity]
