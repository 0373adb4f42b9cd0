"""Two muxes wired together, whatever their owners do and however the bytes are cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conduit.errors import LocalProtocolError, RemoteProtocolError
from conduit.tunnel.flow import FIRST_WINDOW, LARGEST_WINDOW, Budget
from conduit.tunnel.frames import PREFACE, ErrorCode, FrameType, frame_header
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import encode_request, encode_response
from conduit.tunnel.streams import MuxStream, StreamOpened
from tests.fakes.mux_pair import RawPeer, drain, frame

pytestmark = pytest.mark.property

REQUEST = encode_request("tcp", {})
MOST_STREAMS = 8
PATTERN = bytes(range(251)) * 1200  # of a length that no size of a frame divides
sizes = st.one_of(st.integers(1, 40), st.integers(1, 300_000))


class Side:
    """One end of a stream: what its owner sent, and what the other end has to get."""

    def __init__(self, mux: Mux, stream: MuxStream) -> None:
        self.mux, self.stream = mux, stream
        self.sent = 0
        self.taken = 0
        self.abandoned = False
        self.other: Side | None = None

    def send(self, size: int) -> None:
        at = self.sent % len(PATTERN)
        part = PATTERN[at : at + size]
        self.mux.send(self.stream, memoryview(part))
        self.sent += len(part)

    def send_now(self, size: int) -> bytes | None:
        at = self.sent % len(PATTERN)
        part = PATTERN[at : at + size]
        frame = self.mux.send_now(self.stream, memoryview(part))
        if frame is not None:
            self.sent += len(part)
        return frame

    def unsend(self) -> None:
        self.sent -= self.mux.unsend(self.stream)

    def take(self, most: int, now: float) -> int:
        data = self.mux.take(self.stream, most, now)
        at = self.taken % len(PATTERN)
        assert data == (PATTERN[at:] + PATTERN)[: len(data)]
        self.taken += len(data)
        return len(data)


class Machine(RuleBasedStateMachine):
    """Any interleaving of what owners may do, with the wire cut anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.client = Mux(client_side=True, now=0.0, budget=Budget(8 << 20))
        self.server = Mux(client_side=False, now=0.0, budget=Budget(6 << 20), max_streams=MOST_STREAMS)
        self.wires = {self.client: bytearray(), self.server: bytearray()}  # on the way to each
        self.sides: list[Side] = []
        self.near: dict[int, Side] = {}

    # --- owners ---

    @precondition(lambda self: len(self.near) < 40)
    @rule(interactive=st.booleans())
    def open(self, *, interactive: bool) -> None:
        try:
            stream = self.client.open_stream(REQUEST, interactive=interactive)
        except LocalProtocolError:
            return
        side = Side(self.client, stream)
        self.near[stream.stream_id] = side
        self.sides.append(side)
        side.send(1000)

    def one(self, data: st.DataObject) -> Side | None:
        return data.draw(st.sampled_from(self.sides)) if self.sides else None

    @rule(data=st.data(), size=sizes)
    def send(self, data: st.DataObject, size: int) -> None:
        side = self.one(data)
        if side and not side.stream.ending and side.stream.reset_code is None:
            side.send(size)

    @rule(data=st.data(), size=st.integers(0, 3000))
    def send_now(self, data: st.DataObject, size: int) -> None:
        if (side := self.one(data)) and (frame := side.send_now(size)) is not None:
            self.wires[self.server if side.mux is self.client else self.client].extend(frame)

    @rule(data=st.data())
    def unsend(self, data: st.DataObject) -> None:
        if (side := self.one(data)) and side.stream.reset_code is None:
            side.unsend()

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if side := self.one(data):
            side.mux.end(side.stream)

    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        if side := self.one(data):
            side.mux.reset(side.stream, ErrorCode.CANCEL)

    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        if side := self.one(data):
            side.abandoned = True
            side.mux.abandon(side.stream)

    @rule(data=st.data(), most=sizes)
    def take(self, data: st.DataObject, most: int) -> None:
        if side := self.one(data):
            side.take(most, self.now)

    # --- the wire ---

    @rule(limit=st.integers(1, 1 << 20), from_client=st.booleans())
    def flush(self, limit: int, *, from_client: bool) -> None:
        source, target = (self.client, self.server) if from_client else (self.server, self.client)
        self.wires[target] += b"".join(source.data_to_send(limit))

    @rule(count=st.one_of(st.integers(1, 30), st.integers(1, 1 << 20)), to_client=st.booleans())
    def carry(self, count: int, *, to_client: bool) -> None:
        target = self.client if to_client else self.server
        wire = self.wires[target]
        if wire:
            self.deliver(target, bytes(wire[:count]))
            del wire[:count]

    @rule()
    def pump(self) -> None:
        """All that both ends have to say arrives."""
        for target, source in ((self.server, self.client), (self.client, self.server)):
            wire = self.wires[target]
            data = bytes(wire) + drain(source)
            wire.clear()
            self.deliver(target, data)

    def deliver(self, target: Mux, data: bytes) -> None:
        self.now += 0.001
        for event in target.receive_data(data, self.now):
            if isinstance(event, StreamOpened):
                self.server.answer(event.stream, encode_response())
                side, near = Side(self.server, event.stream), self.near[event.stream.stream_id]
                side.other, near.other = near, side
                self.sides.append(side)
                if not event.stream.is_closed:  # opened and reset in one breath
                    side.send(1000)

    # --- what always holds ---

    @invariant()
    def memory_is_bounded(self) -> None:
        for mux in (self.client, self.server):
            unread = sum(side.stream.unread for side in self.sides if side.mux is mux)
            assert 0 <= mux.budget.granted <= mux.budget.total
            assert unread <= mux.budget.granted

    @invariant()
    def every_byte_of_the_connections_credit_is_somewhere(self) -> None:
        for mux in (self.client, self.server):
            unread = sum(side.stream.unread for side in self.sides if side.mux is mux)
            window = mux._window
            being_received = mux._reader._data_left
            assert window.left + window.owed + unread + being_received == window.size

    @invariant()
    def the_sender_never_has_more_credit_than_the_receiver_gave(self) -> None:
        for side in self.sides:
            other = side.other
            if (
                other is not None
                and not side.stream.is_closed
                and not other.stream.remote_ended | other.stream.is_closed
            ):
                assert side.stream.send_window <= other.stream.window.left

    def teardown(self) -> None:
        """A consumer that takes gets everything, once and in order; then nothing is left of anything."""
        for side in self.sides:
            side.mux.end(side.stream)
        moving = True
        while moving:
            moving = False
            for target, source in ((self.server, self.client), (self.client, self.server)):
                wire = self.wires[target]
                data = bytes(wire) + drain(source)
                wire.clear()
                if data:
                    moving = True
                    self.deliver(target, data)
                for side in list(self.sides):
                    side.mux.end(side.stream)
                    while side.take(100_000, self.now):
                        moving = True
        for side in self.sides:
            assert side.stream.is_closed
            other = side.other
            if other is not None and side.stream.reset_code is None and other.stream.reset_code is None:
                assert side.abandoned or side.taken == other.sent
        for mux in (self.client, self.server):
            assert not mux.streams
            assert mux.budget.granted == 0
            assert mux._window.left + mux._window.owed == mux._window.size
            assert not mux.has_data_to_send


Machine.TestCase.settings = hypothesis_settings(max_examples=100, stateful_step_count=50)
TestMux = Machine.TestCase


@given(data=st.data(), sizes=st.lists(st.integers(0, 200_000), min_size=1, max_size=6))
def test_a_connection_cut_anywhere_leaves_a_prefix_of_every_stream(data: st.DataObject, sizes: list[int]) -> None:
    client, server = Mux(client_side=True, now=0.0), Mux(client_side=False, now=0.0)
    streams = [client.open_stream(REQUEST) for _ in sizes]
    for stream, size in zip(streams, sizes, strict=True):
        client.send(stream, memoryview(PATTERN[:size]))
        client.end(stream)
    sent = drain(client)
    cut = data.draw(st.integers(0, len(sent)))
    opened = [one.stream for one in server.receive_data(sent[:cut], 0.0) if isinstance(one, StreamOpened)]
    for stream in opened:
        got = bytearray()
        while part := server.take(stream, 100_000, 0.0):
            got += part
        assert PATTERN.startswith(got)
        server.lose(stream)
    assert server.budget.granted == 0


frames = st.builds(
    lambda kind, flags, stream_id, payload, claimed: (
        frame_header(len(payload) if claimed is None else claimed, kind, flags, stream_id) + payload
    ),
    st.one_of(st.integers(0, 9), st.integers(0, 255)),
    st.one_of(st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x25, 0x2D]), st.integers(0, 255)),
    st.one_of(st.integers(0, 9), st.integers(0, (1 << 32) - 1)),
    st.one_of(st.binary(max_size=20), st.sampled_from([bytes(4), bytes(5), bytes(8), b"\0\0\0\1", b"\0\4\0\0\0\7"])),
    st.one_of(st.none(), st.none(), st.none(), st.integers(0, 1 << 18)),
)


@hypothesis_settings(max_examples=400)
@given(said=st.lists(frames, max_size=12), client_side=st.booleans(), answered=st.booleans())
def test_hostile_frames_end_in_a_remote_protocol_error_or_in_nothing(
    said: list[bytes], *, client_side: bool, answered: bool
) -> None:
    peer = RawPeer(client_side=client_side)
    streams = [peer.open() if client_side else peer.mux.open_stream(REQUEST) for _ in range(3)]
    if answered:
        for stream in streams:
            if client_side:
                peer.mux.answer(stream, encode_response())
            else:
                peer.say(peer.response(stream.stream_id))
    mux = peer.mux
    try:
        for one in said:
            mux.receive_data(one, 0.0)
    except RemoteProtocolError:
        assert peer.heard_of(FrameType.GOAWAY)
    for stream in streams:
        mux.abandon(stream)
        mux.lose(stream)
    drain(mux)
    for stream in list(mux.streams.values()):
        mux.lose(stream)
    assert mux.budget.granted == sum(one.unread for one in streams) == 0


@given(said=st.binary(max_size=200), settle=st.booleans(), client_side=st.booleans())
def test_hostile_bytes_end_in_a_remote_protocol_error_or_in_nothing(
    said: bytes, *, settle: bool, client_side: bool
) -> None:
    peer = RawPeer(client_side=client_side, settle=settle)
    try:
        peer.say(said)
    except RemoteProtocolError:
        assert peer.heard_of(FrameType.GOAWAY)


@given(said=st.lists(frames, max_size=6), cuts=st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_any_cut_of_the_bytes_gives_the_same(said: list[bytes], cuts: list[int]) -> None:
    whole = PREFACE + frame(FrameType.SETTINGS) + b"".join(said)

    def run(next_size: Callable[[], int]) -> tuple[bool, bytes, list[int]]:
        mux = Mux(client_side=False, now=0.0)
        at = 0
        try:
            while at < len(whole):
                size = next_size()
                mux.receive_data(whole[at : at + size], 0.0)
                at += size
        except RemoteProtocolError:
            return True, drain(mux), list(mux.streams)
        return False, drain(mux), list(mux.streams)

    sizes = iter(cuts * len(whole))
    assert run(lambda: len(whole)) == run(lambda: next(sizes))


def test_the_limits_fit_each_other() -> None:
    budget = Budget()
    assert budget.total // FIRST_WINDOW == 4096
    assert Mux(client_side=True, now=0.0, budget=budget)._window.size == budget.total + LARGEST_WINDOW
