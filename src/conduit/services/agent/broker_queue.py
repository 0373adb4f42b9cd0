"""Whose turn it is: tenants take turns, however many operations one of them has waiting. No clock, no tasks."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final, Generic, TypeVar

from conduit.errors import ConduitError

TicketT = TypeVar("TicketT")
NO_TENANT: Final = ""
BACKGROUND: Final = "\0background"
"A tenant who is no customer: its tickets come when nobody else waits."


class QueueFullError(ConduitError):
    """Too many wait already.

    :param own: whether they are the tenant's own.
    """

    def __init__(self, *, own: bool) -> None:
        whose = "of yours wait" if own else "wait"
        super().__init__(f"too many operations {whose} for this BMC; try again when some are done")
        self.own = own


class FairQueue(Generic[TicketT]):
    """Round robin between tenants, first come first served within one.

    :param per_tenant: tickets of one tenant that may wait.
    :param in_all: tickets that may wait.
    """

    def __init__(self, *, per_tenant: int, in_all: int) -> None:
        self._per_tenant = per_tenant
        self._in_all = in_all
        self._waiting: OrderedDict[str, deque[TicketT]] = OrderedDict()  # the tenant whose turn is next comes first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def waiting(self, tenant: str) -> int:
        """How many of *tenant* wait."""
        return len(self._waiting.get(tenant, ()))

    def put(self, ticket: TicketT, tenant: str, *, exempt: bool = False) -> None:
        """Queue up.

        :param exempt: part of an operation that was let in already, which no limit may break.
        :raises QueueFullError: there is no room.
        """
        own = self._waiting.get(tenant)
        if not exempt:
            if own is not None and len(own) >= self._per_tenant:
                raise QueueFullError(own=True)
            if self._count >= self._in_all:
                raise QueueFullError(own=False)
        self._waiting.setdefault(tenant, deque()).append(ticket)
        self._count += 1

    def take(self) -> TicketT | None:
        """The next one's ticket; its tenant goes to the end of the round. None if nobody waits."""
        if not self._waiting:
            return None
        tenant = next((each for each in self._waiting if each != BACKGROUND), BACKGROUND)
        tickets = self._waiting.pop(tenant)
        ticket = tickets.popleft()
        if tickets:
            self._waiting[tenant] = tickets
        self._count -= 1
        return ticket

    def remove(self, ticket: TicketT, tenant: str) -> None:
        """Leave without a turn."""
        tickets = self._waiting[tenant]
        tickets.remove(ticket)
        if not tickets:
            del self._waiting[tenant]
        self._count -= 1
