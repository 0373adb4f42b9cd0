"""How an endpoint has been doing: what staff sees and Prometheus scrapes. It holds no address and no secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from conduit.services.agent.broker_breaker import BreakerState

WEIGHT: Final = 0.2  # of the newest sample in a moving average


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Something less preferred is used."""

    chosen: str
    "``ipmi-2``, or a protocol."
    instead_of: str
    since: float
    "Seconds since 1970."
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSnapshot:
    """One endpoint, now. Times are seconds, moments seconds since 1970."""

    name: str
    breaker: BreakerState
    protocol: str
    "``ipmi-2.0`` or ``ipmi-1.5``, of the last session; empty if there was none."
    connected: bool
    latency: float | None
    "Moving average of one request's."
    log_in_time: float | None
    "Moving average."
    operations: int
    failures: int
    log_ins: int
    last_success: float | None
    last_error_at: float | None
    last_error: str
    "In words; empty if there was none."
    downgrade: Fallback | None
    "An ``auto`` endpoint that had to use IPMI 1.5."


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSnapshot:
    """A server's BMC, now."""

    server_id: str
    endpoints: tuple[EndpointSnapshot, ...]
    active: str
    "Name of the endpoint that was last used with success; empty before that."
    fallback: Fallback | None
    "Why that is not the first one."
    waiting: int
    "Operations that wait."
    busy: bool
    consoles: int

    @property
    def reachable(self) -> bool:
        """Whether any endpoint takes operations."""
        return any(one.breaker is not BreakerState.OPEN for one in self.endpoints)


@dataclass(slots=True)
class Health:
    """Counts what happens at one endpoint."""

    latency: float | None = None
    log_in_time: float | None = None
    operations: int = 0
    failures: int = 0
    log_ins: int = 0
    last_success: float | None = None
    last_error_at: float | None = None
    last_error: str = field(default="")

    def logged_in(self, seconds: float) -> None:
        """A session was opened."""
        self.log_ins += 1
        self.log_in_time = average(self.log_in_time, seconds)

    def succeeded(self, at: float) -> None:
        """An operation was answered."""
        self.operations += 1
        self.last_success = at

    def failed(self, at: float, why: str) -> None:
        """An operation or a log-in failed."""
        self.operations += 1
        self.failures += 1
        self.last_error_at = at
        self.last_error = why

    def answered(self, seconds: float) -> None:
        """One request took so long."""
        self.latency = average(self.latency, seconds)


def average(old: float | None, new: float) -> float:
    """The exponentially weighted moving average."""
    return new if old is None else old + WEIGHT * (new - old)
