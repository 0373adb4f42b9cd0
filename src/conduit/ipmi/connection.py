"""A live session and the commands in it: seals requests, opens and pairs responses, keeps the session alive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from conduit.errors import LocalProtocolError
from conduit.ipmi.exchange import BMC, Answered, Exchange, Pending, Target, Unanswered
from conduit.ipmi.sol import SolEvent, SolMachine
from conduit.rmcp.lan_message import MIN_FRAME
from conduit.rmcp.login_draft import Session
from conduit.rmcp.packets import PayloadType
from conduit.rmcp.session import PlusSession
from conduit.rmcp.session_commands import CloseSession

KEEPALIVE: Final = 25.0  # seconds of silence before a keep-alive; BMCs drop sessions after 60 (section 6.12.15)
# Data bytes of one request: the length is one byte in IPMI 1.5; in RMCP+ a datagram is the limit.
MAX_LAN_DATA: Final = 255 - MIN_FRAME
MAX_PLUS_DATA: Final = 65_000
_IPMI: Final = int(PayloadType.IPMI)
_SOL: Final = int(PayloadType.SOL)
_NETFN_APP: Final = 0x06
_GET_DEVICE_ID: Final = 0x01


class SessionLost(NamedTuple):
    """The BMC does not answer in this session any more; nothing else will happen in it."""


Event = Answered | Unanswered | SessionLost | SolEvent


class Connection:
    """One session's traffic; a :class:`~conduit._machine.DatagramMachine`.

    When a request goes unanswered for good, so does everything else that waits, and the session counts as lost.

    :param keepalive: seconds of silence after which a Get Device ID keeps the session open, or None for never.
    """

    __slots__ = ("_exchange", "_keepalive", "_last_sent", "_lost", "_outbox", "_session", "_sol")

    def __init__(
        self, session: Session, exchange: Exchange, now: float, *, keepalive: float | None = KEEPALIVE
    ) -> None:
        self._session = session
        self._exchange = exchange
        self._keepalive = keepalive
        self._last_sent = now
        self._outbox: tuple[bytes, ...] = ()
        self._lost = False
        self._sol: SolMachine | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the session is gone."""
        return self._lost

    @property
    def session(self) -> Session:
        """The session beneath, with its counters."""
        return self._session

    @property
    def exchange(self) -> Exchange:
        """The requests in it, with their counters."""
        return self._exchange

    def submit(self, token: object, netfn: int, command: int, data: bytes, now: float, target: Target = BMC) -> Pending:
        """Send a request, now or in turn; an event with *token* tells what became of it.

        :raises LocalProtocolError: it has more data than fits, or *target* does not exist.
        """
        room = MAX_PLUS_DATA if self._session.is_plus else MAX_LAN_DATA
        if target is not BMC:
            room -= target.overhead()
        if len(data) > room:
            raise LocalProtocolError(f"a request takes {room} bytes of data here, not {len(data)}")
        pending = Pending(token, netfn, command, data, target)
        self._start(pending, now)
        return pending

    def forget(self, pending: Pending, now: float) -> None:
        """Nobody waits for this one any more."""
        self._exchange.forget(pending)
        self._send_queued(now)

    def receive_datagram(self, data: bytes, now: float) -> Sequence[Event]:
        """Take one datagram of this session; whatever is wrong with it is counted where it shows."""
        opened = self._session.open(data)
        if opened is None:
            return ()
        if opened[0] != _IPMI:
            return self._receive_sol(opened[1], now) if opened[0] == _SOL else ()
        answered = self._exchange.receive(opened[1])
        if answered is None:
            return ()
        if self._exchange.has_queue:
            self._send_queued(now)
        return () if answered.token is None else (answered,)

    def close(self, token: object, now: float, delays: tuple[float, ...]) -> list[Unanswered]:
        """Send Close Session ahead of everything else; returns whose requests will never be answered.

        An event with *token* tells when it is over, after the sum of *delays* (seconds) at the latest.
        """
        ended = [event for event in self._exchange.abandon() if event.token is not None]
        command = CloseSession(session_id=self._session.remote_id)
        pending = Pending(token, command.netfn, command.command, command.request_data(), BMC)
        pending.delays = delays
        self._keepalive = None
        self._start(pending, now)
        return ended

    # --- serial over LAN ---

    @property
    def sol(self) -> SolMachine | None:
        """The console in this session."""
        return self._sol

    @property
    def protection(self) -> tuple[bool, bool]:
        """Whether the session encrypts, and whether it authenticates."""
        return self._session.protection if isinstance(self._session, PlusSession) else (False, True)

    def attach_sol(self, machine: SolMachine) -> None:
        """Route SOL payloads to *machine*.

        :raises LocalProtocolError: there is another, or the session is one of IPMI 1.5.
        """
        if self._sol not in (None, machine):
            raise LocalProtocolError("the session has a console already: a second one needs another session")
        if not self._session.is_plus:
            raise LocalProtocolError("the session is an IPMI 1.5 one: a console needs IPMI 2.0 (lanplus)")
        self._sol = machine

    def detach_sol(self, machine: SolMachine) -> None:
        """Route SOL payloads nowhere again."""
        if self._sol is machine:
            self._sol = None

    def poll_sol(self, now: float) -> None:
        """Send what the console has to send."""
        if self._sol is not None:
            self._sol.poll(now)
            self._send_sol(self._sol)

    def _receive_sol(self, payload: bytes, now: float) -> Sequence[Event]:
        machine = self._sol
        if machine is None:
            return ()
        events = machine.receive(payload, now)
        self._send_sol(machine)
        return events

    def _send_sol(self, machine: SolMachine) -> None:
        for payload in machine.payloads_to_send():
            self._outbox = (*self._outbox, self._session.seal(_SOL, payload))

    def abandon(self) -> list[Event]:
        """Give the session up; returns whose requests will never be answered, and whose console ends."""
        self._lost = True
        machine, self._sol = self._sol, None
        ended = [] if machine is None else machine.lose()
        return [*self._abandon_requests(), *ended]

    def _abandon_requests(self) -> list[Unanswered]:
        return [event for event in self._exchange.abandon() if event.token is not None]

    def datagrams_to_send(self) -> Iterable[bytes]:
        """Datagrams to send now."""
        outbox, self._outbox = self._outbox, ()
        return outbox

    def next_deadline(self) -> float | None:
        """When to send something again, or to keep the session alive."""
        if self._lost:
            return None
        due = self._exchange.next_deadline()
        if due is None and self._keepalive is not None:
            due = self._last_sent + self._keepalive
        if self._sol is None:
            return due
        again = self._sol.next_deadline()
        return due if again is None or (due is not None and due < again) else again

    def handle_deadline(self, now: float) -> Sequence[Event]:
        """Send again, keep alive, or declare the session lost."""
        due = self.next_deadline()
        if due is None or now < due:
            return ()
        events: Sequence[Event] = ()
        if self._sol is not None:
            events = self._sol.handle_deadline(now)
            self._send_sol(self._sol)
        return (*events, *self._handle_commands(now))

    def _handle_commands(self, now: float) -> Sequence[Event]:
        """What is due beside the console."""
        due = self._command_deadline()
        if due is None or now < due:
            return ()
        if self._exchange.is_idle:
            self.submit(None, _NETFN_APP, _GET_DEVICE_ID, b"", now)
            return ()
        again, dead = self._exchange.handle_deadline(now)
        for frame in again:
            self._send(frame, now)
        self._send_queued(now)
        if all(event.bridged for event in dead):
            return tuple(dead)
        return (*(event for event in dead if event.token is not None), *self.abandon(), SessionLost())

    def _command_deadline(self) -> float | None:
        due = self._exchange.next_deadline()
        if due is not None or self._keepalive is None:
            return due
        return self._last_sent + self._keepalive

    def _start(self, pending: Pending, now: float) -> None:
        frame = self._exchange.submit(pending, now)
        if frame is not None:
            self._send(frame, now)

    def _send(self, frame: bytes, now: float) -> None:
        self._outbox = (*self._outbox, self._session.seal(_IPMI, frame))
        self._last_sent = now

    def _send_queued(self, now: float) -> None:
        while (frame := self._exchange.next_frame(now)) is not None:
            self._send(frame, now)
