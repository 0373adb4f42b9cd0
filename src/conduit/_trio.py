"""Helpers for everything that runs on Trio: nurseries that end with their block, errors that arrive bare."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


def _lone_exception(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The only leaf of *group*, Trio's cancellations apart, or None when there are several."""
    rest: BaseException = group.split(trio.Cancelled)[1] or group
    while isinstance(rest, BaseExceptionGroup):
        if len(rest.exceptions) != 1:
            return None
        rest = rest.exceptions[0]
    return rest
