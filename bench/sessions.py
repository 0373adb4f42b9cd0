"""Conduit's client, measured in a process of its own.

    python -m bench.sessions full --port PORT --sessions 500 --suite 3

"full" opens a session, asks for the chassis status once and closes it, over and over, in each of --sessions tasks;
"warm" asks over and over in --sessions open sessions; "memory" opens --sessions of them and reads the resident size.
All of them share one endpoint, that is one UDP socket.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import trio

from bench import conduit_client
from bench.measure import Measurement, Window, addresses, emit, resident_bytes

GRACE: Final = 30.0  # seconds to open the sessions before and to close them after
OPENING_AT_ONCE: Final = 200
WARM_UP_SESSIONS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    hosts: Sequence[str]
    sessions: int
    port: int
    suite: int
    seconds: float
    warmup: float


class Lost(Exception):
    """Sessions neither answered nor failed in time."""


async def _time(window: Window, plan: Plan) -> None:
    await trio.sleep(plan.warmup)
    window.open()
    await trio.sleep(plan.seconds)
    window.close()


async def measure_full(plan: Plan) -> Measurement:
    """Sessions from Open Session to Close Session, ``plan.sessions`` at a time."""
    window, clock, failed = Window(), time.perf_counter, conduit_client.expected_errors()

    async def visit(hosts: Sequence[str]) -> None:
        turn = 0
        while not window.closed:
            host = hosts[turn % len(hosts)]
            turn += 1
            began = clock()
            try:
                async with open_session(host) as bmc:
                    await bmc.chassis_status()
            except failed:
                window.failures += 1
            else:
                window.latencies.append(clock() - began)

    async with conduit_client.open_endpoint() as endpoint, trio.open_nursery() as nursery:
        open_session = conduit_client.session_opener(endpoint, plan.port, plan.suite)
        for number in range(plan.sessions):
            nursery.start_soon(visit, plan.hosts[number :: plan.sessions])
        await _time(window, plan)
    return window.result


async def measure_warm(plan: Plan) -> Measurement:
    """Commands in sessions that are already open, one outstanding in each of ``plan.sessions``."""
    window, clock, failed = Window(), time.perf_counter, conduit_client.expected_errors()
    limiter = trio.CapacityLimiter(OPENING_AT_ONCE)
    start = trio.Event()

    async def ask(host: str, task_status: trio.TaskStatus[None]) -> None:
        async with AsyncExitStack() as stack:
            async with limiter:
                bmc = await stack.enter_async_context(open_session(host))
            task_status.started()
            await start.wait()
            latencies, status = window.latencies, bmc.chassis_status
            while not window.closed:
                began = clock()
                try:
                    await status()
                except failed:
                    window.failures += 1
                else:
                    latencies.append(clock() - began)

    async with conduit_client.open_endpoint() as endpoint, trio.open_nursery() as nursery:
        open_session = conduit_client.session_opener(endpoint, plan.port, plan.suite)
        async with trio.open_nursery() as opening:
            for host in plan.hosts[: plan.sessions]:
                opening.start_soon(_start_in, nursery, ask, host)
        start.set()
        await _time(window, plan)
    return window.result


async def _start_in(nursery: trio.Nursery, ask: conduit_client.Bmc, host: str) -> None:
    await nursery.start(ask, host)


async def measure_memory(plan: Plan, *, parked: bool) -> Measurement:
    """Resident bytes per open session.

    :param parked: whether a task waits in each session, as in a program with one task per machine; otherwise one task
        holds all of them.
    """
    stop, limiter = trio.Event(), trio.CapacityLimiter(OPENING_AT_ONCE)

    async def hold(host: str, task_status: trio.TaskStatus[None]) -> None:
        async with AsyncExitStack() as stack:
            async with limiter:
                await (await stack.enter_async_context(open_session(host))).chassis_status()
            task_status.started()
            await stop.wait()

    async with (
        conduit_client.open_endpoint() as endpoint,
        trio.open_nursery() as nursery,
        AsyncExitStack() as held,
    ):
        open_session = conduit_client.session_opener(endpoint, plan.port, plan.suite)
        for host in plan.hosts[:WARM_UP_SESSIONS]:
            async with open_session(host) as bmc:
                await bmc.chassis_status()
        before, started = resident_bytes(), time.perf_counter()
        if parked:
            async with trio.open_nursery() as opening:
                for host in plan.hosts:
                    opening.start_soon(_start_in, nursery, hold, host)
        else:
            for host in plan.hosts:
                await (await held.enter_async_context(open_session(host))).chassis_status()
        seconds = time.perf_counter() - started
        grown = resident_bytes() - before
        stop.set()
    notes = {"bytes_per_session": grown / len(plan.hosts), "sessions": float(len(plan.hosts))}
    return Measurement(operations=len(plan.hosts), seconds=seconds, cpu_seconds=0.0, p50=0.0, p99=0.0, notes=notes)


async def measure(what: str, plan: Plan) -> Measurement:
    """Measure *what* within a bounded time.

    :raises Lost: when it takes longer.
    """
    with trio.move_on_after(plan.warmup + plan.seconds + 2 * GRACE):
        if what == "full":
            return await measure_full(plan)
        if what == "warm":
            return await measure_warm(plan)
        return await measure_memory(plan, parked=what == "memory-parked")
    raise Lost("the sessions took too long")


def plan_from(options: argparse.Namespace) -> Plan:
    """The plan that the command line asks for."""
    hosts = options.hosts.split(",") if options.hosts else addresses(max(options.sessions, options.spread))
    return Plan(
        hosts=hosts,
        sessions=options.sessions,
        port=options.port,
        suite=options.suite,
        seconds=options.seconds,
        warmup=options.warmup,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of :func:`plan_from`, except --port."""
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--hosts", default="", help="separated by commas; 127.1.0.1 and so on without it")
    parser.add_argument("--spread", type=int, default=1, help="visit at least this many addresses")
    parser.add_argument("--suite", type=int, default=3, help="-1 leaves it to the client")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--warmup", type=float, default=0.3)


def main() -> None:
    """Measure once and print the result as JSON."""
    parser = argparse.ArgumentParser(description="measure Conduit's IPMI client")
    parser.add_argument("what", choices=["full", "warm", "memory", "memory-parked"])
    parser.add_argument("--port", type=int, required=True)
    add_options(parser)
    options = parser.parse_args()
    emit(trio.run(measure, options.what, plan_from(options)))


if __name__ == "__main__":
    main()
