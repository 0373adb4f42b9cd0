"""The same bytes through our mux and through stock ``h2``: the same streams, data, ends, resets and charges."""

from __future__ import annotations

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conduit.tunnel.flow import FIRST_WINDOW
from conduit.tunnel.frames import (
    END_HEADERS,
    END_STREAM,
    MAX_DATA,
    PADDED,
    PREFACE,
    ErrorCode,
    FrameType,
    window_update,
)
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import encode_request
from conduit.tunnel.streams import StreamOpened
from tests.fakes.mux_pair import drain, frame

pytestmark = pytest.mark.property

REQUEST = encode_request("tcp", {})
CODES = h2.settings.SettingCodes
Outcome = dict[int, tuple[bytes, bool, int | None]]  # data, ended, reset code by stream


@dataclass
class Seen:
    """What an implementation made of the bytes."""

    streams: Outcome = field(default_factory=dict)
    charged: dict[int, int] = field(default_factory=dict)
    "Bytes charged against the windows of streams that are open, and of the connection (0)."


def stock(client_side: bool = False) -> h2.connection.H2Connection:
    connection = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=client_side, validate_outbound_headers=False)
    )
    connection.local_settings = h2.settings.Settings(
        client=client_side,
        initial_values={
            CODES.MAX_CONCURRENT_STREAMS: 1000,
            CODES.INITIAL_WINDOW_SIZE: FIRST_WINDOW,
            CODES.MAX_FRAME_SIZE: MAX_DATA,
        },
    )
    connection.max_inbound_frame_size = MAX_DATA
    connection.initiate_connection()
    return connection


class Take:
    """Collects h2's events."""

    def __init__(self) -> None:
        self.data: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.codes: dict[int, int] = {}

    def note(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self.data[event.stream_id] = bytearray()
            case h2.events.DataReceived():
                self.data[event.stream_id] += event.data
            case h2.events.StreamEnded():
                self.ended.add(event.stream_id)
            case h2.events.StreamReset():
                self.codes[event.stream_id] = int(event.error_code)

    def outcome(self) -> Outcome:
        return {key: (bytes(data), key in self.ended, self.codes.get(key)) for key, data in self.data.items()}


def through_h2(pieces: list[bytes]) -> Seen:
    connection, take = stock(), Take()
    connection.increment_flow_control_window(1 << 24)
    for piece in pieces:
        for event in connection.receive_data(piece):
            take.note(event)
    left = connection.inbound_flow_control_window
    charged = {0: (1 << 24) + 65_535 - left}
    for stream_id, stream in connection.streams.items():
        if stream_id not in take.codes | dict.fromkeys(take.ended):
            charged[stream_id] = FIRST_WINDOW - stream.inbound_flow_control_window
    return Seen(take.outcome(), charged)


def through_ours(pieces: list[bytes]) -> Seen:
    mux = Mux(client_side=False, now=0.0)
    streams, data = {}, {}
    for piece in pieces:
        for event in mux.receive_data(piece, 0.0):
            if isinstance(event, StreamOpened):
                streams[event.stream.stream_id], data[event.stream.stream_id] = event.stream, bytearray()
    for key, stream in streams.items():
        if stream.reset_code is None:
            while part := mux.take(stream, 1 << 20, 0.0):
                data[key] += part
    charged = {0: mux._window.size - mux._window.left + 0}
    for key, stream in streams.items():
        if stream.reset_code is None and not stream.remote_ended:
            charged[key] = stream.window.size - stream.window.left
    outcome: Outcome = {
        key: (bytes(data[key]), stream.remote_ended, stream.reset_code) for key, stream in streams.items()
    }
    return Seen(outcome, charged)


@dataclass
class Draft:
    """Legal traffic of a client, as it is made up."""

    out: bytearray = field(default_factory=bytearray)
    encoder: hpack.Encoder = field(default_factory=hpack.Encoder)
    room: dict[int, int] = field(default_factory=dict)
    "Bytes that each open stream may still send."
    highest: int = -1

    def open(self, flags: int) -> None:
        self.highest += 2
        block = self.encoder.encode(REQUEST)
        self.out += frame(FrameType.HEADERS, flags, self.highest, block[:5])
        self.out += frame(FrameType.CONTINUATION, END_HEADERS, self.highest, block[5:])
        if not flags & END_STREAM:
            self.room[self.highest] = FIRST_WINDOW

    def send(self, stream_id: int, size: int, padding: int | None, *, end: bool) -> None:
        payload = bytes(at * 7 & 0xFF for at in range(size))
        flags = END_STREAM if end else 0
        if padding is not None:
            flags |= PADDED
            payload = bytes([padding]) + payload + bytes(padding)
        if len(payload) > self.room[stream_id]:
            return
        self.room[stream_id] -= len(payload)
        self.out += frame(FrameType.DATA, flags, stream_id, payload)
        if end:
            del self.room[stream_id]


@st.composite
def traffic(draw: st.DrawFn) -> bytes:
    draft = Draft()
    for _ in range(draw(st.integers(1, 25))):
        what = draw(st.sampled_from(["open", "send", "send", "send", "send", "reset", "other"]))
        streams = sorted(draft.room)
        if what == "open" or not streams:
            draft.open(draw(st.sampled_from([0, 0, 0, END_STREAM])))
        elif what == "send":
            size = draw(st.one_of(st.integers(0, 3), st.integers(0, 60_000)))
            padding = draw(st.one_of(st.none(), st.none(), st.integers(0, 255)))
            draft.send(draw(st.sampled_from(streams)), size, padding, end=draw(st.integers(0, 4)) == 0)
        elif what == "reset":
            stream_id = draw(st.sampled_from(streams))
            draft.out += frame(FrameType.RST_STREAM, 0, stream_id, bytes((0, 0, 0, ErrorCode.CANCEL)))
            del draft.room[stream_id]
        else:
            others = [frame(FrameType.PING, 0, 0, bytes(8)), window_update(0, 5), frame(0xEE, 3, 0, b"?")]
            draft.out += draw(st.sampled_from(others))
    return PREFACE + frame(FrameType.SETTINGS) + bytes(draft.out)


def cut(whole: bytes, sizes: list[int]) -> list[bytes]:
    """Pieces of these sizes, over and over."""
    pieces, at = [], 0
    while at < len(whole):
        for size in sizes:
            pieces.append(whole[at : at + size])
            at += size
    return [piece for piece in pieces if piece]


cuts = st.lists(st.one_of(st.integers(1, 40), st.integers(1, 100_000)), min_size=1, max_size=8).filter(
    lambda sizes: sum(sizes) > 1000
)


@settings(max_examples=150)
@given(whole=traffic(), sizes=cuts)
def test_we_make_of_the_same_bytes_what_h2_makes_of_them(whole: bytes, sizes: list[int]) -> None:
    expected = through_h2([whole])
    got = through_ours(cut(whole, sizes))
    assert got.streams.keys() == expected.streams.keys()
    for key, (data, ended, code) in expected.streams.items():
        our_data, our_end, our_code = got.streams[key]
        assert (our_end, our_code) == (ended, code)
        assert code is not None or our_data == data
    assert {key: value for key, value in got.charged.items() if key} == {
        key: value for key, value in expected.charged.items() if key
    }
    assert got.charged[0] == expected.charged[0]


def converse(mux: Mux, connection: h2.connection.H2Connection, take: Take, limits: list[int]) -> None:
    """Carry bytes, so many at a time, until neither has any; h2 gives back the credit for all that it gets."""
    for turn in range(10_000):
        data = b"".join(mux.data_to_send(limits[turn % len(limits)]))
        for event in connection.receive_data(data):
            take.note(event)
            if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        back = connection.data_to_send()
        if back:
            mux.receive_data(back, 0.0)
        elif not data:
            return
    pytest.fail("they do not come to an end")


@settings(max_examples=100)
@given(
    sends=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 90_000)), max_size=12),
    limits=st.lists(st.integers(100, 200_000), min_size=1, max_size=5),
    resets=st.sets(st.integers(0, 5), max_size=2),
)
def test_h2_understands_all_that_we_send(sends: list[tuple[int, int]], limits: list[int], resets: set[int]) -> None:
    mux, connection, take = Mux(client_side=True, now=0.0), stock(), Take()
    streams = [mux.open_stream(REQUEST, interactive=number % 2 == 1) for number in range(6)]
    sent = {stream.stream_id: bytearray() for stream in streams}
    for number, size in sends:
        part = bytes((number + at) & 0xFF for at in range(size))
        sent[streams[number].stream_id] += part
        mux.send(streams[number], memoryview(part))
    for number, stream in enumerate(streams):
        if number in resets:
            mux.reset(stream, ErrorCode.CANCEL)
        else:
            mux.end(stream)
    converse(mux, connection, take, limits)
    for number, stream in enumerate(streams):
        data, ended, code = take.outcome()[stream.stream_id]
        if number in resets:
            assert code == ErrorCode.CANCEL
        else:
            assert (data, ended, code) == (bytes(sent[stream.stream_id]), True, None)
    assert not drain(mux)
