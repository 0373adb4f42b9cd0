"""When to send again and when to give up."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import LocalProtocolError

TIMEOUT: Final = 1.0  # seconds
RETRIES: Final = 6
BACKOFF: Final = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to wait for an answer: *timeout*, then *backoff* times as long after each of *retries* repeats.

    The defaults give up after 15 s and survive 30 % loss on the way.
    """

    timeout: float = TIMEOUT
    "Seconds before the first repeat, more than 0."
    retries: int = RETRIES
    "Repeats after the first sending, 0 or more."
    backoff: float = BACKOFF
    "Factor by which each wait is longer than the one before, 1 or more."
    delays: tuple[float, ...] = field(init=False)
    "Seconds to wait after each sending; as many as there are sendings."

    def __post_init__(self) -> None:
        if not (self.timeout > 0 and self.retries >= 0 and self.backoff >= 1):  # not even for NaN
            raise LocalProtocolError("a retry policy needs timeout > 0, retries >= 0 and backoff >= 1")
        delays = tuple(self.timeout * self.backoff**attempt for attempt in range(self.retries + 1))
        object.__setattr__(self, "delays", delays)

    @property
    def total(self) -> float:
        """Seconds from the first sending to giving up."""
        return sum(self.delays)


@functools.lru_cache(maxsize=64)
def retry_policy(timeout: float, retries: int, backoff: float) -> RetryPolicy:
    """The policy with these numbers; thousands of sessions share one.

    :raises LocalProtocolError: one of them is out of range.
    """
    return RetryPolicy(timeout=timeout, retries=retries, backoff=backoff)


DEFAULT_RETRY: Final = RetryPolicy()
