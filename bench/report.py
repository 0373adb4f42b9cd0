"""From measurements to a table: the best of the repetitions, the range, and the ratios that are promised."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.measure import STALL, Measurement

Outcome = Measurement | str
"A measurement, or why there is none."


class Figures(NamedTuple):
    """What the table shows of one row, from one repetition or the best of several."""

    rate: float
    "Operations per second."
    cpu: float
    "Processor seconds of the client per operation."
    p50: float
    p99: float
    memory: float
    "Resident bytes per session; 0 where the row is not about memory."
    alone: float
    """Operations per second of one session, stalls left out.

    pyghmi now and then sleeps until its retry, up to a second, though the answer is there. To count that would make
    any ratio to it look better than it is.
    """

    @classmethod
    def of(cls, one: Measurement) -> Figures:
        """The figures of one repetition."""
        memory = one.notes.get("bytes_per_session", 0.0)
        return cls(one.rate, one.cpu_per_operation, one.p50, one.p99, memory, max(one.rate, one.unstalled_rate))

    @classmethod
    def best(cls, several: Sequence[Figures]) -> Figures:
        """The best of each column on its own."""
        return cls(
            rate=max(one.rate for one in several),
            cpu=min(one.cpu for one in several),
            p50=min(one.p50 for one in several),
            p99=min(one.p99 for one in several),
            memory=min(one.memory for one in several),
            alone=max(one.alone for one in several),
        )


Table = Mapping[str, Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A figure of Conduit's over one of somebody else's, from the same run."""

    title: str
    keys: tuple[str, ...]
    "Rows it is made of."
    value: Callable[[Table], float]
    must: float | None = None
    goal: float | None = None
    more_is_better: bool = False
    as_fraction: bool = False
    "Shown as 1/n."
    unit: str = "x"

    def show(self, value: float) -> str:
        """*value* as people compare it."""
        return f"1/{1 / value:.1f}" if self.as_fraction and value else f"{value:.2f}{self.unit}"

    def bound(self, value: float | None) -> str:
        """A bound with its direction."""
        return "" if value is None else f"{'>=' if self.more_is_better else '<='} {self.show(value)}"

    def verdict(self, value: float) -> str:
        """Which bound *value* keeps."""

        def kept(bound: float | None) -> bool:
            return bound is not None and (value >= bound if self.more_is_better else value <= bound)

        if self.must is None:
            return "for comparison"
        return "goal" if kept(self.goal) else "must" if kept(self.must) else "MISSED"


RATIOS: Final = (
    Ratio(
        title="full session one at a time, p50, vs pyghmi (ipmi_sim)",
        keys=("conduit-full-sim", "pyghmi-full-sim"),
        value=lambda t: t["conduit-full-sim"].p50 / t["pyghmi-full-sim"].p50,
        must=0.60, goal=0.40,
    ),
    Ratio(
        title="full sessions/s at 500 vs PP500",
        keys=("conduit-full-500", "pp500"),
        value=lambda t: t["conduit-full-500"].rate / t["pp500"].rate,
        must=1 / 18, goal=1 / 12, more_is_better=True, as_fraction=True,
    ),
    Ratio(
        title="full sessions/s at 500 vs pyghmi one at a time (responder vs ipmi_sim)",
        keys=("conduit-full-500", "pyghmi-full-sim"),
        value=lambda t: t["conduit-full-500"].rate / t["pyghmi-full-sim"].alone,
        must=5, goal=8, more_is_better=True,
    ),
    Ratio(
        title="warm commands/s at 500 vs pyghmi's one session (responder vs ipmi_sim)",
        keys=("conduit-warm-500", "pyghmi-warm-sim"),
        value=lambda t: t["conduit-warm-500"].rate / t["pyghmi-warm-sim"].alone,
        must=4, goal=6, more_is_better=True,
    ),
    Ratio(
        title="CPU per warm command at 500 vs PP500",
        keys=("conduit-warm-500", "pp500"),
        value=lambda t: t["conduit-warm-500"].cpu / t["pp500"].cpu,
        must=3.3, goal=2.3,
    ),
    Ratio(
        title="resident memory per open session",
        keys=("conduit-memory",),
        value=lambda t: t["conduit-memory"].memory / 1024,
        must=8, goal=4, unit=" KiB",
    ),
    Ratio(
        title="the same with a task waiting in each",
        keys=("conduit-memory-parked",),
        value=lambda t: t["conduit-memory-parked"].memory / 1024,
        unit=" KiB",
    ),
    Ratio(
        title="full sessions/s at 500 vs pyghmi one at a time, both on the responder",
        keys=("conduit-full-500", "pyghmi-full"),
        value=lambda t: t["conduit-full-500"].rate / t["pyghmi-full"].alone,
        more_is_better=True,
    ),
    Ratio(
        title="full session one at a time, p50, vs pyghmi, both on the responder",
        keys=("conduit-full-1", "pyghmi-full"),
        value=lambda t: t["conduit-full-1"].p50 / t["pyghmi-full"].p50,
    ),
    Ratio(
        title="warm commands/s at 500 vs pyghmi's one session, both on the responder",
        keys=("conduit-warm-500", "pyghmi-warm"),
        value=lambda t: t["conduit-warm-500"].rate / t["pyghmi-warm"].alone,
        more_is_better=True,
    ),
    Ratio(
        title="CPU per warm command, one session, vs pyghmi (ipmi_sim)",
        keys=("conduit-warm-sim", "pyghmi-warm-sim"),
        value=lambda t: t["conduit-warm-sim"].cpu / t["pyghmi-warm-sim"].cpu,
    ),
    Ratio(
        title="full session one at a time, p50, vs PP1",
        keys=("conduit-full-1", "pp1"),
        value=lambda t: t["conduit-full-1"].p50 / t["pp1"].p50,
    ),
    Ratio(
        title="full session one at a time, p50, vs python-ipmi (ipmi_sim)",
        keys=("conduit-full-sim", "python-ipmi-full-sim"),
        value=lambda t: t["conduit-full-sim"].p50 / t["python-ipmi-full-sim"].p50,
    ),
    Ratio(
        title="full session one at a time, p50, vs ipmitool with a small registry (ipmi_sim)",
        keys=("conduit-full-sim", "ipmitool-small-sim"),
        value=lambda t: t["conduit-full-sim"].p50 / t["ipmitool-small-sim"].p50,
    ),
)  # fmt: skip


def measured(outcomes: Sequence[Outcome]) -> list[Figures]:
    """The figures of the repetitions that worked."""
    return [Figures.of(one) for one in outcomes if isinstance(one, Measurement)]


class Result(NamedTuple):
    """A ratio as it came out."""

    ratio: Ratio
    best: float | None
    "Of the rows' best figures; None when a row is missing."
    by_repetition: list[float]

    @property
    def verdict(self) -> str:
        """Which bound it keeps, or that there is no telling."""
        return "not measured" if self.best is None else self.ratio.verdict(self.best)


def compare(outcomes: Mapping[str, Sequence[Outcome]]) -> list[Result]:
    """Every ratio, from the best figures and from each repetition in which all its rows worked."""
    best = {key: Figures.best(figures) for key, row in outcomes.items() if (figures := measured(row))}
    results = []
    for ratio in RATIOS:
        rows = [outcomes.get(key, ()) for key in ratio.keys]
        each = [
            ratio.value({key: Figures.of(one) for key, one in zip(ratio.keys, repetition, strict=True)})
            for repetition in zip(*rows, strict=False)
            if all(isinstance(one, Measurement) for one in repetition)
        ]
        overall = ratio.value(best) if all(key in best for key in ratio.keys) else None
        results.append(Result(ratio, overall, each))
    return results


def _range(values: Sequence[float], scale: float, digits: int) -> str:
    low, high = min(values) * scale, max(values) * scale
    return f"[{low:,.{digits}f} - {high:,.{digits}f}]"


def _row(title: str, outcomes: Sequence[Outcome]) -> str:
    figures = measured(outcomes)
    if not figures:
        reason = next((one for one in outcomes if isinstance(one, str)), "not run")
        return f"| {title} | **{reason.splitlines()[0]}** | | | |"
    best = Figures.best(figures)
    rate = f"{best.rate:,.0f} {_range([one.rate for one in figures], 1, 0)}"
    if best.memory:
        kib = f"{best.memory / 1024:.2f} KiB each {_range([one.memory for one in figures], 1 / 1024, 2)}"
        return f"| {title} | opened at {rate} | {kib} | | |"
    cpu = f"{best.cpu * 1e6:,.1f} {_range([one.cpu for one in figures], 1e6, 1)}"
    p50 = f"{best.p50 * 1e6:,.0f} {_range([one.p50 for one in figures], 1e6, 0)}"
    broken = len(outcomes) - len(figures)
    failures = sum(one.failures for one in outcomes if isinstance(one, Measurement))
    warning = f" ({broken} of {len(outcomes)} repetitions failed)" if broken else ""
    stalls = sum(one.stalls for one in outcomes if isinstance(one, Measurement))
    warning += f" ({failures} operations failed)" if failures else ""
    warning += f" ({stalls} stalls; {best.alone:,.0f}/s without)" if stalls and best.p50 < STALL / 10 else ""
    return f"| {title}{warning} | {rate} | {cpu} | {p50} | {best.p99 * 1e6:,.0f} |"


def markdown(machine: Mapping[str, str], titles: Mapping[str, str], outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The report."""
    lines = ["# Benchmark", "", *(f"- {key}: {value}" for key, value in machine.items()), ""]
    lines += ["Best of the repetitions, each column on its own, and the range. CPU is the client's process.", ""]
    lines += ["| what | operations/s | CPU us/operation | p50 us | p99 us |", "|---|---|---|---|---|"]
    lines += [_row(title, outcomes[key]) for key, title in titles.items() if key in outcomes]
    lines += ["", "| ratio | best [repetition by repetition] | must | goal | verdict |", "|---|---|---|---|---|"]
    for ratio, best, each, verdict in ((r.ratio, r.best, r.by_repetition, r.verdict) for r in compare(outcomes)):
        value = "" if best is None else ratio.show(best)
        span = f" [{ratio.show(min(each))} - {ratio.show(max(each))}]" if each else ""
        lines.append(
            f"| {ratio.title} | {value}{span} | {ratio.bound(ratio.must)} | {ratio.bound(ratio.goal)} | {verdict} |"
        )
    return "\n".join(lines) + "\n"


def as_data(machine: Mapping[str, str], outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """The report for programs; Any because JSON is anything."""

    def plain(one: Outcome) -> dict[str, Any]:
        if isinstance(one, str):
            return {"error": one}
        return {key: value for key, value in asdict(one).items() if key != "latencies"}

    return {
        "machine": dict(machine),
        "rows": {key: [plain(one) for one in row] for key, row in outcomes.items()},
        "ratios": [
            {
                "title": result.ratio.title,
                "best": result.best,
                "by_repetition": result.by_repetition,
                "must": result.ratio.must,
                "goal": result.ratio.goal,
                "verdict": result.verdict,
            }
            for result in compare(outcomes)
        ],
    }


def _first_line(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "not there"
    return done.stdout.partition("\n")[0].strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not there"


def machine_lines(peer_python: str) -> dict[str, str]:
    """What the figures were measured on; no paths and no host name."""
    show = (
        "from importlib.metadata import version as v; print('pyghmi', v('pyghmi') + ', python-ipmi', v('python-ipmi'))"
    )
    registry = Path("/usr/share/misc/enterprise-numbers.txt")
    size = f"{registry.stat().st_size / 1e6:.1f} MB" if registry.exists() else "none"
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "load before": ", ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": f"{platform.python_version()}, trio {_version('trio')}, cryptography {_version('cryptography')}",
        "peers": f"{_first_line([peer_python, '-c', show])}, {_first_line(['ipmitool', '-V'])}, its registry {size}",
        "commit": _first_line(["git", "rev-parse", "--short", "HEAD"]),
    }
