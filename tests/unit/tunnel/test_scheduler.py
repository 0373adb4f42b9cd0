"""Whose turn it is to send."""

from __future__ import annotations

from collections import deque

import pytest

from conduit.tunnel.flow import FIRST_WINDOW, Budget, ReceiveWindow
from conduit.tunnel.frames import FrameType
from conduit.tunnel.reader import FrameReader
from conduit.tunnel.scheduler import ALONE, FAVOUR, JOIN, QUANTUM, SHARED, Buffer, Scheduler
from conduit.tunnel.streams import Move, MuxStream
from tests.fakes.mux_pair import frame

END = b"the end"
HUGE = 1 << 30


def scheduler(window: int = HUGE, max_data: int = 1 << 20) -> Scheduler:
    def finish(stream: MuxStream) -> bytes:
        stream.move(Move.END_SENT)
        return END

    return Scheduler(window, max_data, finish)


def stream_of(number: int, *, window: int = HUGE, interactive: bool = False) -> MuxStream:
    budget = Budget()
    budget.take(FIRST_WINDOW)
    stream = MuxStream(number, window, ReceiveWindow(budget), ours=True)
    stream.interactive = interactive
    return stream


def put(queue: Scheduler, stream: MuxStream, *chunks: int) -> MuxStream:
    """Give *stream* data of these sizes to send."""
    stream.outbound = stream.outbound or deque()
    for size in chunks:
        stream.outbound.append(memoryview(bytes(size)))
        stream.pending += size
    queue.add(stream)
    return stream


class _Sizes:
    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        self.found.append((stream_id, length))

    def body(self, data: memoryview, *, last: bool) -> None:
        pass

    def whole_data(self, stream_id: int, data: memoryview) -> None:
        self.begin_data(stream_id, len(data), 0)
        self.body(data, last=True)

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        pass


def frames(buffers: list[Buffer]) -> list[tuple[int, int]]:
    """Stream and length of each DATA frame."""
    sizes = _Sizes()
    reader = FrameReader(sizes)
    reader.receive(memoryview(frame(FrameType.SETTINGS) + b"".join(buffers)))
    return sizes.found


def test_a_stream_that_is_alone_sends_large_frames() -> None:
    queue = scheduler()
    put(queue, stream_of(1), 2 * ALONE + 5)
    assert frames(queue.take(HUGE)) == [(1, ALONE), (1, ALONE), (1, 5)]
    assert not queue.has_work


def test_frames_are_no_longer_than_the_peer_takes() -> None:
    queue = scheduler(max_data=100)
    put(queue, stream_of(1), 250)
    assert frames(queue.take(HUGE)) == [(1, 100), (1, 100), (1, 50)]


def test_no_more_is_taken_than_asked_for() -> None:
    queue = scheduler()
    put(queue, stream_of(1), 3 * ALONE)
    assert frames(queue.take(1000)) == [(1, 1000)]
    assert queue.has_work


def test_small_data_joins_its_header() -> None:
    queue = scheduler()
    put(queue, stream_of(1), JOIN, JOIN + 1)
    assert [len(buffer) for buffer in queue.take(HUGE)] == [9 + JOIN, 9, JOIN + 1]


def test_streams_take_turns_and_get_the_same() -> None:
    queue = scheduler()
    for number in (1, 3, 5):
        put(queue, stream_of(number), 10 * QUANTUM)
    sent = dict.fromkeys((1, 3, 5), 0)
    for number, size in frames(queue.take(9 * QUANTUM)):
        sent[number] += size
        assert size <= QUANTUM
        assert max(sent.values()) - min(sent.values()) <= QUANTUM


def test_turns_are_fair_whatever_the_size_of_the_pieces() -> None:
    queue = scheduler()
    put(queue, stream_of(1), *[100] * 5000)
    put(queue, stream_of(3), 500_000)
    sent = {1: 0, 3: 0}
    for number, size in frames(queue.take(400_000)):
        sent[number] += size
    assert abs(sent[1] - sent[3]) <= QUANTUM + SHARED


def test_one_that_was_alone_pays_back_what_it_had_too_much() -> None:
    queue = scheduler()
    first, second = stream_of(1), stream_of(3)
    put(queue, first, 40 * QUANTUM)
    queue.take(ALONE)
    put(queue, second, 40 * QUANTUM)
    sent = {1: ALONE, 3: 0}
    for number, size in frames(queue.take(30 * QUANTUM)):
        sent[number] += size
    assert abs(sent[1] - sent[3]) <= ALONE


def test_interactive_streams_go_first() -> None:
    queue = scheduler()
    put(queue, stream_of(1), QUANTUM)
    put(queue, stream_of(3, interactive=True), 10)
    assert frames(queue.take(HUGE)) == [(3, 10), (1, QUANTUM)]


def test_interactive_streams_do_not_starve_bulk() -> None:
    queue = scheduler()
    put(queue, stream_of(1), 100 * QUANTUM)
    put(queue, stream_of(3, interactive=True), 100 * QUANTUM)
    put(queue, stream_of(5, interactive=True), 100 * QUANTUM)
    waited = bulk = 0
    for number, size in frames(queue.take(50 * QUANTUM)):
        waited = 0 if number == 1 else waited + size
        bulk += size if number == 1 else 0
        assert waited <= FAVOUR + QUANTUM
    assert bulk >= 9 * QUANTUM


def test_bulk_that_ends_its_turn_early_does_not_keep_it() -> None:
    queue = scheduler()
    put(queue, stream_of(3, interactive=True), 100 * QUANTUM)
    queue.take(FAVOUR)
    put(queue, stream_of(1), 10)
    put(queue, stream_of(5), 10)
    assert [number for number, _ in frames(queue.take(FAVOUR // 2))][:2] == [1, 3]


def test_a_stream_without_credit_waits_for_it() -> None:
    queue = scheduler()
    stream = put(queue, stream_of(1, window=10), 25)
    assert frames(queue.take(HUGE)) == [(1, 10)]
    assert not queue.has_work
    assert (stream.pending, stream.queued) == (15, False)
    stream.send_window += 100
    queue.add(stream)
    assert frames(queue.take(HUGE)) == [(1, 15)]
    assert queue.emptied == [stream]


def test_a_connection_without_credit_blocks_every_stream_once() -> None:
    queue = scheduler(window=10)
    first, second = put(queue, stream_of(1), 20), put(queue, stream_of(3), 20)
    assert frames(queue.take(HUGE)) == [(1, 10)]
    for _ in range(5):
        put(queue, first, 1)
        queue.add(second)
        assert queue.take(HUGE) == []
        assert not queue.has_work
    queue.open(0)
    assert not queue.has_work
    queue.open(1000)
    assert frames(queue.take(HUGE)) == [(1, 10), *[(1, 1)] * 5, (3, 20)]
    assert queue.window == 1000 - 35


def test_an_end_needs_no_credit() -> None:
    queue = scheduler(window=0)
    stream = stream_of(1, window=0)
    stream.ending = True
    queue.add(stream)
    assert queue.take(HUGE) == [END]
    assert not queue.has_work


def test_an_end_follows_the_data() -> None:
    queue = scheduler()
    stream = stream_of(1)
    stream.ending = True
    put(queue, stream, 3)
    assert queue.take(HUGE)[1] == END


@pytest.mark.parametrize("interactive", [False, True])
def test_a_stream_that_was_reset_is_passed_over(interactive: bool) -> None:
    queue = scheduler()
    gone, other = put(queue, stream_of(1, interactive=interactive), 20), put(queue, stream_of(3), 20)
    gone.reset_code = 8
    assert frames(queue.take(HUGE)) == [(3, 20)]
    assert not gone.queued
    assert queue.emptied == [other]


def test_closed_streams_do_not_pile_up() -> None:
    queue = scheduler()
    alive = put(queue, stream_of(1), 20)
    gone = [put(queue, stream_of(number, interactive=number % 4 == 1), 20) for number in range(3, 1003, 2)]
    for stream in gone:
        stream.reset_code = 8
        stream.move(Move.RESET)
        queue.forget(stream)
    assert sum(stream.queued for stream in gone) < 257
    assert alive.queued
    assert frames(queue.take(HUGE)) == [(1, 20)]


def test_a_closed_stream_is_not_kept_for_the_connections_credit() -> None:
    queue = scheduler(window=0)
    stream = put(queue, stream_of(1), 20)
    queue.take(HUGE)
    stream.reset_code = 8
    stream.move(Move.RESET)
    queue.forget(stream)
    queue.open(1000)
    assert not queue.has_work


def test_credit_that_was_taken_back_is_not_used() -> None:
    queue = scheduler()
    stream = put(queue, stream_of(1), 20)
    stream.send_window = -5
    assert queue.take(HUGE) == []
    assert not stream.queued


def test_a_small_message_passes_empty_queues_by() -> None:
    queue = scheduler(window=100)
    stream = stream_of(1, window=60)
    sent = queue.frame_now(stream, memoryview(b"x" * 50))
    assert sent is not None
    assert frames([sent]) == [(1, 50)]
    assert (stream.send_window, queue.window) == (10, 50)
    assert queue.frame_now(stream, memoryview(bytes(11))) is None  # more than the stream's credit
    stream.send_window = 1000
    assert queue.frame_now(stream, memoryview(bytes(51))) is None  # more than the connection's
    assert (stream.send_window, queue.window) == (1000, 50)


@pytest.mark.parametrize("interactive", [True, False])
def test_nothing_passes_by_queues_that_are_not_empty(interactive: bool) -> None:
    queue = scheduler()
    put(queue, stream_of(3, interactive=interactive), 10)
    assert queue.frame_now(stream_of(1), memoryview(b"x")) is None


def test_a_large_message_takes_its_turn() -> None:
    assert scheduler().frame_now(stream_of(1), memoryview(bytes(JOIN + 1))) is None
    assert scheduler(max_data=10).frame_now(stream_of(1), memoryview(bytes(11))) is None
