from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, check_half_closeable_stream, wait_all_tasks_blocked

from conduit.errors import ConsoleGap, LocalProtocolError, StreamResetError
from conduit.tunnel import Resumables, Tunnel, open_resumables
from conduit.tunnel.capsules import encode_capsule
from conduit.tunnel.resumable import AGAIN, KEY, ResumableStream
from conduit.tunnel.resume import BYTES
from conduit.tunnel.resume_open import open_resumable
from tests.fakes.tunnel_pair import connected_tunnels
from tests.fakes.tunnel_roads import Roads, open_roads

ROOM = 1000  # bytes
GRACE = 30.0
KEYS = {KEY: "0123456789abcdef" * 4}


class Console:
    """A handler whose stream the test has in its hands."""

    def __init__(self) -> None:
        self.started = trio.Event()
        self.ended_at: float | None = None
        self.release = trio.Event()
        self.stream: ResumableStream

    async def __call__(self, stream: ResumableStream) -> None:
        self.stream = stream
        self.started.set()
        try:
            await self.release.wait()
        finally:
            self.ended_at = trio.current_time()


class Place:
    """An Agent with a console, and the Gateway's stream to it."""

    def __init__(self, roads: Roads, registry: Resumables, console: Console) -> None:
        self.roads, self.registry, self.console = roads, registry, console

    def open(self, **options: int) -> AbstractAsyncContextManager[ResumableStream]:
        return open_resumable(self.roads.current, "sol", {"machine": "m1"}, window=ROOM, capacity=ROOM, **options)


@asynccontextmanager
async def place(*, overwrites: bool = True, max_sessions: int = 9) -> AsyncIterator[Place]:
    console = Console()
    async with (
        open_resumables(capacity=ROOM, window=ROOM, max_sessions=max_sessions) as registry,
        open_roads({"sol": registry.serving(console, overwrites=overwrites)}) as roads,
    ):
        yield Place(roads, registry, console)


async def read(stream: ResumableStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await stream.receive_some(count - len(data))
        if not more:
            break
        data += more
    return data


async def test_bytes_go_both_ways(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        there = here.console.stream
        assert (there.kind, there.metadata) == ("sol", {"machine": "m1"})  # and no key
        await stream.send_all(b"login")
        assert await there.receive_some() == b"login"
        await there.send_all(b"password:")
        assert await stream.receive_some(4) == b"pass"
        assert await stream.receive_some() == b"word:"
        assert stream.is_connected
        assert there.attachments == 1


async def test_what_is_said_while_nobody_is_connected_arrives_later(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        there = here.console.stream
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        assert not there.is_connected
        await there.send_all(b"kernel panic")
        await stream.send_all(b"what?")
        await trio.sleep(GRACE - 5)
        here.roads.unblock()
        assert await stream.receive_some() == b"kernel panic"
        assert await there.receive_some() == b"what?"
        assert there.attachments == stream.attachments == 2


async def test_a_console_is_never_held_up_by_a_missing_gateway_and_the_gap_is_exact(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        there = here.console.stream
        await there.send_all(b"before")
        assert await read(stream, 6) == b"before"
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        for _ in range(50):
            await there.send_all(b"x" * 99 + b"\n")
        assert there.bytes_overwritten == 5000 + 6 - ROOM  # what came was not yet acknowledged
        here.roads.unblock()
        with pytest.raises(ConsoleGap, match="4000 bytes") as caught:
            await stream.receive_some()
        assert caught.value.bytes_lost == 5000 - ROOM
        assert await read(stream, ROOM) == (b"x" * 99 + b"\n") * 10


async def test_a_handler_may_wait_instead_and_lose_nothing(autojump_clock: MockClock) -> None:
    async with place(overwrites=False) as here, here.open() as stream, trio.open_nursery() as nursery:
        await here.console.started.wait()
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        nursery.start_soon(here.console.stream.send_all, bytes(5000))
        await trio.sleep(1)
        here.roads.unblock()
        assert await read(stream, 5000) == bytes(5000)


async def test_a_slow_gateway_holds_the_console_up_until_it_is_gone(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream, trio.open_nursery() as nursery:
        await here.console.started.wait()
        there = here.console.stream
        done = trio.Event()

        async def produce() -> None:
            await there.send_all(bytes(5 * ROOM))
            done.set()

        nursery.start_soon(produce)
        await trio.sleep(1)
        assert not done.is_set()
        assert there.bytes_overwritten == 0
        here.roads.block()
        here.roads.cut()
        await done.wait()
        assert there.bytes_overwritten > 0
        assert len(await read(stream, ROOM)) == ROOM  # what came before


async def test_input_waits_in_a_bounded_buffer(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream, trio.open_nursery() as nursery:
        await here.console.started.wait()
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        await stream.send_all(bytes(ROOM))
        with trio.move_on_after(5) as scope:
            await stream.send_all(b"more")
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


async def test_a_session_ends_when_nobody_comes_back(autojump_clock: MockClock) -> None:
    async with place() as here:
        async with here.open() as stream:
            await here.console.started.wait()
            here.roads.block()
            here.roads.cut()
            with pytest.raises(trio.BrokenResourceError, match="no tunnel for 30 s"):
                await stream.receive_some()
            assert trio.current_time() == pytest.approx(GRACE)
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"x")
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_eof()
        assert here.console.ended_at == pytest.approx(GRACE)
        assert len(here.registry) == 0


async def test_the_time_starts_anew_with_every_tunnel(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        for _ in range(5):
            here.roads.block()
            here.roads.cut()
            await trio.sleep(GRACE - 2)
            here.roads.unblock()
            await trio.sleep(2)
            assert stream.is_connected
        assert here.console.ended_at is None


async def test_a_stream_without_any_tunnel_fails_in_time(autojump_clock: MockClock) -> None:
    async with place() as here:
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError, match="no tunnel for 7 s"):
            async with here.open(grace=7):
                pytest.fail("connected")
        assert trio.current_time() == pytest.approx(7)


async def test_metadata_that_cannot_travel_are_the_callers_fault() -> None:
    async with place() as here:
        with pytest.raises(LocalProtocolError):
            async with open_resumable(here.roads.current, "sol", {"bad name": "x"}):
                pytest.fail("opened")


async def test_an_agent_that_has_forgotten_the_session_ends_it(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        here.registry._sessions.clear()
        here.roads.unblock()
        with pytest.raises(trio.BrokenResourceError, match="connect failed"):
            await stream.receive_some()


async def test_a_console_that_ended_meanwhile_has_its_last_words(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        await here.console.stream.send_all(b"goodbye")
        here.console.release.set()
        await trio.sleep(5)
        here.roads.unblock()
        assert await read(stream, 100) == b"goodbye"
        assert await stream.receive_some() == b""
        await trio.sleep(1)
        assert len(here.registry) == 0
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"more?")


async def test_closing_the_stream_ends_the_handlers_input(autojump_clock: MockClock) -> None:
    async with place() as here:
        async with here.open() as stream:
            await stream.send_all(b"bye")
        there = here.console.stream
        assert await read(there, 100) == b"bye"
        with pytest.raises(trio.BrokenResourceError):
            await there.send_all(b"hello?")
        assert here.console.ended_at is None
        here.console.release.set()
        await wait_all_tasks_blocked()
        assert len(here.registry) == 0
        assert trio.current_time() == 0


async def test_a_handler_that_does_not_end_with_its_stream_is_cancelled_later(autojump_clock: MockClock) -> None:
    async with place() as here:
        async with here.open():
            await here.console.started.wait()
        await trio.sleep(GRACE + 1)
        assert here.console.ended_at == pytest.approx(GRACE)


async def test_a_cancelled_stream_cancels_its_handler(autojump_clock: MockClock) -> None:
    async with place() as here:
        with trio.move_on_after(3):
            async with here.open():
                await trio.sleep_forever()
        await trio.sleep(1)
        assert here.console.ended_at == pytest.approx(3)
        assert len(here.registry) == 0


async def test_closing_does_not_wait_for_ever_for_a_tunnel(autojump_clock: MockClock) -> None:
    async with place() as here:
        async with here.open() as stream:
            await here.console.started.wait()
            here.roads.block()
            here.roads.cut()
            await wait_all_tasks_blocked()
            await stream.send_all(b"lost")
        assert trio.current_time() == pytest.approx(5)


async def test_a_tunnel_that_is_dead_without_a_word_is_left_too(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream:
        await here.console.started.wait()
        here.roads.wire.holds = True  # nothing passes, and nobody says so
        await here.console.stream.send_all(b"lost on its way")
        await stream.send_all(b"this too")
        assert await read(stream, 15) == b"lost on its way"
        assert await read(here.console.stream, 8) == b"this too"
        assert here.console.stream.attachments == 2
        assert 20 < trio.current_time() < GRACE


async def test_tunnels_that_take_no_streams_are_tried_again_more_and_more_slowly(autojump_clock: MockClock) -> None:
    async with place() as here, connected_tunnels() as (dead, _):
        dead.stop()
        await dead.wait_closed()
        asked: list[float] = []

        async def current() -> Tunnel:
            asked.append(trio.current_time())
            return dead if len(asked) <= 8 else await here.roads.current()

        async with open_resumable(current, "sol") as stream:
            assert stream.is_connected
        pauses = [round(after - before, 3) for before, after in pairwise(asked)]
        assert pauses == [0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


async def test_a_handler_that_fails_ends_its_stream(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(stream: ResumableStream) -> None:
        await stream.receive_some()
        raise ValueError("a bug")

    async with open_resumables() as registry, open_roads({"sol": registry.serving(fail)}) as roads:
        with caplog.at_level(logging.ERROR):
            async with open_resumable(roads.current, "sol") as stream:
                await stream.send_all(b"x")
                with pytest.raises(trio.BrokenResourceError, match="internal error"):
                    await stream.receive_some()
        assert "a bug" in caplog.text
        assert len(registry) == 0


async def test_there_are_no_more_sessions_than_allowed(autojump_clock: MockClock) -> None:
    async with place(max_sessions=1) as here, here.open():
        await here.console.started.wait()
        with pytest.raises(trio.BrokenResourceError, match="no tunnel for 3 s"):
            async with here.open(grace=3):
                pytest.fail("opened")


async def test_a_session_that_is_refused_is_tried_again(autojump_clock: MockClock) -> None:
    async with place(max_sessions=1) as here, trio.open_nursery() as nursery, here.open() as stream:
        await here.console.started.wait()

        async def open_another() -> None:
            async with here.open() as another:
                assert another.is_connected

        nursery.start_soon(open_another)
        await trio.sleep(3)
        here.console.release.set()
        assert await stream.receive_some() == b""


async def drain(stream: trio.abc.ReceiveStream) -> None:
    while True:
        assert await stream.receive_some()


async def opened(here: Place, metadata: dict[str, str], kind: str = "sol") -> StreamResetError:
    """Why such a stream is reset."""
    tunnel = await here.roads.current()
    stream = await tunnel.open_stream(kind, metadata)
    with pytest.raises(trio.BrokenResourceError) as caught:
        await drain(stream)
    assert isinstance(caught.value.__cause__, StreamResetError)
    return caught.value.__cause__


@pytest.mark.parametrize("key", ["", "short", "G" * 64])
async def test_a_key_has_to_look_like_one(key: str) -> None:
    async with place() as here:
        assert (await opened(here, {KEY: key} if key else {})).protocol_error


async def test_a_session_that_is_over_does_not_start_again() -> None:
    async with place() as here:
        assert (await opened(here, KEYS | {AGAIN: "1"})).connect_failed
        assert len(here.registry) == 0


async def test_a_peer_that_breaks_the_rules_ends_its_session() -> None:
    async with place() as here:
        tunnel = await here.roads.current()
        stream = await tunnel.open_stream("sol", KEYS)
        await stream.send_all(encode_capsule(BYTES, b"before the start"))
        with pytest.raises(trio.BrokenResourceError) as caught:
            await drain(stream)
        assert isinstance(caught.value.__cause__, StreamResetError)
        assert caught.value.__cause__.protocol_error
        await wait_all_tasks_blocked()
        assert here.console.ended_at is not None
        assert len(here.registry) == 0


async def test_an_agent_that_breaks_the_rules_is_left() -> None:
    async def serve(stream: object) -> None:
        assert isinstance(stream, trio.abc.SendStream)
        await stream.send_all(encode_capsule(BYTES, b"before the start"))
        await trio.sleep_forever()

    async with open_roads({"sol": serve}) as roads:
        with pytest.raises(trio.BrokenResourceError, match="starts twice, or not at all"):
            async with open_resumable(roads.current, "sol"):
                pytest.fail("opened")


async def test_the_last_attachment_wins(autojump_clock: MockClock) -> None:
    async with open_resumables() as registry:
        console = Console()
        handlers = {"sol": registry.serving(console)}
        async with open_roads(handlers) as one, open_roads(handlers) as other, open_roads(handlers) as third:
            now = one

            async def current() -> Tunnel:
                return await now.current()

            async with open_resumable(current, "sol") as stream:
                await console.started.wait()
                one.wire.holds = True  # a tunnel that is dead, and nobody knows
                key = next(iter(registry._sessions.values())).key
                await console.stream.send_all(b"on its way for ever")
                for roads in (other, third):
                    tunnel = await roads.current()
                    old = stream._end
                    again = await tunnel.open_stream("sol", {KEY: key, AGAIN: "1"})
                    again.machine.owner = again
                    old.attach()
                    await again.send_all(old.data_to_send(1 << 20))
                await wait_all_tasks_blocked()
                assert console.stream.attachments >= 2
                assert console.stream.is_connected
                await trio.sleep(GRACE + 1)
                assert console.ended_at is None  # the loss of the first one is no news
                now = third
                one.wire.holds = False


async def test_another_kind_does_not_get_a_session_by_its_key() -> None:
    console = Console()
    async with open_resumables() as registry:
        handler = registry.serving(console)
        async with open_roads({"sol": handler, "tcp": handler}) as roads:
            tunnel = await roads.current()
            await tunnel.open_stream("sol", KEYS)
            await console.started.wait()
            here = Place(roads, registry, console)
            assert (await opened(here, KEYS, "tcp")).protocol_error
            assert len(registry) == 1


async def test_misuse_is_told(autojump_clock: MockClock) -> None:
    async with place() as here, here.open() as stream, trio.open_nursery() as nursery:
        with pytest.raises(ValueError, match="at least 1"):
            await stream.receive_some(0)
        nursery.start_soon(stream.receive_some)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.receive_some()
        here.roads.block()
        here.roads.cut()
        await wait_all_tasks_blocked()
        nursery.start_soon(stream.send_all, bytes(2 * ROOM))
        await wait_all_tasks_blocked()
        actions: list[Callable[[], Awaitable[object]]] = [
            lambda: stream.send_all(b"x"),
            stream.send_eof,
            stream.wait_send_all_might_not_block,
        ]
        for action in actions:
            with pytest.raises(trio.BusyResourceError):
                await action()
        assert "sol" in repr(stream)
        nursery.cancel_scope.cancel()


class Pairs:
    """Makes pairs of a Gateway's stream and its Agent's."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    async def make(self) -> tuple[ResumableStream, ResumableStream]:
        ends: list[ResumableStream] = []
        ready = trio.Event()

        async def keep() -> None:
            console = Console()
            async with open_resumables(grace=1, capacity=ROOM) as registry:
                handlers = {"sol": registry.serving(console, overwrites=False)}
                async with open_roads(handlers) as roads:
                    with suppress(trio.BrokenResourceError):
                        async with open_resumable(roads.current, "sol", capacity=ROOM) as stream:
                            await console.started.wait()
                            ends.extend((stream, console.stream))
                            ready.set()
                            await trio.sleep_forever()

        self._nursery.start_soon(keep)
        await ready.wait()
        return ends[0], ends[1]


@pytest.mark.parametrize("turned", [False, True])
async def test_it_is_a_stream_like_any_other(autojump_clock: MockClock, turned: bool) -> None:
    async with trio.open_nursery() as nursery:
        pairs = Pairs(nursery)

        async def make() -> tuple[ResumableStream, ResumableStream]:
            one, other = await pairs.make()
            return (other, one) if turned else (one, other)

        await check_half_closeable_stream(make, None)
        nursery.cancel_scope.cancel()


@pytest.mark.property
async def test_a_stream_that_is_cancelled_at_any_checkpoint_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    async def echo(stream: ResumableStream) -> None:
        with suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                await stream.send_all(data)

    async def use(roads: Roads) -> None:
        async with open_resumable(roads.current, "sol", capacity=ROOM) as stream:
            await stream.send_all(b"hello")
            assert await read(stream, 5) == b"hello"
            roads.cut()
            await stream.send_all(b"again")
            assert await read(stream, 5) == b"again"
            await stream.send_eof()
            assert await stream.receive_some() == b""

    finished = False
    ticks = 0
    async with open_resumables(grace=2) as registry, open_roads({"sol": registry.serving(echo)}) as roads:
        while not finished and ticks < 500:
            with trio.CancelScope() as scope:
                trio.lowlevel.spawn_system_task(cancel_after, scope, ticks)
                await use(roads)
                finished = True
            ticks += 1
            await trio.sleep(10)
            assert roads.gateway is not None
            assert not roads.gateway.mux.streams
            assert len(registry) == 0
    assert 10 < ticks < 500


async def cancel_after(scope: trio.CancelScope, ticks: int) -> None:
    for _ in range(ticks):
        await trio.lowlevel.checkpoint()
    scope.cancel()
