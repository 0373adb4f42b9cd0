"""How ``conduit tunnel`` is asked to stop."""

from __future__ import annotations

import signal

import trio


async def stop_on_signal(scope: trio.CancelScope, leave: trio.Event, patience: float) -> None:
    """SIGINT stops at once; SIGTERM sets *leave*, and stops after *patience* seconds or when it comes again."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if number == signal.SIGINT or leave.is_set():
                break
            leave.set()
            scope.deadline = trio.current_time() + patience
    scope.cancel()
