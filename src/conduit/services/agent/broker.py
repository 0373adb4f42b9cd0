"""The one owner of a BMC inside the Agent.

BMCs are slow, fragile and short of sessions. So there is one session, opened when it is needed and closed when it is
idle; one operation at a time, tenants in turn; and a BMC that fails is left alone for a while::

    async with open_broker(server) as broker:
        power = await broker.read(caller, "power", read_power)
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import trio

from conduit._trio import open_background_nursery
from conduit.errors import AuthenticationError, CallError, ConduitError
from conduit.ipmi import Bmc, Interface
from conduit.ipmi.console import Console
from conduit.rmcp.command import Body, Command
from conduit.rmcp.endpoint import Endpoint, open_endpoint
from conduit.services.agent.broker_cache import Cache, Observed
from conduit.services.agent.broker_endpoints import ServerEndpoints
from conduit.services.agent.broker_failures import UNREACHED, PausedError, call_error
from conduit.services.agent.broker_health import BrokerSnapshot, Fallback
from conduit.services.agent.broker_link import Link, NotOpenedError
from conduit.services.agent.broker_queue import BACKGROUND
from conduit.services.agent.broker_records import KnownRecords
from conduit.services.agent.broker_repeats import Repeats
from conduit.services.agent.broker_turns import Turns
from conduit.services.clock import Clock, system_clock
from conduit.tunnel.call_frames import Code

T = TypeVar("T")
BodyT = TypeVar("BodyT", bound=Body)
logger = logging.getLogger(__name__)

NOBODY: Final = ""  # the tenant of what the Agent does by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who wants something of a BMC."""

    customer: str = NOBODY
    "Whose turn it takes."
    user: str = ""
    request: str = ""
    "For the log."


AGENT: Final = Caller()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[T]):
    """What came of an operation."""

    value: T
    protocol: str
    "``ipmi-2.0`` or ``ipmi-1.5``."


class Broker:
    """Made by :func:`open_broker`."""

    def __init__(self, server: ServerEndpoints, links: Sequence[Link], nursery: trio.Nursery, clock: Clock) -> None:
        limits = server.limits
        self._links = links
        self._turns = Turns(per_tenant=limits.waiting_per_tenant, in_all=limits.waiting)
        self._cache = Cache()
        self._ordinals = itertools.count()
        self._active: Link | None = None
        self._fallback: Fallback | None = None
        self._consoles = 0
        self._lost = False  # the last that was tried reached nothing
        self._back = trio.lowlevel.ParkingLot()
        self.records = KnownRecords()
        self.server = server
        self.clock = clock
        self.repeats: Repeats[bytes] = Repeats(nursery)
        "Answers by idempotency key."
        self.power_commands = 0
        "Sent so far."

    async def run(self, caller: Caller, work: Callable[[Bmc], Awaitable[T]], *, exempt: bool = False) -> Done[T]:
        """Do *work* when it is *caller*'s turn, with the best endpoint that works.

        :param work: may be done twice where it raises one of :data:`UNREACHED`.
        :param exempt: it is part of an operation that was let in, so no limit of the queue stops it.
        :raises CallError: it failed, and why.
        """
        try:
            async with self._turns.turn(caller.customer, exempt=exempt):
                return await self._with_best(work)
        except ConduitError as error:
            raise call_error(error) from error

    async def read(
        self,
        caller: Caller,
        kind: str,
        work: Callable[[Bmc], Awaitable[T]],
        *,
        max_age: float = 0.0,
        exempt: bool = False,
    ) -> Observed[T]:
        """What *work* reads, or has read no longer than *max_age* seconds ago.

        Who asks while others wait for the same gets the same answer, which is no older than the question.

        :raises CallError: it failed, and why.
        """
        after = next(self._ordinals)
        since = trio.current_time() - max_age if max_age > 0 else math.inf
        found = self._cache.get(kind, after=after, since=since)
        if found is not None:
            await trio.lowlevel.checkpoint()
            return found
        try:
            async with self._turns.turn(caller.customer, exempt=exempt):
                found = self._cache.get(kind, after=after, since=since)
                return found or await self._read(kind, work)
        except ConduitError as error:
            raise call_error(error) from error

    async def _read(self, kind: str, work: Callable[[Bmc], Awaitable[T]]) -> Observed[T]:
        asked_at, ordinal = trio.current_time(), next(self._ordinals)
        done = await self._with_best(work)
        found = Observed(value=done.value, at=self.clock(), asked_at=asked_at, ordinal=ordinal, protocol=done.protocol)
        self._cache.put(kind, found)
        return found

    async def ask(self, command: Command[BodyT]) -> BodyT:
        """One request for the Agent's own sake: when nobody else waits, and no longer than a request takes.

        :raises ConduitError: as ``Bmc.request``, or for a log-in.
        """

        async def work(bmc: Bmc) -> BodyT:
            started = trio.current_time()
            answer = await bmc.request(command)
            self.answered(bmc, trio.current_time() - started)
            return answer

        async with self._turns.turn(BACKGROUND):
            try:
                return (await self._with_best(work)).value
            except NotOpenedError as error:
                raise error.error from error

    async def wait_back(self) -> None:
        """Return when the BMC answers again after something did not reach it."""
        await self._back.park()

    def forget(self) -> None:
        """What was read may not be so any more: power was switched."""
        self._cache.forget()

    def answered(self, bmc: Bmc, seconds: float) -> None:
        """One request in this session took so long."""
        for link in self._links:
            if link.uses(bmc):
                link.health.answered(seconds)

    async def _with_best(self, work: Callable[[Bmc], Awaitable[T]]) -> Done[T]:
        link, value = await self._first(self._links, lambda link: link.run(work), note=True)
        return Done(value=value, protocol=link.protocol)

    async def _first(
        self, links: Sequence[Link], attempt: Callable[[Link], Awaitable[T]], *, note: bool = False
    ) -> tuple[Link, T]:
        """Try the endpoints in their order; a wrong password is no reason to try the next.

        :param note: record which it was.
        """
        failure: ConduitError | None = None
        for link in links:
            try:
                value = await attempt(link)
            except NotOpenedError as error:
                failure = failure or error.error
                if not _may_be_other_elsewhere(error.error):
                    break
            except UNREACHED as error:
                failure = failure or error
            else:
                if note:
                    self._note_choice(link, failure)
                if self._lost:
                    self._lost = False
                    self._back.unpark_all()
                return link, value
        self._lost = True
        raise failure or AssertionError("a server has endpoints")

    def _note_choice(self, link: Link, failure: ConduitError | None) -> None:
        """Record a fallback, and its end."""
        self._active = link
        preferred = self._links[0]
        if failure is None:  # so it is the first
            self._fallback = None
        elif self._fallback is None or self._fallback.chosen != link.name:
            reason = call_error(failure).message
            self._fallback = Fallback(chosen=link.name, instead_of=preferred.name, since=self.clock(), reason=reason)
            logger.warning("%s: %s instead of %s: %s", self.server.server_id, link.name, preferred.name, reason)

    @asynccontextmanager
    async def open_console(self, *, steal: bool = False) -> AsyncIterator[Console]:
        """The serial console, for as long as the block runs; in the commands' session or, if so configured, its own.

        :param steal: take it from who has it.
        :raises CompletionCodeError: the BMC says no; 80h: somebody else has it.
        :raises ConduitError: as for a log-in; CallError where the BMC is left alone, or has no console.
        """
        links = [link for link in self._links if link.endpoint.interface is not Interface.LAN]
        if not links or not self.server.has_console:
            raise CallError(Code.FAILED_PRECONDITION, "this BMC has no serial console that the Agent can reach")
        async with AsyncExitStack() as stack:
            async with self._turns.turn(NOBODY, exempt=True):
                share = self.server.share_session
                link, bmc = await self._first(links, Link.pin if share else Link.open_apart)
                stack.push_async_callback(link.unpin if share else _close, bmc)
                if bmc.session.interface is Interface.LAN:
                    raise CallError(Code.FAILED_PRECONDITION, "this BMC speaks IPMI 1.5 only, which has no console")
                console = await stack.enter_async_context(bmc.console(steal=steal))
            self._consoles += 1
            stack.callback(self._console_closed)
            yield console

    def _console_closed(self) -> None:
        self._consoles -= 1

    def snapshot(self) -> BrokerSnapshot:
        """How the BMC and its endpoints are."""
        return BrokerSnapshot(
            server_id=self.server.server_id,
            endpoints=tuple(link.snapshot() for link in self._links),
            active="" if self._active is None else self._active.name,
            fallback=self._fallback,
            waiting=len(self._turns),
            busy=self._turns.taken,
            consoles=self._consoles,
        )

    async def close_idle(self) -> None:
        """Close sessions that nobody uses, for ever."""
        idle = self.server.limits.idle_close
        while True:
            due = [link.used_at + idle for link in self._links if link.connected and not link.pins]
            await trio.sleep_until(min(due, default=trio.current_time() + idle))
            if not due:
                continue
            async with self._turns.turn(NOBODY, exempt=True):
                for link in self._links:
                    if not link.pins and link.used_at + idle <= trio.current_time():
                        await link.close()


async def _close(bmc: Bmc) -> None:
    await bmc.aclose()


def _may_be_other_elsewhere(error: ConduitError) -> bool:
    """Whether another endpoint is worth a try: not after a refused password, which anybody on the way could forge to
    have us use a weaker protocol.
    """
    return not (isinstance(error, AuthenticationError) or (isinstance(error, PausedError) and error.grave))


@asynccontextmanager
async def open_broker(
    server: ServerEndpoints, *, udp: Endpoint | None = None, clock: Clock = system_clock
) -> AsyncIterator[Broker]:
    """The owner of *server*'s BMC, for as long as the block runs. Nothing is sent before the first operation.

    :param udp: UDP sockets shared with other brokers; an Agent has one for all.
    """
    if udp is None:
        async with open_endpoint() as own, open_broker(server, udp=own, clock=clock) as broker:
            yield broker
        return
    links = [Link(server.server_id, one, udp, clock, server.limits) for one in server.control]
    try:
        async with open_background_nursery() as nursery:
            broker = Broker(server, links, nursery, clock)
            nursery.start_soon(broker.close_idle)
            yield broker
    finally:  # after the nursery: cancelled inside it, this would hide what the block raised
        for link in links:
            await link.close()
