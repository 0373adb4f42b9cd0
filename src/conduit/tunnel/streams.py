"""One stream as the machine keeps it, and what can happen to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from conduit.tunnel.flow import ReceiveWindow
from conduit.tunnel.frames import ErrorCode, GoAway

Headers = Sequence[tuple[bytes, bytes]]

# Why a stream ended, where this end knows more than the wire can say. The low 32 bits are what travels.
WIRE_CODE: Final = 0xFFFF_FFFF
DEADLINE: Final = 1 << 32 | ErrorCode.CANCEL
LOST: Final = 1 << 32 | ErrorCode.INTERNAL_ERROR


class MuxStream:
    """One stream, as the machine keeps it. Its owner reads :attr:`chunks` and the flags, and changes nothing."""

    __slots__ = (
        "abandoned",
        "chunks",
        "deficit",
        "direct",
        "ending",
        "interactive",
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

    def __init__(self, stream_id: int, send_window: int, window: ReceiveWindow) -> None:
        self.stream_id = stream_id
        self.send_window = send_window
        self.window = window
        self.chunks: deque[bytes] | None = None
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

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self.reset_code is not None or (self.remote_ended and self.local_ended)

    @property
    def may_send(self) -> bool:
        """Whether there is something to send and credit to send it."""
        if self.reset_code is not None or self.local_ended:
            return False
        return self.send_window > 0 if self.pending else self.ending


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


Event = StreamOpened | StreamAnswered | StreamMoved | PeerGoing
