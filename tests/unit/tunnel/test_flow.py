"""Flow control in numbers."""

from __future__ import annotations

from conduit.tunnel.flow import (
    DEFAULT_WINDOW,
    FIRST_WINDOW,
    LARGEST_WINDOW,
    START_WINDOW,
    Budget,
    ConnectionWindow,
    ReceiveWindow,
)
from conduit.tunnel.frames import MAX_WINDOW

ROUND_TRIP = 0.1  # seconds


def window_of(budget: Budget) -> ReceiveWindow:
    assert budget.take(FIRST_WINDOW)
    return ReceiveWindow(budget)


def open_up(window: ReceiveWindow) -> int:
    """The first byte comes, and more will."""
    window.start(0.0)
    return window.open_up()


def use_up(window: ReceiveWindow, now: float, round_trip: float = ROUND_TRIP) -> int:
    """The peer sends what it may, and the consumer takes it."""
    count = window.left
    assert window.receive(count)
    return window.consume(count, now, round_trip)


def test_the_first_byte_opens_a_window() -> None:
    budget = Budget()
    window = window_of(budget)
    assert open_up(window) == START_WINDOW - FIRST_WINDOW
    assert window.size == window.left == budget.granted == START_WINDOW


def test_a_tight_budget_leaves_it_small() -> None:
    budget = Budget(FIRST_WINDOW)
    window = window_of(budget)
    assert budget.is_tight
    assert open_up(window) == 0
    assert window.started


def test_a_budget_with_too_little_room_leaves_it_small() -> None:
    budget = Budget(START_WINDOW - 1)
    window = window_of(budget)
    assert not budget.is_tight
    assert open_up(window) == 0


def test_a_peer_may_not_send_more_than_it_has() -> None:
    window = window_of(Budget())
    assert window.receive(FIRST_WINDOW)
    assert not window.receive(1)


def test_credit_waits_for_half_a_window() -> None:
    window = window_of(Budget())
    open_up(window)
    window.receive(START_WINDOW)
    assert window.consume(START_WINDOW // 2 - 1, 99.0, 0.0) == 0
    assert window.consume(1, 99.0, 0.0) == START_WINDOW // 2


def test_a_window_that_holds_the_sender_back_doubles_up_to_its_limit() -> None:
    window = window_of(Budget())
    open_up(window)
    now, sizes = 0.0, []
    for _ in range(6):
        now += ROUND_TRIP * window.size / START_WINDOW  # as long as such a window lasts
        use_up(window, now)
        sizes.append(window.size // START_WINDOW)
    assert sizes == [2, 4, 8, 16, 16, 16]
    assert window.left == window.size == LARGEST_WINDOW


def test_a_slow_consumer_does_not_grow_it() -> None:
    window = window_of(Budget())
    open_up(window)
    use_up(window, 100.0)
    assert window.size == START_WINDOW


def test_without_a_round_trip_nothing_grows() -> None:
    window = window_of(Budget())
    open_up(window)
    use_up(window, 0.0, round_trip=0.0)
    assert window.size == START_WINDOW


def test_a_tight_budget_stops_growth() -> None:
    budget = Budget(START_WINDOW + 1)
    window = window_of(budget)
    open_up(window)
    use_up(window, 0.0)
    assert window.size == START_WINDOW


def test_a_budget_without_room_for_twice_stops_growth() -> None:
    budget = Budget(START_WINDOW * 3 // 2)
    window = window_of(budget)
    open_up(window)
    assert not budget.is_tight
    use_up(window, 0.0)
    assert window.size == START_WINDOW


def test_a_short_budget_shrinks_what_was_grown() -> None:
    budget = Budget(8 * START_WINDOW)
    window = window_of(budget)
    open_up(window)
    use_up(window, 0.0)
    assert window.size == 2 * START_WINDOW
    assert budget.take(6 * START_WINDOW)
    assert budget.is_short
    assert use_up(window, 0.0) == START_WINDOW
    assert window.size == window.left == START_WINDOW
    assert use_up(window, 0.0) == START_WINDOW  # and no further


def test_a_shrinking_window_still_gives_some_credit() -> None:
    budget = Budget(16 * START_WINDOW)
    window = window_of(budget)
    open_up(window)
    use_up(window, 0.0)
    use_up(window, 0.0)
    assert budget.take(budget.total - budget.granted)
    window.receive(window.left)
    assert window.consume(2 * START_WINDOW, 0.0, 0.0) == 1


def test_a_window_smaller_than_the_start_does_not_shrink() -> None:
    budget = Budget(FIRST_WINDOW)
    window = window_of(budget)
    assert use_up(window, 0.0) == FIRST_WINDOW


def test_a_closed_window_keeps_what_is_unread() -> None:
    budget = Budget()
    window = window_of(budget)
    window.receive(100)
    window.close(100)
    assert budget.granted == 100
    window.release(60)
    assert budget.granted == 40
    window.close(0)
    assert budget.granted == 0


def test_the_connection_has_room_for_every_stream_at_once() -> None:
    budget = Budget()
    window = ConnectionWindow(budget)
    assert window.left == DEFAULT_WINDOW + window.first_increment
    assert window.left >= budget.total + LARGEST_WINDOW


def test_the_connection_window_has_the_limit_of_http2() -> None:
    assert ConnectionWindow(Budget(MAX_WINDOW)).left == MAX_WINDOW


def test_the_connection_is_credited_now_and_then() -> None:
    window = ConnectionWindow(Budget())
    left = window.left
    assert window.consume(LARGEST_WINDOW // 4 - 1) == 0
    assert window.owed == LARGEST_WINDOW // 4 - 1
    assert window.consume(1) == LARGEST_WINDOW // 4
    assert (window.owed, window.left) == (0, left + LARGEST_WINDOW // 4)
