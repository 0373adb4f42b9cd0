"""Is the peer still there?"""

from __future__ import annotations

import pytest

from conduit.tunnel.liveness import INTERVAL, Liveness, stamp


def test_the_first_ping_leaves_at_once() -> None:
    liveness = Liveness(5.0)
    assert liveness.next_deadline() == 5.0
    assert liveness.handle_deadline(5.0) == stamp(5.0)
    assert liveness.next_deadline() == 5.0 + INTERVAL


def test_nothing_is_asked_before_it_is_time() -> None:
    liveness = Liveness(0.0)
    liveness.handle_deadline(0.0)
    assert liveness.handle_deadline(INTERVAL - 0.1) is None


def test_a_peer_is_dead_after_two_misses() -> None:
    liveness = Liveness(0.0)
    pings, now = 0, 0.0
    while not liveness.is_dead(now):
        pings += liveness.handle_deadline(now) is not None
        now = liveness.next_deadline()
    assert (now, pings) == (25.0, 3)


def test_any_byte_is_a_sign_of_life() -> None:
    liveness = Liveness(0.0)
    liveness.heard(24.9)
    assert not liveness.is_dead(25.0)
    assert liveness.is_dead(49.9)


def test_the_round_trip_is_measured_and_smoothed() -> None:
    liveness = Liveness(0.0)
    first = liveness.handle_deadline(0.0)
    assert first is not None
    liveness.answered(first, 0.2)
    assert liveness.round_trip == pytest.approx(0.2)
    second = liveness.handle_deadline(INTERVAL)
    assert second is not None
    liveness.answered(second, INTERVAL + 1.0)
    assert liveness.round_trip == pytest.approx(0.2 + 0.8 / 8)


def test_a_round_trip_of_no_time_counts_as_measured() -> None:
    liveness = Liveness(0.0)
    liveness.answered(liveness.handle_deadline(0.0) or b"", 0.0)
    assert liveness.round_trip > 0


def test_what_was_not_asked_is_no_answer() -> None:
    liveness = Liveness(0.0)
    asked = liveness.handle_deadline(1.0)
    assert asked is not None
    liveness.answered(stamp(0.5), 2.0)
    assert liveness.round_trip == 0
    liveness.answered(asked, 2.0)
    liveness.answered(asked, 20.0)  # once more
    assert liveness.round_trip == pytest.approx(1.0)
