"""Two muxes wired together, and a raw peer that says whatever frames it likes."""

from __future__ import annotations

from collections.abc import Callable

import hpack

from conduit.tunnel.flow import Budget
from conduit.tunnel.frames import (
    END_HEADERS,
    END_STREAM,
    PREFACE,
    FrameType,
    frame_header,
)
from conduit.tunnel.mux import MAX_STREAMS, Mux
from conduit.tunnel.opening import encode_request, encode_response
from conduit.tunnel.reader import FrameReader
from conduit.tunnel.streams import Event, MuxStream, StreamOpened

Frame = tuple[int, int, int, bytes]  # type, flags, stream ID, payload


def drain(mux: Mux, limit: int = 1 << 20) -> bytes:
    """Everything that *mux* has to send now."""
    out = bytearray()
    while mux.has_data_to_send:
        buffers = mux.data_to_send(limit)
        if not buffers:
            break
        out += b"".join(buffers)
    return bytes(out)


class Pair:
    """A client and a server, without anything between them."""

    def __init__(
        self, *, budget: Budget | None = None, max_streams: int = MAX_STREAMS, client_budget: Budget | None = None
    ) -> None:
        self.client = Mux(client_side=True, now=0.0, budget=client_budget)
        self.server = Mux(client_side=False, now=0.0, budget=budget, max_streams=max_streams)
        self.now = 0.0
        self.pump()

    def pump(self) -> list[Event]:
        """Carry bytes until neither end has any; what happened at both."""
        happened: list[Event] = []
        while True:
            there, back = drain(self.client), drain(self.server)
            if not there and not back:
                return happened
            if there:
                happened += self.server.receive_data(there, self.now)
            if back:
                happened += self.client.receive_data(back, self.now)

    def open(self) -> tuple[MuxStream, MuxStream]:
        """A stream, answered: the client's side of it, and the server's."""
        near = self.client.open_stream(encode_request("tcp", {}))
        opened = [event for event in self.pump() if isinstance(event, StreamOpened)]
        (far,) = (event.stream for event in opened)
        self.server.answer(far, encode_response())
        self.pump()
        return near, far


class _Frames:
    """Keeps whole frames."""

    def __init__(self) -> None:
        self.found: list[Frame] = []
        self._data: list[bytes] = []
        self._head = (0, 0)

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        self._head, self._data = (flags, stream_id), []
        if not length:
            self.found.append((FrameType.DATA, flags, stream_id, b""))

    def body(self, data: memoryview, *, last: bool) -> None:
        self._data.append(bytes(data))
        if last:
            self.found.append((FrameType.DATA, *self._head, b"".join(self._data)))

    def whole_data(self, stream_id: int, data: memoryview) -> None:
        self.begin_data(stream_id, len(data), 0)
        self.body(data, last=True)

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        self.found.append((kind, flags, stream_id, bytes(frame[9:])))


class RawPeer:
    """The other end of one mux: says any frame, and sees every frame that it is sent."""

    def __init__(self, *, client_side: bool, settle: bool = True, make: Callable[..., Mux] = Mux) -> None:
        self.mux = make(client_side=not client_side, now=0.0)
        self.now = 0.0
        self.encoder = hpack.Encoder()
        self._seen = _Frames()
        self._reader = FrameReader(self._seen, b"" if client_side else PREFACE)
        self._opened = -1
        if settle:
            self.say((PREFACE if client_side else b"") + frame(FrameType.SETTINGS))

    def say(self, data: bytes) -> list[Event]:
        """Send bytes to the mux; what happened there."""
        return self.mux.receive_data(data, self.now)

    def open(self, flags: int = 0) -> MuxStream:
        """Open a stream at the mux, which is the server."""
        self._opened += 2
        (event,) = (one for one in self.say(self.request(self._opened, flags)) if isinstance(one, StreamOpened))
        return event.stream

    def request(self, stream_id: int, flags: int = 0) -> bytes:
        """The HEADERS that open a stream."""
        block = self.encoder.encode(encode_request("tcp", {}))
        return frame(FrameType.HEADERS, END_HEADERS | flags, stream_id, block)

    def response(self, stream_id: int, flags: int = 0) -> bytes:
        """The HEADERS that answer one."""
        return frame(FrameType.HEADERS, END_HEADERS | flags, stream_id, self.encoder.encode(encode_response()))

    def heard(self) -> list[Frame]:
        """The frames that the mux has sent since."""
        self._reader.receive(memoryview(drain(self.mux)))
        found, self._seen.found = self._seen.found, []
        return found

    def heard_of(self, kind: int) -> list[Frame]:
        """Those of one type."""
        return [one for one in self.heard() if one[0] == kind]


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """A frame, whatever it holds."""
    return frame_header(len(payload), kind, flags, stream_id) + payload


def data(stream_id: int, payload: bytes, *, end: bool = False) -> bytes:
    """A DATA frame."""
    return frame(FrameType.DATA, END_STREAM if end else 0, stream_id, payload)
