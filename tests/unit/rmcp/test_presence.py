"""The presence probe as a machine: repeats, gives up in time, believes only its own pong."""

from __future__ import annotations

import pytest

from conduit.errors import PeerTimeoutError
from conduit.rmcp.packets import PresencePing, PresencePong
from conduit.rmcp.presence import PresenceProbe
from conduit.rmcp.retry import RetryPolicy

RETRY = RetryPolicy(timeout=1.0, retries=2, backoff=2)
PING = PresencePing(tag=9).encode()
PONG = PresencePong(tag=9).encode()


@pytest.fixture
def probe() -> PresenceProbe:
    probe = PresenceProbe(RETRY, tag=9)
    probe.start(100.0)
    return probe


def test_ping_is_sent_once_and_a_pong_ends_it(probe: PresenceProbe) -> None:
    assert (list(probe.datagrams_to_send()), list(probe.datagrams_to_send())) == ([PING], [])
    assert probe.receive_datagram(PONG, 100.5) == (PresencePong(tag=9),)
    assert probe.next_deadline() is None
    assert probe.handle_deadline(999.0) == ()


def test_silence_repeats_the_ping_and_then_gives_up_at_the_total(probe: PresenceProbe) -> None:
    for deadline in (101.0, 103.0):
        assert probe.next_deadline() == deadline
        probe.handle_deadline(deadline)
    with pytest.raises(PeerTimeoutError, match="no presence pong"):
        probe.handle_deadline(107.0)
    assert list(probe.datagrams_to_send()) == [PING] * 3
    assert probe.next_deadline() is None


def test_early_call_does_nothing(probe: PresenceProbe) -> None:
    assert probe.handle_deadline(100.9) == ()
    assert probe.next_deadline() == 101.0


def test_pong_to_another_ping_is_dropped(probe: PresenceProbe) -> None:
    assert probe.receive_datagram(PresencePong(tag=8).encode(), 100.1) == ()
    assert probe.next_deadline() == 101.0


def test_second_pong_is_dropped(probe: PresenceProbe) -> None:
    probe.receive_datagram(PONG, 100.1)
    assert probe.receive_datagram(PONG, 100.2) == ()


def test_other_datagram_is_counted(probe: PresenceProbe) -> None:
    assert probe.receive_datagram(PING, 100.1) == ()
    assert probe.bad_datagrams == 1
