"""How a run is timed: a window, its latencies, and the processor time the client spent in it."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

KEPT_LATENCIES: Final = 20_000
"A process with no more operations than this reports each latency, so that runs can be merged."
STALL: Final = 0.1  # seconds; on loopback nothing honest takes as long


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which *share* (0 to 1) of *ordered* lies."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one process measured. All times are in seconds."""

    operations: int
    seconds: float
    cpu_seconds: float
    "User and system time of the client's process; of its children where the client is a command."
    p50: float
    p99: float
    failures: int = 0
    stalls: int = 0
    "Operations longer than STALL."
    unstalled_rate: float = 0.0
    "Operations per second of the others, taken one after the other. Means something for one session only."
    notes: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    "Empty when there were more than KEPT_LATENCIES."

    @property
    def rate(self) -> float:
        """Operations per second of wall time."""
        return self.operations / self.seconds if self.seconds else 0.0

    @property
    def cpu_per_operation(self) -> float:
        """Processor seconds per operation."""
        return self.cpu_seconds / self.operations if self.operations else 0.0

    @classmethod
    def of(
        cls,
        latencies: Iterable[float],
        *,
        seconds: float,
        cpu_seconds: float,
        failures: int = 0,
    ) -> Self:
        """The summary of operations that took *latencies* within *seconds*."""
        ordered = sorted(latencies)
        quick = ordered[: bisect_right(ordered, STALL)]
        return cls(
            operations=len(ordered),
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            p50=percentile(ordered, 0.50),
            p99=percentile(ordered, 0.99),
            failures=failures,
            stalls=len(ordered) - len(quick),
            unstalled_rate=len(quick) / sum(quick) if quick else 0.0,
            latencies=[round(value, 7) for value in ordered] if len(ordered) <= KEPT_LATENCIES else [],
        )

    @classmethod
    def merged(cls, parts: Sequence[Measurement]) -> Self:
        """Several processes' operations as though one had run them, one after the other."""
        return cls.of(
            (value for part in parts for value in part.latencies),
            seconds=sum(part.seconds for part in parts),
            cpu_seconds=sum(part.cpu_seconds for part in parts),
            failures=sum(part.failures for part in parts),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The measurement that :meth:`to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """One line, for the process that started this one."""
        return json.dumps(asdict(self))


def cpu_now(who: int = resource.RUSAGE_SELF) -> float:
    """User plus system seconds used so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


class Window:
    """A stretch of wall time; latencies appended to it before it opens or after it closes do not count."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.failures = 0
        self.closed = False
        self._started = 0.0
        self._cpu = 0.0
        self._result: Measurement | None = None

    def open(self) -> None:
        """Forget the warm-up and start counting."""
        self.latencies.clear()
        self.failures = 0
        self._started = time.perf_counter()
        self._cpu = cpu_now()

    def close(self) -> None:
        """Stop counting. Workers watch ``closed``."""
        cpu_seconds, seconds = cpu_now() - self._cpu, time.perf_counter() - self._started
        self.closed = True
        self._result = Measurement.of(self.latencies, seconds=seconds, cpu_seconds=cpu_seconds, failures=self.failures)

    @property
    def result(self) -> Measurement:
        """What happened between open and close."""
        if self._result is None:
            raise RuntimeError("the window was never closed")
        return self._result


def measure_calls(operation: Callable[[], object], *, seconds: float, warmup: float) -> Measurement:
    """Call *operation* over and over from this thread, *seconds* long after *warmup*."""
    window = Window()
    clock = time.perf_counter
    end = clock() + warmup
    while clock() < end:
        operation()
    window.open()
    end = clock() + seconds
    ended = 0.0
    while ended < end:
        began = clock()
        operation()
        ended = clock()
        window.latencies.append(ended - began)
    window.close()
    return window.result


def resident_bytes() -> int:
    """Resident memory of this process, garbage collected first."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def emit(measurement: Measurement) -> None:
    """Hand *measurement* to the process that started this one."""
    sys.stdout.write(measurement.to_json() + "\n")
    sys.stdout.flush()


def addresses(count: int, *, network: int = 1) -> list[str]:
    """*count* addresses in 127/8, starting at 127.*network*.0.1; each is one managed system."""
    return [f"127.{network + i // 62500}.{i // 250 % 250}.{1 + i % 250}" for i in range(count)]


def jsonable(value: Any) -> str:  # Any: it is what json.dumps takes
    """*value* as indented JSON."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
