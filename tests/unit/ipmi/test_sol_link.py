"""One end of SOL against packets written by hand, and two ends against a bad network."""

from __future__ import annotations

from itertools import product

import pytest

from conduit.ipmi.sol_link import HOLD_DELAYS, TRANSITIONS, LinkCause, LinkState, SolLink
from conduit.ipmi.sol_packets import NACK, SolPacket

DELAYS = (1.0, 2.0)


class End:
    """A link with characters to send and room for some."""

    def __init__(self, data: bytes = b"", *, most: int = 4, room: int = 1000, lenient: bool = False) -> None:
        self.unsent = bytearray(data)
        self.taken = bytearray()
        self.room = room
        self.link = SolLink(most=most, delays=DELAYS, pull=self.pull, push=self.push, lenient=lenient)

    def pull(self, most: int) -> tuple[bytes, int] | None:
        data = bytes(self.unsent[:most])
        del self.unsent[:most]
        return (data, 0) if data else None

    def push(self, data: bytes) -> int:
        accepted = min(len(data), self.room - len(self.taken))
        self.taken += data[:accepted]
        return accepted

    def sent(self) -> list[SolPacket]:
        packets = [SolPacket.decode(payload) for payload in self.link.outbox]
        self.link.outbox.clear()
        return packets

    def hear(self, *packet: object, now: float = 0.0) -> list[SolPacket]:
        self.link.receive(SolPacket(*packet), now)  # type: ignore[arg-type]  # as the caller has them
        return self.sent()


def sending(data: bytes = b"abcdefgh", *, most: int = 4) -> End:
    end = End(data, most=most)
    end.link.poll(0.0)
    return end


def test_one_packet_is_on_the_way_at_a_time() -> None:
    end = sending()
    end.link.poll(0.0)
    assert end.sent() == [SolPacket(1, 0, 0, 0, b"abcd")]
    assert end.hear(0, 1, 4) == [SolPacket(2, 0, 0, 0, b"efgh")]
    assert end.hear(0, 2, 4) == []
    assert end.link.is_idle
    assert end.link.next_deadline() is None


def test_numbers_go_from_fifteen_to_one() -> None:
    end = sending(b"x" * 16, most=1)
    numbers = [packet.sequence for packet in end.sent()]
    for _ in range(15):
        numbers += [packet.sequence for packet in end.hear(0, numbers[-1], 1)]
    assert numbers == [*range(1, 16), 1]


def test_the_acknowledge_rides_on_data() -> None:
    end = End(b"ok")
    assert end.hear(7, 0, 0, 0, b"hi") == [SolPacket(1, 7, 2, 0, b"ok")]
    assert end.taken == b"hi"


def test_the_rest_of_a_packet_taken_in_part_follows_under_the_next_number() -> None:
    end = sending(b"abcd")
    end.sent()
    assert end.hear(0, 1, 3) == [SolPacket(2, 0, 0, 0, b"d")]


def test_a_refused_packet_waits_and_keeps_its_number() -> None:
    end = sending(b"abcd")
    first = end.sent()
    assert end.hear(0, 1, 0, NACK, now=5.0) == []
    assert end.link.state is LinkState.HELD
    assert end.link.unconfirmed == b"abcd"
    assert end.link.next_deadline() == 5.0 + HOLD_DELAYS[0]
    assert not end.link.handle_deadline(5.0)
    assert not end.link.handle_deadline(6.0)
    assert end.sent() == first


def test_news_of_room_sends_a_refused_packet_at_once() -> None:
    end = sending(b"abcd")
    first = end.sent()
    end.hear(0, 1, 0, NACK)
    assert end.hear(0, 1, 0) == first
    assert end.link.state is LinkState.SENT


def test_a_held_packet_may_have_been_taken_after_all() -> None:
    for accepted, state in ((4, LinkState.IDLE), (2, LinkState.SENT)):
        end = sending(b"abcd")
        end.hear(0, 1, 0, NACK)
        end.hear(0, 1, 0, NACK)  # refused once more
        end.hear(0, 1, accepted)
        assert end.link.state is state


def test_an_operation_without_characters_can_be_refused_and_taken() -> None:
    end = End()
    end.link = SolLink(most=4, delays=DELAYS, pull=lambda _: (b"", 0x10), push=end.push)
    end.link.poll(0.0)
    end.hear(0, 1, 0, NACK)
    assert end.link.state is LinkState.HELD
    assert end.link.unconfirmed == b""
    end.link.receive(SolPacket(0, 1, 0), 0.0)
    assert [packet.sequence for packet in end.sent()] == [2]


def test_a_silent_peer_gets_the_packet_again_and_the_owner_hears_of_it() -> None:
    end = sending(b"abcd")
    assert not end.link.handle_deadline(0.5)
    assert not end.link.handle_deadline(1.0)
    assert end.link.next_deadline() == 3.0
    assert end.link.handle_deadline(3.0)
    assert end.link.next_deadline() == 5.0
    assert end.sent() == [SolPacket(1, 0, 0, 0, b"abcd")] * 3
    assert end.link.repeats == 2


def test_a_repeat_is_acknowledged_as_before_and_not_taken_again() -> None:
    end = End()
    assert end.hear(1, 0, 0, 0, b"ab") == [SolPacket(0, 1, 2)]
    assert end.hear(1, 0, 0, 0, b"ab") == [SolPacket(0, 1, 2)]
    assert end.taken == b"ab"
    assert end.link.duplicates == 1


def test_a_repeat_with_more_characters_gives_the_new_ones() -> None:
    end = End()
    end.hear(1, 0, 0, 0, b"ab")
    assert end.hear(1, 0, 0, 0, b"abcd") == [SolPacket(0, 1, 4)]
    assert end.hear(1, 0, 0, 0, b"ab") == [SolPacket(0, 1, 4)]
    assert end.taken == b"abcd"


def test_without_room_a_packet_is_refused_until_there_is_some() -> None:
    end = End(room=3)
    assert end.hear(1, 0, 0, 0, b"abcd") == [SolPacket(0, 1, 3)]
    assert end.hear(1, 0, 0, 0, b"abcde") == [SolPacket(0, 1, 3)]  # the rest is another packet's
    assert end.hear(2, 0, 0, 0, b"d") == [SolPacket(0, 2, 0, NACK)]
    end.room = 10
    end.link.make_room()
    assert end.sent() == [SolPacket(0, 2, 0)]
    end.link.make_room()
    assert end.sent() == []
    assert end.hear(2, 0, 0, 0, b"d") == [SolPacket(0, 2, 1)]
    assert end.taken == b"abcd"


def test_a_copy_that_the_network_kept_back_is_dropped_but_a_new_count_is_not() -> None:
    end = End()
    for number in (5, 6, 7):
        end.hear(number, 0, 0, 0, b"x")
    assert end.hear(5, 0, 0, 0, b"x") == []
    assert end.taken == b"xxx"
    assert end.hear(5, 0, 0, 0, b"y") == [SolPacket(0, 5, 1)]  # insists
    assert end.hear(1, 0, 0, 0, b"z") == [SolPacket(0, 1, 1)]  # is far from 5
    assert end.taken == b"xxxyz"


def test_acknowledges_of_other_packets_are_counted_and_change_nothing() -> None:
    end = sending(b"abcd")
    end.sent()
    assert end.hear(0, 9, 4) == []
    assert not end.link.is_idle
    assert End().hear(0, 1, 4) == []
    assert end.link.stale_acknowledges == 1


def test_a_lenient_end_believes_no_numbers() -> None:
    end = End(b"ab", lenient=True)
    end.link.poll(0.0)
    end.sent()
    assert end.hear(3, 9, 2, 0, b"x") == [SolPacket(0, 3, 1)]
    assert end.hear(3, 0, 0, 0, b"x") == [SolPacket(0, 3, 1)]
    assert end.taken == b"xx"
    assert end.link.is_idle


def test_standing_flags_go_with_every_packet_and_can_be_told_alone() -> None:
    end = End()
    end.link.level = 0x08
    end.link.notify(0x10)
    assert end.sent() == [SolPacket(0, 0, 0, 0x18)]
    assert end.hear(1, 0, 0, 0, b"") == [SolPacket(0, 1, 0, 0x08)]


def test_an_idle_link_waits_for_nothing() -> None:
    end = End()
    end.link.poll(0.0)
    assert end.sent() == []
    assert not end.link.handle_deadline(100.0)
    assert end.link.unconfirmed == b""


@pytest.mark.parametrize("pair", list(product(LinkState, LinkCause)))
def test_every_move_is_in_the_table_or_cannot_be(pair: tuple[LinkState, LinkCause]) -> None:
    state, cause = pair
    legal = pair in TRANSITIONS
    if state is LinkState.IDLE:
        assert legal == (cause is LinkCause.SEND)
    elif state is LinkState.SENT:
        assert legal == (cause not in (LinkCause.SEND, LinkCause.RESUMED))
    else:
        assert legal == (cause not in (LinkCause.SEND, LinkCause.SILENCE))
