"""This process's standard streams as a console has them: a raw terminal, or a pipe, and files beside it."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.terminal.recording import Asciicast, Flusher, private_file

CHUNK: Final = 4096  # bytes read at a time
STDIN: Final = 0
STDOUT: Final = 1
SIGNALLED: Final = 128  # plus the signal's number: the exit status that shells expect
HANGUP_STATUS: Final = SIGNALLED + signal.SIGHUP


class Manners(NamedTuple):
    """How a console behaves at this end."""

    escape: int | None = ord("~")
    linger: float = 1.0
    "Seconds of silence after the end of input that end a console which is no terminal's."
    until: bytes = b""
    "Output that ends it, at once; empty for none."


class Tap(NamedTuple):
    """A witness of the session."""

    write: Callable[[bytes], None]
    "Gets all output too."
    resize: Callable[[tuple[int, int]], None] = lambda _: None
    "Gets the terminal's columns and rows when they change."


@contextmanager
def raw_terminal(handle: int) -> Iterator[Callable[[], None]]:
    """A terminal that passes everything on, put back as it was however the block is left.

    Yields what suspends this process, as Ctrl+Z would, and returns when it goes on.
    """
    before = termios.tcgetattr(handle)

    def suspend() -> None:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
        os.kill(os.getpid(), signal.SIGSTOP)
        tty.setraw(handle, termios.TCSADRAIN)

    tty.setraw(handle, termios.TCSADRAIN)
    try:
        yield suspend
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def terminal_size() -> tuple[int, int]:
    """Columns and rows; 80x24 where there is no terminal."""
    try:
        return tuple(os.get_terminal_size(STDOUT))  # type: ignore[return-value]  # two numbers
    except OSError:
        return 80, 24


async def end_at_hangup() -> None:
    """SIGHUP, as SIGTERM, ends in good order."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            raise click.exceptions.Exit(HANGUP_STATUS)


async def read_input(*, raw: bool) -> bytes:
    """Input. Files and pipes are read in a thread: they cannot be waited for, or shall stay blocking for others."""
    if raw:
        await trio.lowlevel.wait_readable(STDIN)
        try:
            return os.read(STDIN, CHUNK)
        except OSError:  # the terminal is gone
            return b""
    return await trio.to_thread.run_sync(os.read, STDIN, CHUNK, abandon_on_cancel=True)


def write_output(data: bytes) -> None:
    """Output, in a thread: a terminal may be stopped, by Ctrl+S for one."""
    view = memoryview(data)
    while view:
        view = view[os.write(STDOUT, view) :]


async def watch_size(taps: list[Tap]) -> None:
    """Tell the taps of each new size, for ever."""
    with trio.open_signal_receiver(signal.SIGWINCH) as signals:
        async for _ in signals:
            for tap in taps:
                tap.resize(terminal_size())


def open_taps(stack: ExitStack, record: Path | None, log: Path | None) -> list[Tap]:
    """The files that output goes to, closed with *stack*. :raises LocalProtocolError: one cannot be made."""
    taps: list[Tap] = []
    if log is not None:
        taps.append(Tap(Flusher(stack.enter_context(private_file(log)), trio.current_time).write))
    if record is not None:
        cast = Asciicast(
            stack.enter_context(private_file(record)),
            trio.current_time,
            size=terminal_size(),
            started=int(datetime.now(UTC).timestamp()),
            environment=os.environ,
        )
        stack.callback(cast.close)
        taps.append(Tap(cast.write, cast.resize))
    return taps


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
