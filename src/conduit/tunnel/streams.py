"""One stream as the machine keeps it, and what can happen to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from conduit._machine import Label
from conduit.tunnel.flow import ReceiveWindow
from conduit.tunnel.frames import ErrorCode, GoAway

MAX_FORGOTTEN: Final = 1024  # streams that we reset and whose late DATA is known to be late
Headers = Sequence[tuple[bytes, bytes]]

# Why a stream ended, where this end knows more than the wire can say. The low 32 bits are what travels.
WIRE_CODE: Final = 0xFFFF_FFFF
DEADLINE: Final = 1 << 32 | ErrorCode.CANCEL
LOST: Final = 1 << 32 | ErrorCode.INTERNAL_ERROR


class Life(Label):
    """How far a stream has come (RFC 9113, section 5.1)."""

    OPEN = "both directions carry data"
    HALF_CLOSED_LOCAL = "ours has ended"
    HALF_CLOSED_REMOTE = "the peer's has ended"
    CLOSED = "both have ended, or it was reset"


class Move(Label):
    """What changes that."""

    END_SENT = "END_STREAM sent"
    END_RECEIVED = "END_STREAM received"
    RESET = "RST_STREAM, either way"


# Every legal move. What comes for a stream that is closed never gets here.
TRANSITIONS: Final[Mapping[tuple[Life, Move], Life]] = {
    (Life.OPEN, Move.END_SENT): Life.HALF_CLOSED_LOCAL,
    (Life.OPEN, Move.END_RECEIVED): Life.HALF_CLOSED_REMOTE,
    (Life.OPEN, Move.RESET): Life.CLOSED,
    (Life.HALF_CLOSED_LOCAL, Move.END_RECEIVED): Life.CLOSED,
    (Life.HALF_CLOSED_LOCAL, Move.RESET): Life.CLOSED,
    (Life.HALF_CLOSED_REMOTE, Move.END_SENT): Life.CLOSED,
    (Life.HALF_CLOSED_REMOTE, Move.RESET): Life.CLOSED,
}


class MuxStream:
    """One stream, as the machine keeps it. Its owner reads :attr:`chunks` and the flags, and changes nothing."""

    __slots__ = (
        "abandoned",
        "chunks",
        "deficit",
        "direct",
        "ending",
        "headers_received",
        "headers_sent",
        "interactive",
        "life",
        "local_ended",
        "outbound",
        "owner",
        "pending",
        "queued",
        "remote_ended",
        "reset_by_peer",
        "reset_code",
        "send_window",
        "stream_id",
        "touched",
        "unread",
        "window",
    )

    def __init__(self, stream_id: int, send_window: int, window: ReceiveWindow, *, ours: bool) -> None:
        self.stream_id = stream_id
        self.life = Life.OPEN
        self.headers_sent = ours
        "Whether we may send data: opened by us, or answered by us."
        self.headers_received = not ours
        "Whether the peer may: opened by it, or answered by it."
        self.send_window = send_window
        self.window = window
        self.chunks: deque[bytes | memoryview] | None = None
        "Received and not yet taken."
        self.unread = 0
        "Bytes in :attr:`chunks`."
        self.pending = 0
        "Bytes to send that have not left."
        self.interactive = False
        "Whether it goes before bulk streams."
        self.remote_ended = False
        self.local_ended = False
        self.reset_code: int | None = None
        "Why it was reset, by either side."
        self.reset_by_peer = False
        self.direct: Callable[[memoryview], int] | None = None
        """Takes bytes at once, before they are stored; returns how many it took, and never waits or raises.

        It is not asked while earlier bytes wait in :attr:`chunks`."""
        self.owner: Any = None  # whatever the driver wants to find again
        self.outbound: deque[memoryview] | None = None
        self.abandoned = False
        "Whether what the peer sends is wanted by nobody."
        self.ending = False
        "Whether our direction ends after what is pending."
        self.queued = False  # at the scheduler
        self.touched = False  # by the bytes being received
        self.deficit = 0  # bytes that it may send in this turn

    def move(self, what: Move) -> bool:
        """Note an end or a reset; whether that closes the stream."""
        self.life = TRANSITIONS[self.life, what]
        if what is Move.END_SENT:
            self.local_ended = True
        elif what is Move.END_RECEIVED:
            self.remote_ended = True
        return self.life is Life.CLOSED

    def takes(self, size: int) -> bool:
        """Whether *size* bytes of data are simply to be kept: they are not the first, and nothing is special."""
        window = self.window
        return (
            window.started
            and size <= window.left
            and self.direct is None
            and not (self.remote_ended or self.abandoned)
            and self.reset_code is None
        )

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self.life is Life.CLOSED

    @property
    def may_send(self) -> bool:
        """Whether there is something to send and credit to send it."""
        if self.reset_code is not None or self.local_ended:
            return False
        return self.send_window > 0 if self.pending else self.ending


class Forgotten:
    """IDs of streams that we reset, whose late DATA is no offence: the last ones, and those of whom nobody can say."""

    __slots__ = ("_below", "_ids")

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}  # the oldest first
        self._below = 0  # the highest ID that is no longer among them

    def __contains__(self, stream_id: int) -> bool:
        return stream_id <= self._below or stream_id in self._ids

    def add(self, stream_id: int) -> None:
        """A stream was reset."""
        self._ids[stream_id] = None
        if len(self._ids) > MAX_FORGOTTEN:
            oldest = next(iter(self._ids))
            del self._ids[oldest]
            self._below = max(self._below, oldest)


class StreamOpened(NamedTuple):
    """The peer opened a stream."""

    stream: MuxStream
    headers: Headers


class StreamAnswered(NamedTuple):
    """The peer answered the opening of a stream of ours."""

    stream: MuxStream
    headers: Headers


class StreamMoved(NamedTuple):
    """A stream has more to read, has ended or was reset, or has credit again."""

    stream: MuxStream


class PeerGoing(NamedTuple):
    """The peer wants no new streams, and may be about to leave."""

    goaway: GoAway


class PingAnswered(NamedTuple):
    """The peer has read all that was sent before a PING that :meth:`Mux.probe` sent."""

    opaque: bytes


Event = StreamOpened | StreamAnswered | StreamMoved | PeerGoing | PingAnswered
