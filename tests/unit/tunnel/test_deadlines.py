from __future__ import annotations

import math

from conduit.tunnel.deadlines import SLACK, DeadlineQueue
from conduit.tunnel.flow import Budget, ReceiveWindow
from conduit.tunnel.streams import Move, MuxStream


def stream(number: int = 1) -> MuxStream:
    return MuxStream(number, 0, ReceiveWindow(Budget()), ours=True)


def test_an_empty_queue_waits_for_ever() -> None:
    assert DeadlineQueue().next_deadline() == math.inf
    assert DeadlineQueue().take_expired(1e9) == []


def test_streams_expire_in_the_order_of_their_deadlines() -> None:
    queue = DeadlineQueue()
    late, soon, equal = stream(1), stream(3), stream(5)
    queue.add(late, 9.0)
    queue.add(soon, 2.0)
    queue.add(equal, 2.0)
    assert queue.next_deadline() == 2.0
    assert queue.take_expired(1.9) == []
    assert queue.take_expired(2.0) == [soon, equal]
    assert queue.take_expired(9.5) == [late]


def test_a_closed_stream_does_not_expire() -> None:
    queue = DeadlineQueue()
    one = stream()
    queue.add(one, 1.0)
    one.move(Move.RESET)
    assert queue.next_deadline() == math.inf
    assert queue.take_expired(2.0) == []


def test_closed_streams_do_not_pile_up() -> None:
    queue = DeadlineQueue()
    kept = [stream() for _ in range(10)]
    for one in kept:
        queue.add(one, 1000.0)
    for number in range(10_000):
        one = stream(number)
        queue.add(one, 60.0)
        one.move(Move.RESET)
    assert len(queue) <= SLACK + 2 * len(kept)
    assert queue.take_expired(1000.0) == kept
