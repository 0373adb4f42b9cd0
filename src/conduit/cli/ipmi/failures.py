"""Every error becomes one line on stderr and an exit status: 1 the operation failed, 2 the command line is wrong."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import VERBOSITY
from conduit.cli.render import Value, printable
from conduit.errors import CompletionCodeError, ConduitError, DecodeError, LocalProtocolError

FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
SHOW_TRACEBACK: Final = 2  # how many -v it takes


@contextmanager
def errors_in_one_line(ctx: click.Context | None) -> Iterator[None]:
    """Turn whatever leaves the block into a line on stderr and ``click.exceptions.Exit``.

    :param ctx: tells how verbose to be; None if parsing has not come that far.
    """
    try:
        yield
    except (click.exceptions.Exit, SystemExit):
        raise
    except BaseException as error:  # the outermost frame of the command; nothing is swallowed, all of it is reported
        lone = _lone(error)
        if isinstance(lone, Exception) and not _is_ours(lone) and ctx and ctx.meta.get(VERBOSITY, 0) >= SHOW_TRACEBACK:
            traceback.print_exception(lone)
        status = _report(lone)
        if status is None:
            raise
        raise click.exceptions.Exit(status) from None


def describe(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, click.ClickException):
        text = error.format_message() + _where_to_look(error)
    elif isinstance(error, DecodeError):
        text = f"the BMC's answer makes no sense: {error}"
    elif _is_ours(error):
        text = str(error)
    elif isinstance(error, OSError):  # sockets and files have errors of ours: this is the terminal, or a full disk
        text = f"the system refused: {error.strerror or error}"
    else:
        text = f"unexpected {type(error).__name__}: {error}; please report this (-vv shows where it comes from)"
    return printable(" ".join(text.split()))


def _where_to_look(error: click.ClickException) -> str:
    """For words that are missing or too many: the help that lists what belongs there. A wrong value names its range."""
    wrong_value = isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter)
    if not isinstance(error, click.UsageError) or error.ctx is None or wrong_value:
        return ""
    return f" (see `{error.ctx.command_path} --help`)"


def error_data(error: Exception) -> dict[str, Value]:
    """What went wrong, for programs; ``type`` is a class of :mod:`conduit.errors`."""
    data: dict[str, Value] = {"type": type(error).__name__, "message": describe(error)}
    if isinstance(error, CompletionCodeError):
        data["completion_code"] = error.code
    return data


def complain(text: str) -> None:
    """One line on stderr."""
    click.echo(f"conduit ipmi: {text}", err=True)


def _report(error: BaseException) -> int | None:
    """Say it, and return the exit status; None if it is not ours to handle."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return WRONG_USAGE
        case click.UsageError() | LocalProtocolError():
            complain(describe(error))
            return WRONG_USAGE
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case BrokenPipeError():  # whoever read our output has seen enough
            _settle_output()
            return FAILED
        case Exception():
            complain(describe(error))
            _settle_output()
            return FAILED
    return None


def _settle_output() -> None:
    """Write what is left, or throw it away: Python would try once more at its end, and change the exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_ours(error: Exception) -> bool:
    return isinstance(error, ConduitError | click.ClickException)


def _lone(error: BaseException) -> BaseException:
    """The first exception inside nested groups; Ctrl+C wins over all others."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    interrupts = error.subgroup(KeyboardInterrupt)
    return _lone((interrupts or error).exceptions[0])
