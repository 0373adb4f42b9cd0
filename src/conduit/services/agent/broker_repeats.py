"""Idempotency keys: a request that comes again with the key of an earlier one gets that one's answer.

What was begun goes on when its caller goes away, as callers do whose tunnel broke: they ask again, and learn what came
of it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

import trio

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code

T = TypeVar("T")
logger = logging.getLogger(__name__)

LIFETIME: Final = 600.0  # seconds that an answer is kept
MAX_KEYS: Final = 128  # of one customer at one server within that time
MAX_KEY: Final = 128  # characters


class RepeatKey(NamedTuple):
    """Keys of different customers or methods have nothing to do with each other."""

    customer: str
    method: str
    key: str


class Progress:
    """What the work tells of itself."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        """From here on it must not be done twice."""
        self.begun = True


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    request: bytes
    progress: Progress = field(default_factory=Progress)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    done: trio.Event = field(default_factory=trio.Event)
    answer: T | None = None
    error: CallError | None = None
    waiters: int = 0
    expires: float | None = None


class Repeats(Generic[T]):
    """Answers by key.

    :param nursery: runs the work.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._entries: dict[RepeatKey, _Entry[T]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def once(self, key: RepeatKey, request: bytes, work: Callable[[Progress], Awaitable[T]]) -> T:
        """The answer of *work*, or of the earlier one with this *key*.

        :param request: must be the same as then.
        :raises CallError: it failed, or the key is of no use.
        """
        self._purge(trio.current_time())
        entry = self._entries.get(key)
        if entry is None:
            self._check_room(key)
            entry = self._entries[key] = _Entry(request)
            self._nursery.start_soon(self._do, key, entry, work)
        elif entry.request != request:
            raise CallError(Code.INVALID_ARGUMENT, "the idempotency key was used for another request")
        return await self._outcome(key, entry)

    async def _outcome(self, key: RepeatKey, entry: _Entry[T]) -> T:
        entry.waiters += 1
        try:
            await entry.done.wait()
        finally:
            entry.waiters -= 1
            if not (entry.waiters or entry.progress.begun or entry.done.is_set()):
                entry.scope.cancel()  # nobody wants it any more, and nothing was done
                self._drop(key, entry)
        if entry.error is not None:
            error = entry.error
            raise CallError(error.code, error.message, error.details, safe_to_retry=error.safe_to_retry)
        if entry.answer is None:
            raise CallError(Code.UNAVAILABLE, "the Agent is about to stop")
        return entry.answer

    async def _do(self, key: RepeatKey, entry: _Entry[T], work: Callable[[Progress], Awaitable[T]]) -> None:
        with entry.scope:
            try:
                entry.answer = await work(entry.progress)
            except CallError as error:
                entry.error = error
            except Exception:
                logger.exception("%s with an idempotency key failed", key.method)
                entry.error = CallError(Code.INTERNAL, "the Agent could not do this; its log says why")
            finally:
                entry.done.set()
                entry.expires = trio.current_time() + LIFETIME
                if entry.answer is None and not entry.progress.begun:
                    self._drop(key, entry)  # so it may be tried again

    def _check_room(self, key: RepeatKey) -> None:
        if not 0 < len(key.key) <= MAX_KEY:
            raise CallError(Code.INVALID_ARGUMENT, f"an idempotency key has 1 to {MAX_KEY} characters")
        if sum(known.customer == key.customer for known in self._entries) >= MAX_KEYS:
            raise CallError(Code.RESOURCE_EXHAUSTED, f"more than {MAX_KEYS} idempotency keys in {LIFETIME:g} s")

    def _purge(self, now: float) -> None:
        over = [key for key, entry in self._entries.items() if entry.expires is not None and entry.expires <= now]
        for key in over:
            del self._entries[key]

    def _drop(self, key: RepeatKey, entry: _Entry[T]) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]
