"""How ``conduit tunnel`` is asked to stop."""

from __future__ import annotations

import signal
from typing import Final

import trio

from conduit.cli.tunnel.events import Events

FAREWELL: Final = 2.0  # seconds after the drain that telling the peer may take


async def stop_on_signal(scope: trio.CancelScope, leave: trio.Event, patience: float, events: Events) -> None:
    """SIGINT or SIGTERM sets *leave*; a second one cancels *scope*, and so does the end of *patience* seconds."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if leave.is_set():
                break
            events.say("draining", seconds=patience)
            leave.set()
            scope.deadline = trio.current_time() + patience + FAREWELL
    scope.cancel()
