"""One UDP endpoint for many BMCs: routes datagrams to machines and keeps their deadlines.

Whoever reads the socket feeds each machine and sends what it answers before anybody is woken; a task is woken once
per result. Nothing here waits for a consumer.
"""

from __future__ import annotations

import heapq
import math
import socket  # noqa: TID251  # for its constants
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import trio

from conduit._machine import DatagramMachine
from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, LocalProtocolError, TransportError
from conduit.rmcp.command import Body, Command, require_success
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.entropy import entropy
from conduit.rmcp.inquiry import Inquiry
from conduit.rmcp.login import LoggedIn, Login
from conduit.rmcp.nudge import NudgingMachine
from conduit.rmcp.packets import AuthType, MessageClass, PayloadType, PresencePong
from conduit.rmcp.port import Address, Fail, Port, Waiter
from conduit.rmcp.presence import PresenceProbe
from conduit.rmcp.retry import DEFAULT_RETRY, RetryPolicy
from conduit.rmcp.workarounds import Workaround

BodyT = TypeVar("BodyT", bound=Body)
ResultT = TypeVar("ResultT")
Deliver = Callable[[Sequence[object]], None]

_RMCP_PLUS: Final = int(AuthType.RMCP_PLUS)
_HANDSHAKES: Final = int(PayloadType.OPEN_SESSION_REQUEST)  # 10h to 1Fh set up sessions (table 13-16)
_ASF: Final = int(MessageClass.ASF)


class Attachment:
    """A machine that an endpoint serves, and who wants to hear of it.

    :param deliver: gets the machine's events; must not block.
    :param fail: gets the error that ended the machine; must not block.
    """

    __slots__ = ("address", "armed", "deliver", "fail", "local_id", "machine", "port")

    def __init__(
        self, port: Port, address: Address, machine: DatagramMachine, deliver: Deliver, fail: Fail, local_id: int = 0
    ) -> None:
        self.port = port
        self.address = address
        self.machine: DatagramMachine | None = machine
        self.deliver = deliver
        self.fail = fail
        self.local_id = local_id
        self.armed = math.inf


class Endpoint:
    """Made by :func:`open_endpoint`. Counters say what was dropped and why."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._ports: dict[int, Port] = {}
        self._plus: dict[int, Attachment] = {}  # by our session ID
        self._lan: dict[Address, list[Attachment]] = {}  # by peer, where datagrams name no ID of ours
        self._timers: list[tuple[float, int, Attachment]] = []
        self._timer_count = 0
        self._timer_scope = trio.CancelScope()
        self._next_sequence = 0
        self.strays = 0  # datagrams that belong to nobody here, or come from the wrong address
        self._closed = False
        self._scopes: list[trio.CancelScope] = []
        self._start(self._keep_deadlines)

    # --- what callers do ---

    async def resolve(self, host: str, port: int) -> tuple[Address, ...]:
        """Numeric addresses of *host*, in the system's order of preference.

        :raises TransportError: the name is not known.
        """
        family = _numeric_family(host)
        if family is socket.AF_INET:
            return ((host, port),)
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise TransportError(f"cannot find host {host!r}: {error.strerror or error}") from error
        except UnicodeError as error:  # from the codec that makes host names ASCII
            raise TransportError(f"{host!r} cannot be a host name") from error
        return tuple(dict.fromkeys(entry[4] for entry in found))

    def log_in(self, address: Address, credentials: Credentials) -> Awaitable[tuple[LoggedIn, Attachment]]:
        """Open a session with the BMC at *address*; the attachment is then the caller's to use or detach.

        :raises ConduitError: no session, and why.
        """
        local_id = self._free_id()
        self._next_sequence = (self._next_sequence + 8) % 64
        login = Login(credentials, console_id=local_id, entropy=entropy, first_sequence=self._next_sequence)
        login.start(trio.current_time())
        nudged = Workaround.INTELWV2 in credentials.workarounds
        machine: DatagramMachine = NudgingMachine(login) if nudged else login
        return self._run(LoggedIn, address, machine, local_id, login.give_up)

    async def ask(self, address: Address, command: Command[BodyT], retry: RetryPolicy | None = None) -> BodyT:
        """Send a command outside a session; few are answered there.

        :raises CompletionCodeError: the BMC says no.
        :raises PeerTimeoutError: nobody answers.
        :raises DecodeError: the answer makes no sense.
        """
        self._next_sequence = (self._next_sequence + 8) % 64
        inquiry = Inquiry(command, retry or DEFAULT_RETRY, sequence=self._next_sequence)
        inquiry.start(trio.current_time())
        answer, attachment = await self._run(bytes, address, inquiry, 0, _nothing)
        self.detach(attachment)
        require_success(command, answer[0])
        return command.decode_response(answer[1:])

    async def ping(self, address: Address, retry: RetryPolicy | None = None) -> PresencePong:
        """Ask whether anybody speaks RMCP at *address*.

        :raises PeerTimeoutError: nobody does.
        """
        probe = PresenceProbe(retry or DEFAULT_RETRY, tag=entropy(1)[0] & 0x7F)
        probe.start(trio.current_time())
        result, attachment = await self._run(PresencePong, address, probe, 0, _nothing)
        self.detach(attachment)
        return result

    def become(self, attachment: Attachment, machine: DatagramMachine, deliver: Deliver, fail: Fail) -> None:
        """Put another machine in the place of one that is done, under the same ID and address."""
        attachment.machine, attachment.deliver, attachment.fail = machine, deliver, fail
        self.flush(attachment)

    def detach(self, attachment: Attachment) -> None:
        """Forget a machine; its datagrams are strays from now on."""
        attachment.machine = None
        attachment.deliver = attachment.fail = _ignore  # a timer may hold it for seconds yet, but not its owner
        if self._plus.get(attachment.local_id) is attachment:
            del self._plus[attachment.local_id]
        peers = self._lan.get(attachment.address, [])
        if attachment in peers:
            peers.remove(attachment)
            if not peers:
                del self._lan[attachment.address]
        while self._timers and self._timers[0][2].machine is None:  # or each would wake the timer for nothing
            heapq.heappop(self._timers)

    def flush(self, attachment: Attachment) -> None:
        """Send what the machine wants sent and note its next deadline."""
        machine = attachment.machine
        if machine is None:
            return
        if self._closed:
            attachment.fail(TransportError("the endpoint is closed"))
            return
        for datagram in machine.datagrams_to_send():
            attachment.port.send(datagram, attachment.address, attachment.fail)
        deadline = machine.next_deadline()
        if deadline is not None and deadline < attachment.armed:
            self._arm(attachment, deadline)

    # --- one result of one short-lived machine ---

    async def _run(
        self,
        kind: type[ResultT],
        address: Address,
        machine: DatagramMachine,
        local_id: int,
        give_up: Callable[[], None],
    ) -> tuple[ResultT, Attachment]:
        """Serve *machine* until its first event, or its failure; *give_up* may queue a farewell."""
        waiter = Waiter()
        port = self._port(address)
        attachment = Attachment(port, address, machine, waiter.deliver_first, waiter.fail, local_id)
        try:
            self._attach(attachment)
            result = await attachment.port.wait(waiter)
        except BaseException:
            give_up()
            self.flush(attachment)
            self.detach(attachment)
            raise
        if not isinstance(result, kind):
            raise TypeError(result)
        return result, attachment

    def _attach(self, attachment: Attachment) -> None:
        """Route to a machine what is RMCP+ by our session ID, and everything else by the peer's address."""
        if attachment.local_id:
            self._plus[attachment.local_id] = attachment
        self._lan.setdefault(attachment.address, []).append(attachment)
        self.flush(attachment)

    def _free_id(self) -> int:
        while True:
            candidate = int.from_bytes(entropy(4), "little")
            if candidate and candidate not in self._plus:
                return candidate

    # --- sockets ---

    def _port(self, address: Address) -> Port:
        if self._closed:
            raise LocalProtocolError("the endpoint is closed")
        family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
        port = self._ports.get(family)
        if port is None:
            try:
                port = self._ports[family] = Port(family, self._route)
            except OSError as error:
                raise TransportError(f"cannot open a socket for {address[0]}: {error.strerror or error}") from error
            self._start(port.read_when_needed)
            self._start(port.write_backlog)
        return port

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a task until :meth:`stop`: shielded, as sessions are closed through it when all else is cancelled."""
        scope = trio.CancelScope(shield=True)
        self._scopes.append(scope)
        self._nursery.start_soon(self._guard, scope, work)

    async def _guard(self, scope: trio.CancelScope, work: Callable[[], Awaitable[None]]) -> None:
        try:
            with scope:
                await work()
        finally:
            self._abandon()  # stopped, or broken: either way nobody will be served again

    def _abandon(self) -> None:
        """Tell whoever still waits for a datagram that none will come."""
        if not self._closed:
            self._closed = True
            for attachment in [attachment for peers in self._lan.values() for attachment in peers]:
                attachment.fail(TransportError("the endpoint is closed"))

    def stop(self) -> None:
        """End the tasks; nobody may need them any more."""
        for scope in self._scopes:
            scope.cancel()

    def close(self) -> None:
        """Close the sockets, whose tasks must have ended."""
        self._abandon()
        for port in self._ports.values():
            port.close()

    def _route(self, data: bytes, address: Address, now: float) -> None:
        """Give a datagram to the machine that it is for. Never by session ID alone: the peer must be the right one."""
        if len(data) < 8:
            self.strays += 1
            return
        if data[4] == _RMCP_PLUS and data[3] != _ASF:
            handshake = data[5] & 0x30 == _HANDSHAKES
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
        sent = False
        for datagram in machine.datagrams_to_send():
            attachment.port.send(datagram, attachment.address, attachment.fail)
            sent = True
        if sent or attachment.armed == math.inf:  # else deadlines were only put off, and the timer will notice
            deadline = machine.next_deadline()
            if deadline is not None and deadline < attachment.armed:
                self._arm(attachment, deadline)
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
        attachment.port.summon_reader()  # a keep-alive is answered though no task waits for it
        if events:
            attachment.deliver(events)


def _numeric_family(host: str) -> socket.AddressFamily | None:
    """IPv4 for a dotted quad: the one kind of name that needs no look-up to become a socket address."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        return None
    return socket.AF_INET


def _nothing() -> None:
    """No farewell."""


def _ignore(_: object) -> None:
    """Nobody wants to hear of it any more."""


@asynccontextmanager
async def open_endpoint() -> AsyncIterator[Endpoint]:
    """A place for sessions with any number of BMCs; IPv4 and IPv6 sockets are opened when first needed."""
    endpoint: Endpoint | None = None
    try:
        async with open_background_nursery() as nursery:
            endpoint = Endpoint(nursery)
            try:
                yield endpoint
            finally:
                endpoint.stop()
    finally:  # after the tasks: the number of a closed socket may be taken again before Trio stops waiting for it
        if endpoint is not None:
            endpoint.close()
