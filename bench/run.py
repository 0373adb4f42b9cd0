"""The whole table in one run: the floor, Conduit and the others, in turn, several times over.

    python -m bench [--quick] [--peers-only]

Figures of different runs are not to be compared, for the machine is never the same twice; that is why every promise
is a ratio of two rows that this program measures side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import report, servers
from bench.measure import Measurement, addresses, jsonable

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = Path(__file__).with_name("results")
PROCESS_LIMIT: Final = 90.0  # seconds, on top of what is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure."""

    repetitions: int = 5
    seconds: float = 1.5
    warmup: float = 0.4
    simulators: int = 20
    held_sessions: int = 10_000
    pyghmi_hosts: int = 200
    "Addresses of the responder that one pyghmi process visits."
    processes: int = 5
    "Of pyghmi, which can visit each simulator only once, and stalls more the longer it runs."
    commands: int = 40
    "Runs of ipmitool."


QUICK: Final = Effort(
    repetitions=1, seconds=0.4, warmup=0.2, simulators=6, held_sessions=1000, pyghmi_hosts=50, processes=1, commands=6
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What there is to measure against, and with."""

    effort: Effort
    echo_port: int
    responder_port: int
    simulators: servers.Hosts
    peer_python: str

    def timing(self) -> list[str]:
        """Options every module takes."""
        return ["--seconds", str(self.effort.seconds), "--warmup", str(self.effort.warmup)]

    def simulated(self) -> list[str]:
        """Options for the simulators."""
        return ["--hosts", ",".join(self.simulators.addresses), "--port", str(self.simulators.port)]

    def pingpong(self, peers: int) -> list[list[str]]:
        """The floor."""
        command = [sys.executable, "-m", "bench.pingpong", "--port", str(self.echo_port), "--peers", str(peers)]
        return [command + self.timing()]

    def conduit(self, what: str, sessions: int, *options: str) -> list[list[str]]:
        """Conduit against the responder, or where *options* name hosts against those."""
        target = [] if "--port" in options else ["--port", str(self.responder_port)]
        command = [sys.executable, "-m", "bench.sessions", what, "--sessions", str(sessions)]
        return [[*command, *target, *options, *self.timing()]]

    def peer(self, client: str, what: str, *, simulated: bool, processes: int = 1) -> list[list[str]]:
        """Another client, in *processes* one after the other."""
        hosts = ",".join(addresses(self.effort.pyghmi_hosts))
        target = self.simulated() if simulated else ["--hosts", hosts, "--port", str(self.responder_port)]
        command = [self.peer_python, "-m", "bench.peers", client, what, "--count", str(self.effort.commands)]
        seconds, warmup = self.effort.seconds / processes, self.effort.warmup / processes
        return [[*command, *target, "--seconds", str(seconds), "--warmup", str(warmup)]] * processes


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the processes that measure it."""

    key: str
    title: str
    commands: Callable[[Lab], list[list[str]]]

    @property
    def is_conduit(self) -> bool:
        """Whether it needs Conduit's client."""
        return self.key.startswith("conduit")


ROWS: Final = (
    Row("pp1", "Trio UDP ping-pong, 1 peer (PP1)", lambda lab: lab.pingpong(1)),
    Row("pp500", "Trio UDP ping-pong, 500 peers (PP500)", lambda lab: lab.pingpong(500)),
    Row("conduit-warm-1", "conduit warm, 1 session", lambda lab: lab.conduit("warm", 1)),
    Row("conduit-warm-500", "conduit warm, 500 sessions", lambda lab: lab.conduit("warm", 500)),
    Row(
        "conduit-warm-500-17",
        "conduit warm, 500 sessions, suite 17",
        lambda lab: lab.conduit("warm", 500, "--suite", "17"),
    ),
    Row("conduit-full-1", "conduit full, one at a time", lambda lab: lab.conduit("full", 1, "--spread", "500")),
    Row("conduit-full-500", "conduit full, 500 at once", lambda lab: lab.conduit("full", 500)),
    Row(
        "conduit-full-500-17",
        "conduit full, 500 at once, suite 17",
        lambda lab: lab.conduit("full", 500, "--suite", "17"),
    ),
    Row(
        "conduit-memory",
        "conduit, open sessions held by one task",
        lambda lab: lab.conduit("memory", lab.effort.held_sessions),
    ),
    Row(
        "conduit-memory-parked",
        "conduit, open sessions held by a task each",
        lambda lab: lab.conduit("memory-parked", lab.effort.held_sessions),
    ),
    Row(
        "pyghmi-warm",
        "pyghmi warm, 1 session",
        lambda lab: lab.peer("pyghmi", "warm", simulated=False, processes=lab.effort.processes),
    ),
    Row("pyghmi-full", "pyghmi full, one at a time", lambda lab: lab.peer("pyghmi", "full", simulated=False)),
    Row(
        "conduit-warm-sim",
        "conduit warm, 1 session, ipmi_sim",
        lambda lab: lab.conduit("warm", 1, *lab.simulated()),
    ),
    Row(
        "conduit-full-sim",
        "conduit full, one at a time, ipmi_sim",
        lambda lab: lab.conduit("full", 1, *lab.simulated()),
    ),
    Row(
        "conduit-full-auto-sim",
        "conduit full, one at a time, ipmi_sim, everything left to be negotiated",
        lambda lab: lab.conduit("full", 1, "--suite", "-1", *lab.simulated()),
    ),
    Row(
        "pyghmi-warm-sim",
        "pyghmi warm, 1 session, ipmi_sim",
        lambda lab: lab.peer("pyghmi", "warm", simulated=True, processes=lab.effort.processes),
    ),
    Row(
        "pyghmi-full-sim",
        "pyghmi full, one at a time, ipmi_sim",
        lambda lab: lab.peer("pyghmi", "full", simulated=True, processes=lab.effort.processes),
    ),
    Row(
        "python-ipmi-warm-sim",
        "python-ipmi warm, 1 session, ipmi_sim",
        lambda lab: lab.peer("python-ipmi", "warm", simulated=True),
    ),
    Row(
        "python-ipmi-full-sim",
        "python-ipmi full, one at a time, ipmi_sim",
        lambda lab: lab.peer("python-ipmi", "full", simulated=True, processes=lab.effort.processes),
    ),
    Row(
        "ipmitool-sim",
        "ipmitool process, its own registry, ipmi_sim",
        lambda lab: lab.peer("ipmitool", "full", simulated=True),
    ),
    Row(
        "ipmitool-small-sim",
        "ipmitool process, registry of one line, ipmi_sim",
        lambda lab: lab.peer("ipmitool-small", "full", simulated=True),
    ),
)


def environment() -> dict[str, str]:
    """This process's environment, in which Python also finds this tree."""
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def last_words(stderr: str) -> str:
    """The error that ended a Python process, also where it is drawn as a tree of exception groups."""
    lines = [line.strip(" |+-") for line in stderr.splitlines()]
    return next((line for line in reversed(lines) if line), "")


def run_process(command: Sequence[str], limit: float) -> report.Outcome:
    """What one process measured, or its last words."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment(), cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no result after {limit:.0f} s"
    if done.returncode or not done.stdout.startswith("{"):
        return last_words(done.stderr) or f"exit code {done.returncode}"
    return Measurement.from_json(done.stdout)


def run_row(row: Row, lab: Lab) -> report.Outcome:
    """One repetition of *row*."""
    parts: list[Measurement] = []
    for command in row.commands(lab):
        outcome = run_process(command, lab.effort.seconds + PROCESS_LIMIT)
        if isinstance(outcome, str):
            return outcome
        parts.append(outcome)
    return parts[0] if len(parts) == 1 else Measurement.merged(parts)


@contextmanager
def open_lab(effort: Effort, peer_python: str) -> Iterator[Lab]:
    """Start every server."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conduit-bench-")))
        program = servers.compile_responder(directory)
        yield Lab(
            effort=effort,
            echo_port=stack.enter_context(servers.responder(program, echo=True)),
            responder_port=stack.enter_context(servers.responder(program)),
            simulators=stack.enter_context(servers.simulators(effort.simulators, directory / "simulators")),
            peer_python=peer_python,
        )


def conduit_problem() -> str:
    """Why Conduit cannot be measured; empty when it can."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.conduit_client"],
        capture_output=True, text=True, timeout=60, env=environment(), cwd=ROOT, check=False,
    )  # fmt: skip
    if done.returncode:
        return done.stderr.strip()
    reason: str = json.loads(done.stdout)["reason"]
    return reason


def measure(rows: Sequence[Row], lab: Lab, say: Callable[[str], None]) -> dict[str, list[report.Outcome]]:
    """Every row, *repetitions* times over, so that a slow minute of the machine is everybody's."""
    outcomes: dict[str, list[report.Outcome]] = {row.key: [] for row in rows}
    for repetition in range(1, lab.effort.repetitions + 1):
        for row in rows:
            began = time.monotonic()
            outcome = run_row(row, lab)
            outcomes[row.key].append(outcome)
            words = f"FAILED: {outcome}" if isinstance(outcome, str) else f"{outcome.rate:,.0f}/s"
            say(f"{repetition}/{lab.effort.repetitions} {row.title}: {words} ({time.monotonic() - began:.1f} s)")
    return outcomes


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="measure Conduit's IPMI client and others")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one short repetition, figures mean little")
    parser.add_argument("--reps", type=int, help="repetitions (5)")
    parser.add_argument("--seconds", type=float, help="length of each measurement (1.5)")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="rows whose key starts with this")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--peers-only", action="store_true", help="leave Conduit's rows out")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has pyghmi and python-ipmi")
    parser.add_argument("--gate", action="store_true", help="fail where a 'must' is missed")
    return parser.parse_args(arguments)


def chosen_rows(options: argparse.Namespace) -> list[Row]:
    """The rows that the command line asks for."""
    return [
        row
        for row in ROWS
        if not (options.peers_only and row.is_conduit)
        and (not options.only or any(row.key.startswith(prefix) for prefix in options.only))
    ]


def effort_of(options: argparse.Namespace) -> Effort:
    """How long to measure, as the command line asks."""
    base = QUICK if options.quick else Effort()
    changes = {"repetitions": options.reps, "seconds": options.seconds}
    values = {name: getattr(base, name) for name in Effort.__slots__}
    return Effort(**{**values, **{name: value for name, value in changes.items() if value is not None}})


def save(text: str, data: dict[str, object], *, name: str = "") -> None:
    """Keep the report, under *name* and the time, and as the latest."""
    RESULTS.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    for when in (stamp, "latest"):
        (RESULTS / f"{name}{when}.md").write_text(text)
        (RESULTS / f"{name}{when}.json").write_text(jsonable(data))


def exit_code(outcomes: dict[str, list[report.Outcome]], *, gate: bool) -> int:
    """1 where a row has no figures or, with *gate*, where a promise is not kept."""
    empty = any(not report.measured(row) for row in outcomes.values())
    missed = any(result.verdict == "MISSED" for result in report.compare(outcomes))
    return int(empty or (gate and missed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep the table."""
    options = parse(arguments)
    rows = chosen_rows(options)
    if options.list:
        sys.stdout.writelines(f"{row.key:22} {row.title}\n" for row in rows)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    missing: dict[str, list[report.Outcome]] = {}
    if any(row.is_conduit for row in rows) and (problem := conduit_problem()):
        say(f"CONDUIT NOT IMPORTABLE, its rows are left out (--peers-only asks for that): {problem}")
        missing = {row.key: [f"not importable: {problem}"] for row in rows if row.is_conduit}
        rows = [row for row in rows if not row.is_conduit]
    machine = report.machine_lines(options.peer_python)
    try:
        with open_lab(effort_of(options), options.peer_python) as lab:
            outcomes = {**measure(rows, lab, say), **missing}
    except servers.ServerError as error:
        say(f"cannot measure: {error}")
        return 1
    text = report.markdown(machine, {row.key: row.title for row in ROWS}, outcomes)
    save(text, report.as_data(machine, outcomes))
    sys.stdout.write(text)
    return exit_code(outcomes, gate=options.gate)


if __name__ == "__main__":
    sys.exit(main())
