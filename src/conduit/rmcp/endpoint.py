"""One UDP socket for many BMCs: owns the socket, routes datagrams to machines, keeps their deadlines.

The reader drains the socket, feeds each machine and sends what it answers before it wakes anybody; a task is woken
once per result. Nothing here waits for a consumer.
"""

from __future__ import annotations

import heapq
import logging
import math
import os
import secrets
import socket  # noqa: TID251  # trio.socket takes three system calls where this takes one
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import outcome
import trio

from conduit._machine import DatagramMachine
from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, TransportError
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.login import LoggedIn, Login
from conduit.rmcp.packets import MAX_DATAGRAM, AuthType, MessageClass, PayloadType, PresencePong
from conduit.rmcp.presence import PresenceProbe
from conduit.rmcp.retry import RetryPolicy

Address = tuple[Any, ...]
"A socket address as recvfrom returns it: (host, port) or (host, port, flow, scope)."
Deliver = Callable[[Sequence[object]], None]
Fail = Callable[[ConduitError], None]

logger = logging.getLogger(__name__)

RECEIVE_BUFFER: Final = 4 << 20  # bytes of kernel buffer, for bursts of answers from thousands of BMCs
MAX_BURST: Final = 512  # datagrams read per wake-up before other tasks get a turn
MAX_BACKLOG: Final = 16_384  # datagrams that wait for a full send buffer; more are dropped, as a network would
ENTROPY_POOL: Final = 4096  # bytes drawn from the system at once
_RMCP_PLUS: Final = int(AuthType.RMCP_PLUS)
_FIRST_HANDSHAKE: Final = int(PayloadType.OPEN_SESSION_REQUEST)
_ASF: Final = int(MessageClass.ASF)


class EntropyPool:
    """Random bytes drawn from the system in bulk: a third of the price of one call per packet."""

    __slots__ = ("_offset", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._offset = ENTROPY_POOL

    def __call__(self, count: int) -> bytes:
        end = self._offset + count
        if end > len(self._pool):
            self._pool, self._offset, end = secrets.token_bytes(max(ENTROPY_POOL, count)), 0, count
        start, self._offset = self._offset, end
        return self._pool[start:end]

    def forget(self) -> None:
        """Throw away what is left; a forked child must not hand out its parent's bytes."""
        self._pool, self._offset = b"", ENTROPY_POOL


entropy: Final = EntropyPool()
os.register_at_fork(after_in_child=entropy.forget)


class Attachment:
    """A machine that an endpoint serves, and who wants to hear of it.

    :param deliver: gets the machine's events; must not block.
    :param fail: gets the error that ended the machine; must not block.
    """

    __slots__ = ("address", "armed", "deliver", "fail", "local_id", "machine", "port")

    def __init__(self, address: Address, machine: DatagramMachine, deliver: Deliver, fail: Fail) -> None:
        self.address = address
        self.machine: DatagramMachine | None = machine
        self.deliver = deliver
        self.fail = fail
        self.local_id = 0
        self.armed = math.inf
        self.port: _Port | None = None


class _Port:
    """One socket of one address family, its reader's state and what waits to be written."""

    __slots__ = ("backlog", "sock", "writable")

    def __init__(self, family: int) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.backlog: deque[tuple[bytes, Address]] = deque()
        self.writable = trio.Event()


class Endpoint:
    """Made by :func:`open_endpoint`. Counters say what was dropped and why."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._ports: dict[int, _Port] = {}
        self._plus: dict[int, Attachment] = {}  # by our session ID
        self._lan: dict[Address, list[Attachment]] = {}  # by peer, where datagrams name no ID of ours
        self._timers: list[tuple[float, int, Attachment]] = []
        self._timer_count = 0
        self._timer_scope = trio.CancelScope()
        self._next_sequence = 0
        self.strays = 0  # datagrams that belong to nobody here, or come from the wrong address
        self.dropped_sends = 0
        nursery.start_soon(self._keep_deadlines)

    # --- what callers do ---

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Numeric addresses of *host*, in the system's order of preference.

        :raises TransportError: the name is not known.
        """
        family = _numeric_family(host)
        if family is socket.AF_INET:
            return [(host, port)]
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise TransportError(f"cannot find host {host!r}: {error.strerror or error}") from error
        return list(dict.fromkeys(entry[4] for entry in found))

    async def log_in(self, address: Address, credentials: Credentials) -> tuple[LoggedIn, Attachment]:
        """Open a session with the BMC at *address*; the attachment is then the caller's to use or detach.

        :raises ConduitError: no session, and why.
        """
        local_id = self._free_id()
        self._next_sequence = (self._next_sequence + 8) % 64
        login = Login(credentials, console_id=local_id, entropy=entropy, first_sequence=self._next_sequence)
        login.start(trio.current_time())
        result, attachment = await self._run(address, login, local_id)
        if not isinstance(result, LoggedIn):
            raise TypeError(result)
        return result, attachment

    async def ping(self, address: Address, retry: RetryPolicy | None = None) -> PresencePong:
        """Ask whether anybody speaks RMCP at *address*.

        :raises PeerTimeoutError: nobody does.
        """
        probe = PresenceProbe(retry or RetryPolicy(), tag=entropy(1)[0] & 0x7F)
        probe.start(trio.current_time())
        result, attachment = await self._run(address, probe, 0)
        self.detach(attachment)
        if not isinstance(result, PresencePong):
            raise TypeError(result)
        return result

    def attach(self, attachment: Attachment, local_id: int = 0) -> None:
        """Serve a machine: route by *local_id* what is RMCP+, and by address everything else."""
        attachment.port = self._port(attachment.address)
        attachment.local_id = local_id
        if local_id:
            self._plus[local_id] = attachment
        self._lan.setdefault(attachment.address, []).append(attachment)
        self.flush(attachment)

    def become(self, attachment: Attachment, machine: DatagramMachine, deliver: Deliver, fail: Fail) -> None:
        """Put another machine in the place of one that is done, under the same ID and address."""
        attachment.machine, attachment.deliver, attachment.fail = machine, deliver, fail
        self.flush(attachment)

    def detach(self, attachment: Attachment) -> None:
        """Forget a machine; its datagrams are strays from now on."""
        attachment.machine = None
        if self._plus.get(attachment.local_id) is attachment:
            del self._plus[attachment.local_id]
        peers = self._lan.get(attachment.address, [])
        if attachment in peers:
            peers.remove(attachment)
            if not peers:
                del self._lan[attachment.address]

    def flush(self, attachment: Attachment) -> None:
        """Send what the machine wants sent and note its next deadline."""
        machine = attachment.machine
        if machine is None:
            return
        for datagram in machine.datagrams_to_send():
            self._transmit(attachment, datagram)
        deadline = machine.next_deadline()
        if deadline is not None and deadline < attachment.armed:
            self._arm(attachment, deadline)

    # --- one result of one short-lived machine ---

    async def _run(self, address: Address, machine: DatagramMachine, local_id: int) -> tuple[object, Attachment]:
        """Serve *machine* until its first event, or its failure."""
        task = trio.lowlevel.current_task()
        waiting = True

        def deliver(events: Sequence[object]) -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                trio.lowlevel.reschedule(task, outcome.Value(events[0]))

        def fail(error: ConduitError) -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                trio.lowlevel.reschedule(task, outcome.Error(error))

        def abort(_: object) -> trio.lowlevel.Abort:
            nonlocal waiting
            waiting = False
            return trio.lowlevel.Abort.SUCCEEDED

        attachment = Attachment(address, machine, deliver, fail)
        try:
            self.attach(attachment, local_id)
            result = await trio.lowlevel.wait_task_rescheduled(abort)
        except BaseException:
            self.flush(attachment)  # a farewell, if the machine has one
            self.detach(attachment)
            raise
        return result, attachment

    def _free_id(self) -> int:
        while True:
            candidate = int.from_bytes(entropy(4), "little")
            if candidate and candidate not in self._plus:
                return candidate

    # --- sockets ---

    def _port(self, address: Address) -> _Port:
        family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
        port = self._ports.get(family)
        if port is None:
            port = self._ports[family] = _Port(family)
            self._nursery.start_soon(self._read, port)
            self._nursery.start_soon(self._write, port)
        return port

    def close(self) -> None:
        """Close the sockets; their tasks must have ended."""
        for port in self._ports.values():
            port.sock.close()

    def _transmit(self, attachment: Attachment, datagram: bytes) -> None:
        port = attachment.port
        if port is None:
            return
        try:
            port.sock.sendto(datagram, attachment.address)
        except BlockingIOError:
            self._queue(port, datagram, attachment.address)
        except OSError as error:
            failure = TransportError(f"cannot send to {attachment.address[0]}: {error.strerror or error}")
            failure.__cause__ = error
            attachment.fail(failure)

    def _queue(self, port: _Port, datagram: bytes, address: Address) -> None:
        if len(port.backlog) >= MAX_BACKLOG:
            self.dropped_sends += 1
            return
        port.backlog.append((datagram, address))
        port.writable.set()

    async def _write(self, port: _Port) -> None:
        """Send what did not fit into the kernel's buffer."""
        while True:
            await port.writable.wait()
            port.writable = trio.Event()
            while port.backlog:
                await trio.lowlevel.wait_writable(port.sock)
                self._drain_backlog(port)

    def _drain_backlog(self, port: _Port) -> None:
        while port.backlog:
            try:
                port.sock.sendto(*port.backlog[0])
            except BlockingIOError:
                return
            except OSError:
                self.dropped_sends += 1
            port.backlog.popleft()

    async def _read(self, port: _Port) -> None:
        receive = port.sock.recvfrom
        while True:
            await trio.lowlevel.wait_readable(port.sock)
            now = trio.current_time()
            for _ in range(MAX_BURST):
                try:
                    data, address = receive(MAX_DATAGRAM)
                except BlockingIOError:
                    break
                except OSError as error:  # such as an ICMP error that belongs to an earlier send
                    logger.debug("receive failed: %s", error)
                    continue
                self._route(data, address, now)

    def _route(self, data: bytes, address: Address, now: float) -> None:
        """Give a datagram to the machine that it is for. Never by session ID alone: the peer must be the right one."""
        if len(data) < 8:
            self.strays += 1
            return
        if data[4] == _RMCP_PLUS and data[3] != _ASF:
            handshake = data[5] & 0x3F >= _FIRST_HANDSHAKE
            if handshake and len(data) < 24:  # an error reply that leaves our session ID out
                self._offer(data, address, now)
                return
            start = 20 if handshake else 6
            attachment = self._plus.get(int.from_bytes(data[start : start + 4], "little"))
            if attachment is None or attachment.address != address:
                self.strays += 1
                return
            self._feed(attachment, data, now)
            return
        self._offer(data, address, now)

    def _offer(self, data: bytes, address: Address, now: float) -> None:
        """Give a datagram that names none of our IDs to every machine that talks to its sender."""
        peers = self._lan.get(address)
        if peers is None:
            self.strays += 1
            return
        for attachment in tuple(peers):
            self._feed(attachment, data, now)

    def _feed(self, attachment: Attachment, data: bytes, now: float) -> None:
        machine = attachment.machine
        if machine is None:
            return
        try:
            events = machine.receive_datagram(data, now)
        except ConduitError as error:
            self.flush(attachment)
            attachment.fail(error)
            return
        self.flush(attachment)
        if events:
            attachment.deliver(events)

    # --- deadlines ---

    def _arm(self, attachment: Attachment, deadline: float) -> None:
        attachment.armed = deadline
        self._timer_count += 1
        heapq.heappush(self._timers, (deadline, self._timer_count, attachment))
        if deadline < self._timer_scope.deadline:
            self._timer_scope.deadline = deadline

    async def _keep_deadlines(self) -> None:
        while True:
            self._timer_scope = trio.CancelScope(deadline=self._timers[0][0] if self._timers else math.inf)
            with self._timer_scope:
                await trio.sleep_forever()
            self._expire(trio.current_time())

    def _expire(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            deadline, _, attachment = heapq.heappop(self._timers)
            if attachment.armed == deadline:
                attachment.armed = math.inf
            machine = attachment.machine
            if machine is None:
                continue
            due = machine.next_deadline()
            if due is None or due > now:
                self.flush(attachment)  # the deadline has moved on since; note where to
                continue
            self._handle_deadline(attachment, machine, now)

    def _handle_deadline(self, attachment: Attachment, machine: DatagramMachine, now: float) -> None:
        try:
            events = machine.handle_deadline(now)
        except ConduitError as error:
            attachment.fail(error)
            return
        self.flush(attachment)
        if events:
            attachment.deliver(events)


def _numeric_family(host: str) -> socket.AddressFamily | None:
    """IPv4 for a dotted quad: the one kind of name that needs no look-up to become a socket address."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        return None
    return socket.AF_INET


@asynccontextmanager
async def open_endpoint() -> AsyncIterator[Endpoint]:
    """A place for sessions with any number of BMCs; IPv4 and IPv6 sockets are opened when first needed."""
    async with open_background_nursery() as nursery:
        endpoint = Endpoint(nursery)
        try:
            yield endpoint
        finally:
            nursery.cancel_scope.cancel()
            endpoint.close()
