"""What a broker is told about its server: the ways to its BMC, in the order of preference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.ipmi import Interface, Privilege
from conduit.services.secret import Secret

IPMI_PORT: Final = 623
RETRIES: Final = 3
TIMEOUT: Final = 1.0  # seconds before a request is first repeated
BACKOFF: Final = 1.5

PasswordSource = Callable[[], Secret]
"Asked at each log-in; raises ConduitError where there is none."


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlEndpoint:
    """One way to talk to a BMC."""

    name: str
    "For logs, metrics and staff: ``ipmi-1``, never an address."
    host: str
    port: int = IPMI_PORT
    username: str = field(default="", repr=False)
    password: Secret | PasswordSource = field(repr=False)
    interface: Interface = Interface.LANPLUS
    "LANPLUS never becomes LAN; AUTO may, and that is recorded."
    cipher_suite: int | None = None
    privilege: Privilege = Privilege.ADMINISTRATOR
    workarounds: Sequence[str] = ()
    timeout: float = TIMEOUT
    retries: int = RETRIES
    backoff: float = BACKOFF

    def resolve_password(self) -> str:
        """The password itself, for the log-in that is about to happen.

        :raises ConduitError: there is none.
        """
        found = self.password if isinstance(self.password, Secret) else self.password()
        return found.reveal()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLimits:
    """How much, how long. Times are seconds."""

    idle_close: float = 300.0
    "After which a session that nobody uses is closed, so that the BMC has the slot back."
    waiting_per_tenant: int = 16
    "Operations of one tenant that may wait."
    waiting: int = 64
    "Operations that may wait in all."
    info_age: float = 3600.0
    "That what a BMC says of itself stays true, unless power was switched."
    failures: int = 3
    "In a row that open the circuit breaker."
    pause: float = 5.0
    "That the breaker stays open at first; twice as long each time after."
    longest_pause: float = 60.0

    def __post_init__(self) -> None:
        numbers = (self.waiting_per_tenant, self.waiting, self.failures)
        times = (self.idle_close, self.info_age, self.pause, self.longest_pause)
        if min(numbers) < 1 or not all(seconds > 0 for seconds in times):
            raise LocalProtocolError("a broker's limits are all more than 0")


DEFAULT_LIMITS: Final = BrokerLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEndpoints:
    """A server, and how its BMC is reached."""

    server_id: str
    control: Sequence[ControlEndpoint]
    "The first is preferred; a later one is used while those before it fail, and that is recorded."
    has_console: bool = True
    share_session: bool = True
    "The console runs in the session of the commands: most BMCs are short of sessions. False gives it its own."
    limits: BrokerLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not self.control:
            raise LocalProtocolError(f"server {self.server_id} has no control endpoint")
        if len({one.name for one in self.control}) != len(self.control):
            raise LocalProtocolError(f"server {self.server_id} has two control endpoints of the same name")
