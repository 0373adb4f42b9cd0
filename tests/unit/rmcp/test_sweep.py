"""The presence sweep as a machine: pace, passes, who is believed, when it ends."""

from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.rmcp.packets import PresencePing, PresencePong
from conduit.rmcp.sweep import CATCH_UP, TICK, Address, PresenceSweep

START = 100.0


def addresses(count: int) -> list[Address]:
    return [(f"127.0.{number // 250}.{number % 250 + 1}", 623) for number in range(count)]


def run_out(sweep: PresenceSweep, until: float = 1e9) -> list[tuple[float, str]]:
    """Let time pass; when which address was pinged."""
    pings: list[tuple[float, str]] = []
    now = START
    while True:
        pings += ((now, address[0]) for _, address in sweep.datagrams_to_send())
        deadline = sweep.next_deadline()
        if deadline is None or deadline > until:
            return pings
        now = deadline
        sweep.handle_deadline(now)


def started(count: int = 3, **options: float) -> PresenceSweep:
    sweep = PresenceSweep(addresses(count), tag=40, **options)  # type: ignore[arg-type]  # numbers of both kinds
    sweep.start(START)
    return sweep


def test_pings_leave_at_the_rate_and_each_address_has_one() -> None:
    pings = run_out(started(1000, rate=2000.0, tries=1))
    assert [host for _, host in pings] == [host for host, _ in addresses(1000)]
    assert pings[-1][0] - START == pytest.approx(1000 / 2000, abs=2 * TICK)
    for when, _ in pings[::100]:
        assert sum(when <= other < when + 0.1 for other, _ in pings) <= 0.1 * 2000 + CATCH_UP * 2000


def test_a_late_call_does_not_send_all_that_was_missed_at_once() -> None:
    sweep = started(1000, rate=2000.0)
    list(sweep.datagrams_to_send())
    sweep.handle_deadline(START + 0.4)
    assert len(sweep.datagrams_to_send()) == int(2000 * CATCH_UP)


def test_an_early_call_does_nothing() -> None:
    sweep = started(10, rate=1.0)
    assert len(sweep.datagrams_to_send()) == 1
    sweep.handle_deadline(START + 0.5)
    assert sweep.datagrams_to_send() == []


def test_the_silent_are_pinged_again_and_those_heard_are_not() -> None:
    sweep = started(3, rate=1000.0, tries=2, patience=1.0)
    first = run_out(sweep, until=START + 0.5)
    alive = sweep.receive_datagram(PresencePong(tag=40).encode(), ("127.0.0.2", 623), START + 0.25)
    assert alive is not None
    assert (alive.host, alive.port, alive.pong.ipmi) == ("127.0.0.2", 623, True)
    assert alive.seconds == pytest.approx(0.25, abs=0.01)
    again = run_out(sweep)
    assert [host for _, host in first] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert [host for _, host in again] == ["127.0.0.1", "127.0.0.3"]
    assert (sweep.sent, sweep.found, sweep.next_deadline()) == (5, 1, None)


def test_a_pong_says_which_of_the_pings_it_answers() -> None:
    sweep = started(1, rate=1000.0, tries=2, patience=1.0)
    run_out(sweep, until=START + 1.5)
    alive = sweep.receive_datagram(PresencePong(tag=41).encode(), ("127.0.0.1", 623), START + 1.5)
    assert alive is not None
    assert alive.seconds == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("datagram", "address"),
    [
        (PresencePong(tag=39).encode(), ("127.0.0.1", 623)),
        (PresencePong(tag=41).encode(), ("127.0.0.1", 623)),  # of the second pass, which has not begun
        (PresencePong(tag=40).encode(), ("127.0.0.1", 624)),
        (PresencePong(tag=40).encode(), ("127.9.9.9", 623)),
        (PresencePing(tag=40).encode(), ("127.0.0.1", 623)),
        (b"", ("127.0.0.1", 623)),
    ],
)
def test_only_a_pong_to_our_ping_from_where_it_went_is_believed(datagram: bytes, address: Address) -> None:
    sweep = started()
    assert sweep.receive_datagram(datagram, address, START) is None
    assert (sweep.strays, sweep.found) == (1, 0)


def test_nobody_is_found_twice_or_before_being_asked() -> None:
    sweep = started(3, rate=1.0)
    pong = PresencePong(tag=40).encode()
    assert sweep.receive_datagram(pong, ("127.0.0.1", 623), START) is not None
    assert sweep.receive_datagram(pong, ("127.0.0.1", 623), START) is None
    assert sweep.receive_datagram(pong, ("127.0.0.3", 623), START) is None
    assert (sweep.found, sweep.strays) == (1, 0)


def test_it_ends_when_all_have_answered() -> None:
    sweep = started(1)
    sweep.receive_datagram(PresencePong(tag=40).encode(), ("127.0.0.1", 623), START)
    assert sweep.next_deadline() is None
    sweep.handle_deadline(START + 9)
    assert len(sweep.datagrams_to_send()) == 1


def test_it_ends_when_the_patience_does() -> None:
    sweep = started(1, tries=1, patience=2.0)
    sweep.handle_deadline(START + 1.9)
    assert sweep.next_deadline() == START + 2
    sweep.handle_deadline(START + 2)
    assert sweep.next_deadline() is None


def test_nobody_to_ask_is_nothing_to_do() -> None:
    sweep = started(0)
    assert (sweep.next_deadline(), sweep.datagrams_to_send()) == (None, [])


def test_an_ipv6_answer_is_known_by_address_and_port() -> None:
    sweep = PresenceSweep([("::1", 623)], tag=40)
    sweep.start(START)
    assert sweep.receive_datagram(PresencePong(tag=40).encode(), ("::1", 623, 0, 0), START) is not None


@pytest.mark.parametrize(
    "options",
    [{"rate": 0.0}, {"rate": 2e6}, {"tries": 0}, {"tries": 9}, {"patience": 0.0}, {"patience": float("inf")}],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(LocalProtocolError, match="a sweep takes"):
        started(1, **options)


def test_there_is_a_limit_of_addresses() -> None:
    with pytest.raises(LocalProtocolError, match="65,536"):
        PresenceSweep([("127.0.0.1", 1)] * 65_537)
