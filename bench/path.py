"""The table of the whole path: customers, Gateway, tunnel, Agent and BMCs, each row beside what it is promised.

    python -m bench path [--quick] [--reps 5] [--only ROW] [--list] [--gate]

Each row of each repetition has a Manager, a Gateway and an Agent of its own, as processes; so are its clients.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.report import machine_lines
from bench.run import save
from bench.tunnel import Ratio, Row, as_data, compare, markdown, measure, measured

REPETITIONS: Final = 5


def row(key: str, title: str) -> Row:
    """One line of the table."""
    return Row(key, title, "bench.path_clients", (key,))


ROWS: Final = (
    row("power", "power status, one at a time, directly and through the path in turn"),
    row("rate", "power status, 16 at once, each of another server"),
    row("keys", "200 consoles, a key every 2 s on each, to its echo"),
    row("idle", "1,000 idle consoles of 40 servers"),
    row("mint", "server tokens over 4 HTTP/2 connections, 16 at once"),
    row("start", "conduit up, until it is ready"),
)

RATIOS: Final = (
    Ratio(title="power status, added p50", row="power", figure="added p50 ms", goal=5.0, unit=" ms"),
    Ratio(title="the same, times the direct command", row="power", figure="times direct"),
    Ratio(title="requests per Gateway CPU s", row="rate", figure="requests/s of Gateway CPU", goal=300, unit="/s"),
    Ratio(title="requests a second, all on this machine", row="rate", figure="requests/s", unit="/s"),
    Ratio(title="key to echo, p50", row="keys", figure="p50 ms", goal=5.0, unit=" ms"),
    Ratio(title="key to echo, p99", row="keys", figure="p99 ms", goal=20.0, unit=" ms"),
    Ratio(title="1,000 idle consoles, Gateway", row="idle", figure="Gateway MB", goal=100.0, unit=" MB"),
    Ratio(title="server tokens, client on the same machine", row="mint", figure="tokens/s", goal=500, unit="/s"),
    Ratio(title="server tokens a second of Manager CPU", row="mint", figure="tokens/s of Manager CPU", unit="/s"),
    Ratio(title="start of conduit up to ready", row="start", figure="ready s", goal=5.0, unit=" s"),
)  # fmt: skip


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench path", description="measure the whole path")
    parser.add_argument("--quick", action="store_true", help="one repetition")
    parser.add_argument("--reps", type=int, help=f"repetitions ({REPETITIONS})")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="rows whose key starts with this")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--gate", action="store_true", help="fail where a goal is missed")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
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
        repetitions = options.reps or (1 if options.quick else REPETITIONS)
        outcomes = measure(rows, Path(name), repetitions, None, say)
    text = markdown(machine, outcomes, ROWS, RATIOS)
    save(text, as_data(machine, outcomes, RATIOS), name="path-")
    sys.stdout.write(text)
    missed = any(ratio.verdict(value) == "MISSED" for ratio, value, _ in compare(outcomes, RATIOS))
    return int(any(not measured(row) for row in outcomes.values()) or (options.gate and missed))


if __name__ == "__main__":
    sys.exit(main())
