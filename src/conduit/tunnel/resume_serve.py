"""The Agent's side of streams that survive the loss of their tunnel: a registry of sessions by key."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, TransportError
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.resumable import AGAIN, GRACE, KEY, ResumableStream
from conduit.tunnel.resume import CAPACITY, WINDOW, ResumableEnd
from conduit.tunnel.stream import TunnelStream

logger = logging.getLogger(__name__)

MAX_SESSIONS: Final = 1024  # that an Agent keeps at the same time
_KEY: Final = re.compile(r"[0-9a-f]{64}")

Handler = Callable[[ResumableStream], Awaitable[None]]
"Talks over the stream that it is given."


class _Session:
    """One stream of ours, connected or not."""

    def __init__(self, key: str, stream: ResumableStream) -> None:
        self.key = key
        self.stream = stream
        self.scope = trio.CancelScope()
        self.turn = 0
        "Attachments so far, those that wait for their turn included."


class Resumables:
    """Sessions by key, which outlive the tunnels that carry them; made by :func:`open_resumables`."""

    def __init__(self, nursery: trio.Nursery, *, grace: float, capacity: int, window: int, max_sessions: int) -> None:
        self._nursery = nursery
        self._grace = grace
        self._capacity = capacity
        self._window = window
        self._max_sessions = max_sessions
        self._sessions: dict[bytes, _Session] = {}  # by digest: the time of a look-up says nothing about a key

    def __len__(self) -> int:
        return len(self._sessions)

    def serving(self, handler: Handler, *, overwrites: bool = True) -> Callable[[TunnelStream], Awaitable[None]]:
        """What ``serve_streams`` is to do with streams of a kind: each new one starts *handler*, a known one goes on.

        :param handler: talks over the stream that it is given; cancelled when the peer does not want it any more, or
            has been away for too long. The stream is closed when it returns.
        :param overwrites: whether the oldest bytes go when the peer is away and the buffer is full, as a console wants
            it, which must not be kept waiting. Otherwise *handler* waits, and nothing is lost.
        """

        async def serve(stream: TunnelStream) -> None:
            await self._serve(stream, handler, overwrites)

        return serve

    async def _serve(self, stream: TunnelStream, handler: Handler, overwrites: bool) -> None:
        key = stream.metadata.get(KEY, "")
        if not _KEY.fullmatch(key):
            stream.reset(ErrorCode.PROTOCOL_ERROR)
            return
        session = self._find(key)
        if session is None:
            if AGAIN in stream.metadata:
                stream.reset(ErrorCode.CONNECT_ERROR)  # it is over
                return
            if len(self._sessions) >= self._max_sessions:
                stream.refuse()
                return
            session = self._start(key, stream, overwrites)
            self._nursery.start_soon(self._run, session, handler)
        elif session.stream.kind != stream.kind:
            stream.reset(ErrorCode.PROTOCOL_ERROR)
            return
        await self._carry(session, stream)

    def _find(self, key: str) -> _Session | None:
        session = self._sessions.get(_digest(key))
        return session if session is not None and hmac.compare_digest(session.key, key) else None

    def _start(self, key: str, stream: TunnelStream, overwrites: bool) -> _Session:
        end = ResumableEnd(capacity=self._capacity, window=self._window, overwrites=overwrites)
        metadata = {name: value for name, value in stream.metadata.items() if name not in {KEY, AGAIN}}
        session = _Session(key, ResumableStream(end, stream.kind, metadata, self._grace))
        self._sessions[_digest(key)] = session
        return session

    async def _carry(self, session: _Session, stream: TunnelStream) -> None:
        session.scope.deadline = math.inf
        session.turn += 1
        turn = session.turn
        closed = False
        try:
            closed = await session.stream.carry(stream)
        except ConduitError as error:
            logger.info("a %s stream ends: %s", stream.kind, error)
            session.stream.give_up(error)
            session.scope.cancel()
        finally:
            if session.turn == turn:  # nobody has taken over
                if closed:
                    session.stream.let_go(TransportError("the peer has closed it"))
                session.scope.deadline = trio.current_time() + self._grace

    async def _run(self, session: _Session, handler: Handler) -> None:
        stream = session.stream
        code = ErrorCode.CANCEL
        try:
            with session.scope:
                await handler(stream)
                await stream.aclose()
        except Exception:  # the handler's failure is its session's alone
            logger.exception("the handler of a %s stream failed", stream.kind)
            code = ErrorCode.INTERNAL_ERROR
        finally:
            self._sessions.pop(_digest(session.key), None)
            stream.give_up(TransportError("its handler has ended"), code)


@asynccontextmanager
async def open_resumables(
    *,
    grace: float = GRACE,
    capacity: int = CAPACITY,
    window: int = WINDOW,
    max_sessions: int = MAX_SESSIONS,
) -> AsyncIterator[Resumables]:
    """The Agent's registry of resumable streams; open it around the tunnels that carry them.

    :param grace: seconds that a session waits for its peer to come back.
    :param capacity: bytes that a session keeps for it; the oldest go when there are more.
    :param window: received bytes that may wait for a handler.
    :param max_sessions: further ones are refused, and may be tried elsewhere.
    """
    async with open_background_nursery() as nursery:
        yield Resumables(nursery, grace=grace, capacity=capacity, window=window, max_sessions=max_sessions)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
