"""The console's machine, fed with packets written by hand."""

from __future__ import annotations

from itertools import product

import pytest

from conduit.ipmi.commands import PayloadActivation
from conduit.ipmi.sol import (
    BUFFER,
    CAUTIOUS_SIZE,
    RETRY_DELAYS,
    TRANSITIONS,
    SolCause,
    SolEvent,
    SolMachine,
    SolNews,
    SolState,
    packet_size,
)
from conduit.ipmi.sol_packets import NACK, Operation, SolPacket, Status


def active(most: int = 4, *, lenient: bool = False) -> SolMachine:
    machine = SolMachine("me", lenient=lenient)
    machine.prepare()
    machine.activate(most)
    return machine


def sent(machine: SolMachine) -> list[SolPacket]:
    return [SolPacket.decode(payload) for payload in machine.payloads_to_send()]


def write(machine: SolMachine, data: bytes) -> list[SolPacket]:
    machine.write(data)
    machine.poll(0.0)
    return sent(machine)


def hear(machine: SolMachine, packet: SolPacket) -> list[SolNews]:
    events = machine.receive(packet.encode(), 0.0)
    assert {event.token for event in events} <= {"me"}
    return [event.news for event in events]


def test_characters_go_out_and_come_in() -> None:
    machine = active()
    assert write(machine, b"hello") == [SolPacket(1, 0, 0, 0, b"hell")]
    settled = [machine.is_settled]
    assert hear(machine, SolPacket(1, 1, 4, 0, b"HELL")) == [SolNews.MOVED]
    assert sent(machine) == [SolPacket(2, 1, 4, 0, b"o")]
    assert hear(machine, SolPacket(0, 2, 1)) == [SolNews.MOVED]
    assert [*settled, machine.is_settled] == [False, True]
    assert machine.has_data
    assert machine.read() == b"HELL"
    assert machine.read() == b""
    assert machine.payloads_to_send() == ()


def test_reading_takes_what_was_asked_for_across_packets() -> None:
    machine = active()
    for number in (1, 2):
        hear(machine, SolPacket(number, 0, 0, 0, b"abcd"))
    assert [machine.read(3), machine.read(9), machine.read(1)] == [b"abc", b"dabcd"[:5], b""]


def test_an_operation_keeps_its_place_among_the_characters() -> None:
    machine = active(most=10)
    machine.write(b"before")
    machine.operate(Operation.BREAK)
    machine.write(b"after")
    machine.poll(0.0)
    packets = sent(machine)
    for accepted in (6, 0, 5):
        hear(machine, SolPacket(0, packets[-1].sequence, accepted))
        packets += sent(machine)
    assert [(packet.data, packet.flags) for packet in packets] == [
        (b"before", 0),
        (b"", Operation.BREAK),
        (b"after", 0),
    ]


def test_lines_go_with_every_packet_also_after_another_activation() -> None:
    machine = active()
    machine.set_lines(pause=True, carrier=False)
    machine.poll(0.0)
    both = Operation.PAUSE | Operation.DROP_CARRIER
    assert sent(machine) == [SolPacket(1, 0, 0, both)]
    assert machine.lines == both
    machine.deactivate()
    machine.activate(4)
    assert write(machine, b"x") == [SolPacket(1, 0, 0, both, b"x")]
    machine.set_lines(pause=False, carrier=True)
    assert machine.lines == 0


def test_a_full_buffer_refuses_and_tells_when_there_is_room() -> None:
    machine = active()
    for number in range(BUFFER // 128):
        hear(machine, SolPacket(number % 15 + 1, 0, 0, 0, bytes(128)))
    assert sent(machine)[-1].accepted == 128
    following = BUFFER // 128 % 15 + 1
    hear(machine, SolPacket(following, 0, 0, 0, b"more"))
    assert sent(machine) == [SolPacket(0, following, 0, NACK)]
    machine.read(100)
    assert sent(machine) == []
    machine.read()
    assert sent(machine) == [SolPacket(0, following, 0)]
    assert hear(machine, SolPacket(following, 0, 0, 0, b"more")) == [SolNews.MOVED]


def test_a_buffer_that_is_nearly_full_takes_a_part() -> None:
    machine = active()
    for number in range(BUFFER // 128 - 1):
        hear(machine, SolPacket(number % 15 + 1, 0, 0, 0, bytes(128)))
    hear(machine, SolPacket((BUFFER // 128 - 1) % 15 + 1, 0, 0, 0, bytes(200)))
    assert sent(machine)[-1].accepted == 128


def test_what_the_bmc_tells_becomes_events() -> None:
    machine = active()
    assert hear(machine, SolPacket(1, 0, 0, Status.BREAK | Status.OVERRUN)) == [SolNews.BREAK, SolNews.OVERRUN]
    assert hear(machine, SolPacket(1, 0, 0, Status.BREAK | Status.OVERRUN)) == []  # a repeat
    assert hear(machine, SolPacket(0, 0, 0, Status.UNAVAILABLE)) == [SolNews.UNAVAILABLE]
    assert machine.state is SolState.UNAVAILABLE
    assert hear(machine, SolPacket(0, 0, 0, Status.UNAVAILABLE)) == []
    assert hear(machine, SolPacket(0, 0, 0, 0)) == [SolNews.AVAILABLE]
    assert hear(machine, SolPacket(0, 0, 0, Status.DEACTIVATING)) == [SolNews.DEACTIVATED]
    machine.deactivate(SolCause.DEACTIVATING)
    assert hear(machine, SolPacket(0, 0, 0, Status.DEACTIVATING)) == []
    assert machine.lose() == (SolEvent("me", SolNews.LOST),)


def test_characters_that_come_before_the_activations_answer_are_kept() -> None:
    machine = SolMachine("me")
    machine.prepare()
    hear(machine, SolPacket(1, 0, 0, 0, b"early"))
    assert sent(machine) == [SolPacket(0, 1, 5)]
    machine.activate(4)
    assert machine.read() == b"early"


def test_nothing_is_sent_while_inactive_and_the_rest_after_the_next_activation() -> None:
    machine = active()
    write(machine, b"abcdefgh")
    assert machine.deactivate() == b"abcd"
    machine.poll(0.0)
    assert sent(machine) == []
    machine.prepare()
    machine.activate(4)
    machine.poll(0.0)
    assert sent(machine) == [SolPacket(1, 0, 0, 0, b"efgh")]
    assert machine.deactivate(SolCause.AVAILABLE) == b"efgh"  # a cause that moves nothing still ends it
    assert machine.state is SolState.INACTIVE


def test_what_a_cancelled_writer_left_is_forgotten() -> None:
    machine = active()
    write(machine, b"abcdefgh")
    machine.operate(Operation.BREAK)
    machine.forget_unsent()
    hear(machine, SolPacket(0, 1, 4))
    assert machine.is_settled


def test_a_bmc_that_never_acknowledges_is_told_of() -> None:
    machine = active()
    write(machine, b"a")
    now = 0.0
    told: list[SolEvent] = []
    for delay in RETRY_DELAYS:
        now += delay
        assert machine.next_deadline() == pytest.approx(now)
        told += machine.handle_deadline(now)
    assert told == [SolEvent("me", SolNews.STALLED)]
    assert machine.link.repeats == len(RETRY_DELAYS)


def test_malformed_payloads_are_counted() -> None:
    machine = active()
    assert machine.receive(b"\1", 0.0) == ()
    assert machine.bad_packets == 1


@pytest.mark.parametrize(
    ("inbound", "size"),
    [
        *((259, 255), (260, 255), (32, 28), (5, 1)),
        *((4, CAUTIOUS_SIZE), (0, CAUTIOUS_SIZE), (0xFFFF, CAUTIOUS_SIZE)),
        *((0x2000, 28), (0x0401, 255), (0xFF00, 251)),
    ],
)
def test_packets_are_as_large_as_the_bmc_says_in_whatever_byte_order(inbound: int, size: int) -> None:
    activation = PayloadActivation(inbound_size=inbound, outbound_size=0, port=623)
    assert packet_size(activation) == size
    assert packet_size(activation, ignore_sizes=True) == CAUTIOUS_SIZE


@pytest.mark.parametrize("pair", list(product(SolState, SolCause)))
def test_every_move_is_in_the_table_or_cannot_be(pair: tuple[SolState, SolCause]) -> None:
    ends = {SolCause.DEACTIVATING, SolCause.LOST}
    legal = {
        SolState.INACTIVE: {SolCause.ACTIVATED},
        SolState.ACTIVE: ends | {SolCause.UNAVAILABLE},
        SolState.UNAVAILABLE: ends | {SolCause.AVAILABLE},
    }
    assert (pair in TRANSITIONS) == (pair[1] in legal[pair[0]])
