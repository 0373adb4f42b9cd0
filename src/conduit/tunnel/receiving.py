"""The receiving half of a connection: bytes in, events out. The other half is :mod:`conduit.tunnel.mux`.

A DATA frame is charged to its stream's window and to the connection's when its header is seen, whatever becomes of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import h2.events
import h2.settings

from conduit.errors import DecodeError, RemoteProtocolError
from conduit.tunnel.floods import SMALL_CREDIT, Floods, Nuisance
from conduit.tunnel.flow import FIRST_WINDOW, Budget
from conduit.tunnel.frames import (
    ACK,
    END_STREAM,
    HEADER,
    MAX_DATA,
    MAX_WINDOW,
    PREFACE,
    ErrorCode,
    FrameType,
    GoAway,
    Violation,
    decode_goaway,
    decode_increment,
    ping,
    strip_padding,
    window_update,
)
from conduit.tunnel.reader import FrameReader
from conduit.tunnel.scheduler import Buffer
from conduit.tunnel.stream_table import StreamTable
from conduit.tunnel.streams import (
    Event,
    MuxStream,
    PeerGoing,
    PingAnswered,
    StreamAnswered,
    StreamMoved,
    StreamOpened,
)

MAX_ANSWERS: Final = 256 << 10  # bytes of answers to control frames that a peer may let pile up
SMALL: Final = 1024  # bytes; smaller pieces of data are kept as one, or each would cost more than it holds
DEFAULT_MAX_DATA: Final = 16_384  # bytes of a frame, before anything is agreed (section 4.2)
_DATA: Final = int(FrameType.DATA)
_PING: Final = int(FrameType.PING)
_GOAWAY: Final = int(FrameType.GOAWAY)
_WINDOW_UPDATE: Final = int(FrameType.WINDOW_UPDATE)
_CODES: Final = h2.settings.SettingCodes


class Receiver(StreamTable):
    """What :class:`~conduit.tunnel.mux.Mux` does with what comes in; it is also the frame reader's handler."""

    def __init__(self, *, client_side: bool, now: float, budget: Budget | None, max_streams: int) -> None:
        super().__init__(client_side=client_side, now=now, budget=budget, max_streams=max_streams)
        self.refused_streams = 0
        self.going: GoAway | None = None
        "The peer's last GOAWAY."
        self._probes: set[bytes] = set()
        self._max_streams = max_streams
        self._last_taken = MAX_WINDOW  # stream ID that our GOAWAY lets in
        self._floods = Floods(now)
        self._openings = 0  # bytes of what waits to be sent that open streams
        self._reader = FrameReader(self, b"" if client_side else PREFACE)
        self._data_stream: MuxStream | None = None  # whose frame is being received
        self._data_ends = False
        self._now = now
        self._started: list[MuxStream] = []  # their first data is in what is being received

    @property
    def is_settled(self) -> bool:
        """Whether the peer's preface has come, of which SETTINGS is the end."""
        return self._reader.is_settled

    def receive_data(self, data: Buffer, now: float) -> list[Event]:
        """Take bytes from the peer; they are copied where they are kept.

        :raises RemoteProtocolError: the peer broke the rules; a GOAWAY is ready to be sent, and all is over.
        """
        if self._http2.is_over:
            raise RemoteProtocolError("the peer broke the rules of HTTP/2 before")
        self.liveness.heard(now)
        self._now = now
        try:
            self._reader.receive(data if type(data) is memoryview else memoryview(data))
            if self._started:
                self._open_up()
            if self._control:
                self._check_answers()
        except DecodeError:
            self._break(ErrorCode.PROTOCOL_ERROR)
            raise
        except Violation as error:
            self._break(error.code)
            raise
        events, self._events = self._events, []
        for event in events:
            if type(event) is StreamMoved:
                event.stream.touched = False
        return events

    def _check_answers(self) -> None:
        if len(self._control) - self._openings > MAX_ANSWERS:
            raise Violation("it asks faster than it takes answers", ErrorCode.ENHANCE_YOUR_CALM)

    def _break(self, code: int) -> None:
        """The peer broke the rules."""
        self._http2.is_over = True
        self._control += GoAway(0 if self._client_side else self._highest, code, b"").encode()

    # --- DATA ---

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        """What the frame reader calls: a DATA frame starts."""
        ends = bool(flags & END_STREAM)
        self._data_stream, self._data_ends = self._account(stream_id, length), ends
        if not length:
            self._receive_nothing()

    def whole_data(self, stream_id: int, data: memoryview) -> None:
        """What the frame reader calls in place of both: what is usual is done here, in one go."""
        size, window = len(data), self._window
        stream = self.streams.get(stream_id)
        if stream is not None and stream.takes(size) and size <= window.left:
            window.left -= size
            stream.window.left -= size
            self._store(stream, data)
        else:
            self.begin_data(stream_id, size, 0)
            self.body(data, last=True)

    def body(self, data: memoryview, *, last: bool) -> None:
        """What the frame reader calls: bytes of that frame."""
        stream = self._data_stream
        if stream is None or stream.reset_code is not None or stream.abandoned:
            self._credit_connection(len(data))
        else:
            if stream.direct is not None and not stream.chunks:
                data = self._deliver(stream, stream.direct, data)
            if data:
                self._store(stream, data)
        if last:
            if self._data_ends:
                self._end_data()
            else:
                self._data_stream = None

    def _deliver(self, stream: MuxStream, direct: Callable[[memoryview], int], data: memoryview) -> memoryview:
        """Hand bytes to whoever takes them without delay; those that it left."""
        taken = direct(data)
        if stream.is_closed or stream.abandoned:  # by whoever was asked
            self._credit_connection(len(data))
            return data[:0]
        if taken:
            self._credit(stream, taken, self._now)
        return data[taken:]

    def _store(self, stream: MuxStream, data: memoryview) -> None:
        """Keep bytes until they are taken."""
        size = len(data)
        chunks = stream.chunks
        if chunks is None:
            stream.chunks = deque((bytes(data),))
        elif size < SMALL and chunks and len(chunks[-1]) < SMALL:
            chunks[-1] = b"".join((chunks[-1], data))
        else:
            chunks.append(bytes(data))
        stream.unread += size
        if not stream.touched:
            self._touch(stream)

    def _receive_nothing(self) -> None:
        """A frame without data, which only an end of a stream excuses."""
        if self._data_stream is None or not self._data_ends:
            self._floods.count(Nuisance.EMPTY, self._now)
        self._end_data()

    def _end_data(self) -> None:
        """The last byte of a DATA frame is in."""
        stream, self._data_stream = self._data_stream, None
        if self._data_ends and stream is not None and not stream.is_closed:
            for event in self._http2.receive_end(stream.stream_id):
                self._handle(event)

    def _account(self, stream_id: int, length: int) -> MuxStream | None:
        """Charge *length* bytes to the windows; the stream, or None when its data is to be dropped."""
        self._window.left -= length
        if self._window.left < 0:
            raise Violation("more DATA than the connection's window", ErrorCode.FLOW_CONTROL_ERROR)
        stream = self.streams.get(stream_id)
        if stream is None or stream.remote_ended:
            self._check_late(stream_id)
            return None
        if length and not stream.window.started:
            self._start(stream)
        if not stream.window.receive(length):
            raise Violation(f"more DATA than the window of stream {stream_id}", ErrorCode.FLOW_CONTROL_ERROR)
        return stream

    def _start(self, stream: MuxStream) -> None:
        """The first data of a stream."""
        if not stream.headers_received:
            raise Violation(f"DATA before the headers of stream {stream.stream_id}", ErrorCode.PROTOCOL_ERROR)
        stream.window.start(self._now)
        self._started.append(stream)

    def _open_up(self) -> None:
        """Grant more to streams that have begun; most calls have ended by now, and need nothing."""
        started, self._started = self._started, []
        for stream in started:
            if stream.remote_ended or stream.is_closed or stream.abandoned:
                continue
            increment = stream.window.open_up()
            if increment:
                self._control += window_update(stream.stream_id, increment)

    def _check_late(self, stream_id: int) -> None:
        """DATA of a stream whose peer may not send: late, or wrong."""
        self._check_not_idle(stream_id, "DATA")
        if stream_id in self.streams or stream_id not in self._forgotten:
            raise Violation(f"DATA on stream {stream_id}, which has ended", ErrorCode.STREAM_CLOSED)

    def _receive_padded(self, payload: bytes, flags: int, stream_id: int) -> None:
        """DATA with padding, which counts against the windows but is nobody's."""
        data = strip_padding(payload)
        ends = bool(flags & END_STREAM)
        stream = self._account(stream_id, len(payload))
        self._data_stream, self._data_ends = stream, ends
        self._credit(stream, len(payload) - len(data), self._now)
        if data:
            self.body(memoryview(data), last=True)
        else:
            self._receive_nothing()

    # --- other frames ---

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        """What the frame reader calls: any other frame."""
        if kind == _WINDOW_UPDATE:
            self._receive_window_update(stream_id, decode_increment(bytes(frame[HEADER.size :])))
        elif kind == _PING:
            self._receive_ping(bytes(frame[HEADER.size :]), flags)
        elif kind == _DATA:
            self._receive_padded(bytes(frame[HEADER.size :]), flags, stream_id)
        elif kind == _GOAWAY:
            self._receive_goaway(bytes(frame[HEADER.size :]))
        else:
            self._check_frame(kind, stream_id)
            for event in self._http2.receive(bytes(frame)):
                self._handle(event)
            self._control += self._http2.data_to_send()

    def _check_frame(self, kind: int, stream_id: int) -> None:
        """What ``h2`` does not mind, or not enough."""
        stream = self.streams.get(stream_id)
        if kind == FrameType.RST_STREAM:
            self._check_not_idle(stream_id, "RST_STREAM")
            if stream is None:
                self._floods.count(Nuisance.OTHER, self._now)
            elif not self._client_side and not stream.window.started:
                self._floods.count(Nuisance.RESET, self._now)
        elif kind in (FrameType.HEADERS, FrameType.CONTINUATION):
            if self._client_side:
                self._check_not_idle(stream_id, "HEADERS")
            if stream is None and stream_id <= self._highest:
                self._floods.count(Nuisance.OTHER, self._now)
        else:
            self._floods.count(Nuisance.SETTINGS if kind == FrameType.SETTINGS else Nuisance.OTHER, self._now)

    def _check_not_idle(self, stream_id: int, what: str) -> None:
        if stream_id > self._highest or not stream_id & 1:
            raise Violation(f"{what} on stream {stream_id}, which is idle", ErrorCode.PROTOCOL_ERROR)

    def _receive_window_update(self, stream_id: int, increment: int) -> None:
        if increment < SMALL_CREDIT:
            self._floods.count(Nuisance.CREDIT, self._now)
        if not stream_id:
            self._scheduler.open(increment)
            if self._scheduler.window > MAX_WINDOW:
                raise Violation("the connection's window is too large", ErrorCode.FLOW_CONTROL_ERROR)
            return
        stream = self.streams.get(stream_id)
        if stream is None:
            self._check_not_idle(stream_id, "credit")
        else:
            self._open_window(stream, increment)

    def _receive_ping(self, payload: bytes, flags: int) -> None:
        self._floods.count(Nuisance.PING, self._now)
        if flags & ACK:
            self._receive_answer(payload)
        else:
            self._control += ping(payload, ack=True)

    def _receive_answer(self, payload: bytes) -> None:
        if payload in self._probes:
            self._probes.remove(payload)
            self._events.append(PingAnswered(payload))
        else:
            self.liveness.answered(payload, self._now)

    def _receive_goaway(self, payload: bytes) -> None:
        self._floods.count(Nuisance.OTHER, self._now)
        self.going = going = decode_goaway(payload)
        self._events.append(PeerGoing(going))
        if self._client_side:
            for stream in [one for one in self.streams.values() if one.stream_id > going.last_stream_id]:
                self._forgotten.add(stream.stream_id)
                self._drop(stream, ErrorCode.REFUSED_STREAM, by_peer=True)  # it was never looked at

    def _handle(self, event: h2.events.Event) -> None:
        """What ``h2`` has to say; trailers, priorities and acknowledged settings are nothing to us."""
        match event:
            case h2.events.RequestReceived():
                self._handle_request(event)
            case h2.events.ResponseReceived() if event.stream_id in self.streams:
                stream = self.streams[event.stream_id]
                stream.headers_received = True
                self._events.append(StreamAnswered(stream, event.headers))
            case h2.events.InformationalResponseReceived():
                self._floods.count(Nuisance.OTHER, self._now)
            case h2.events.StreamEnded() if event.stream_id in self.streams:
                self._end_remote(self.streams[event.stream_id])
            case h2.events.StreamReset() if event.stream_id in self.streams:
                self._drop(self.streams[event.stream_id], int(event.error_code), by_peer=True)
            case h2.events.RemoteSettingsChanged():
                self._handle_settings(event)

    def _handle_request(self, event: h2.events.RequestReceived) -> None:
        stream_id = event.stream_id
        self._highest = stream_id
        room = stream_id <= self._last_taken and len(self.streams) < self._max_streams
        if room and self.budget.take(FIRST_WINDOW):
            self._events.append(StreamOpened(self._add_stream(stream_id), event.headers))
            return
        self.refused_streams += 1
        self._floods.count(Nuisance.REFUSED, self._now)
        self._http2.reset(stream_id, ErrorCode.REFUSED_STREAM)
        self._http2.forget()
        self._forgotten.add(stream_id)

    def _handle_settings(self, event: h2.events.RemoteSettingsChanged) -> None:
        if size := event.changed_settings.get(_CODES.MAX_FRAME_SIZE):
            self._scheduler.max_data = min(size.new_value, MAX_DATA)
        if window := event.changed_settings.get(_CODES.INITIAL_WINDOW_SIZE):
            delta = window.new_value - self._first_window
            self._first_window += delta
            for stream in self.streams.values():
                self._open_window(stream, delta)
