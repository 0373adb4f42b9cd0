"""Hands the streams that a peer opens to whoever serves their kind."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio

from conduit.errors import StreamResetError
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel

logger = logging.getLogger(__name__)

MAX_HANDLERS: Final = 4096  # at the same time, by default
LINGER: Final = 5.0  # seconds that handlers have to notice the end of their tunnel

StreamHandler = Callable[[TunnelStream], Awaitable[None]]
"Serves one stream, which is closed when it returns, and reset with INTERNAL_ERROR when it raises."


async def serve_streams(
    tunnel: Tunnel, handlers: Mapping[str, StreamHandler], *, max_handlers: int = MAX_HANDLERS
) -> None:
    """Serve the streams that the peer opens, until the tunnel ends.

    A kind that is not in *handlers* is reset with CONNECT_ERROR: what the stream was to reach is not here, and trying
    again does not help. One too many is refused with REFUSED_STREAM: that may be tried again, here or elsewhere.

    :param handlers: by kind. A handler's failure is logged and ends its stream, nothing else.
    :param max_handlers: streams that are served at the same time.
    """
    places = _Places(max_handlers)
    async with trio.open_nursery() as nursery:
        async for stream in tunnel.incoming():
            handler = handlers.get(stream.kind)
            if stream.is_closed:  # its opener has changed its mind
                continue
            if handler is None:
                logger.info("%s opens a stream of kind %s, which nobody serves", tunnel.peer, stream.kind)
                stream.reset(ErrorCode.CONNECT_ERROR)
            elif places.left <= 0:
                stream.refuse()
            else:
                places.left -= 1
                nursery.start_soon(_serve, stream, handler, places)
        nursery.cancel_scope.deadline = trio.current_time() + LINGER


class _Places:
    """For so many handlers there is room: a nursery does not count its tasks for nothing."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


async def _serve(stream: TunnelStream, handler: StreamHandler, places: _Places) -> None:
    code = ErrorCode.CANCEL
    try:
        await handler(stream)
        await stream.aclose()
    except Exception as error:  # a handler's failure is its stream's alone
        code = ErrorCode.INTERNAL_ERROR
        if not was_reset(error):
            logger.exception("the handler of a %s stream failed", stream.kind)
    finally:
        places.left += 1
        if not stream.is_closed:
            stream.reset(code)


def was_reset(error: BaseException) -> bool:
    """Whether *error* says that a stream was reset or lost, and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(was_reset(one) for one in error.exceptions)
    return isinstance(error, trio.BrokenResourceError) and isinstance(error.__cause__, StreamResetError)
