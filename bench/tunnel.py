"""The tunnel's table: each row beside ``trio.SSLStream`` or ``ssh -R`` in the same run, in turn, several times over.

    python -m bench tunnel [--quick] [--reps 5] [--only ROW] [--list] [--gate]

Before anything is timed, random bytes are sent through everything and compared by their digests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import tunnel_certificates
from bench.report import machine_lines
from bench.run import ROOT, environment, last_words, save

REPETITIONS: Final = 5
LIMIT: Final = 120.0  # seconds for one row
MORE_IS_BETTER: Final = frozenset(
    {
        "MB/s",
        "messages/s",
        "updates/s",
        "requests/s",
        "requests/s of Gateway CPU",
        "tokens/s",
        "tokens/s of Manager CPU",
        "keys/s",
    }
)
QUICK_SIZE: Final = 100_000_000  # bytes
PROOF_SIZE: Final = 200_000_000  # bytes
Figures = Mapping[str, float]
Outcome = Figures | str
"Figures by their names, or why there are none."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a module that measures it, and its arguments."""

    key: str
    title: str
    module: str
    arguments: tuple[str, ...]
    is_bulk: bool = False
    "Whether it takes --size."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One figure over another of the same run, or a figure alone, and what it should be."""

    title: str
    row: str
    figure: str
    over: str = ""
    "The row with the other figure; none where the figure stands alone."
    goal: float | None = None
    unit: str = "x"

    @property
    def more_is_better(self) -> bool:
        """Which direction is good."""
        return self.figure in MORE_IS_BETTER

    def value(self, table: Mapping[str, Figures]) -> float | None:
        """The ratio; None where a row has no figures."""
        if self.row not in table or (self.over and self.over not in table):
            return None
        figure = table[self.row][self.figure]
        return figure / table[self.over][self.figure] if self.over else figure

    def verdict(self, value: float | None) -> str:
        """Whether it is as good as it should be."""
        if value is None:
            return "not measured"
        if self.goal is None:
            return "for comparison"
        return "goal" if (value >= self.goal if self.more_is_better else value <= self.goal) else "MISSED"


def ends(key: str, title: str, *arguments: str) -> Row:
    """A row between two ends of one hop."""
    return Row(key, title, "bench.tunnel_ends", arguments, is_bulk="bulk" in arguments)


def forwarded(key: str, title: str, what: str) -> Row:
    """A row from end to end."""
    return Row(key, title, "bench.tunnel_forward", (what,), is_bulk=True)


ROWS: Final = (
    ends("base-bulk", "trio.SSLStream, bulk, receive_some()", "plain", "bulk"),
    ends("base-bulk-256", "trio.SSLStream, bulk, receive_some(256 KiB)", "plain", "bulk", "--kind", "big-sink"),
    ends("bulk-1", "tunnel, bulk, 1 stream", "tunnel", "bulk"),
    ends("bulk-100", "tunnel, bulk, 100 streams", "tunnel", "bulk", "--streams", "100"),
    ends("base-ping", "trio.SSLStream, 32 bytes there and back", "plain", "pings"),
    ends("ping", "tunnel, 32 bytes there and back", "tunnel", "pings"),
    ends("messages", "tunnel, 32 bytes there and back, 64 streams", "tunnel", "messages"),
    ends("stalled", "tunnel, round trips beside a stalled stream", "tunnel", "stalled"),
    ends("idle", "tunnel, 1,000 idle streams", "tunnel", "idle"),
    forwarded("direct", "TCP, nothing in between", "direct"),
    forwarded("ssh", "TCP through ssh -R, default cipher", "ssh"),
    forwarded("forward", "TCP through conduit tunnel listen and dial", "conduit"),
)

RATIOS: Final = (
    Ratio(title="one stream, MB/s vs SSLStream", row="bulk-1", over="base-bulk", figure="MB/s", goal=2.0),
    Ratio(title="one stream, CPU vs SSLStream", row="bulk-1", over="base-bulk", figure="cpu s/GB", goal=0.55),
    Ratio(title="the same vs SSLStream that asks for 256 KiB, MB/s", row="bulk-1", over="base-bulk-256", figure="MB/s"),
    Ratio(title="and its CPU", row="bulk-1", over="base-bulk-256", figure="cpu s/GB"),
    Ratio(title="100 streams, MB/s vs SSLStream", row="bulk-100", over="base-bulk", figure="MB/s", goal=1.6),
    Ratio(title="100 streams, CPU vs SSLStream", row="bulk-100", over="base-bulk", figure="cpu s/GB"),
    Ratio(title="round trip p50 vs SSLStream", row="ping", over="base-ping", figure="p50 us", goal=0.75),
    Ratio(title="CPU of a round trip vs SSLStream", row="ping", over="base-ping", figure="cpu us"),
    Ratio(title="small messages over 64 streams", row="messages", figure="messages/s", goal=40_000, unit="/s"),
    Ratio(title="p99 beside a stalled stream vs alone", row="stalled", figure="ratio", goal=1.3),
    Ratio(title="memory of an idle stream, Gateway", row="idle", figure="KiB here", goal=2.0, unit=" KiB"),
    Ratio(title="memory of an idle stream, Agent", row="idle", figure="KiB there", goal=2.0, unit=" KiB"),
    Ratio(title="CPU to open a stream, Gateway", row="idle", figure="cpu us here", goal=100, unit=" us"),
    Ratio(title="CPU to open a stream, both ends", row="idle", figure="cpu us", unit=" us"),
    Ratio(title="end to end, MB/s vs ssh -R", row="forward", over="ssh", figure="MB/s", goal=1.0),
    Ratio(title="end to end, CPU vs ssh -R", row="forward", over="ssh", figure="cpu s/GB", goal=0.8),
    Ratio(title="end to end, round trip p50 vs ssh -R", row="forward", over="ssh", figure="p50 us"),
)  # fmt: skip


def run_module(module: str, arguments: Sequence[str]) -> Outcome:
    """What a process measured, or its last words."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, env=environment(), cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no result after {LIMIT:.0f} s"
    if done.returncode or not done.stdout.startswith("{"):
        return last_words(done.stderr) or f"exit code {done.returncode}"
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def run_row(row: Row, folder: Path, size: int | None) -> Outcome:
    """One repetition of *row*."""
    sizes = ["--size", str(size)] if row.is_bulk and size else []
    return run_module(row.module, [*row.arguments, "--folder", str(folder), *sizes])


def measure(
    rows: Sequence[Row], folder: Path, repetitions: int, size: int | None, say: Callable[[str], None]
) -> dict[str, list[Outcome]]:
    """Every row, *repetitions* times over, so that a slow minute of the machine is everybody's."""
    outcomes: dict[str, list[Outcome]] = {row.key: [] for row in rows}
    for repetition in range(1, repetitions + 1):
        for row in rows:
            began = time.monotonic()
            outcome = run_row(row, folder, size)
            outcomes[row.key].append(outcome)
            words = f"FAILED: {outcome}" if isinstance(outcome, str) else show_all(outcome)
            say(f"{repetition}/{repetitions} {row.title}: {words} ({time.monotonic() - began:.1f} s)")
    return outcomes


def show(value: float) -> str:
    """Three digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def show_all(figures: Figures) -> str:
    """All figures of a row."""
    return ", ".join(f"{name} {show(value)}" for name, value in figures.items())


def measured(outcomes: Sequence[Outcome]) -> list[Figures]:
    """The repetitions that worked."""
    return [one for one in outcomes if not isinstance(one, str)]


def best(several: Sequence[Figures]) -> Figures:
    """The best of each figure on its own."""
    return {name: (max if name in MORE_IS_BETTER else min)(figures[name] for figures in several) for name in several[0]}


def compare(
    outcomes: Mapping[str, Sequence[Outcome]], ratios: Sequence[Ratio] = RATIOS
) -> list[tuple[Ratio, float | None, list[float]]]:
    """Every ratio: of the best figures, and of each repetition."""
    table = {key: best(figures) for key, row in outcomes.items() if (figures := measured(row))}
    rounds = [
        {key: figures for key, figures in zip(outcomes, row, strict=True) if not isinstance(figures, str)}
        for row in zip(*outcomes.values(), strict=True)
    ]
    return [
        (ratio, ratio.value(table), [value for one in rounds if (value := ratio.value(one)) is not None])
        for ratio in ratios
        if ratio.row in outcomes
    ]


def markdown(
    machine: Mapping[str, str],
    outcomes: Mapping[str, Sequence[Outcome]],
    rows: Sequence[Row] = ROWS,
    ratios: Sequence[Ratio] = RATIOS,
) -> str:
    """The report."""
    titles = {row.key: row.title for row in rows}
    lines = ["## Machine", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    lines += ["## Figures", "", "The best of each figure on its own, and the range.", ""]
    lines += ["| what | figures |", "|---|---|"]
    for key, row in outcomes.items():
        figures = measured(row)
        cells = []
        for name, value in (best(figures) if figures else {}).items():
            every = [one[name] for one in figures]
            cells.append(f"{name} **{show(value)}** [{show(min(every))} - {show(max(every))}]")
        lines.append(f"| {titles[key]} | {', '.join(cells) or row[-1]} |")
    lines += ["", "| ratio | of the best [repetition by repetition] | goal | verdict |", "|---|---|---|---|"]
    for ratio, overall, each in compare(outcomes, ratios):
        shown = "" if overall is None else f"{show(overall)}{ratio.unit}"
        span = f" [{show(min(each))} - {show(max(each))}]" if each else ""
        goal = "" if ratio.goal is None else f"{'>=' if ratio.more_is_better else '<='} {show(ratio.goal)}{ratio.unit}"
        lines.append(f"| {ratio.title} | {shown}{span} | {goal} | {ratio.verdict(overall)} |")
    return "\n".join(lines) + "\n"


def as_data(
    machine: Mapping[str, str], outcomes: Mapping[str, Sequence[Outcome]], promises: Sequence[Ratio] = RATIOS
) -> dict[str, object]:
    """The report for programs."""
    ratios = [
        {"title": ratio.title, "best": value, "each": each, "goal": ratio.goal, "verdict": ratio.verdict(value)}
        for ratio, value, each in compare(outcomes, promises)
    ]
    rows = {key: list(row) for key, row in outcomes.items()}
    return {"machine": dict(machine), "rows": rows, "ratios": ratios}


def prove(folder: Path, say: Callable[[str], None]) -> bool:
    """Whether the bytes arrive as they were sent; nothing is timed."""
    equal = True
    for what, module, arguments in (
        ("over one stream", "bench.tunnel_ends", ["tunnel", "proof"]),
        ("over 100 streams", "bench.tunnel_ends", ["tunnel", "proof", "--streams", "100"]),
        ("from end to end", "bench.tunnel_forward", ["conduit", "--prove"]),
    ):
        outcome = run_module(module, [*arguments, "--size", str(PROOF_SIZE), "--folder", str(folder)])
        equal = equal and not isinstance(outcome, str)
        words = outcome if isinstance(outcome, str) else "they arrive as they were sent"
        say(f"{PROOF_SIZE // 1_000_000} MB of random bytes {what}: {words}")
    return equal


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench tunnel", description="measure the tunnel")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one short repetition, figures mean little")
    parser.add_argument("--reps", type=int, help=f"repetitions ({REPETITIONS})")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="rows whose key starts with this")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--gate", action="store_true", help="fail where a goal is missed")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep the table."""
    options = parse(arguments)
    rows = [row for row in ROWS if not options.only or any(row.key.startswith(one) for one in options.only)]
    if options.list:
        sys.stdout.writelines(f"{row.key:22} {row.title}\n" for row in rows)
        return 0

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    machine = {name: value for name, value in machine_lines(sys.executable).items() if name != "peers"}
    with tempfile.TemporaryDirectory(prefix="conduit-bench-") as name:
        tunnel_certificates.make(Path(name))
        if not prove(Path(name), say):
            return 1
        repetitions = options.reps or (1 if options.quick else REPETITIONS)
        outcomes = measure(rows, Path(name), repetitions, QUICK_SIZE if options.quick else None, say)
    text = markdown(machine, outcomes)
    save(text, as_data(machine, outcomes), name="tunnel-")
    sys.stdout.write(text)
    missed = any(ratio.verdict(value) == "MISSED" for ratio, value, _ in compare(outcomes))
    return int(any(not measured(row) for row in outcomes.values()) or (options.gate and missed))


if __name__ == "__main__":
    sys.exit(main())
