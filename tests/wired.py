"""Console machines wired to a virtual BMC in memory: no sockets, a clock that jumps, and a network as bad as asked."""

from __future__ import annotations

import random  # noqa: TID251 - chance that repeats is what a test wants
from collections.abc import Callable, Sequence
from typing import Any

from conduit._machine import DatagramMachine
from conduit.errors import PeerTimeoutError
from conduit.ipmi.bmc import BmcConfig, PlusConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.config import LanConfig
from conduit.ipmi.bmc.sessions import Address
from conduit.ipmi.connection import Connection, SessionLost
from conduit.ipmi.exchange import BMC, Answered, Exchange, Target
from conduit.rmcp.command import Command
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.login import LoggedIn, Login
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.workarounds import Workaround

ADMIN = UserConfig(name=b"admin", password=b"secret")
OPERATOR = UserConfig(name=b"oscar", password=b"open", privilege=Privilege.OPERATOR)
USER = UserConfig(name=b"ursula", password=b"under", privilege=Privilege.USER)
EVERY_SUITE = tuple(range(20))
EVERY_AUTH_TYPE = frozenset({AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT_PASSWORD})
CONSOLE = ("192.0.2.1", 40_000)


def seeded_entropy(seed: int = 0) -> Callable[[int], bytes]:
    """Bytes that are the same in every run."""
    return random.Random(seed).randbytes


def make_bmc(seed: int = 1, **changes: Any) -> VirtualBmc:
    """A BMC with three users, every suite and every auth type; Any, as the fields of a BmcConfig have many types."""
    changes.setdefault("users", (ADMIN, OPERATOR, USER))
    changes.setdefault("plus", PlusConfig(suites=EVERY_SUITE))
    changes.setdefault("lan", LanConfig(auth_types=EVERY_AUTH_TYPE))
    return VirtualBmc(BmcConfig(**changes), entropy=seeded_entropy(seed))


class Wire:
    """Carries datagrams between one console and the BMC.

    :param loss: share of datagrams lost; *duplicate* and *reorder* likewise.
    """

    def __init__(
        self,
        bmc: VirtualBmc,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        seed: int = 0,
        address: Address = CONSOLE,
    ) -> None:
        self.bmc = bmc
        self.now = 1000.0
        self.address = address
        self._loss, self._duplicate, self._reorder = loss, duplicate, reorder
        self._random = random.Random(seed)
        self._in_flight: list[tuple[bool, bytes]] = []
        self.sent: list[bytes] = []
        "All that reached the BMC."

    def deliver(self, data: bytes) -> list[bytes]:
        """Give the BMC one datagram; return what it sends to the console."""
        self.sent.append(data)
        self.bmc.receive_datagram(data, self.address, self.now)
        return [out for out, address in self.bmc.datagrams_to_send() if address == self.address]

    def _put(self, to_bmc: bool, data: bytes) -> None:
        if self._random.random() >= self._loss:
            self._in_flight.append((to_bmc, data))
            if self._random.random() < self._duplicate:
                self._in_flight.append((to_bmc, data))

    def _take(self) -> tuple[bool, bytes]:
        late = len(self._in_flight) > 1 and self._random.random() < self._reorder
        return self._in_flight.pop(self._random.randrange(1, len(self._in_flight)) if late else 0)

    def run(self, machine: DatagramMachine) -> Sequence[Any]:
        """Carry datagrams and let time pass until *machine* has an event to tell.

        :raises ConduitError: the machine failed.
        """
        while True:
            for data in machine.datagrams_to_send():
                self._put(True, data)
            if self._in_flight:
                to_bmc, data = self._take()
                if to_bmc:
                    for out in self.deliver(data):
                        self._put(False, out)
                    continue
                events = machine.receive_datagram(data, self.now)
            else:
                events = self._wait(machine)
            if events:
                return events

    def _wait(self, machine: DatagramMachine) -> Sequence[Any]:
        deadline = machine.next_deadline()
        assert deadline is not None, "the machine waits for nothing"
        self.let_pass(max(0.0, deadline - self.now))
        return machine.handle_deadline(self.now)

    def let_pass(self, seconds: float) -> None:
        """Time passes for the BMC."""
        end = self.now + seconds
        while (deadline := self.bmc.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.bmc.handle_deadline(self.now)
        self.now = end

    def log_in(self, *, seed: int = 2, **changes: Any) -> LoggedIn:
        """Log in as admin, unless *changes* of the credentials say otherwise."""
        changes.setdefault("username", b"admin")
        changes.setdefault("password", b"secret")
        entropy = seeded_entropy(seed)
        login = Login(Credentials(**changes), console_id=0x2468ACE0 + seed, entropy=entropy)
        login.start(self.now)
        (event,) = self.run(login)
        assert isinstance(event, LoggedIn)
        return event

    def connect(self, *, retry: RetryPolicy | None = None, **changes: Any) -> Console:
        """Log in and stay."""
        verify = Workaround.NOCHECKSUMCHECK not in changes.get("workarounds", ())
        return Console(self, self.log_in(**changes), Exchange(retry or RetryPolicy(), verify=verify))


class Console:
    """A session that asks one thing after the other."""

    def __init__(self, wire: Wire, logged_in: LoggedIn, exchange: Exchange) -> None:
        self.wire = wire
        self.info = logged_in.info
        self.connection = Connection(logged_in.session, exchange, wire.now, keepalive=None)

    def raw(self, netfn: int, command: int, data: bytes = b"", target: Target = BMC) -> tuple[int, bytes]:
        """Completion code and data of the answer."""
        self.connection.submit("it", netfn, command, data, self.wire.now, target)
        event = self.wire.run(self.connection)[0]
        if not isinstance(event, Answered):
            raise PeerTimeoutError("no answer")
        return event.code, event.data

    def code(self, command: Command[Any]) -> int:
        """Completion code of the answer."""
        return self.raw(command.netfn, command.command, command.request_data())[0]

    def ask(self, command: Command[Any], target: Target = BMC) -> Any:
        """The response to a command that succeeds; Any, for each command has its own."""
        code, data = self.raw(command.netfn, command.command, command.request_data(), target)
        assert code == 0, f"completion code {code:#04x}"
        return command.decode_response(data)

    def is_dead(self, command: Command[Any]) -> bool:
        """Whether the BMC has forgotten the session."""
        self.connection.submit("it", command.netfn, command.command, command.request_data(), self.wire.now)
        return any(isinstance(event, SessionLost) for event in self.wire.run(self.connection))
