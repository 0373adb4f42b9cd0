"""One HTTP/2 connection as a set of streams: bytes in, events out, bytes out (RFC 9113).

The ``h2`` library keeps the state of streams, HPACK and SETTINGS. DATA, WINDOW_UPDATE, PING and GOAWAY are ours: DATA
because the stock path costs six times the CPU, the others because credit, liveness and drain need them at first hand.
Of DATA ``h2`` sees an empty frame where a stream ends, and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from conduit.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from conduit.tunnel.flow import FIRST_WINDOW, LARGEST_WINDOW, Budget, ReceiveWindow
from conduit.tunnel.frames import (
    ACK,
    END_STREAM,
    HEADER,
    MAX_CONTROL,
    MAX_DATA,
    MAX_WINDOW,
    PING_LENGTH,
    PREFACE,
    ErrorCode,
    FrameType,
    GoAway,
    Violation,
    decode_goaway,
    decode_increment,
    frame_header,
    ping,
    strip_padding,
    window_update,
)
from conduit.tunnel.liveness import Liveness
from conduit.tunnel.reader import FrameReader
from conduit.tunnel.scheduler import Buffer, Scheduler
from conduit.tunnel.streams import (
    LOST,
    WIRE_CODE,
    Event,
    Headers,
    MuxStream,
    PeerGoing,
    StreamAnswered,
    StreamMoved,
    StreamOpened,
)

MAX_STREAMS: Final = 4096  # at the same time, by default
MAX_HEADERS: Final = 16 << 10  # bytes of all headers of a stream, uncompressed (SETTINGS_MAX_HEADER_LIST_SIZE)
MAX_ANSWERS: Final = 256 << 10  # bytes of answers to control frames that a peer may let pile up
MAX_FORGOTTEN: Final = 1024  # streams that we reset and whose late DATA is dropped without complaint
DEFAULT_WINDOW: Final = 65_535  # bytes, before anything is agreed (section 6.9.2)
DEFAULT_MAX_DATA: Final = 16_384  # bytes of a frame, likewise (section 4.2)
_PRUNE: Final = 256  # streams closed until h2 is made to forget them
_DATA: Final = int(FrameType.DATA)
_PING: Final = int(FrameType.PING)
_GOAWAY: Final = int(FrameType.GOAWAY)
_WINDOW_UPDATE: Final = int(FrameType.WINDOW_UPDATE)
_CODES: Final = h2.settings.SettingCodes


class _Connection(h2.connection.H2Connection):
    """Counts open streams as we do: the library's own count walks all of them for each stream that is opened."""

    mux: Mux

    @property
    def open_outbound_streams(self) -> int:
        """Streams that we opened."""
        return len(self.mux.streams) if self.config.client_side else 0

    @property
    def open_inbound_streams(self) -> int:
        """Streams that the peer opened."""
        return 0 if self.config.client_side else len(self.mux.streams)

    def forget_closed(self) -> None:
        """Drop what the library keeps of closed streams: its own way of counting does that."""
        super().open_outbound_streams  # noqa: B018


class Mux:
    """Either side of the connection; a :class:`~conduit._machine.StreamMachine`.

    :param client_side: whether we are the HTTP/2 client, who opens streams: the Gateway, although the Agent dialled.
    :param now: the caller's monotonic clock, in seconds.
    :param budget: what all streams together may make us store.
    :param max_streams: streams that the peer may have open at the same time.
    """

    def __init__(
        self, *, client_side: bool, now: float, budget: Budget | None = None, max_streams: int = MAX_STREAMS
    ) -> None:
        self._client_side = client_side
        self.budget = budget or Budget()
        self.liveness = Liveness(now)
        self.streams: dict[int, MuxStream] = {}
        "Those that are open, by ID."
        self.refused_streams = 0
        self.going: GoAway | None = None
        "The peer's last GOAWAY."
        self._leaving = False
        self._highest = 0  # stream ID that was opened, by whichever side opens them
        self._forgotten: dict[int, None] = {}  # IDs of streams that we reset, the oldest first
        self._closed = 0  # since h2 was last made to forget
        self._window_left = DEFAULT_WINDOW
        self._consumed = 0
        self._first_window = DEFAULT_WINDOW  # of streams that we send on
        self._control = bytearray()
        self._scheduler = Scheduler(DEFAULT_WINDOW, DEFAULT_MAX_DATA, self._finish)
        self._reader = FrameReader(self)
        self._preface_left = 0 if client_side else len(PREFACE)
        self._data_stream: MuxStream | None = None  # whose frame is being received
        self._data_ends = False
        self._events: list[Event] = []
        self._now = now
        self._h2 = self._start(max_streams)

    def _start(self, max_streams: int) -> _Connection:
        config = h2.config.H2Configuration(
            client_side=self._client_side, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        connection = _Connection(config)
        connection.mux = self
        connection.local_settings = h2.settings.Settings(
            client=self._client_side,
            initial_values={
                _CODES.MAX_CONCURRENT_STREAMS: max_streams,
                _CODES.INITIAL_WINDOW_SIZE: FIRST_WINDOW,
                _CODES.MAX_FRAME_SIZE: MAX_DATA,
                _CODES.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
                **({_CODES.ENABLE_PUSH: 0} if self._client_side else {}),
            },
        )
        connection.max_inbound_frame_size = MAX_CONTROL
        connection.decoder.max_header_list_size = MAX_HEADERS
        connection.initiate_connection()
        self._control += connection.data_to_send()
        self._add_connection_credit(self.budget.total + LARGEST_WINDOW - DEFAULT_WINDOW)
        return connection

    # --- what the owner does ---

    def open_stream(self, headers: Headers, *, interactive: bool = False) -> MuxStream:
        """Open a stream; its headers leave with the next bytes.

        :raises LocalProtocolError: we are the side that does not open streams, or there may be no more.
        """
        if not self._client_side:
            raise LocalProtocolError("the side that dialled does not open streams")
        if self.going is not None or self._leaving:
            raise LocalProtocolError("the tunnel is closing: it takes no new streams")
        if not self.budget.take(FIRST_WINDOW):
            raise LocalProtocolError("the tunnel's memory budget is spent: close streams, or give it a larger one")
        stream_id = self._h2.get_next_available_stream_id()
        try:
            self._h2.send_headers(stream_id, headers)
        except h2.exceptions.ProtocolError as error:
            self.budget.give_back(FIRST_WINDOW)
            raise LocalProtocolError(f"the peer takes no more streams: {error}") from error
        self._control += self._h2.data_to_send()
        stream = self._add_stream(stream_id)
        stream.interactive = interactive
        return stream

    def answer(self, stream: MuxStream, headers: Headers) -> None:
        """Accept a stream that the peer opened."""
        if not stream.is_closed and not stream.local_ended:
            self._h2.send_headers(stream.stream_id, headers)
            self._control += self._h2.data_to_send()

    def send(self, stream: MuxStream, data: memoryview) -> None:
        """Queue bytes; they are not copied, and must not change until :meth:`data_to_send` has taken the last of them.

        :raises LocalProtocolError: the stream was ended or reset.
        """
        if stream.local_ended or stream.ending or stream.reset_code is not None:
            raise LocalProtocolError("the stream takes no more data")
        if stream.outbound is None:
            stream.outbound = deque()
        stream.outbound.append(data)
        stream.pending += len(data)
        self._scheduler.add(stream)

    def unsend(self, stream: MuxStream) -> int:
        """Take back what has not left; the number of bytes."""
        taken, stream.pending = stream.pending, 0
        stream.outbound = None
        return taken

    def end(self, stream: MuxStream) -> None:
        """End our direction, after what is queued."""
        if not (stream.local_ended or stream.ending or stream.reset_code is not None):
            stream.ending = True
            self._scheduler.add(stream)

    def reset(self, stream: MuxStream, code: int) -> None:
        """End both directions now; what is queued, and what was not read, is lost."""
        if stream.is_closed:
            return
        self._h2.reset_stream(stream.stream_id, code & WIRE_CODE)
        self._control += self._h2.data_to_send()
        self._forget(stream.stream_id)
        self._drop(stream, code, by_peer=False)

    def abandon(self, stream: MuxStream) -> None:
        """End our direction, after what is queued, and take nothing more; the peer reads to the end."""
        if stream.is_closed:
            return
        stream.abandoned = True
        if stream.local_ended:
            self.reset(stream, ErrorCode.NO_ERROR)
        else:
            self.end(stream)

    def lose(self, stream: MuxStream) -> None:
        """The connection is gone, and the stream with it."""
        if not stream.is_closed:
            self._drop(stream, LOST, by_peer=False)

    def take(self, stream: MuxStream, most: int, now: float) -> bytes:
        """Received bytes, *most* at most; gives credit for them back to the peer."""
        chunks = stream.chunks
        if not chunks:
            return b""
        chunk = chunks[0]
        if len(chunk) > most:
            chunks[0], chunk = chunk[most:], chunk[:most]
        else:
            chunks.popleft()
        stream.unread -= len(chunk)
        self._credit(stream, len(chunk), now)
        return chunk

    def go_away(self, code: int = ErrorCode.NO_ERROR, debug: bytes = b"", *, last_stream_id: int | None = None) -> None:
        """Say that we take no new streams above *last_stream_id*; those that are open go on."""
        self._leaving = True
        last = last_stream_id if last_stream_id is not None else (0 if self._client_side else self._highest)
        self._control += GoAway(last, code, debug).encode()

    def next_deadline(self) -> float:
        """When to call :meth:`handle_deadline`."""
        return self.liveness.next_deadline()

    def handle_deadline(self, now: float) -> bool:
        """Ask the peer for a sign of life if it is time to; False when it is dead."""
        if self.liveness.is_dead(now):
            return False
        opaque = self.liveness.handle_deadline(now)
        if opaque is not None:
            self._control += ping(opaque)
        return True

    # --- sending ---

    @property
    def has_data_to_send(self) -> bool:
        """Whether :meth:`data_to_send` would return anything."""
        return bool(self._control) or self._scheduler.has_work

    def data_to_send(self, limit: int) -> list[Buffer]:
        """Bytes to send now, in order: about *limit* of them."""
        out: list[Buffer] = []
        if self._control:
            out.append(bytes(self._control))
            self._control.clear()
        if self._scheduler.has_work:
            out += self._scheduler.take(limit)
        return out

    def emptied(self) -> list[MuxStream]:
        """Streams whose last byte was taken by :meth:`data_to_send`; each is handed out once."""
        emptied = self._scheduler.emptied
        if emptied:
            self._scheduler.emptied = []
        return emptied

    def _finish(self, stream: MuxStream) -> bytes:
        """Our direction of *stream* ends here."""
        stream.local_ended = True
        self._h2.end_stream(stream.stream_id)
        if stream.remote_ended:
            self._close(stream)
        elif stream.abandoned:
            self._h2.reset_stream(stream.stream_id, ErrorCode.NO_ERROR)
            self._forget(stream.stream_id)
            self._drop(stream, ErrorCode.NO_ERROR, by_peer=False)
        return bytes(self._h2.data_to_send())

    # --- receiving ---

    def receive_data(self, data: Buffer, now: float) -> list[Event]:
        """Take bytes from the peer; they are copied where they are kept.

        :raises RemoteProtocolError: the peer broke the rules; a GOAWAY is ready to be sent, and all is over.
        """
        self.liveness.heard(now)
        self._now = now
        view = memoryview(data)
        try:
            if self._preface_left:
                view = view[self._receive_preface(view) :]
            self._reader.receive(view)
        except h2.exceptions.ProtocolError as error:
            self.go_away(error.error_code)
            raise RemoteProtocolError(f"the peer broke the rules of HTTP/2: {error}") from error
        except Violation as error:
            self.go_away(error.code)
            raise
        except DecodeError:
            self.go_away(ErrorCode.PROTOCOL_ERROR)
            raise
        events, self._events = self._events, []
        for event in events:
            if type(event) is StreamMoved:
                event.stream.touched = False
        if len(self._control) > MAX_ANSWERS:
            raise RemoteProtocolError("the peer asks faster than it takes answers")
        return events

    def _receive_preface(self, data: memoryview) -> int:
        count = min(self._preface_left, len(data))
        start = len(PREFACE) - self._preface_left
        if data[:count] != PREFACE[start : start + count]:
            raise Violation("not its preface", ErrorCode.PROTOCOL_ERROR)
        self._preface_left -= count
        self._h2.receive_data(bytes(data[:count]))
        return count

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        """What the frame reader calls: a DATA frame starts."""
        stream = self._account(stream_id, length)
        self._data_stream, self._data_ends = stream, bool(flags & END_STREAM)
        if not length:
            self._end_data()

    def body(self, data: memoryview, *, last: bool) -> None:
        """What the frame reader calls: bytes of that frame."""
        stream = self._data_stream
        if stream is None or stream.reset_code is not None:
            self._credit_connection(len(data))
        else:
            if stream.direct is not None and not stream.chunks:
                data = data[self._deliver(stream, stream.direct, data) :]
            if data:
                self._store(stream, data)
        if last:
            self._end_data()

    def _deliver(self, stream: MuxStream, direct: Callable[[memoryview], int], data: memoryview) -> int:
        """Hand bytes to whoever takes them without delay; how many were taken."""
        taken = direct(data)
        if taken:
            self._credit(stream, taken, self._now)
        return taken

    def _store(self, stream: MuxStream, data: memoryview) -> None:
        """Keep bytes until they are taken."""
        if stream.chunks is None:
            stream.chunks = deque()
        stream.chunks.append(bytes(data))
        stream.unread += len(data)
        self._touch(stream)

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        """What the frame reader calls: any other frame."""
        if kind == _WINDOW_UPDATE:
            self._receive_window_update(stream_id, decode_increment(bytes(frame[HEADER.size :])))
        elif kind == _PING:
            self._receive_ping(bytes(frame[HEADER.size :]), flags, stream_id)
        elif kind == _DATA:
            self._receive_padded(bytes(frame[HEADER.size :]), flags, stream_id)
        elif kind == _GOAWAY:
            self._receive_goaway(bytes(frame[HEADER.size :]))
        else:
            for event in self._h2.receive_data(bytes(frame)):
                self._handle(event)
            self._control += self._h2.data_to_send()

    # --- DATA and its credit ---

    def _account(self, stream_id: int, length: int) -> MuxStream | None:
        """Charge *length* bytes to the windows; the stream, or None when its data is to be dropped."""
        self._window_left -= length
        if self._window_left < 0:
            raise Violation("more DATA than the connection's window", ErrorCode.FLOW_CONTROL_ERROR)
        stream = self.streams.get(stream_id)
        if stream is None or stream.remote_ended:
            self._check_late(stream_id)
            return None
        if not stream.window.receive(length):
            raise Violation(f"more DATA than the window of stream {stream_id}", ErrorCode.FLOW_CONTROL_ERROR)
        increment = stream.window.open_up(self._now)
        if increment:
            self._control += window_update(stream_id, increment)
        return stream

    def _check_late(self, stream_id: int) -> None:
        """DATA of a stream that is not open: late, or wrong."""
        if stream_id in self._forgotten:
            return
        if not stream_id or stream_id > self._highest:
            raise Violation(f"DATA on stream {stream_id}, which is idle", ErrorCode.PROTOCOL_ERROR)
        raise Violation(f"DATA on stream {stream_id}, which has ended", ErrorCode.STREAM_CLOSED)

    def _end_data(self) -> None:
        """The last byte of a DATA frame is in."""
        stream, self._data_stream = self._data_stream, None
        if self._data_ends and stream is not None and stream.reset_code is None:
            for event in self._h2.receive_data(frame_header(0, _DATA, END_STREAM, stream.stream_id)):
                self._handle(event)

    def _receive_padded(self, payload: bytes, flags: int, stream_id: int) -> None:
        """DATA with padding, which counts against the windows but is nobody's."""
        data = strip_padding(payload)
        stream = self._account(stream_id, len(payload))
        if stream is not None:
            self._credit(stream, len(payload) - len(data), self._now)
        else:
            self._credit_connection(len(payload) - len(data))
        self._data_stream, self._data_ends = stream, bool(flags & END_STREAM)
        self.body(memoryview(data), last=True)

    def _credit(self, stream: MuxStream, count: int, now: float) -> None:
        """*count* bytes were consumed: tell the peer, when it is worth a frame."""
        self._credit_connection(count)
        if stream.remote_ended or stream.reset_code is not None:
            return
        increment = stream.window.consume(count, now, self.liveness.round_trip)
        if increment > 0:
            self._control += window_update(stream.stream_id, increment)

    def _credit_connection(self, count: int) -> None:
        self._consumed += count
        if self._consumed >= LARGEST_WINDOW // 4:
            increment, self._consumed = self._consumed, 0
            self._add_connection_credit(increment)

    def _add_connection_credit(self, increment: int) -> None:
        self._window_left += increment
        self._control += window_update(0, increment)

    # --- other frames ---

    def _receive_window_update(self, stream_id: int, increment: int) -> None:
        if not stream_id:
            self._scheduler.open(increment)
            if self._scheduler.window > MAX_WINDOW:
                raise Violation("the connection's window is too large", ErrorCode.FLOW_CONTROL_ERROR)
            return
        stream = self.streams.get(stream_id)
        if stream is None:
            if stream_id > self._highest:
                raise Violation(f"credit for stream {stream_id}, which is idle", ErrorCode.PROTOCOL_ERROR)
            return
        self._open_window(stream, increment)

    def _open_window(self, stream: MuxStream, increment: int) -> None:
        stream.send_window += increment
        if stream.send_window > MAX_WINDOW:
            raise Violation(f"the window of stream {stream.stream_id} is too large", ErrorCode.FLOW_CONTROL_ERROR)
        self._scheduler.add(stream)

    def _receive_ping(self, payload: bytes, flags: int, stream_id: int) -> None:
        if len(payload) != PING_LENGTH:
            raise Violation(f"PING of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        if stream_id:
            raise Violation("PING on a stream", ErrorCode.PROTOCOL_ERROR)
        if flags & ACK:
            self.liveness.answered(payload, self._now)
        else:
            self._control += ping(payload, ack=True)

    def _receive_goaway(self, payload: bytes) -> None:
        self.going = going = decode_goaway(payload)
        self._events.append(PeerGoing(going))
        if self._client_side:
            for stream in [one for one in self.streams.values() if one.stream_id > going.last_stream_id]:
                self._drop(stream, ErrorCode.REFUSED_STREAM, by_peer=True)  # it was never looked at

    def _handle(self, event: h2.events.Event) -> None:
        """What ``h2`` has to say; trailers, priorities and acknowledged settings are nothing to us."""
        match event:
            case h2.events.RequestReceived():
                self._handle_request(event)
            case h2.events.ResponseReceived() if event.stream_id in self.streams:
                self._events.append(StreamAnswered(self.streams[event.stream_id], event.headers))
            case h2.events.StreamEnded() if event.stream_id in self.streams:
                self._end_remote(self.streams[event.stream_id])
            case h2.events.StreamReset() if event.stream_id in self.streams:
                by_peer = event.remote_reset
                self._drop(self.streams[event.stream_id], int(event.error_code), by_peer=by_peer)
            case h2.events.RemoteSettingsChanged():
                self._handle_settings(event)

    def _handle_request(self, event: h2.events.RequestReceived) -> None:
        self._highest = event.stream_id
        if self._leaving or not self.budget.take(FIRST_WINDOW):
            self.refused_streams += 1
            self._h2.reset_stream(event.stream_id, ErrorCode.REFUSED_STREAM)
            self._forget(event.stream_id)
            return
        self._events.append(StreamOpened(self._add_stream(event.stream_id), event.headers))

    def _handle_settings(self, event: h2.events.RemoteSettingsChanged) -> None:
        size = event.changed_settings.get(_CODES.MAX_FRAME_SIZE)
        if size is not None:
            self._scheduler.max_data = min(size.new_value, MAX_DATA)
        window = event.changed_settings.get(_CODES.INITIAL_WINDOW_SIZE)
        if window is not None:
            delta = window.new_value - self._first_window
            self._first_window += delta
            for stream in self.streams.values():
                self._open_window(stream, delta)

    # --- streams come and go ---

    def _add_stream(self, stream_id: int) -> MuxStream:
        window = ReceiveWindow(self.budget)
        self.streams[stream_id] = stream = MuxStream(stream_id, self._first_window, window)
        self._highest = stream_id
        return stream

    def _touch(self, stream: MuxStream) -> None:
        if not stream.touched:
            stream.touched = True
            self._events.append(StreamMoved(stream))

    def _end_remote(self, stream: MuxStream) -> None:
        stream.remote_ended = True
        self._touch(stream)
        if stream.local_ended:
            self._close(stream)

    def _drop(self, stream: MuxStream, code: int, *, by_peer: bool) -> None:
        """A stream was reset."""
        stream.reset_code, stream.reset_by_peer = code, by_peer
        if not (by_peer and code == ErrorCode.NO_ERROR and stream.remote_ended):  # the peer's whole direction is here
            self._credit_connection(stream.unread)
            stream.chunks, stream.unread = None, 0
        self.unsend(stream)
        self._touch(stream)
        self._close(stream)

    def _close(self, stream: MuxStream) -> None:
        if self.streams.pop(stream.stream_id, None) is None:
            return
        stream.window.close()
        self._closed += 1
        if self._closed >= _PRUNE:
            self._closed = 0
            self._h2.forget_closed()

    def _forget(self, stream_id: int) -> None:
        self._forgotten[stream_id] = None
        if len(self._forgotten) > MAX_FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]
