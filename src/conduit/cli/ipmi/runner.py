"""Runs a command's operation on one host, or on many at once, and shows what came of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.ipmi.failures import FAILED, complain, describe, error_data
from conduit.cli.ipmi.hosts import Host
from conduit.cli.ipmi.render import Format, Report, Value, make_console, printable, show, to_json, to_yaml
from conduit.cli.ipmi.settings import Settings
from conduit.errors import PeerTimeoutError
from conduit.ipmi.client import Bmc, open_bmc
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.endpoint import Endpoint, open_endpoint

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

Operation = Callable[[Bmc], Awaitable[Report]]
"What a command does with a BMC that it is logged in to."
HostOperation = Callable[[Endpoint, Host], Awaitable[Report]]
"What is done about a host, log-in included."

SIGNALLED: Final = 128  # plus the signal's number: the exit status that shells expect
SUMMARY: Final = "{good} of {total} hosts succeeded"


async def run(settings: Settings, operation: Operation) -> None:
    """Log in, run *operation*, show its report; on every host.

    :raises click.UsageError: the options make no sense together.
    :raises ConduitError: it failed, on the only host.
    :raises click.exceptions.Exit: it failed on some of many hosts.
    """
    settings.bridge.resolve()
    expansion = settings.expand_hosts()
    credentials = settings.credentials()

    async def log_in_and_run(endpoint: Endpoint, host: Host) -> Report:
        async with log_in(endpoint, host, settings, credentials) as bmc:
            return await operation(bmc)

    await run_on_hosts(settings, expansion.hosts, log_in_and_run, many=expansion.plural)


async def run_without_session(settings: Settings, operation: HostOperation) -> None:
    """As :func:`run`, for what needs no log-in, and so no password."""
    expansion = settings.expand_hosts()
    await run_on_hosts(settings, expansion.hosts, operation, many=expansion.plural)


async def run_on_hosts(settings: Settings, hosts: tuple[Host, ...], operation: HostOperation, *, many: bool) -> None:
    """Run *operation* on all *hosts* over one socket. :raises: as :func:`run`."""
    async with ended_by_sigterm(), open_endpoint() as endpoint:
        if not many:
            show(await _on_only_host(settings, hosts[0], operation, endpoint), settings.output, make_console())
            return
        crowd = Crowd(settings, hosts, operation)
        await crowd.run(endpoint)
    complain(SUMMARY.format(good=len(hosts) - crowd.failures, total=len(hosts)))
    if crowd.failures:
        raise click.exceptions.Exit(FAILED)


@asynccontextmanager
async def ended_by_sigterm() -> AsyncIterator[None]:
    """SIGTERM ends the block as Ctrl+C does: sessions are closed first, for BMCs have few."""

    async def watch(task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                raise click.exceptions.Exit(SIGNALLED + number)

    async with open_background_nursery() as nursery:
        await nursery.start(watch)
        yield


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


class Crowd:
    """Many hosts: so many at a time, each result shown as it comes, and no failure in the way of the others."""

    def __init__(self, settings: Settings, hosts: tuple[Host, ...], operation: HostOperation) -> None:
        self._settings = settings
        self._hosts = hosts
        self._operation = operation
        self._console = make_console()
        self.failures = 0

    async def run(self, endpoint: Endpoint) -> None:
        """All of it."""
        waiting = iter(self._hosts)
        with self._progress() as advance:
            async with trio.open_nursery() as nursery:
                for _ in range(min(self._settings.fanout, len(self._hosts))):
                    nursery.start_soon(self._work, endpoint, waiting, advance)

    async def _work(self, endpoint: Endpoint, waiting: Iterator[Host], advance: Callable[[], None]) -> None:
        """One of the workers, who share the list."""
        for host in waiting:
            try:
                report = await self._operation(endpoint, host)
            except Exception as error:  # noqa: BLE001  # a fault of one host is reported, and stops no other
                self.failures += 1
                self._show_failure(host, error)
            else:
                self._show_success(host, report)
            advance()

    def _show_success(self, host: Host, report: Report) -> None:
        if self._settings.output is Format.TABLE:
            self._print(f"{host}: {printable(report.summary)}")
        else:
            self._print_object(host, {"ok": True, "result": report.data})

    def _show_failure(self, host: Host, error: Exception) -> None:
        if self._settings.output is Format.TABLE:
            complain(f"{host}: {describe(error)}")
        else:
            self._print_object(host, {"ok": False, "error": error_data(error)})

    def _print_object(self, host: Host, outcome: dict[str, Value]) -> None:
        data: dict[str, Value] = {"host": host.name, "port": host.port or self._settings.port, **outcome}
        if self._settings.output is Format.JSON:
            self._print(to_json(data))
        else:
            self._print("---\n" + to_yaml(data).rstrip("\n"))

    def _print(self, line: str) -> None:
        self._console.out(line, highlight=False)
        sys.stdout.flush()

    @contextmanager
    def _progress(self) -> Iterator[Callable[[], None]]:
        """A bar on stderr, if that is a terminal; yields what moves it on."""
        console = make_console(stderr=True)
        if not console.is_terminal:
            yield lambda: None
            return
        # Lines for stdout go through the bar's console only where they would otherwise run into the bar.
        progress = _make_bar(console, redirect_stdout=sys.stdout.isatty())
        if sys.stdout.isatty():
            self._console = console
        with progress:
            bar = progress.add_task("", total=len(self._hosts), failed=0)
            yield lambda: self._advance(progress, bar)

    def _advance(self, progress: Progress, bar: TaskID) -> None:
        progress.update(bar, advance=1, failed=self.failures)


def _make_bar(console: Console, *, redirect_stdout: bool) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=redirect_stdout,
        redirect_stderr=True,
    )
