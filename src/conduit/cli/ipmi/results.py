"""What is shown of many hosts: each result as it comes, a bar on a terminal, how many succeeded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from conduit.cli.ipmi.failures import complain, describe, error_data
from conduit.cli.ipmi.hosts import Host
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Format, Report, Value, make_console, printable, to_csv, to_json, to_yaml

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

SUMMARY: Final = "{good} of {total} hosts succeeded"


class Results:
    """The results of many hosts.

    :param total: how many hosts there are.
    :param summary: the last line, with ``{good}`` and ``{total}``.
    """

    def __init__(self, settings: Settings, total: int, summary: str = SUMMARY) -> None:
        self._settings = settings
        self._total = total
        self._summary = summary
        self._console = make_console()
        self._header: list[str] = []  # of the CSV, as it was printed last
        self.successes = 0
        self.failures = 0

    @contextmanager
    def summed_up(self) -> Iterator[None]:
        """Say at the end of the block how it went, also when it is cut short: by Ctrl+C, by SIGTERM."""
        try:
            yield
        except (KeyboardInterrupt, trio.Cancelled):
            complain("interrupted: " + self._summary.format(good=self.successes, total=self._total))
            raise
        complain(self._summary.format(good=self.successes, total=self._total))

    def show_success(self, host: Host, report: Report) -> None:
        """One host's report."""
        self.successes += 1
        if self._settings.output is Format.TABLE:
            self._print(f"{host}: {printable(report.summary)}")
        elif self._settings.output is Format.CSV:
            self._print_records(host, report)
        else:
            self._print_object(host, {"ok": True, "result": report.data})

    def show_failure(self, host: Host, error: Exception) -> None:
        """Why there is none."""
        self.failures += 1
        if self._settings.output in (Format.TABLE, Format.CSV):
            complain(f"{host}: {describe(error)}")
        else:
            self._print_object(host, {"ok": False, "error": error_data(error)})

    def _print_records(self, host: Host, report: Report) -> None:
        """The host in front of each line; the header where it is not the one before."""
        where = [host.name, str(host.port or self._settings.port)]
        lines = [[*where, *record] for record in report.records]
        if report.header != self._header:
            self._header = report.header
            lines.insert(0, ["host", "port", *report.header])
        if lines:
            self._print(to_csv(lines).rstrip("\n"))

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
    def progress(self) -> Iterator[Callable[[], None]]:
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
            bar = progress.add_task("", total=self._total, failed=0)
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
