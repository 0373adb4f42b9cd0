"""One operation at a time: tasks wait for their turn in a fair queue, and leave it when they are cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from conduit.services.agent.broker_queue import FairQueue


class Turns:
    """Hands out the turn.

    :param per_tenant: and *in_all*: as for :class:`FairQueue`.
    """

    def __init__(self, *, per_tenant: int, in_all: int) -> None:
        self._queue: FairQueue[trio.Event] = FairQueue(per_tenant=per_tenant, in_all=in_all)
        self._taken = False

    @property
    def taken(self) -> bool:
        """Whether somebody has the turn."""
        return self._taken

    def __len__(self) -> int:
        """How many wait for it."""
        return len(self._queue)

    @asynccontextmanager
    async def turn(self, tenant: str, *, exempt: bool = False) -> AsyncIterator[None]:
        """Wait for the turn, have it, pass it on.

        :param exempt: see :meth:`FairQueue.put`.
        :raises QueueFullError: too many wait already.
        """
        await self.take(tenant, exempt=exempt)
        try:
            yield
        finally:
            self.release()

    async def take(self, tenant: str, *, exempt: bool = False) -> None:
        """Wait for the turn; :meth:`release` must follow. :raises: as :meth:`turn`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._taken:
            self._taken = True
            return
        ticket = trio.Event()
        self._queue.put(ticket, tenant, exempt=exempt)
        try:
            await ticket.wait()
        except trio.Cancelled:
            if ticket.is_set():  # it came in the moment we left
                self.release()
            else:
                self._queue.remove(ticket, tenant)
            raise

    def release(self) -> None:
        """Pass the turn to whoever is next."""
        ticket = self._queue.take()
        if ticket is None:
            self._taken = False
        else:
            ticket.set()
