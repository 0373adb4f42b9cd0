"""The streams of a connection that are open, and what they hold: room in the windows, in the budget, at the scheduler.

The connection's window gets every byte back, when it is read or dropped; a stream's window while its peer may still
send. The budget has a stream's window until the peer has ended it, and what is unread until it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conduit.tunnel.flow import DEFAULT_WINDOW, Budget, ConnectionWindow, ReceiveWindow
from conduit.tunnel.frames import MAX_WINDOW, ErrorCode, Violation, window_update
from conduit.tunnel.http2 import Http2
from conduit.tunnel.liveness import Liveness
from conduit.tunnel.scheduler import Scheduler
from conduit.tunnel.streams import WIRE_CODE, Event, Forgotten, Move, MuxStream, StreamMoved

DEFAULT_MAX_DATA: Final = 16_384  # bytes of a frame, before anything is agreed (RFC 9113, section 4.2)


class StreamTable:
    """What both halves of a connection share: streams, credit, and the bytes of frames that wait to be sent."""

    def __init__(self, *, client_side: bool, now: float, budget: Budget | None, max_streams: int) -> None:
        self._client_side = client_side
        self.budget = budget or Budget()
        self.liveness = Liveness(now)
        self.streams: dict[int, MuxStream] = {}
        "Those that are open, by ID."
        self.on_close: Callable[[], object] | None = None
        "Called when a stream is closed or lost; never waits or raises."
        self._highest = 0  # stream ID that was opened, by whichever side opens them
        self._forgotten = Forgotten()
        self._first_window = DEFAULT_WINDOW  # of streams that we send on
        self._window = ConnectionWindow(self.budget)
        self._http2 = Http2(client_side=client_side, max_streams=max_streams)
        self._control = bytearray(self._http2.data_to_send() + window_update(0, self._window.first_increment))
        self._events: list[Event] = []
        self._scheduler = Scheduler(DEFAULT_WINDOW, DEFAULT_MAX_DATA, self._finish)

    # --- credit ---

    def _credit(self, stream: MuxStream | None, count: int, now: float) -> None:
        """*count* bytes were consumed: tell the peer, when it is worth a frame."""
        self._credit_connection(count)
        if stream is None:
            return
        if stream.remote_ended or stream.reset_code is not None:
            stream.window.release(count)
            return
        increment = stream.window.consume(count, now, self.liveness.round_trip)
        if increment > 0:
            self._control += window_update(stream.stream_id, increment)

    def _credit_connection(self, count: int) -> None:
        increment = self._window.consume(count)
        if increment:
            self._control += window_update(0, increment)

    def _open_window(self, stream: MuxStream, increment: int) -> None:
        stream.send_window += increment
        if stream.send_window > MAX_WINDOW:
            raise Violation(f"the window of stream {stream.stream_id} is too large", ErrorCode.FLOW_CONTROL_ERROR)
        self._scheduler.add(stream)

    # --- streams come and go ---

    def _add_stream(self, stream_id: int) -> MuxStream:
        """A new stream, whose first window the budget has granted."""
        self._highest = stream_id
        window = ReceiveWindow(self.budget)
        stream = MuxStream(stream_id, self._first_window, window, ours=self._client_side)
        self.streams[stream_id] = stream
        return stream

    def _touch(self, stream: MuxStream) -> None:
        if not stream.touched:
            stream.touched = True
            self._events.append(StreamMoved(stream))

    def _end_remote(self, stream: MuxStream) -> None:
        self._touch(stream)
        stream.window.close(stream.unread)
        if stream.move(Move.END_RECEIVED):
            self._close(stream)

    def _finish(self, stream: MuxStream) -> bytes:
        """What the scheduler calls: our direction of *stream* ends here."""
        out = self._http2.end(stream.stream_id)
        if stream.move(Move.END_SENT):
            self._close(stream)
        elif stream.abandoned:
            out += self._reset(stream, ErrorCode.NO_ERROR)
        return out

    def _reset(self, stream: MuxStream, code: int) -> bytes:
        """Reset a stream that is open; the frame that says so."""
        self._http2.reset(stream.stream_id, code & WIRE_CODE)
        self._forgotten.add(stream.stream_id)
        self._drop(stream, code, by_peer=False)
        return self._http2.data_to_send()

    def _drop(self, stream: MuxStream, code: int, *, by_peer: bool) -> None:
        """A stream was reset."""
        if by_peer:
            self._touch(stream)
        stream.reset_code, stream.reset_by_peer = code, by_peer
        stream.pending, stream.outbound = 0, None
        if not (by_peer and code == ErrorCode.NO_ERROR and stream.remote_ended):  # the peer's whole direction is here
            self._discard(stream)
        stream.move(Move.RESET)
        self._close(stream)

    def _discard(self, stream: MuxStream) -> None:
        """Nobody will read what has come."""
        unread, stream.unread, stream.chunks = stream.unread, 0, None
        self._credit_connection(unread)
        if stream.remote_ended:
            stream.window.release(unread)

    def _close(self, stream: MuxStream) -> None:
        del self.streams[stream.stream_id]
        stream.window.close(stream.unread)
        self._scheduler.forget(stream)
        self._http2.forget()
        if self.on_close is not None:
            self.on_close()
