"""Sweeps over thousands of BMCs from one process: ``python -m bench.fleet``; time, CPU and memory of the client.

python -m bench.fleet sensors    # all sensors of 1,000 virtual BMCs of ours in another process
python -m bench.fleet command    # conduit ipmi -H FILE sensor list --output json, over the same
python -m bench.fleet power      # the same of 10,000 addresses of the C responder
python -m bench.fleet presence   # presence pings to 65,536 addresses at 20,000/s, of which 1,009 answer
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import trio

from bench.measure import addresses, cpu_now, percentile, resident_bytes
from bench.servers import PASSWORD, USERNAME, compile_responder, responder

KIB: Final = 1024
SIM_ADDRESS: Final = "127.77.0.1"
SIM_PORT: Final = 9623
LIMIT: Final = 120.0  # seconds that anything here may take
RATE: Final = 20_000
EVERY: Final = 65  # one address in so many answers the responder's sparse pings


class Stage:
    """Wall time, CPU and memory between the start and the end of a block."""

    def __enter__(self) -> Self:
        self._memory = resident_bytes()
        self._wall, self._cpu = time.perf_counter(), cpu_now()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._wall, cpu_now() - self._cpu
        self.memory = resident_bytes() - self._memory

    def line(self, what: str, count: int) -> str:
        """A row of the table."""
        each = f"{count / self.seconds:,.0f}/s, {self.cpu / count * 1e6:.0f} us CPU each"
        return f"| {what} | {self.seconds:.2f} s | {self.cpu:.2f} s | {each} | {self.memory / KIB / KIB:+.1f} MiB |"


def say(text: str) -> None:
    """One line of the table."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def virtual_bmcs(count: int) -> Iterator[list[tuple[str, int]]]:
    """``conduit bmc sim`` with that many BMCs, in a process of its own; says how long it took and how much it holds."""
    words = ["bmc", "sim", "--listen", f"{SIM_ADDRESS}:{SIM_PORT}", "--count", str(count), "--spread", "--on"]
    environment = {**os.environ, "CONDUIT_BMC_USERS": f"{USERNAME}:{PASSWORD}"}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "conduit", *words], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = (process.stdout.readline() if process.stdout else "" for _ in range(count))
            hosts = [(line.split()[1].rpartition(":")[0], SIM_PORT) for line in lines]
            memory = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
            mebibytes = int(memory) * os.sysconf("SC_PAGE_SIZE") / KIB / KIB
            seconds = time.perf_counter() - started
            say(f"{count} virtual BMCs are ready after {seconds:.2f} s; {mebibytes:.0f} MiB resident")
            yield hosts
        finally:
            process.terminate()
            process.wait(LIMIT)


COMMAND_TURNS: Final = ("cold: log-in and command", "warm: command in a pooled session")
SENSOR_TURNS: Final = ("cold: log-in, records, readings", "warm: readings, records from the cache")


async def sweep(
    hosts: list[tuple[str, int]],
    what: str,
    operation: Callable[[Any], Awaitable[object]],
    concurrency: int,
    turns: Sequence[str] = COMMAND_TURNS,
) -> None:
    """Run *operation* on all hosts, twice: with log-ins, and on the sessions that the pool has kept."""
    from conduit.ipmi.fleet import open_fleet  # after the servers run

    async with open_fleet(
        hosts, username=USERNAME, password=PASSWORD, cipher_suite=17, interface="lanplus",
        concurrency=concurrency, keep_sessions=len(hosts),
    ) as fleet:  # fmt: skip
        for turn in turns:
            seconds: list[float] = []
            failures = found = 0
            with Stage() as stage:
                async for outcome in fleet.run(operation):
                    seconds.append(outcome.seconds)
                    failures += not outcome.ok
                    found += outcome.value if isinstance(outcome.value, int) else 0
            seconds.sort()
            say(stage.line(f"{what}, {len(hosts):,} BMCs, {turn}", len(hosts)))
            p50, p99 = percentile(seconds, 0.5) * 1000, percentile(seconds, 0.99) * 1000
            outcome_words = f"{failures} failed{_counted(found)}, {concurrency} at once"
            say(f"|   p50 {p50:.1f} ms, p99 {p99:.1f} ms, {outcome_words} | | | | |")
        with Stage() as stage:
            await fleet.close_idle()
        say(stage.line(f"closing {len(hosts):,} sessions", len(hosts)))


def _counted(readings: int) -> str:
    return f", {readings:,} readings" if readings else ""


async def chassis_status(bmc: Any) -> object:
    """What power is."""
    return await bmc.chassis_status()


def all_sensors(folder: Path) -> Callable[[Any], Awaitable[int]]:
    """An operation that reads every sensor, and its record where the cache in *folder* has none; how many it read."""
    from conduit.ipmi.operations.sdr import read_repository  # as above
    from conduit.ipmi.operations.sdr_cache import SdrCache
    from conduit.ipmi.operations.sensors import SensorKind, read_sensors

    cache = SdrCache(folder)

    async def operation(bmc: Any) -> int:
        repository = await read_repository(bmc, cache=cache)
        readings = read_sensors(bmc, repository, live_thresholds=False)
        return sum([one.kind is not SensorKind.EVENT_ONLY and not one.note async for one in readings])

    return operation


def sensors(arguments: argparse.Namespace) -> None:
    """Virtual BMCs of ours."""
    with virtual_bmcs(arguments.count or 1000) as hosts, tempfile.TemporaryDirectory() as folder:
        trio.run(sweep, hosts, "chassis status", chassis_status, arguments.concurrency)
        trio.run(sweep, hosts, "sensors", all_sensors(Path(folder)), arguments.concurrency, SENSOR_TURNS)


def command(arguments: argparse.Namespace) -> None:
    """The command line over a file of hosts, twice: the second time it finds the records in its cache."""
    with virtual_bmcs(arguments.count or 1000) as hosts, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "hosts")
        file.write_text("".join(f"{host}:{port}\n" for host, port in hosts))
        for turn in ("records read", "records from the cache"):
            run_command(file, Path(folder), len(hosts), turn)


def run_command(file: Path, folder: Path, count: int, turn: str) -> None:
    """``sensor list`` once; that process's time, CPU and the most memory that it held."""
    environment = {**os.environ, "IPMI_PASSWORD": PASSWORD, "XDG_CACHE_HOME": str(folder)}
    words = ["ipmi", "-H", str(file), "-U", USERNAME, "-E", "-C", "17", "sensor", "list", "--output", "json"]
    cpu, started = cpu_now(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "conduit", *words], env=environment, stdout=subprocess.PIPE, timeout=LIMIT, check=False
    )
    seconds, cpu = time.perf_counter() - started, cpu_now(resource.RUSAGE_CHILDREN) - cpu
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    good = sum(1 for row in rows if row["ok"] and row["result"]["sensors"])
    each = f"{count / seconds:,.0f}/s, {cpu / count * 1e6:.0f} us CPU each"
    peak = f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / KIB:.0f} MiB at most"
    say(f"| sensor list --output json, {count:,} BMCs, {turn} | {seconds:.2f} s | {cpu:.2f} s | {each} | {peak} |")
    say(f"|   {good:,} of {len(rows):,} lines with sensors, exit status {done.returncode} | | | | |")


def power(arguments: argparse.Namespace) -> None:
    """The C responder."""
    with tempfile.TemporaryDirectory() as directory, responder(compile_responder(Path(directory))) as port:
        hosts = [(address, port) for address in addresses(arguments.count or 10_000)]
        trio.run(sweep, hosts, "power status", chassis_status, arguments.concurrency)


def presence(arguments: argparse.Namespace) -> None:
    """Pings."""
    count, rate = arguments.count or 65_536, arguments.rate
    hosts = [f"127.77.{number >> 8}.{number & 0xFF}" for number in range(count)]
    live = {host for number, host in enumerate(hosts) if number % EVERY == 0}
    with (
        tempfile.TemporaryDirectory() as directory,
        responder(compile_responder(Path(directory)), sparse=True) as port,
    ):
        trio.run(_presence, hosts, live, port, rate, arguments.tries, arguments.patience)


async def _presence(hosts: list[str], live: set[str], port: int, rate: float, tries: int, patience: float) -> None:
    from conduit.rmcp.sweeper import ping_sweep  # as above

    found: set[str] = set()
    with Stage() as stage:
        started = last = time.perf_counter()
        alive: AsyncIterator[Any] = ping_sweep(hosts, port=port, rate=rate, tries=tries, patience=patience)
        async for one in alive:
            found.add(one.host)
            last = time.perf_counter()
    sent = len(hosts) if tries == 1 else len(hosts) + (tries - 1) * (len(hosts) - len(live))
    ideal = sent / rate
    say(stage.line(f"presence, {len(hosts):,} addresses, {tries} tries at {rate:,.0f}/s", sent))
    say(f"| {len(found)} of {len(live)} found, {len(live - found)} missed, {len(found - live)} too many | | | | |")
    last -= started
    share = f"all of it {stage.seconds / ideal:.3f} times that"
    say(f"| last found after {last:.2f} s; ideal {ideal:.2f} s; {share} | | | | |")


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sensors", "command", "power", "presence"))
    parser.add_argument("--count", type=int, default=0, help="BMCs or addresses")
    parser.add_argument("--concurrency", type=int, default=500)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("--patience", type=float, default=0.1, help="seconds that the last pong may take")
    arguments = parser.parse_args()
    say("| what | wall | CPU | each | memory |")
    say("|---|---|---|---|---|")
    {"sensors": sensors, "command": command, "power": power, "presence": presence}[arguments.what](arguments)


if __name__ == "__main__":
    main()
