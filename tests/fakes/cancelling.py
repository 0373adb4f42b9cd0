"""Cancelling a coroutine at each of its checkpoints in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


class _CancelAtStep(trio.abc.Instrument):
    """Cancels *scope* when *task* has yielded for the *step*-th time."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, step: int) -> None:
        self._task = task
        self._scope = scope
        self._left = step

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


async def cancel_at_step(step: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Run *work* and cancel it at its *step*-th yield, 1 being the first. Returns whether it was that long."""
    with trio.CancelScope() as scope:
        instrument = _CancelAtStep(trio.lowlevel.current_task(), scope, step)
        trio.lowlevel.add_instrument(instrument)
        try:
            await work()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return scope.cancel_called
