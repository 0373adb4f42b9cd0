"""The shared console: no byte lost or doubled, never two writers, whatever viewers, BMCs and Agents do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conduit._lease import Lease, Move, Seat
from conduit.console import Hub, Ring, ViewerSession, decode_from_hub, decode_from_viewer
from conduit.console import messages as m
from conduit.console.bodies import MAX_NUMBER
from conduit.console.phases import Happening, Phase
from conduit.console.words import Cause, End, Mode, Refusal, State
from conduit.errors import ConduitError

pytestmark = pytest.mark.property
numbers = st.integers(0, MAX_NUMBER)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
maybe_number = st.none() | numbers
maybe_text = st.none() | texts
data = st.binary(min_size=1, max_size=200)
viewers = st.builds(m.Viewer, viewer=numbers, name=texts, mode=st.sampled_from(Mode))
askings = st.builds(m.Asking, viewer=numbers, name=texts, ms=numbers)
from_viewer = st.one_of(
    st.builds(
        m.Attach,
        version=numbers,
        start=maybe_number,
        epoch=maybe_text,
        history=maybe_number,
        mode=st.sampled_from(Mode),
        take=st.booleans(),
        name=texts,
    ),
    st.builds(m.Input, st.integers(0, (1 << 32) - 1), data),
    st.builds(m.Give, viewer=maybe_number),
    st.builds(m.Ping, id=numbers),
    st.sampled_from([m.Break(), m.Ask(), m.Keep(), m.Take(), m.Release(), m.Detach(), m.Free()]),
)
from_hub = st.one_of(
    st.builds(
        m.Attached,
        version=numbers,
        viewer=numbers,
        epoch=texts,
        start=numbers,
        live=numbers,
        oldest=numbers,
        state=st.sampled_from(State),
        writer=maybe_number,
        viewers=numbers,
    ),
    st.builds(m.Output, st.integers(0, MAX_NUMBER - m.MAX_DATA), data),
    st.builds(m.Gap, at=numbers, bytes=maybe_number, ms=maybe_number, cause=st.sampled_from(Cause)),
    st.builds(m.StateChanged, state=st.sampled_from(State), text=texts, since_ms=numbers, holder=maybe_text),
    st.builds(m.WriterChanged, viewer=maybe_number, name=maybe_text, asking=st.none() | askings),
    st.builds(m.ViewersChanged, viewers=st.lists(viewers, max_size=3).map(tuple), count=numbers),
    st.builds(m.Refused, sequence=numbers, bytes=numbers, reason=st.sampled_from(Refusal), text=texts),
    st.builds(m.Taken, sequence=numbers),
    st.builds(m.Pong, id=numbers, bmc_ms=maybe_number),
    st.builds(m.Ended, reason=st.sampled_from(End), text=texts, retry=st.booleans()),
)


@given(from_viewer)
def test_what_a_viewer_says_arrives(message: m.Message) -> None:
    assert decode_from_viewer(message.encode()) == message


@given(from_hub)
def test_what_a_hub_says_arrives(message: m.Message) -> None:
    assert decode_from_hub(message.encode()) == message


@given(st.lists(st.tuples(st.sampled_from(Move), st.integers(1, 4), st.none() | st.integers(1, 4), st.floats(0, 9))))
def test_the_keyboard_has_one_owner_at_most_and_who_asks_is_another(steps: list[Any]) -> None:
    lease, now = Lease(), 0.0
    for move, viewer, to, seconds in steps:
        now += seconds
        if move in (Move.VANISH, Move.WITHDRAW, Move.EXPIRE):
            lease.leave(viewer, now) if move is not Move.EXPIRE else lease.handle_deadline(now)
        else:
            lease.make(move, viewer, now, to=to)
        assert (lease.seat is Seat.FREE) == (lease.writer is None)
        assert (lease.seat is Seat.ASKED) == (lease.asker is not None) == (lease.deadline is not None)
        assert lease.asker is None or lease.asker != lease.writer


class Eye:
    """A viewer that notes what it sees, and checks it against what was said."""

    def __init__(self, name: str, mode: Mode) -> None:
        self.session = ViewerSession(name=name, mode=mode)
        self.seen: dict[int, int] = {}
        self.missing: set[int] = set()
        self.began: int | None = None
        self.number: int | None = None

    def take(self, wire: bytes) -> None:
        before = self.session.position
        for message in self.session.receive(wire):
            if isinstance(message, m.Attached) and self.began is None:
                self.began = message.start
            elif isinstance(message, m.Output):
                for at, byte in enumerate(message.data, message.offset):
                    assert at not in self.seen, "doubled"
                    self.seen[at] = byte
            elif isinstance(message, m.Gap) and message.bytes:
                assert message.at == before
                self.missing |= set(range(message.at, message.at + message.bytes))


class SharedConsole(RuleBasedStateMachine):
    """Viewers come, read or do not, go and come again; the BMC loses its session; the Agent is restarted."""

    @initialize(capacity=st.integers(20, 200))
    def begin(self, capacity: int) -> None:
        self.capacity = capacity
        self.said = bytearray()
        self.lines = 0
        self.typed: list[tuple[int, int]] = []
        self.now = 0.0
        self.hub = Hub(epoch="e", ring=Ring(capacity), now=0.0)
        self.eyes = [Eye(name, mode) for name in ("Li", "Omar", "Anna") for mode in Mode]

    @rule(count=st.integers(1, 5))
    def say_lines(self, count: int) -> None:
        for _ in range(count):
            line = b"line %d\r\n" % self.lines
            self.lines += 1
            self.said += line
            self.hub.output(line)

    @rule(
        happening=st.sampled_from([one for one in Happening if one is not Happening.CLOSED]), seconds=st.floats(0, 20)
    )
    def happen(self, happening: Happening, seconds: float) -> None:
        self.now += seconds
        self.hub.handle_deadline(self.now)
        self.hub.happen(happening, self.now)

    @rule(which=st.integers(0, 5))
    def come(self, which: int) -> None:
        eye = self.eyes[which]
        if eye.number is None:
            wish = decode_from_viewer(eye.session.attach())
            assert isinstance(wish, m.Attach)
            eye.number = self.hub.attach(wish, self.now, name=wish.name, mode=Mode.WRITE, may_take=which < 2)

    @rule(which=st.integers(0, 5), most=st.integers(1, 60), times=st.integers(1, 4))
    def read(self, which: int, most: int, times: int) -> None:
        eye = self.eyes[which]
        for _ in range(times if eye.number is not None else 0):
            for wire in self.hub.messages_for(eye.number or 0, self.now, most):
                eye.take(wire)

    @rule(which=st.integers(0, 5))
    def go(self, which: int) -> None:
        eye = self.eyes[which]
        if eye.number is not None:
            self.hub.leave(eye.number, self.now)
            eye.number = None

    @rule(
        which=st.integers(0, 5), message=st.sampled_from([m.Ask(), m.Keep(), m.Give(), m.Take(), m.Release(), m.Free()])
    )
    def want(self, which: int, message: m.Message) -> None:
        eye = self.eyes[which]
        if eye.number is not None:
            self.hub.receive(eye.number, message, self.now)

    @rule(which=st.integers(0, 5))
    def type(self, which: int) -> None:
        eye = self.eyes[which]
        if eye.number is not None:
            may = (
                self.hub.lease.writer == eye.number and self.hub.phase is Phase.LIVE and eye.session._mode is Mode.WRITE
            )
            self.hub.receive(eye.number, m.Input(1, b"x"), self.now)
            keys = self.hub.begin_input(self.now)
            assert (keys is not None) == may
            if keys is not None:
                assert keys.viewer == eye.number
                self.hub.end_input(keys, self.now)

    @precondition(lambda self: self.said)
    @rule(kept=st.integers(0, 400))
    def restart_the_agent(self, kept: int) -> None:
        """All viewers are lost; the spool has the last bytes."""
        for eye in self.eyes:
            eye.number = None
        start = max(0, len(self.said) - kept)
        ring = Ring(self.capacity, start=start)
        ring.write(bytes(self.said[start:]))
        self.hub = Hub(epoch="e", ring=ring, now=self.now, deaf_since=self.now - 1)

    @invariant()
    def what_was_seen_is_what_was_said(self) -> None:
        for eye in getattr(self, "eyes", ()):
            assert all(self.said[at] == byte for at, byte in eye.seen.items())
            if eye.began is not None:
                position = eye.session.position
                assert position is not None
                assert set(range(eye.began, position)) == eye.seen.keys() | eye.missing
            assert not eye.seen.keys() & eye.missing
            assert eye.session.doubled == 0

    @invariant()
    def one_writer_at_most_and_it_may_write(self) -> None:
        eyes = getattr(self, "eyes", ())
        writers = [eye for eye in eyes if eye.number is not None and self.hub.lease.writer == eye.number]
        assert len(writers) <= 1
        assert all(eye.session._mode is Mode.WRITE for eye in writers)


TestSharedConsole = SharedConsole.TestCase


@given(st.lists(st.tuples(from_viewer, st.integers(0, 3)), max_size=40))
def test_whatever_viewers_say_the_hub_answers_or_names_the_fault(steps: list[tuple[m.Message, int]]) -> None:
    hub = Hub(epoch="e", ring=Ring(50), now=0.0)
    hub.happen(Happening.WANTED, 0.0)
    hub.happen(Happening.OPENED, 0.0)
    numbers_of = [hub.attach(m.Attach(mode=Mode.WRITE), 0.0, name="x", mode=Mode.WRITE) for _ in range(3)]
    for message, which in steps:
        number = numbers_of[which] if which < 3 else 99
        try:
            hub.receive(number, message, 0.0)
        except ConduitError:
            hub.leave(number, 0.0)
        for each in numbers_of:
            for wire in hub.messages_for(each, 0.0):
                assert decode_from_hub(wire) is not None
