"""Tunnels that come back: :func:`keep_dialling` one address, :func:`dial_all` of a list that may change."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, NamedTuple

import trio

from conduit._trio import first_leaf, open_background_nursery
from conduit.errors import ConduitError, TunnelRefused
from conduit.tunnel.backoff import Backoff
from conduit.tunnel.tunnel import Tunnel

logger = logging.getLogger(__name__)

DRAIN_TIME: Final = 30.0  # seconds that open streams have when we leave
LINGER: Final = 6.0  # seconds that whoever serves a tunnel has to notice its end; serve_streams takes 5

Address = tuple[str, int]
Dialler = Callable[[str, int], AbstractAsyncContextManager[Tunnel]]
"""``dial`` with everything but the address: ``partial(dial, tls=..., proxy=...)``.

A WebSocket's URL is an address too: ``lambda host, port: dial(host, port, tls=..., websocket=f"wss://{host}:{port}/")``.
"""
Serve = Callable[[Tunnel], Awaitable[None]]
"Uses a tunnel until it ends; when it returns earlier the tunnel is closed."


class Retry(NamedTuple):
    """There is no tunnel, and when the next is tried."""

    address: Address
    reason: str
    pause: float
    "Seconds."


def log_retry(retry: Retry) -> None:
    """Tell the log."""
    host, port = retry.address
    logger.info("no tunnel with %s:%d: %s; next try in %.1f s", host, port, retry.reason, retry.pause)


def new_backoff() -> Backoff:
    """With the system's entropy."""
    return Backoff(secrets.SystemRandom().random)


async def keep_dialling(
    dialler: Dialler,
    address: Address,
    serve: Serve,
    *,
    leave: trio.Event | None = None,
    drain_time: float = DRAIN_TIME,
    backoff: Backoff | None = None,
    report: Callable[[Retry], None] = log_retry,
) -> None:
    """Have one tunnel after the other with *address*, for ever, or until *leave* is set: then it is drained.

    :param drain_time: seconds that streams have then.
    :param report: told before each pause.
    """
    leave = trio.Event() if leave is None else leave
    backoff = backoff or new_backoff()
    while not leave.is_set():
        attempt = _Attempt(dialler, address, serve, leave, drain_time, backoff)
        await attempt.run()
        if not leave.is_set():
            pause = backoff.failed(trio.current_time(), hopeless=attempt.hopeless)
            report(Retry(address, attempt.reason, pause))
            with trio.move_on_after(pause):
                await leave.wait()


class _Attempt:
    """One tunnel, from dialling to its end."""

    def __init__(
        self, dialler: Dialler, address: Address, serve: Serve, leave: trio.Event, drain_time: float, backoff: Backoff
    ) -> None:
        self._dialler = dialler
        self._address = address
        self._serve = serve
        self._leave = leave
        self._drain_time = drain_time
        self._backoff = backoff
        self._tunnel: Tunnel | None = None
        self.reason = ""
        "Why there is none, or none any more."
        self.hopeless = False
        "Whether the other end says that trying again does not help."

    async def run(self) -> None:
        """What the tunnel's end makes *serve* raise is not passed on."""
        try:
            await self._run()
        except* (ConduitError, trio.BrokenResourceError) as group:
            first = first_leaf(group)
            self.reason = str(first)
            self.hopeless = isinstance(first, TunnelRefused) and not first.may_retry
        if self._tunnel is not None and self._tunnel.is_closed:
            self.reason = self._tunnel.closed_because

    async def _run(self) -> None:
        async with open_background_nursery() as nursery:
            nursery.start_soon(self._leave_in_good_order, nursery.cancel_scope)
            async with self._dialler(*self._address) as tunnel:
                self._tunnel = tunnel
                self._backoff.connected(trio.current_time())
                nursery.start_soon(self._hurry, tunnel, nursery.cancel_scope)
                await self._serve(tunnel)

    async def _leave_in_good_order(self, scope: trio.CancelScope) -> None:
        await self._leave.wait()
        if self._tunnel is None:
            scope.cancel()
            return
        with suppress(ConduitError):
            await self._tunnel.drain(self._drain_time, "the other end leaves")

    async def _hurry(self, tunnel: Tunnel, scope: trio.CancelScope) -> None:
        """Nobody goes on with a tunnel that has ended."""
        await tunnel.wait_closed()
        scope.deadline = trio.current_time() + LINGER


class Addresses:
    """Where there should be tunnels; may be changed at any time."""

    def __init__(self, addresses: Iterable[Address] = ()) -> None:
        self._wanted = frozenset(addresses)
        self._changed = trio.Event()
        self.round = 0
        "How often all was begun anew."

    @property
    def wanted(self) -> frozenset[Address]:
        """The list as it is now."""
        return self._wanted

    def set(self, addresses: Iterable[Address]) -> None:
        """Replace the list."""
        self._wanted = frozenset(addresses)
        self.wake()

    def begin_anew(self) -> None:
        """Have new tunnels, at once, in place of those that there are: we have become somebody else."""
        self.round += 1
        self.wake()

    def wake(self) -> None:
        """Have whoever waits look again."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_changed(self) -> None:
        """Return when it is replaced the next time."""
        await self._changed.wait()


async def dial_all(
    addresses: Addresses,
    dialler: Dialler,
    serve: Serve,
    *,
    leave: trio.Event | None = None,
    drain_time: float = DRAIN_TIME,
    make_backoff: Callable[[], Backoff] = new_backoff,
    report: Callable[[Retry], None] = log_retry,
) -> None:
    """Keep a tunnel to each of *addresses*, for ever, or until *leave* is set: then all are drained.

    One that is taken from the list is drained and dropped.

    :param serve: called for each tunnel. Its failure, unless it comes from the tunnel's end, ends all.
    """
    keepers: dict[Address, _Keeper] = {}
    leave = trio.Event() if leave is None else leave
    async with open_background_nursery() as nursery:
        nursery.start_soon(_wake_at, leave, addresses)
        while not leave.is_set():
            for address, keeper in keepers.items():
                if address not in addresses.wanted or keeper.round != addresses.round:
                    keeper.leave.set()
            for address in addresses.wanted:
                before = keepers.get(address)
                if before is None or before.leave.is_set():
                    keepers[address] = keeper = _Keeper(address, before, addresses.round)
                    nursery.start_soon(keeper.run, keepers, dialler, serve, drain_time, make_backoff(), report)
            await addresses.wait_changed()
        for keeper in keepers.values():
            keeper.leave.set()
        for keeper in list(keepers.values()):
            await keeper.done.wait()


async def _wake_at(leave: trio.Event, addresses: Addresses) -> None:
    await leave.wait()
    addresses.wake()


class _Keeper:
    """Keeps the tunnel with one address, while it is in the list."""

    def __init__(self, address: Address, before: _Keeper | None, round_: int) -> None:
        self._address = address
        self.round = round_
        self._before = before  # who drains the last tunnel with this address: a new one would fence it
        self.done = trio.Event()
        self.leave = trio.Event()

    async def run(
        self,
        keepers: dict[Address, _Keeper],
        dialler: Dialler,
        serve: Serve,
        drain_time: float,
        backoff: Backoff,
        report: Callable[[Retry], None],
    ) -> None:
        """One tunnel after the other."""
        if self._before is not None:
            await self._before.done.wait()
            self._before = None
        await keep_dialling(
            dialler, self._address, serve, leave=self.leave, drain_time=drain_time, backoff=backoff, report=report
        )
        self.done.set()
        if keepers.get(self._address) is self:
            del keepers[self._address]
