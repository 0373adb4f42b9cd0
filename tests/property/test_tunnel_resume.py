"""Two ends of a resumable stream, and a connection between them that breaks at any byte, again and again."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from conduit.errors import RemoteProtocolError
from conduit.tunnel import open_resumable, open_resumables
from conduit.tunnel.capsules import encode_capsule
from conduit.tunnel.resumable import ResumableStream
from conduit.tunnel.resume import BYTES, END, GAP, POSITION, START, Gap, ResumableEnd
from tests.fakes.tunnel_roads import open_roads

pytestmark = pytest.mark.property

BIG = 1 << 20


def numbered(first: int, count: int) -> bytes:
    """Bytes that tell where they belong: no slice of 256 bytes or fewer looks like its neighbours."""
    return bytes((i ^ (i >> 8) * 167) & 0xFF for i in range(first, first + count))


class Side:
    """One end, what was written to it, and how far the other has read."""

    def __init__(self, capacity: int, window: int, *, overwrites: bool) -> None:
        self.end = ResumableEnd(capacity=capacity, window=window, overwrites=overwrites)
        self.written = 0
        self.read = 0
        self.gaps = 0
        self.flying = bytearray()

    def write(self, count: int) -> None:
        if not self.end.has_ended:
            self.written += self.end.write(memoryview(numbered(self.written, count)))

    def fly(self, most: int) -> None:
        self.flying += self.end.data_to_send(most)

    def land(self, other: Side, most: int) -> None:
        data = bytes(self.flying[:most])
        del self.flying[:most]
        other.end.receive_data(data)

    def take(self, other: Side, most: int) -> bool:
        """Read what *other* wrote; whether there was anything."""
        item = self.end.read(most)
        if isinstance(item, Gap):
            self.gaps += item.bytes_lost
            self.read += item.bytes_lost
        elif item:
            assert item == numbered(self.read, len(item))
            self.read += len(item)
        assert self.read <= other.written
        return bool(item)


def cut(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.flying.clear()
        side.end.detach()


def join(sides: tuple[Side, Side]) -> None:
    cut(sides)
    for side in sides:
        side.end.attach()


def settle(sides: tuple[Side, Side]) -> None:
    """Let everything arrive."""
    busy = True
    while busy:
        busy = False
        for one, other in (sides, sides[::-1]):
            while one.end.has_data_to_send:
                one.fly(BIG)
            busy = busy or bool(one.flying)
            one.land(other, BIG)
            while other.take(one, BIG):
                busy = True


actions = st.lists(
    st.tuples(
        st.sampled_from(["write", "fly", "land", "read", "cut", "join", "end"]), st.booleans(), st.integers(1, 40)
    ),
    max_size=80,
)


@given(
    actions=actions,
    capacities=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    windows=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    overwrites=st.booleans(),
)
def test_not_one_byte_is_lost_or_doubled_wherever_the_connection_breaks(
    actions: list[tuple[str, bool, int]], capacities: tuple[int, int], windows: tuple[int, int], overwrites: bool
) -> None:
    agent = Side(capacities[0], windows[0], overwrites=overwrites)
    gateway = Side(capacities[1], windows[1], overwrites=False)
    sides = (agent, gateway)
    join(sides)
    for action, first, count in actions:
        one, other = sides if first else sides[::-1]
        match action:
            case "write":
                one.write(count)
            case "fly" if one.end.is_attached:
                one.fly(count)
            case "land" if one.end.is_attached:
                one.land(other, count)
            case "read":
                one.take(other, count)
            case "cut":
                cut(sides)
            case "join":
                join(sides)
            case "end":
                one.end.end()
    assert agent.end.unacknowledged <= capacities[0]
    assert gateway.end.unacknowledged <= capacities[1]
    join(sides)
    settle(sides)
    for one, other in (sides, sides[::-1]):
        assert other.read == one.written
        assert other.end.peer_ended is one.end.has_ended
        assert one.end.is_delivered is one.end.has_ended
    assert agent.gaps == 0
    assert gateway.gaps <= agent.end.overwritten
    assert agent.end.is_finished is gateway.end.is_finished is (agent.end.has_ended and gateway.end.has_ended)


@given(st.integers(1, 50), st.integers(0, 200))
def test_the_gap_is_exactly_what_the_ring_could_not_keep(capacity: int, count: int) -> None:
    agent, gateway = Side(capacity, 10, overwrites=True), Side(10, 10, overwrites=False)
    for _ in range(count):
        agent.write(1)
    join((agent, gateway))
    settle((agent, gateway))
    assert gateway.gaps == max(count - capacity, 0) == agent.end.overwritten
    assert gateway.read == count


@given(st.binary(max_size=200), st.booleans(), st.data())
def test_any_bytes_of_a_peer_are_taken_or_its_fault(data: bytes, greeted: bool, choices: st.DataObject) -> None:
    end = ResumableEnd(capacity=10, window=10)
    end.write(memoryview(b"12345"))
    end.attach()
    if greeted:
        end.receive_data(encode_capsule(START, b"\x00\x05\x05"))
    end.data_to_send(BIG)
    kinds = st.sampled_from([START, BYTES, POSITION, GAP, END, 0, 0x1234])
    values = st.binary(max_size=20) | st.lists(st.integers(0, 12), max_size=3).map(bytes)
    capsules = choices.draw(st.lists(st.builds(encode_capsule, kinds, values), max_size=20))
    try:
        end.receive_data(b"".join(capsules) + data)
    except RemoteProtocolError:
        return
    waiting = 0
    while item := end.read(BIG):
        waiting += len(item) if isinstance(item, bytes) else 0
    assert waiting <= 10


async def send(stream: ResumableStream, count: int) -> None:
    for first in range(0, count, 100):
        await stream.send_all(numbered(first, min(100, count - first)))
    await stream.send_eof()


async def check(stream: ResumableStream, count: int) -> None:
    read = 0
    while data := await stream.receive_some():
        assert data == numbered(read, len(data))
        read += len(data)
    assert read == count


async def talk(stream: ResumableStream, sent: int, received: int) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, stream, sent)
        await check(stream, received)


@given(
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    down=st.integers(0, 5000),
    up=st.integers(0, 5000),
    capacity=st.sampled_from([100, 1000, 100_000]),
)
def test_streams_over_tunnels_that_break_at_any_byte_are_whole(
    cuts: list[int], down: int, up: int, capacity: int
) -> None:
    async def agent(stream: ResumableStream) -> None:
        await talk(stream, down, up)
        done.append(stream)

    async def main() -> None:
        async with (
            open_resumables(capacity=capacity, window=capacity) as registry,
            open_roads({"sol": registry.serving(agent, overwrites=False)}, cuts) as roads,
        ):
            async with open_resumable(roads.current, "sol", capacity=capacity, window=capacity) as gateway:
                await talk(gateway, up, down)
            await trio.sleep(40)
            assert len(registry) == 0
            assert len(done) == 1
            assert roads.gateway is not None
            assert not roads.gateway.mux.streams

    done: list[ResumableStream] = []
    trio.run(main, clock=MockClock(autojump_threshold=0))
