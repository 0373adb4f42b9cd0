"""Whose turn it is to send: deficit round robin among streams, interactive ones before bulk, frames cut to fit.

Interactive streams that send a lot do not starve the others: after :data:`FAVOUR` bytes of theirs a bulk stream has a
turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from conduit.tunnel.frames import HEADER, FrameType
from conduit.tunnel.streams import MuxStream

QUANTUM: Final = 128 << 10  # bytes that a stream may send in its turn
ALONE: Final = 256 << 10  # bytes of a DATA frame when no other stream wants to send
SHARED: Final = 16 << 10  # the same when others do, and never less than what a turn has left
FAVOUR: Final = 256 << 10  # bytes that interactive streams may send in a row while bulk waits
JOIN: Final = 2048  # bytes of data up to which header and data become one buffer
_PRUNE: Final = 256  # closed streams that may stay queued
_DATA: Final = int(FrameType.DATA)

Buffer = bytes | memoryview


class Scheduler:
    """Streams that have something to send, and the connection's credit.

    :param finish: called when a stream's direction ends; returns the frame that says so.
    """

    __slots__ = ("_blocked", "_dead", "_favoured", "_finish", "_ready", "_urgent", "emptied", "max_data", "window")

    def __init__(self, window: int, max_data: int, finish: Callable[[MuxStream], bytes]) -> None:
        self.window = window
        "Bytes that the connection may send."
        self.max_data = max_data
        "Bytes of a DATA frame that the peer takes."
        self.emptied: list[MuxStream] = []
        "Streams whose last byte has left; the owner takes them out."
        self._finish = finish
        self._ready: deque[MuxStream] = deque()
        self._urgent: deque[MuxStream] = deque()
        self._blocked: dict[MuxStream, None] = {}  # by the connection's credit, in their order
        self._favoured = 0  # bytes sent by interactive streams since bulk had its turn
        self._dead = 0  # queued streams that have closed

    @property
    def has_work(self) -> bool:
        """Whether anything can be sent."""
        return bool(self._urgent or self._ready)

    def add(self, stream: MuxStream) -> None:
        """*stream* may have something to send."""
        if not stream.queued and stream.may_send:
            stream.queued = True
            stream.deficit = 0
            (self._urgent if stream.interactive else self._ready).append(stream)

    def open(self, increment: int) -> None:
        """The connection has more credit."""
        self.window += increment
        if self._blocked and self.window > 0:
            blocked, self._blocked = self._blocked, {}
            for stream in blocked:
                self.add(stream)

    def forget(self, stream: MuxStream) -> None:
        """*stream* has closed; one that is queued stays so for a while."""
        self._blocked.pop(stream, None)
        if stream.queued:
            self._dead += 1
            if self._dead > _PRUNE:
                self._dead = 0
                for queue in (self._urgent, self._ready):
                    self._prune(queue)

    @staticmethod
    def _prune(queue: deque[MuxStream]) -> None:
        for _ in range(len(queue)):
            stream = queue.popleft()
            if stream.is_closed:
                stream.queued = False
            else:
                queue.append(stream)

    def frame_now(self, stream: MuxStream, data: memoryview) -> bytes | None:
        """A frame of *data* to be sent at once, past the queues; None when they are not empty, or it needs them.

        A small message would spend more time in them than in the rest of the tunnel.
        """
        size = len(data)
        if self._urgent or self._ready or size > min(JOIN, self.max_data, stream.send_window, self.window):
            return None
        stream.send_window -= size
        self.window -= size
        return HEADER.pack(size >> 8, size & 0xFF, _DATA, 0, stream.stream_id) + data

    def take(self, limit: int) -> list[Buffer]:
        """Frames of *limit* bytes, or a little more, in the order in which they must leave."""
        out: list[Buffer] = []
        while limit > 0 and (queue := self._turn()):
            stream = queue[0]
            if not stream.may_send:  # reset, or its credit was taken back
                self._leave(stream, queue)
                continue
            if stream.pending and self.window <= 0:
                self._leave(stream, queue)
                self._blocked[stream] = None
                continue
            limit -= self._serve(stream, queue, out, min(limit, self._room(stream)))
            if stream.deficit <= 0:
                if queue is self._ready:
                    self._favoured = 0
                if stream.queued:  # the next one's turn
                    queue.rotate(-1)
        return out

    def _turn(self) -> deque[MuxStream]:
        """The queue whose first stream sends next; empty when nobody does."""
        if self._urgent and (self._favoured < FAVOUR or not self._ready):
            return self._urgent
        return self._ready

    def _room(self, stream: MuxStream) -> int:
        """Bytes that *stream* may send in one frame now."""
        alone = len(self._ready) + len(self._urgent) == 1
        if stream.deficit <= 0:
            stream.deficit += QUANTUM
        size = ALONE if alone else max(min(stream.deficit, QUANTUM), SHARED)
        return min(size, self.max_data, stream.send_window, self.window)

    def _serve(self, stream: MuxStream, queue: deque[MuxStream], out: list[Buffer], room: int) -> int:
        """Send one frame of *stream*; the bytes that it takes."""
        sent = 0
        outbound = stream.outbound
        if stream.pending and outbound:
            chunk = outbound[0]
            sent = min(len(chunk), room)
            if sent < len(chunk):
                outbound[0], chunk = chunk[sent:], chunk[:sent]
            else:
                outbound.popleft()
            header = HEADER.pack(sent >> 8, sent & 0xFF, _DATA, 0, stream.stream_id)
            if sent <= JOIN:
                out.append(header + chunk)
            else:
                out += (header, chunk)
            stream.pending -= sent
            stream.send_window -= sent
            stream.deficit -= sent
            self.window -= sent
            if queue is self._urgent:
                self._favoured += sent
        if not stream.pending:
            self._empty(stream, queue, out)
        elif stream.send_window <= 0:
            self._leave(stream, queue)
        return sent + HEADER.size

    def _empty(self, stream: MuxStream, queue: deque[MuxStream], out: list[Buffer]) -> None:
        stream.outbound = None
        self.emptied.append(stream)
        self._leave(stream, queue)
        if stream.ending:
            out.append(self._finish(stream))

    @staticmethod
    def _leave(stream: MuxStream, queue: deque[MuxStream]) -> None:
        queue.popleft()  # it is the first: only the one whose turn it is is served
        stream.queued = False
        stream.deficit = 0
