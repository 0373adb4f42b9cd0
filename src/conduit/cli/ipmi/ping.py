"""``ping``: does anybody speak RMCP there? It needs no password."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Final

import asyncclick as click
import trio

from conduit.cli.ipmi.base import Leaf, Number
from conduit.cli.ipmi.failures import FAILED
from conduit.cli.ipmi.hosts import Host, only_networks
from conduit.cli.ipmi.results import Results
from conduit.cli.ipmi.runner import run_without_session
from conduit.cli.ipmi.settings import Settings
from conduit.cli.params import Seconds
from conduit.cli.render import Field, Report
from conduit.cli.terminal.streams import ended_by_sigterm
from conduit.errors import PeerTimeoutError, TransportError
from conduit.rmcp.endpoint import Endpoint
from conduit.rmcp.packets import ASF_IANA, PresencePong
from conduit.rmcp.port import Address
from conduit.rmcp.sweep import MAX_RATE, RATE, TRIES, Alive
from conduit.rmcp.sweeper import ping_sweep

MS: Final = 1000.0  # milliseconds in a second
ANSWERED: Final = "{good} of {total} addresses answered"


@click.command(cls=Leaf, example="ping")
@click.option("--count", "-c", type=Number(1, 1000, "a count"), default=1, show_default=True, help="Pings to send.")
@click.option("--interval", type=Seconds(0, 3600), default=1.0, show_default=True, help="Seconds between them.")
@click.option(
    "--rate",
    type=click.FloatRange(0, MAX_RATE, min_open=True),
    default=RATE,
    show_default=True,
    help="Pings a second through a network.",
)
@click.pass_obj
async def ping(settings: Settings, count: int, interval: float, rate: float) -> None:
    """Ask whether anybody speaks RMCP at HOST, and how long the answer takes.

    Where -H is a network, such as 10.0.0.0/16, every address of it is pinged
    twice at most, those that answer are listed, and silence is no failure.
    """
    expansion = settings.expand_hosts()
    if count == 1 and only_networks(settings.hosts):
        await _sweep(settings, expansion.hosts, rate)
        return

    async def operation(endpoint: Endpoint, host: Host) -> Report:
        address, pong, first = await _first_answer(endpoint, host, settings)
        times = [first]
        for _ in range(count - 1):
            await trio.sleep(interval)
            pong, seconds = await _ping(endpoint, address, settings)
            times.append(seconds)
        return pong_report(pong, [seconds * MS for seconds in times])

    await run_without_session(settings, operation)


async def _sweep(settings: Settings, hosts: tuple[Host, ...], rate: float) -> None:
    """Ping whole networks. :raises click.exceptions.Exit: nobody answers."""
    results = Results(settings, len(hosts), ANSWERED)
    addresses = [(host.name, host.port or settings.port) for host in hosts]
    async with ended_by_sigterm(), open_sweep(addresses, rate, settings) as answers:
        with results.summed_up():
            async for alive in answers:
                results.show_success(Host(alive.host), pong_report(alive.pong, [alive.seconds * MS]))
    if not results.successes:
        raise click.exceptions.Exit(FAILED)


def open_sweep(
    addresses: list[tuple[str, int]], rate: float, settings: Settings
) -> AbstractAsyncContextManager[AsyncGenerator[Alive, None]]:
    """The sweep, closed at the end of the block."""
    tries = min(settings.retries + 1, TRIES)
    return aclosing(ping_sweep(addresses, rate=rate, tries=tries, patience=settings.timeout))


async def _first_answer(endpoint: Endpoint, host: Host, settings: Settings) -> tuple[Address, PresencePong, float]:
    """The first address of *host* that answers. :raises PeerTimeoutError: none does."""
    addresses = await endpoint.resolve(host.name, host.port or settings.port)
    for address in addresses[:-1]:
        with suppress(PeerTimeoutError, TransportError):
            return address, *await _ping(endpoint, address, settings)
    return addresses[-1], *await _ping(endpoint, addresses[-1], settings)


async def _ping(endpoint: Endpoint, address: Address, settings: Settings) -> tuple[PresencePong, float]:
    """The pong, and how many seconds it took."""
    started = trio.current_time()
    pong = await endpoint.ping(address, settings.retry)
    return pong, trio.current_time() - started


def pong_report(pong: PresencePong, times: list[float]) -> Report:
    """What the pong says, and how long it took: milliseconds of each ping that was answered."""
    mean = sum(times) / len(times)
    fields = [
        Field("ipmi", "Speaks IPMI", pong.ipmi),
        Field("security_extensions", "RMCP security extensions", pong.security_extensions),
        Field("enterprise", "Enterprise", pong.enterprise, f"{pong.enterprise}{_note(pong)}"),
        Field("pings", "Pings answered", len(times)),
        Field("rtt_ms", "Round trip", round(mean, 3), f"{mean:.2f} ms"),
    ]
    if len(times) > 1:
        fields.append(Field("rtt_min_ms", "Fastest", round(min(times), 3), f"{min(times):.2f} ms"))
        fields.append(Field("rtt_max_ms", "Slowest", round(max(times), 3), f"{max(times):.2f} ms"))
    speaks = "speaks IPMI" if pong.ipmi else "speaks RMCP, but not IPMI"
    return Report(summary=f"{speaks}, {mean:.2f} ms", fields=fields)


def _note(pong: PresencePong) -> str:
    return " (ASF)" if pong.enterprise == ASF_IANA else ""
