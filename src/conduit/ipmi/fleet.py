"""Thousands of BMCs at once: one operation over all of them, so many at a time, results as they come.

Errors are values here: each host gives exactly one :class:`Outcome`, whatever happens to it. Sessions go back into a
pool, kept alive, so that the next operation needs no log-in.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, Generic, NamedTuple, TypeVar

import trio

from conduit._trio import open_background_nursery
from conduit.errors import CompletionCodeError, DecodeError, LocalProtocolError, PeerTimeoutError
from conduit.ipmi.client import Bmc, make_credentials
from conduit.ipmi.connection import KEEPALIVE
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.endpoint import Endpoint, open_endpoint
from conduit.rmcp.packets import PORT

CONCURRENCY: Final = 200  # hosts at once
KEEP_SESSIONS: Final = 1000  # idle sessions in the pool
FAREWELL: Final = 3.0  # seconds that closing the whole pool may take

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Host(NamedTuple):
    """One BMC of a fleet."""

    name: str
    "Name, IPv4 or IPv6 address."
    port: int = PORT
    "UDP port."

    def __str__(self) -> str:
        if self.port == PORT:
            return self.name
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Outcome(NamedTuple, Generic[T]):
    """What came of one host."""

    host: Host
    value: T | None
    "What the operation returned; None if it failed."
    error: Exception | None
    "Why it failed; None if it did not. Anything but a ConduitError is a fault of the operation itself."
    seconds: float
    "How long it took, log-in included."

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None

    def unwrap(self) -> T:
        """The value. :raises Exception: the error, if there is one."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # None only where T may be None


Credential = Credentials | Callable[[Host], Credentials]
"The same for every host, or looked up for each."


class Outcomes(Generic[T]):
    """The outcomes of one run, in the order in which they come: ``async for outcome in fleet.run(...)``.

    Who stops listening stops the run: no more than the fleet's concurrency are finished ahead. To end it at once,
    call :meth:`aclose` (``contextlib.aclosing``), or close the fleet.
    """

    def __init__(self, receive: trio.MemoryReceiveChannel[Outcome[T]], scope: trio.CancelScope, total: int) -> None:
        self._receive = receive
        self._scope = scope
        self.total = total
        "How many there will be."

    def __aiter__(self) -> AsyncIterator[Outcome[T]]:
        return self

    async def __anext__(self) -> Outcome[T]:
        """The next one."""
        try:
            return await self._receive.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """End the run: what is under way is cancelled, and its outcomes are lost."""
        self._scope.cancel()
        self._receive.close()
        await trio.lowlevel.checkpoint()


class Fleet:
    """Many BMCs; made by :func:`open_fleet`. Runs may overlap; they share the pool of sessions."""

    def __init__(
        self,
        nursery: trio.Nursery,
        endpoint: Endpoint,
        hosts: tuple[Host, ...],
        credentials: Credential,
        *,
        concurrency: int,
        keep_sessions: int,
        keepalive: float | None,
    ) -> None:
        self._nursery = nursery
        self._credentials = credentials
        self._concurrency = concurrency
        self._keep = keep_sessions
        self._keepalive = keepalive
        self._pool: OrderedDict[Host, Bmc] = OrderedDict()  # idle sessions, least recently used first
        self.endpoint = endpoint
        "The UDP socket of all sessions."
        self.hosts = hosts
        "All of them, in order, each once."
        self.log_ins = 0
        "Sessions opened so far."

    @property
    def idle_sessions(self) -> int:
        """Open sessions that wait in the pool."""
        return len(self._pool)

    def run(self, operation: Callable[[Bmc], Awaitable[T]], *, deadline: float | None = None) -> Outcomes[T]:
        """Start *operation* on every host, with a session each.

        Hosts whose session is in the pool come first.

        :param deadline: seconds for each host, log-in included; None leaves it to the retry policy.
        """

        async def with_session(host: Host) -> T:
            return await self._with_session(host, operation)

        pooled_first = sorted(self.hosts, key=lambda host: host not in self._pool) if self._pool else self.hosts
        return self.each(with_session, deadline=deadline, hosts=tuple(pooled_first))

    def each(
        self,
        work: Callable[[Host], Awaitable[T]],
        *,
        deadline: float | None = None,
        hosts: tuple[Host, ...] | None = None,
    ) -> Outcomes[T]:
        """Start *work*, which needs no session, for every host.

        :param deadline: as for :meth:`run`.
        :param hosts: others than the fleet's.
        """
        if deadline is not None and not deadline > 0:
            raise LocalProtocolError(f"a deadline is more than 0 seconds away, not {deadline}")
        wanted = self.hosts if hosts is None else hosts
        send, receive = trio.open_memory_channel[Outcome[T]](self._concurrency)
        scope = trio.CancelScope()
        self._nursery.start_soon(self._run, scope, wanted, work, deadline, send)
        return Outcomes(receive, scope, len(wanted))

    async def _run(
        self,
        scope: trio.CancelScope,
        hosts: tuple[Host, ...],
        work: Callable[[Host], Awaitable[T]],
        deadline: float | None,
        send: trio.MemorySendChannel[Outcome[T]],
    ) -> None:
        """The workers of one run."""
        waiting = iter(hosts)
        with scope, send:
            async with trio.open_nursery() as nursery:
                for _ in range(min(self._concurrency, len(hosts))):
                    nursery.start_soon(self._work, waiting, work, deadline, send)

    async def _work(
        self,
        waiting: Iterator[Host],
        work: Callable[[Host], Awaitable[T]],
        deadline: float | None,
        send: trio.MemorySendChannel[Outcome[T]],
    ) -> None:
        """One of the workers, who share the list of those that wait."""
        for host in waiting:
            outcome = await _attempt(host, work, deadline)
            try:
                await send.send(outcome)
            except trio.BrokenResourceError:  # nobody listens any more
                return

    # --- the pool ---

    async def _with_session(self, host: Host, operation: Callable[[Bmc], Awaitable[T]]) -> T:
        bmc = self._pool.pop(host, None) or await self._log_in(host)
        usable = False
        try:
            result = await operation(bmc)
        except (CompletionCodeError, DecodeError):
            usable = True  # the BMC has answered: the session is as good as before
            raise
        except trio.Cancelled:
            other = self._put_back(host, bmc)  # no time to close it now; the pool's end will
            if other is not None:
                self._nursery.start_soon(other.aclose)
            raise
        else:
            usable = True
            return result
        finally:
            await self._release(host, bmc, usable=usable)

    async def _log_in(self, host: Host) -> Bmc:
        credentials = self._credentials if isinstance(self._credentials, Credentials) else self._credentials(host)
        bmc = Bmc(self.endpoint, host, credentials, self._keepalive, 1)
        await bmc.log_in()
        self.log_ins += 1
        return bmc

    async def _release(self, host: Host, bmc: Bmc, *, usable: bool) -> None:
        """A session that is done with: into the pool, or closed."""
        if self._pool.get(host) is bmc:
            return
        if usable and self._keep:
            other = self._put_back(host, bmc)
            if other is not None:
                await other.aclose()
            while len(self._pool) > self._keep:
                _, oldest = self._pool.popitem(last=False)
                await oldest.aclose()
        else:
            await bmc.aclose()

    def _put_back(self, host: Host, bmc: Bmc) -> Bmc | None:
        """Into the pool; returns the session of an overlapping run that was there before."""
        other = self._pool.pop(host, None)
        self._pool[host] = bmc
        return other

    async def close_idle(self) -> None:
        """Close every session in the pool, for :data:`FAREWELL` seconds at most; BMCs forget the rest themselves."""
        until = trio.current_time() + FAREWELL

        async def close_some() -> None:
            while self._pool and trio.current_time() < until:
                _, bmc = self._pool.popitem()
                await bmc.aclose()

        async with trio.open_nursery() as nursery:
            for _ in range(min(self._concurrency, len(self._pool))):
                nursery.start_soon(close_some)
        if self._pool:
            logger.warning("%d sessions were left for their BMCs to forget", len(self._pool))
            self._pool.clear()


async def _attempt(host: Host, work: Callable[[Host], Awaitable[T]], deadline: float | None) -> Outcome[T]:
    """One host's outcome, whatever it is."""
    started = trio.current_time()
    value: T | None = None
    error: Exception | None = None
    try:
        if deadline is None:
            value = await work(host)
        else:
            with trio.move_on_after(deadline) as scope:
                value = await work(host)
            if scope.cancelled_caught:
                error = PeerTimeoutError(f"not done within {deadline:g} s")
    except Exception as failure:  # noqa: BLE001  # a fault of one host is its outcome, and stops no other
        error = failure
    return Outcome(host, value, error, trio.current_time() - started)


def _host(entry: str | tuple[str, int], port: int) -> Host:
    host = Host(entry, port) if isinstance(entry, str) else Host(*entry)
    if host.port not in range(1, 65_536):
        raise LocalProtocolError(f"there is no port {host.port}")
    return host


@asynccontextmanager
async def open_fleet(
    hosts: Iterable[str | tuple[str, int]],
    *,
    credentials: Credential | None = None,
    port: int = PORT,
    concurrency: int = CONCURRENCY,
    keep_sessions: int = KEEP_SESSIONS,
    keepalive: float | None = KEEPALIVE,
    endpoint: Endpoint | None = None,
    **log_in: Any,  # what make_credentials takes and checks
) -> AsyncIterator[Fleet]:
    """A fleet of BMCs; nothing is sent before the first run, and every session is closed at the end.

    :param hosts: names or addresses, or pairs of one and a UDP port; repeats count once.
    :param credentials: how to log in, or a function that says so for each host; without it *log_in* does, which are
        the arguments of :func:`~conduit.ipmi.client.make_credentials`: ``username``, ``password``, ``privilege``...
    :param port: of hosts that come without one.
    :param concurrency: hosts worked on at once, 1 or more.
    :param keep_sessions: idle sessions to keep for the next run, 0 or more; the least recently used are closed first.
    :param keepalive: seconds of silence after which an idle session is kept alive; None lets BMCs drop it.
    :param endpoint: share this UDP socket.
    :raises LocalProtocolError: an argument is out of range.
    """
    if concurrency < 1 or keep_sessions < 0:
        raise LocalProtocolError("a fleet needs a concurrency of 1 or more, and keeps 0 sessions or more")
    if credentials is not None and log_in:
        raise LocalProtocolError(f"credentials say it all: leave out {', '.join(sorted(log_in))}")
    login = credentials if credentials is not None else make_credentials(**log_in)
    members = tuple(dict.fromkeys(_host(entry, port) for entry in hosts))
    context: AbstractAsyncContextManager[Endpoint] = open_endpoint() if endpoint is None else nullcontext(endpoint)
    async with context as shared:
        fleet: Fleet | None = None
        try:
            async with open_background_nursery() as nursery:
                fleet = Fleet(
                    nursery,
                    shared,
                    members,
                    login,
                    concurrency=concurrency,
                    keep_sessions=keep_sessions,
                    keepalive=keepalive,
                )
                yield fleet
        finally:
            if fleet is not None:
                with trio.CancelScope(shield=True):  # bounded by FAREWELL and aclose itself
                    await fleet.close_idle()
