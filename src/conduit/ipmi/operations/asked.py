"""What operations need of a BMC that others may stand in front of."""

from __future__ import annotations

from typing import Protocol, TypeVar

from conduit.rmcp.command import Body, Command

BodyT = TypeVar("BodyT", bound=Body)


class Asked(Protocol):
    """A BMC, or whoever asks one in a way of its own: each request in a turn, say."""

    async def request(self, command: Command[BodyT], /) -> BodyT:
        """As ``Bmc.request``."""
        ...
