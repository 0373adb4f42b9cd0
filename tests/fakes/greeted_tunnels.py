"""Two tunnels in memory that have shaken hands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from conduit.tunnel.fencing import Seats
from conduit.tunnel.handshake import Admit, admit_all, greet, welcome
from conduit.tunnel.liveness import Liveness
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.tunnel_pair import Wire, connected_tunnels


@asynccontextmanager
async def greeted_tunnels(
    wire: Wire | None = None, *, admit: Admit = admit_all, registration: bytes = b"", generation: int = 0
) -> AsyncIterator[tuple[Tunnel, Tunnel]]:
    """The Gateway's tunnel and the Agent's."""
    async with connected_tunnels(wire) as (gateway, agent):

        async def welcome_agent() -> None:
            await welcome(gateway, admit=admit, seats=Seats())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(welcome_agent)
            await greet(agent, registration=registration, generation=generation)
        yield gateway, agent


def shorten_liveness(*tunnels: Tunnel, interval: float, dead_after: float) -> None:
    """Before they run."""
    for tunnel in tunnels:
        tunnel.mux.liveness = Liveness(trio.current_time(), interval=interval, dead_after=dead_after)
