"""Work for threads that is handed over together: a trip to a thread costs more than what is done there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import trio

MOST: Final = 32  # pieces of work in one trip, so that none waits long for its result
_Result = TypeVar("_Result")


class _Job(Generic[_Result]):
    """One piece of work, and what came of it."""

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._work = work
        self._result: _Result
        self._error: BaseException | None = None
        self.is_done = False

    def run(self) -> None:
        """In the thread."""
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001  # raised again where it was asked for
            self._error = error
        self.is_done = True

    def result(self) -> _Result:
        """What came of it."""
        if self._error is not None:
            raise self._error
        return self._result


class Turns:
    """Runs work in threads.

    :param threads: at once. Where there is only one, it does in one trip all that waits for it.
    """

    def __init__(self, threads: int) -> None:
        self._limiter = trio.CapacityLimiter(threads)
        self._most = MOST if threads == 1 else 1
        self._waiting: deque[_Job[Any]] = deque()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """What *work* returns or raises. One that has begun is not cancelled."""
        job = _Job(work)
        self._waiting.append(job)
        try:
            async with self._limiter:
                if not job.is_done:
                    with trio.CancelScope(shield=True):  # it takes others' work along
                        await trio.to_thread.run_sync(_run_all, self._take(job))
        finally:
            if job in self._waiting:  # cancelled before its turn
                self._waiting.remove(job)
        return job.result()

    def _take(self, own: _Job[Any]) -> list[_Job[Any]]:
        self._waiting.remove(own)
        return [own, *(self._waiting.popleft() for _ in range(min(self._most - 1, len(self._waiting))))]


def _run_all(jobs: list[_Job[Any]]) -> None:
    for job in jobs:
        job.run()
