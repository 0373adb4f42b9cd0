"""Log-ins in Prometheus' words, fed as they happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import trio
from prometheus_client import Counter, Histogram

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code

BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
_RESULTS: Final[Mapping[int, str]] = {Code.UNAUTHENTICATED: "refused", Code.RESOURCE_EXHAUSTED: "throttled"}


class LogInMetrics:
    """How many there were, and how long they took. No label names who it was."""

    def __init__(self) -> None:
        labels = ("method", "result")
        self.requests = Counter("manager_auth_requests", "By password or refresh token.", labels, registry=None)
        self.seconds = Histogram(
            "manager_auth_duration_seconds", "Of those.", labels[:1], buckets=BUCKETS, registry=None
        )
        self.minted = Counter("manager_server_tokens", "Given to people, each for one server.", registry=None)

    @contextmanager
    def counted(self, method: str) -> Iterator[None]:
        """The block is one of them; refused when it raises so."""
        result, since = "failed", trio.current_time()
        try:
            yield
            result = "ok"
        except CallError as error:
            result = _RESULTS.get(error.code, result)
            raise
        finally:
            self.requests.labels(method, result).inc()
            self.seconds.labels(method).observe(trio.current_time() - since)
