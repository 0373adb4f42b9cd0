"""How a service runs as a process: until it is asked to stop, and then in good order."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
import trio

from conduit._trio import open_background_nursery, open_foreground_nursery
from conduit.services.notify import Notifier
from conduit.services.started import Reload, Started

GRACE: Final = 35.0  # seconds for what is open
Service = Callable[..., Awaitable[None]]


async def run_service(
    service: Service,
    *,
    leave: trio.Event,
    on_started: Callable[[Started], None] = lambda _: None,
    until_eof: bool = False,
) -> None:
    """Run *service* until SIGTERM or SIGINT: then *leave* is set, and it has GRACE seconds. A second one ends it.

    SIGHUP has it read again what may change while it runs.

    :param service: takes ``task_status``, for a :class:`.Started`.
    :param until_eof: leave when standard input ends, too: whoever started us is gone.
    """
    notifier, serves = Notifier(), trio.Event()
    async with open_background_nursery() as helpers:
        reload = await helpers.start(_obey_hangups)
        helpers.start_soon(_obey, helpers.cancel_scope, leave)
        helpers.start_soon(_hurry, helpers.cancel_scope, leave, serves, notifier)
        if until_eof:
            helpers.start_soon(_leave_at_eof, leave)
        async with open_foreground_nursery() as nursery:
            started: Started = await nursery.start(service)
            reload.append(started.reload)
            on_started(started)
            serves.set()
            _settle()
            await notifier.ready()
            helpers.start_soon(notifier.keep_alive)
        helpers.cancel_scope.cancel()


def _settle() -> None:
    """Take what the start has made, which stays, out of the garbage collector's sight.

    It would look at all of that again and again, and nobody is served meanwhile: 90 ms each time.
    """
    gc.collect()
    gc.freeze()


async def _obey(scope: trio.CancelScope, leave: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if leave.is_set():
                break
            leave.set()
    scope.cancel()


async def _obey_hangups(task_status: trio.TaskStatus[list[Reload | None]]) -> None:
    """Do what is in the list by then."""
    reload: list[Reload | None] = []
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started(reload)
        async for _ in signals:
            for each in reload:
                if each is not None:
                    await each()


async def _hurry(scope: trio.CancelScope, leave: trio.Event, serves: trio.Event, notifier: Notifier) -> None:
    """A service that does not serve yet, as the Manager is down, has nothing to finish."""
    await leave.wait()
    await notifier.stopping()
    scope.deadline = trio.current_time() + (GRACE if serves.is_set() else 0.0)


async def _leave_at_eof(leave: trio.Event) -> None:
    async with trio.lowlevel.FdStream(sys.stdin.fileno()) as stream:
        while await stream.receive_some():
            pass
    leave.set()


def logs_json() -> bool:
    """Whether standard error is read by programs."""
    return not sys.stderr.isatty()


def set_up_logging(*, json_lines: bool | None = None) -> None:
    """Structured, on stderr: for people on a terminal, JSON elsewhere."""
    as_json = logs_json() if json_lines is None else json_lines
    # The console's own choice of traceback prints local variables, secrets among them.
    for_people = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if as_json else for_people
    common: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    drivers = logging.StreamHandler(sys.stderr)  # the layers below services use the standard library's
    drivers.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    conduits = logging.getLogger("conduit")
    conduits.handlers, conduits.propagate = [drivers], False
    conduits.setLevel(logging.INFO)
    structlog.configure(
        processors=[*common, renderer],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
