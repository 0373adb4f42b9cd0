"""No character is lost or doubled, whatever the network does: two ends, one of them slow to read."""

from __future__ import annotations

import heapq
import random  # noqa: TID251 - chance that repeats is what a test wants
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.ipmi.sol_link import SolLink
from conduit.ipmi.sol_packets import SolPacket

DELAYS = (0.3, 0.6, 1.2, 2.0)


@dataclass
class End:
    """A link with characters to send, and room for some until its reader comes by."""

    data: bytes
    most: int
    room: int
    unsent: bytearray = field(init=False)
    waiting: bytearray = field(default_factory=bytearray)
    read: bytearray = field(default_factory=bytearray)
    link: SolLink = field(init=False)

    def __post_init__(self) -> None:
        self.unsent = bytearray(self.data)
        self.link = SolLink(most=self.most, delays=DELAYS, pull=self.pull, push=self.push)

    def pull(self, most: int) -> tuple[bytes, int] | None:
        data = bytes(self.unsent[:most])
        del self.unsent[:most]
        return (data, 0) if data else None

    def push(self, data: bytes) -> int:
        accepted = min(len(data), self.room - len(self.waiting))
        self.waiting += data[:accepted]
        return accepted

    def visit(self) -> None:
        """The reader comes by."""
        self.read += self.waiting
        self.waiting.clear()
        self.link.make_room()

    @property
    def is_done(self) -> bool:
        return not self.unsent and self.link.is_idle


class Network:
    """Loses, delays and so reorders.

    :param latency: seconds that a packet takes at most; more than the first repeat waits.
    """

    def __init__(self, ends: tuple[End, End], seed: int, loss: float, latency: float) -> None:
        self.ends = ends
        self.now = 0.0
        self._random = random.Random(seed)
        self._loss, self._latency = loss, latency
        self._queue: list[tuple[float, int, int, bytes]] = []
        self._count = 0

    def run(self) -> None:
        for end in self.ends:
            end.link.poll(self.now)
        while not all(end.is_done for end in self.ends):
            self._carry()
            self._step()
            assert self.now < 10_000, "never ends"
        for end in self.ends:
            end.visit()

    def _carry(self) -> None:
        for place, end in enumerate(self.ends):
            for payload in end.link.outbox:
                if self._random.random() >= self._loss:
                    self._count += 1
                    arrival = self.now + self._random.uniform(0.001, self._latency)
                    heapq.heappush(self._queue, (arrival, self._count, 1 - place, payload))
            end.link.outbox.clear()

    def _step(self) -> None:
        deadlines = [due for end in self.ends if (due := end.link.next_deadline()) is not None]
        first = min(deadlines, default=float("inf"))
        if self._queue and self._queue[0][0] <= first:
            self.now, _, place, payload = heapq.heappop(self._queue)
            self.ends[place].link.receive(SolPacket.decode(payload), self.now)
        else:
            self.now = first
            for end in self.ends:
                end.link.handle_deadline(self.now)
        if self._random.random() < 0.3:
            self._random.choice(self.ends).visit()


@pytest.mark.property
@given(
    seed=st.integers(0, 1 << 32),
    sizes=st.tuples(st.integers(0, 600), st.integers(0, 600)),
    most=st.tuples(st.integers(1, 255), st.integers(20, 255)),
    rooms=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    latency=st.sampled_from((0.01, 0.1, 0.4)),
)
def test_every_character_arrives_once_and_in_order(
    seed: int, sizes: tuple[int, int], most: tuple[int, int], rooms: tuple[int, int], latency: float
) -> None:
    stuff = random.Random(seed).randbytes(sum(sizes))
    ends = (End(stuff[: sizes[0]], most[0], rooms[0]), End(stuff[sizes[0] :], most[1], rooms[1]))
    Network(ends, seed, loss=0.2, latency=latency).run()
    assert (bytes(ends[1].read), bytes(ends[0].read)) == (ends[0].data, ends[1].data)
