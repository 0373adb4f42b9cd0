"""A UDP socket, who reads it, and what waits to be written.

Nobody reads while nobody waits for anything. A task that waits alone reads the socket itself, which saves it two
task switches per answer; when several wait, one resident task reads for all of them. A console has datagrams coming
also while no task of it waits: then the resident stands in, as soon as nobody has read for a moment.
"""

from __future__ import annotations

import logging
import math
import socket  # noqa: TID251  # trio.socket takes three system calls where this takes one
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import trio

from conduit.errors import ConduitError, TransportError
from conduit.rmcp.packets import MAX_DATAGRAM

Address = tuple[Any, ...]
"A socket address as recvfrom returns it: (host, port) or (host, port, flow, scope)."
Route = Callable[[bytes, Address, float], None]
"Takes a datagram, its sender and the time; must not block."
Fail = Callable[[ConduitError], None]

logger = logging.getLogger(__name__)

RECEIVE_BUFFER: Final = 4 << 20  # bytes of kernel buffer, for bursts of answers from thousands of BMCs
BATCH: Final = 64  # datagrams taken in before what they cause is sent: a burst wakes its receivers once
PATIENCE: Final = 0.005  # seconds that a console's datagrams may lie unread when its task does something else
MAX_BACKLOG: Final = 16_384  # datagrams that wait for a full send buffer; more are dropped, as a network would


class Waiter:
    """One task's wait for one result."""

    __slots__ = ("_error", "_result", "_shield", "_task", "done", "interrupt")

    def __init__(self) -> None:
        self.done = False
        self._result: object = None
        self._error: ConduitError | None = None
        self._task: trio.lowlevel.Task | None = None
        self._shield = False
        self.interrupt: Callable[[], None] | None = None  # wakes a task that sleeps elsewhere than in park()

    def deliver(self, result: object) -> None:
        """The result is here; the first one counts."""
        if not self.done:
            self._result = result
            self._finish()

    def deliver_first(self, events: Sequence[object]) -> None:
        """The result is the first event of a machine that has one."""
        if not self.done:
            self._result = events[0]
            self._finish()

    def fail(self, error: ConduitError) -> None:
        """There will be none, and why."""
        if not self.done:
            self._error = error
            self._finish()

    def take(self) -> object:
        """The result, once: it may name its waiter, and two that hold each other are left to the garbage collector.

        :raises ConduitError: there is none.
        """
        if self._error is not None:
            raise self._error
        result, self._result = self._result, None
        return result

    def park(self, *, shield: bool = False) -> Awaitable[object]:
        """Sleep until somebody calls :meth:`deliver` or :meth:`fail`, which must not have happened; a checkpoint.

        Not a coroutine itself, nor with a closure in it: hundreds sleep here at once, and the garbage collector
        visits whatever each of them holds.

        :param shield: do not wake for a cancellation; only for results that are sure to come soon.
        """
        self._task = trio.lowlevel.current_task()
        self._shield = shield
        return trio.lowlevel.wait_task_rescheduled(self._abort)  # noqa: ASYNC105  # awaited by the caller

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        if self._shield:
            return trio.lowlevel.Abort.FAILED
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _finish(self) -> None:
        self.done = True
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
        elif self.interrupt is not None:
            self.interrupt()


class Port:
    """One socket of one address family.

    :param route: gets every datagram, in the order of arrival.
    """

    def __init__(self, family: int, route: Route) -> None:
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._route = route
        self._parked: set[Waiter] = set()  # those that somebody else reads for
        self._subscribers = 0
        self._reading = False  # whether somebody, the resident or a lone waiter, is at it
        self._needed = trio.Event()  # set when the resident has to read
        self._patience = trio.CancelScope()  # of the resident, while it is not needed
        self._corked = False
        self._outbox: list[tuple[bytes, Address, Fail]] = []
        self._backlog: deque[tuple[bytes, Address]] = deque()
        self._blocked = trio.Event()  # set when the backlog has to be written
        self.dropped_sends = 0

    def close(self) -> None:
        """Close the socket; its tasks must have ended."""
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    # --- waiting and reading ---

    async def wait(self, waiter: Waiter, *, shield: bool = False, most: int = 1) -> object:
        """The result that *waiter* waits for; a checkpoint.

        :param shield: see :meth:`Waiter.park`; a cancellation then leaves when the result is there.
        :param most: datagrams to take in at one go if they are there, by a task that reads for itself.
        :raises ConduitError: what the waiter failed with.
        """
        if not self._reading:
            await self._read_alone(waiter, shield, most)
        elif not waiter.done:  # else the system has refused to send, and nobody would wake it
            self._parked.add(waiter)
            try:
                await waiter.park(shield=shield)
            finally:
                self._parked.remove(waiter)
        return waiter.take()

    def subscribe(self) -> None:
        """Have datagrams read until :meth:`unsubscribe` also while no task waits for any."""
        self._subscribers += 1
        self.summon_reader()

    def unsubscribe(self) -> None:
        """No more than once for each :meth:`subscribe`."""
        self._subscribers -= 1

    def summon_reader(self) -> None:
        """Something is on its way that no task waits for: read at least once more."""
        if not self._reading:
            self._reading = True
            self._needed.set()

    def _is_awaited(self) -> bool:
        """Whether one of those that somebody else reads for has not been served."""
        return bool(self._parked) and not all(waiter.done for waiter in self._parked)

    async def _read_alone(self, waiter: Waiter, shield: bool, most: int) -> None:
        """Read until the waiter is served, then hand over to the resident if others wait."""
        self._reading = True
        try:
            while not waiter.done:
                waiter.interrupt = self._interrupt
                if await self._readable():
                    waiter.interrupt = None
                    self._take_some(most)
        except trio.Cancelled:
            if shield and not waiter.done:
                self._needed.set()
                self._parked.add(waiter)
                await waiter.park(shield=True)
                self._parked.remove(waiter)
            raise
        finally:
            waiter.interrupt = None
            if not self._needed.is_set():
                self._reading = False
                if self._is_awaited():
                    self.summon_reader()
                elif self._subscribers:
                    self._stand_by()

    def _take_some(self, most: int) -> None:
        """Take in up to *most* datagrams; the one that was waited for is all that a command expects."""
        now = trio.current_time()
        for _ in range(most):
            if not self._take(now):
                return

    def _stand_by(self) -> None:
        """Nobody reads any more; the resident will, for a console, if that stays so."""
        if self._patience.deadline == math.inf:
            self._patience.deadline = trio.current_time() + PATIENCE

    async def _readable(self) -> bool:
        """Wait for a datagram, or for :meth:`_interrupt`; whether it was the former."""
        try:
            await trio.lowlevel.wait_readable(self._sock)
        except trio.ClosedResourceError:
            return False
        return True

    def _interrupt(self) -> None:
        """Wake whoever sleeps on the socket. Trio's way to say "closed", though it is not: a cancel scope around
        every wait would cost as much as the rest of a command.
        """
        trio.lowlevel.notify_closing(self._sock)

    async def read_when_needed(self) -> None:
        """The resident's task: never ends."""
        while True:
            await self._until_needed()
            more = True
            while more or self._parked or self._subscribers:
                if not await self._readable():
                    continue
                if self._subscribers > 1 or len(self._parked) > 1:
                    more = await self._take_burst()
                    continue
                self._take(trio.current_time())  # one party, with one datagram on the way: answered at once
                more = False
                if self._parked and not self._is_awaited():  # nobody else
                    break  # who was served can read for itself next time
            self._needed = trio.Event()
            self._reading = False

    async def _until_needed(self) -> None:
        """Sleep until somebody calls for the resident, or nobody has read for too long."""
        while not self._needed.is_set():
            with trio.CancelScope() as self._patience:
                if self._subscribers and not self._reading:
                    self._stand_by()
                await self._needed.wait()
            if self._patience.cancelled_caught and self._subscribers:
                self.summon_reader()

    async def _take_burst(self) -> bool:
        """Take in what is there, and send what it causes afterwards; whether there may be more."""
        self._corked = True
        try:
            now = trio.current_time()
            more = all(self._take(now) for _ in range(BATCH))
            if more:
                # Tasks that these answers woke run before the second checkpoint ends: their requests join.
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
        finally:  # also when stopped: a farewell may be among them
            self._uncork()
        return more

    def _take(self, now: float) -> bool:
        """Take one datagram in; whether there was one."""
        try:
            data, address = self._sock.recvfrom(MAX_DATAGRAM)
        except BlockingIOError:
            return False
        except OSError as error:  # such as an ICMP error that belongs to an earlier send
            logger.debug("receive failed: %s", error)
            return True
        self._route(data, address, now)
        return True

    # --- sending ---

    def send(self, datagram: bytes, address: Address, fail: Fail) -> None:
        """Send now, with the rest of a batch, or when the socket takes it.

        :param fail: told when the system refuses, such as for want of a route.
        """
        if self._corked:
            self._outbox.append((datagram, address, fail))
        else:
            self._send_now(datagram, address, fail)

    def _send_now(self, datagram: bytes, address: Address, fail: Fail) -> None:
        try:
            self._sock.sendto(datagram, address)
        except BlockingIOError:
            self._postpone(datagram, address)
        except OSError as error:
            failure = TransportError(f"cannot send to {address[0]}: {error.strerror or error}")
            failure.__cause__ = error
            fail(failure)

    async def write_backlog(self) -> None:
        """A task's work, without end: send what did not fit into the kernel's buffer."""
        while True:
            await self._blocked.wait()
            while self._backlog:
                try:
                    await trio.lowlevel.wait_writable(self._sock)
                except trio.ClosedResourceError:  # _interrupt
                    continue
                self._drain_backlog()
            self._blocked = trio.Event()

    def _uncork(self) -> None:
        self._corked = False
        outbox, self._outbox = self._outbox, []
        for datagram, address, fail in outbox:
            self._send_now(datagram, address, fail)

    def _postpone(self, datagram: bytes, address: Address) -> None:
        if len(self._backlog) >= MAX_BACKLOG:
            self.dropped_sends += 1
            return
        self._backlog.append((datagram, address))
        self._blocked.set()

    def _drain_backlog(self) -> None:
        while self._backlog:
            try:
                self._sock.sendto(*self._backlog[0])
            except BlockingIOError:
                return
            except OSError:
                self.dropped_sends += 1
            self._backlog.popleft()
