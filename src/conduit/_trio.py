"""Helpers for everything that runs on Trio: nurseries that end with their block, errors that arrive bare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio


@asynccontextmanager
async def open_background_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery for helper tasks: cancelled when the block ends, and a lone failure leaves as itself.

    The body's own exception wins over what the helpers raise because of it.
    """
    async with open_foreground_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_foreground_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that waits for its tasks, as any does, and from which a lone failure leaves as itself."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        lone = _lone_exception(group)
        if lone is None:
            raise
        raise lone from lone.__cause__


async def wait_before(deadline: float | None, wait: Callable[[], Awaitable[None]]) -> None:
    """Wait, until *deadline* at most. Without one no scope is made, which would cost more than the wait."""
    if deadline is None:
        await wait()
        return
    with trio.move_on_at(deadline):
        await wait()


@contextmanager
def as_one(*kinds: type[Exception]) -> Iterator[None]:
    """Tasks that share a thing all notice its end: what they raise, if all of it is of *kinds*, leaves as the first."""
    try:
        yield
    except BaseExceptionGroup as group:
        rest: BaseException = group.split(trio.Cancelled)[1] or group
        if not isinstance(rest, BaseExceptionGroup) or rest.split(kinds)[1] is not None:
            raise
        first = first_leaf(rest)
        raise first from first.__cause__


def first_leaf(error: BaseException) -> BaseException:
    """The first of the exceptions in a group; what is no group is itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _lone_exception(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The only leaf of *group*, Trio's cancellations apart, or None when there are several."""
    rest: BaseException = group.split(trio.Cancelled)[1] or group
    while isinstance(rest, BaseExceptionGroup):
        if len(rest.exceptions) != 1:
            return None
        rest = rest.exceptions[0]
    return rest
