"""Who reads a tunnel: the resident, or the only task that waits; and how they change places."""

from __future__ import annotations

import math
import socket  # noqa: TID251  # a carrier takes the system's
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import PeerTimeoutError, RemoteProtocolError, TransportError
from conduit.tunnel import reading
from conduit.tunnel.carriers import SocketCarrier
from conduit.tunnel.flow import FIRST_WINDOW
from conduit.tunnel.frames import FrameType
from conduit.tunnel.reading import GRACE
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.greeted_tunnels import greeted_tunnels, shorten_liveness
from tests.fakes.mux_pair import frame
from tests.fakes.tunnel_pair import PIPE, Wire, WireEnd, connected_tunnels

LATE = 2.01 * GRACE  # that something which nobody waits for may be


@dataclass
class Talk:
    """A Gateway whose resident has made room, as the only task that waited has been served."""

    gateway: Tunnel
    agent: Tunnel
    ours: TunnelStream
    theirs: TunnelStream

    @property
    def guest_reads(self) -> bool:
        """Whether the task that runs this test, or one that it started, waits at the connection."""
        end = self.gateway._pipe.carrier
        assert isinstance(end, WireEnd)
        return end.reader is not self.resident

    resident: trio.lowlevel.Task | None = None


async def hear(stream: TunnelStream, heard: list[object]) -> None:
    """Note what comes next, or what goes wrong."""
    try:
        heard.append(await stream.receive_some())
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        heard.append(type(error))


@asynccontextmanager
async def talk(monkeypatch: pytest.MonkeyPatch, wire: Wire | None = None, wary: int = 0) -> AsyncIterator[Talk]:
    monkeypatch.setattr(reading, "WARY", wary)
    async with connected_tunnels(wire) as (gateway, agent):
        ours = await gateway.open_stream("sol")
        theirs = await agent.first_stream()
        theirs.accept()
        found = Talk(gateway, agent, ours, theirs)
        await wait_all_tasks_blocked()
        end = gateway._pipe.carrier
        assert isinstance(end, WireEnd)
        found.resident = end.reader
        await serve(found)
        yield found


async def serve(talk: Talk, data: bytes = b"x") -> None:
    """Have our stream wait, and get *data*."""
    heard: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear, talk.ours, heard)
        await wait_all_tasks_blocked()
        await talk.theirs.send_all(data)
    assert heard == [data]


@asynccontextmanager
async def guest(talk: Talk) -> AsyncIterator[list[object]]:
    """A task that waits for our stream and reads the tunnel; what it hears, in the end."""
    heard: list[object] = []
    assert talk.gateway.reading.has_room
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear, talk.ours, heard)
        await wait_all_tasks_blocked()
        assert talk.guest_reads
        yield heard


async def test_the_only_task_that_waits_reads_the_tunnel_once_it_has_been_served(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        for number in range(3):
            async with guest(pair) as heard:
                await pair.theirs.send_all(b"%d" % number)
            assert heard == [b"%d" % number]


async def test_the_resident_waits_for_some_messages_before_it_makes_room(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch, wary=2) as pair:
        assert not pair.gateway.reading.has_room
        await serve(pair)
        assert not pair.gateway.reading.has_room
        await serve(pair)
        assert pair.gateway.reading.has_room


async def test_a_resident_that_made_room_for_nobody_is_wary(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        monkeypatch.setattr(reading, "WARY", 1)
        await trio.sleep(LATE)
        assert not pair.gateway.reading.has_room
        await serve(pair)
        assert not pair.gateway.reading.has_room
        await serve(pair)
        assert pair.gateway.reading.has_room


async def test_what_comes_for_others_is_passed_on_by_the_guest(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        other = await pair.gateway.open_stream("sol")
        theirs = await pair.agent.first_stream()
        await trio.sleep(LATE)  # the resident reads
        await serve(pair)
        before = trio.current_time()
        async with guest(pair) as heard:
            others: list[object] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hear, other, others)
                await wait_all_tasks_blocked()
                await theirs.send_all(b"for the other")
            assert others == [b"for the other"]
            assert not heard
            assert pair.guest_reads
            await pair.theirs.send_all(b"for us")
        assert heard == [b"for us"]
        assert trio.current_time() == before


async def test_those_whom_a_guest_serves_at_once_answer_together(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    wire = Wire()
    async with talk(monkeypatch, wire) as pair:
        others = [await pair.gateway.open_stream("sol") for _ in range(2)]
        theirs = [await pair.agent.first_stream() for _ in range(2)]
        await trio.sleep(LATE)
        for stream in theirs:
            await stream.send_all(b"the first of a stream is answered with credit")
        for stream in others:
            await stream.receive_some()
        await serve(pair)

        async def answer(stream: TunnelStream) -> None:
            await stream.send_all(await stream.receive_some())

        async with guest(pair), trio.open_nursery() as nursery:
            for stream in others:
                nursery.start_soon(answer, stream)
            await wait_all_tasks_blocked()
            assert pair.guest_reads
            wire.holds = True
            for stream in theirs:
                await stream.send_all(b"x")
            writes = wire.directions[1].writes
            wire.release()
            for stream in theirs:
                assert await stream.receive_some() == b"x"
            assert wire.directions[1].writes == writes + 1
            await pair.theirs.send_all(b"x")


async def test_a_guest_that_leaves_while_others_wait_calls_the_resident(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        other = await pair.gateway.open_stream("sol")
        theirs = await pair.agent.first_stream()
        await trio.sleep(LATE)
        await serve(pair)
        before = trio.current_time()
        others: list[object] = []
        async with trio.open_nursery() as nursery:
            async with guest(pair) as heard:
                nursery.start_soon(hear, other, others)
                await wait_all_tasks_blocked()
                await pair.theirs.send_all(b"for us")
            assert heard == [b"for us"]
            await theirs.send_all(b"for the other")
        assert others == [b"for the other"]
        assert trio.current_time() == before


async def test_whoever_waits_while_nobody_reads_calls_the_resident(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        assert pair.gateway.reading.has_room
        before = trio.current_time()
        await pair.gateway.ping()
        assert trio.current_time() == before


async def test_a_sender_without_credit_calls_the_resident(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        before = trio.current_time()

        async def take() -> None:
            left = 4 << 20
            while left:
                left -= len(await pair.theirs.receive_some())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await pair.ours.send_all(bytes(4 << 20))
        assert trio.current_time() == before


async def test_an_opener_that_waits_for_an_answer_calls_the_resident(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        before = trio.current_time()
        stream = await pair.gateway.open_stream("sol")
        (await pair.agent.first_stream()).accept({"a": "b"})
        assert await stream.accepted() == {"a": "b"}
        assert trio.current_time() == before


async def test_what_nobody_waits_for_is_late_by_little(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        assert pair.gateway.reading.has_room
        before = trio.current_time()
        await pair.agent.ping()
        assert trio.current_time() - before <= LATE
        assert not pair.gateway.reading.has_room


async def test_a_guest_answers_the_peers_ping_at_once(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair, guest(pair) as heard:
        before = trio.current_time()
        await pair.agent.ping()
        assert trio.current_time() == before
        assert pair.guest_reads
        assert not heard
        await pair.theirs.send_all(b"x")


async def test_after_a_guest_that_waited_long_the_resident_is_back_soon(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        async with guest(pair):
            await trio.sleep(100 * GRACE)
            assert pair.guest_reads
            await pair.theirs.send_all(b"x")
        assert pair.gateway.reading.has_room
        before = trio.current_time()
        await pair.agent.ping()
        assert trio.current_time() - before <= LATE


async def test_a_guest_that_comes_back_keeps_the_resident_away(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        for _ in range(20):
            async with guest(pair):
                await pair.theirs.send_all(b"x")
            await trio.sleep(GRACE * 0.7)


async def test_a_tunnel_with_a_guest_stays_alive_and_learns_its_round_trip(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        async with guest(pair) as heard:
            await trio.sleep(1000)
            assert pair.guest_reads
            assert not heard
            assert pair.gateway.round_trip > 0
            await pair.theirs.send_all(b"x")
        assert heard == [b"x"]


async def test_a_guest_learns_that_the_peer_is_dead(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    wire = Wire()
    async with talk(monkeypatch, wire) as pair:
        shorten_liveness(pair.gateway, interval=10, dead_after=25)
        async with guest(pair) as heard:
            wire.holds = True
        assert heard == [trio.BrokenResourceError]
        assert isinstance(pair.gateway._failure, PeerTimeoutError)


async def test_the_deadline_of_its_stream_ends_a_guests_wait(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        pair.ours = await pair.gateway.open_stream("sol", deadline=5)
        pair.theirs = await pair.agent.first_stream()
        await serve(pair)
        before = trio.current_time()
        async with guest(pair) as heard:
            pass
        assert heard == [trio.BrokenResourceError]
        assert trio.current_time() - before == pytest.approx(5, abs=0.1)


async def close(talk: Talk) -> None:
    await talk.ours.aclose()


async def reset(talk: Talk) -> None:
    talk.ours.reset()


async def peer_resets(talk: Talk) -> None:
    talk.theirs.reset()


async def peer_ends(talk: Talk) -> None:
    await talk.theirs.send_eof()


async def stop(talk: Talk) -> None:
    talk.gateway.stop()


async def peer_stops(talk: Talk) -> None:
    talk.agent.end("enough")


@pytest.mark.parametrize(
    ("act", "outcome", "lives"),
    [
        (close, trio.ClosedResourceError, True),
        (reset, trio.BrokenResourceError, True),
        (peer_resets, trio.BrokenResourceError, True),
        (peer_ends, b"", True),
        (stop, trio.BrokenResourceError, False),
        (peer_stops, trio.BrokenResourceError, False),
    ],
)
async def test_a_guest_stops_reading_when_its_stream_is_over(
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    act: Callable[[Talk], Awaitable[None]],
    outcome: object,
    lives: bool,
) -> None:
    async with talk(monkeypatch) as pair:
        before = trio.current_time()
        async with guest(pair) as heard:
            await act(pair)
        assert heard == [outcome]
        assert trio.current_time() == before
        await wait_all_tasks_blocked()
        assert pair.gateway.is_closed is not lives
        assert pair.gateway.reading.has_room is lives
        if lives:
            await pair.gateway.ping()
            await pair.agent.ping()


async def test_a_guest_that_finds_the_connection_broken_ends_the_tunnel(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    wire = Wire()
    async with talk(monkeypatch, wire) as pair:
        async with guest(pair) as heard:
            wire.cut()
        assert heard == [trio.BrokenResourceError]
        assert isinstance(pair.gateway._failure, TransportError)
        assert pair.gateway.closed_because == "the connection was cut"


async def test_a_guest_that_finds_a_peer_breaking_the_rules_ends_the_tunnel(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        async with guest(pair) as heard:
            pair.agent._pipe.write([frame(FrameType.PUSH_PROMISE, 0, 1, b"1234")])
            pair.agent._pipe.flush()
        assert heard == [trio.BrokenResourceError]
        assert isinstance(pair.gateway._failure, RemoteProtocolError)


async def test_nobody_else_may_receive_while_a_guest_does(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair, guest(pair):
        with pytest.raises(trio.BusyResourceError):
            await pair.ours.receive_some()
        await pair.theirs.send_all(b"x")


async def test_a_cancelled_guest_loses_nothing(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    async with talk(monkeypatch) as pair:
        step, was_cancelled = 0, True
        while was_cancelled:
            step += 1
            await serve(pair)
            got: list[bytes] = []

            async def receive(got: list[bytes] = got) -> None:
                got.append(await pair.ours.receive_some())

            async def send_later() -> None:
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
                await pair.theirs.send_all(b"once")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_later)
                was_cancelled = await cancel_at_step(step, receive)
            if not got:
                got.append(await pair.ours.receive_some())
            assert got == [b"once"]
            before = trio.current_time()
            await pair.agent.ping()
            assert trio.current_time() - before <= LATE
        assert step > 2


@pytest.mark.parametrize("step", range(1, 7))
async def test_a_guest_that_is_cancelled_takes_nobodys_answer_with_it(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, step: int
) -> None:
    wire = Wire()
    async with talk(monkeypatch, wire) as pair:
        others = [await pair.gateway.open_stream("sol") for _ in range(2)]
        theirs = [await pair.agent.first_stream() for _ in range(2)]
        await trio.sleep(LATE)
        await serve(pair)

        async def answer(stream: TunnelStream) -> None:
            await stream.send_all(await stream.receive_some())

        async def read() -> None:
            await pair.ours.receive_some()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_at_step, step, read)
            await trio.lowlevel.checkpoint()
            for stream in others:
                nursery.start_soon(answer, stream)
            await wait_all_tasks_blocked()
            wire.holds = True
            for stream in theirs:
                await stream.send_all(b"x")
            wire.release()
            before = trio.current_time()
            for stream in theirs:
                assert await stream.receive_some() == b"x"
            assert trio.current_time() == before
            await pair.theirs.send_all(b"x")


async def test_a_guest_takes_turns_while_much_comes_for_others(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    wire = Wire()
    async with talk(monkeypatch, wire) as pair:
        await pair.gateway.open_stream("sol")
        theirs = await pair.agent.first_stream()
        await trio.sleep(LATE)
        await serve(pair)
        wire.piece = 100
        async with guest(pair) as heard:
            await theirs.send_all(bytes(10_000))
            await wait_all_tasks_blocked()
            assert not heard
            await pair.theirs.send_all(b"x")
        assert heard == [b"x"]


async def test_a_stream_for_which_nobody_is_in_a_hurry_has_no_guest(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with talk(monkeypatch) as pair:
        pair.ours.is_patient = True
        heard: list[object] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear, pair.ours, heard)
            await wait_all_tasks_blocked()
            assert pair.gateway.reading.has_room
            await pair.theirs.send_all(b"x")
        assert heard == [b"x"]
        with trio.move_on_after(math.inf) as scope:
            scope.cancel()
            await pair.ours.receive_some()
        assert scope.cancelled_caught


async def test_a_sender_woken_for_nothing_loses_no_patience(autojump_clock: MockClock) -> None:
    wire = Wire()
    async with greeted_tunnels(wire) as (gateway, agent), trio.open_nursery() as nursery:
        shorten_liveness(agent, interval=10, dead_after=1000)
        wire.directions[1].unread = True  # from the Gateway to the Agent
        started = trio.current_time()
        for _ in range(2 * PIPE // FIRST_WINDOW):
            nursery.start_soon(fill, await gateway.open_stream("bulk"))
        for _ in range(5):
            await trio.sleep(10)
            gateway._pipe.carrier.interrupt()
        await gateway.wait_closed()
        assert 59 < trio.current_time() - started <= 61


async def fill(stream: TunnelStream) -> None:
    with suppress(trio.BrokenResourceError):  # the first are taken by the wire
        await stream.send_all(bytes(FIRST_WINDOW))


async def test_a_socket_that_is_waited_for_can_be_interrupted() -> None:
    one, other = socket.socketpair()
    carrier = SocketCarrier(one)
    returned: list[str] = []

    async def wait(what: Callable[[], Awaitable[None]], name: str) -> None:
        await what()
        returned.append(name)

    with other:
        while carrier.send_nowait(memoryview(bytes(1 << 20))):
            pass
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, carrier.wait_readable, "readable")
            nursery.start_soon(wait, carrier.wait_writable, "writable")
            await wait_all_tasks_blocked()
            assert not returned
            carrier.interrupt()
        assert sorted(returned) == ["readable", "writable"]
        assert carrier.receive_nowait(memoryview(bytearray(10))) is None
        carrier.close()
