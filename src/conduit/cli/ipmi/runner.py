"""Runs a command's operation on one host, or on many at once, and shows what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncclick as click

from conduit.cli.ipmi.failures import FAILED, complain
from conduit.cli.ipmi.hosts import Host
from conduit.cli.ipmi.results import Results
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Report, make_console, show
from conduit.cli.terminal.streams import ended_by_sigterm
from conduit.errors import PeerTimeoutError
from conduit.ipmi import fleet
from conduit.ipmi.client import Bmc, open_bmc
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.endpoint import Endpoint, open_endpoint

Operation = Callable[[Bmc], Awaitable[Report]]
"What a command does with a BMC that it is logged in to."
HostOperation = Callable[[Endpoint, Host], Awaitable[Report]]
"What is done about a host, log-in included."


async def run(settings: Settings, operation: Operation, *, bridges: bool = False) -> None:
    """Log in, run *operation*, show its report; on every host.

    :param bridges: it can be for a controller behind the BMC.
    :raises click.UsageError: the options make no sense together.
    :raises ConduitError: it failed, on the only host.
    :raises click.exceptions.Exit: it failed on some of many hosts.
    """
    if not bridges:
        settings.bridge.refuse()
    expansion = settings.expand_hosts()
    credentials = settings.credentials()

    async def log_in_and_run(endpoint: Endpoint, host: Host) -> Report:
        async with log_in(endpoint, host, settings, credentials) as bmc:
            return await operation(bmc)

    await run_on_hosts(settings, expansion.hosts, log_in_and_run, many=expansion.plural)


async def run_without_session(settings: Settings, operation: HostOperation) -> None:
    """As :func:`run`, for what needs no log-in, and so no password."""
    settings.bridge.refuse()
    expansion = settings.expand_hosts()
    await run_on_hosts(settings, expansion.hosts, operation, many=expansion.plural)


async def run_on_hosts(settings: Settings, hosts: tuple[Host, ...], operation: HostOperation, *, many: bool) -> None:
    """Run *operation* on all *hosts* over one socket. :raises: as :func:`run`."""
    async with ended_by_sigterm(), open_endpoint() as endpoint:
        if not many:
            show(await _on_only_host(settings, hosts[0], operation, endpoint), settings.output, make_console())
            return
        failures = await _on_many_hosts(settings, hosts, operation, endpoint)
    if failures:
        raise click.exceptions.Exit(FAILED)


async def _on_only_host(settings: Settings, host: Host, operation: HostOperation, endpoint: Endpoint) -> Report:
    try:
        return await operation(endpoint, host)
    except PeerTimeoutError as error:  # the one error whose first question is: where?
        raise PeerTimeoutError(f"{host.name}, UDP port {host.port or settings.port}: {error}") from error


@asynccontextmanager
async def log_in(endpoint: Endpoint, host: Host, settings: Settings, credentials: Credentials) -> AsyncIterator[Bmc]:
    """A session with *host*; with ``-v`` says on stderr how it came about."""
    async with open_bmc(
        host.name,
        port=host.port or settings.port,
        username=credentials.username,
        password=credentials.password,
        interface=credentials.interface,
        cipher_suite=credentials.cipher_suite,
        auth_type=credentials.auth_type,
        privilege=credentials.privilege,
        kg=credentials.kg,
        timeout=settings.timeout,
        retries=settings.retries,
        workarounds=credentials.workarounds,
        endpoint=endpoint,
    ) as bmc:
        if settings.verbose:
            complain(f"{host}: {describe_session(bmc)}")
        yield bmc


def describe_session(bmc: Bmc) -> str:
    """How the session came about, in one line."""
    session = bmc.session
    kind = "IPMI 1.5" if session.cipher_suite is None else f"IPMI 2.0, cipher suite {session.cipher_suite}"
    return f"{kind} ({session.algorithms}), privilege {session.privilege.name.lower()}; {session.reason}"


async def _on_many_hosts(
    settings: Settings, hosts: tuple[Host, ...], operation: HostOperation, endpoint: Endpoint
) -> int:
    """So many at a time, each result shown as it comes, and no failure in the way of the others; returns those."""
    members = {fleet.Host(host.name, host.port or settings.port): host for host in hosts}
    results = Results(settings, len(members))

    async def work(member: fleet.Host) -> Report:
        return await operation(endpoint, members[member])

    crowd = fleet.open_fleet(members, concurrency=settings.fanout, keep_sessions=0, endpoint=endpoint)
    with results.summed_up(), results.progress() as advance:
        async with crowd as many:
            async for outcome in many.each(work):
                host = members[outcome.host]
                if outcome.error is not None:
                    results.show_failure(host, outcome.error)
                elif outcome.value is not None:
                    results.show_success(host, outcome.value)
                advance()
    return results.failures
