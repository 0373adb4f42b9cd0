"""A live session's traffic: sealing, repeats under new sequence numbers, keep-alive, loss and closing."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.connection import MAX_LAN_DATA, MAX_PLUS_DATA, Connection, SessionLost
from conduit.ipmi.exchange import Answered, Exchange, Hop, Target, Unanswered
from conduit.ipmi.sol import SolEvent, SolMachine, SolNews
from conduit.ipmi.sol_packets import SolPacket
from conduit.rmcp.ciphers import SUITES, SessionKeys
from conduit.rmcp.lan_message import LanMessage, decode_frame, encode_response
from conduit.rmcp.lan_session import LanRules, LanSession
from conduit.rmcp.packets import PayloadType
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.session import PlusSession
from tests.fakes import reference
from tests.fakes.entropy import CountedEntropy
from tests.fakes.reference import Keys

RETRY = RetryPolicy(timeout=1.0, retries=2, backoff=2)  # 1, 2, 4 s
KEYS = Keys(1, 1, bytes(20), bytes(32))
LOCAL, REMOTE = 0x11, 0x22
APP = 0x06


class Wire:
    """A connection and the BMC's end of its session."""

    def __init__(self, *, keepalive: float | None = 25.0, max_outstanding: int = 1) -> None:
        session = PlusSession(
            SUITES[3],
            SessionKeys(k1=KEYS.k1, k2=KEYS.k2),
            password=b"",
            local_id=LOCAL,
            remote_id=REMOTE,
            entropy=CountedEntropy(),
        )
        exchange = Exchange(RETRY, max_outstanding=max_outstanding)
        self.connection = Connection(session, exchange, 0.0, keepalive=keepalive)
        self.numbers: list[int] = []
        self._sequence = 0

    def requests(self) -> list[LanMessage]:
        """What the BMC now gets."""
        opened = [reference.unseal(KEYS, datagram) for datagram in self.connection.datagrams_to_send()]
        self.numbers += [packet.sequence for packet in opened]
        return [decode_frame(packet.payload) for packet in opened]

    def answer(self, request: LanMessage, now: float, *, kind: int = 0, code: int = 0) -> Any:
        self._sequence += 1
        payload = encode_response(request, code, b"yes")
        return self.connection.receive_datagram(reference.seal(KEYS, LOCAL, self._sequence, payload, kind=kind), now)

    def submit(self, token: object, now: float = 0.0, data: bytes = b"") -> None:
        self.connection.submit(token, APP, 0x38, data, now)


def test_request_is_sealed_and_its_answer_delivered() -> None:
    wire = Wire()
    wire.submit("it", data=b"\x01")
    (request,) = wire.requests()
    assert (request.netfn, request.command, request.data) == (APP, 0x38, b"\x01")
    assert wire.answer(request, 0.5) == (Answered("it", 0, b"yes"),)
    assert list(wire.connection.datagrams_to_send()) == []


def test_request_that_waits_is_sent_when_the_one_before_is_answered() -> None:
    wire = Wire()
    wire.submit("first")
    wire.submit("second")
    (first,) = wire.requests()
    wire.answer(first, 0.5)
    (second,) = wire.requests()
    assert wire.answer(second, 0.6) == (Answered("second", 0, b"yes"),)


def test_request_that_waits_is_sent_when_the_one_before_is_forgotten() -> None:
    wire = Wire()
    first = wire.connection.submit("first", APP, 0x38, b"", 0.0)
    wire.submit("second")
    assert len(wire.requests()) == 1
    wire.connection.forget(first, 0.5)
    (second,) = wire.requests()
    assert wire.answer(second, 0.6) == (Answered("second", 0, b"yes"),)


def test_repeat_has_a_new_session_sequence_number_and_the_old_message() -> None:
    wire = Wire()
    wire.submit("it")
    sent = wire.requests()
    assert wire.connection.handle_deadline(0.9) == ()
    assert wire.connection.handle_deadline(1.0) == ()
    assert wire.requests() == sent
    assert wire.numbers == [1, 2]


def test_silence_ends_everything_that_waits_and_the_session() -> None:
    wire = Wire(max_outstanding=2)
    for token in ("dead", "on the way", "waiting"):
        wire.submit(token)
    for now in (1.0, 3.0):
        assert wire.connection.handle_deadline(now) == ()
    events = wire.connection.handle_deadline(7.0)
    assert events == (Unanswered("dead"), Unanswered("on the way"), Unanswered("waiting"), SessionLost())
    assert wire.connection.is_lost
    assert wire.connection.next_deadline() is None
    assert wire.connection.handle_deadline(99.0) == ()


def test_forged_or_foreign_datagrams_are_nothing() -> None:
    wire = Wire()
    wire.submit("it")
    (request,) = wire.requests()
    assert wire.connection.receive_datagram(b"", 0.1) == ()
    assert wire.answer(request, 0.1, kind=1) == ()
    assert wire.answer(request._replace(sequence=9), 0.1) == ()
    assert wire.connection.session.bad_datagrams == 1
    assert wire.connection.exchange.stale_replies == 1
    assert wire.answer(request, 0.2) == (Answered("it", 0, b"yes"),)


def test_idle_session_is_kept_alive_by_get_device_id() -> None:
    wire = Wire(keepalive=25.0)
    assert wire.connection.next_deadline() == 25.0
    wire.submit("it", now=10.0)
    (request,) = wire.requests()
    wire.answer(request, 10.1)
    assert wire.connection.next_deadline() == 35.0
    assert wire.connection.handle_deadline(34.9) == ()
    assert wire.connection.handle_deadline(35.0) == ()
    (keepalive,) = wire.requests()
    assert (keepalive.netfn, keepalive.command) == (APP, 0x01)
    assert wire.answer(keepalive, 35.1) == ()
    assert wire.connection.next_deadline() == 60.0


def test_unanswered_keep_alive_loses_the_session_and_wakes_nobody() -> None:
    wire = Wire()
    events: Any = ()
    while (deadline := wire.connection.next_deadline()) is not None:
        events = wire.connection.handle_deadline(deadline)
    assert events == (SessionLost(),)
    assert len(wire.requests()) == 3


def test_session_without_keep_alive_has_no_deadline_when_idle() -> None:
    wire = Wire(keepalive=None)
    assert wire.connection.next_deadline() is None
    assert wire.connection.handle_deadline(1e9) == ()


def test_abandoned_connection_tells_who_waits_but_no_keep_alive() -> None:
    wire = Wire(max_outstanding=2)
    wire.connection.handle_deadline(25.0)
    wire.submit("it", now=25.0)
    assert wire.connection.abandon() == [Unanswered("it")]
    assert wire.connection.is_lost


def test_close_session_goes_ahead_of_everything_and_ends_the_rest() -> None:
    wire = Wire()
    wire.submit("first")
    wire.submit("second")
    wire.requests()
    assert wire.connection.close("closing", 1.0, (0.25, 0.5)) == [Unanswered("first"), Unanswered("second")]
    (request,) = wire.requests()
    assert (request.netfn, request.command, request.data) == (APP, 0x3C, reference.u32(REMOTE))
    assert wire.connection.handle_deadline(1.25) == ()
    assert len(wire.requests()) == 1
    assert wire.answer(request, 1.3) == (Answered("closing", 0, b"yes"),)
    assert wire.connection.next_deadline() is None


def test_close_session_that_nobody_answers_is_over_after_its_delays() -> None:
    wire = Wire()
    wire.connection.close("closing", 0.0, (0.25, 0.5))
    wire.connection.handle_deadline(0.25)
    assert wire.connection.handle_deadline(0.75) == (Unanswered("closing"), SessionLost())


def lan_connection() -> Connection:
    session = LanSession(
        session_id=1, auth_type=0, password=b"", rules=LanRules(send_auth_type=0), outbound=0, inbound=1
    )
    return Connection(session, Exchange(RETRY), 0.0)


@pytest.mark.parametrize("hops", [0, 1, 2])
@pytest.mark.parametrize("plus", [True, False])
def test_longest_request_is_sent_and_a_longer_one_refused(plus: bool, hops: int) -> None:
    connection = Wire().connection if plus else lan_connection()
    most = (MAX_PLUS_DATA if plus else MAX_LAN_DATA) - 8 * hops
    target = Target(bridges=(Hop(0, 0x72),) * hops)
    with pytest.raises(LocalProtocolError, match=f"takes {most} bytes of data here, not {most + 1}"):
        connection.submit("it", APP, 1, bytes(most + 1), 0.0, target)
    assert connection.exchange.is_idle
    connection.submit("it", APP, 1, bytes(most), 0.0, target)
    (datagram,) = connection.datagrams_to_send()
    assert len(datagram) <= 65_507  # the most that UDP over IPv4 takes


def test_silent_controller_behind_the_bmc_leaves_the_session_alive() -> None:
    wire = Wire()
    wire.connection.submit("bridged", APP, 0x01, b"", 0.0, Target(bridges=(Hop(0, 0x72),)))
    events: list[object] = []
    while (due := wire.connection.next_deadline()) is not None and not events:
        events += wire.connection.handle_deadline(due)
    assert events == [Unanswered("bridged", bridged=True)]
    assert not wire.connection.is_lost


def with_console(wire: Wire) -> SolMachine:
    machine = SolMachine("console")
    wire.connection.attach_sol(machine)
    machine.activate(255)
    return machine


def hear_sol(wire: Wire, packet: SolPacket, number: int, now: float = 0.0) -> Any:
    datagram = reference.seal(KEYS, LOCAL, number, packet.encode(), kind=PayloadType.SOL)
    return wire.connection.receive_datagram(datagram, now)


def sent_sol(wire: Wire) -> list[SolPacket]:
    opened = [reference.unseal(KEYS, datagram) for datagram in wire.connection.datagrams_to_send()]
    return [SolPacket.decode(packet.payload) for packet in opened]


def test_sol_payloads_go_to_the_console_and_are_acknowledged_at_once() -> None:
    wire = Wire()
    machine = with_console(wire)
    assert hear_sol(wire, SolPacket(1, 0, 0, 0, b"hi"), 1) == (SolEvent("console", SolNews.MOVED),)
    assert sent_sol(wire) == [SolPacket(0, 1, 2)]
    assert wire.connection.sol is machine
    machine.write(b"ho")
    wire.connection.poll_sol(0.0)
    assert sent_sol(wire) == [SolPacket(1, 0, 0, 0, b"ho")]


def test_without_a_console_sol_payloads_go_nowhere() -> None:
    wire = Wire()
    assert hear_sol(wire, SolPacket(1, 0, 0, 0, b"hi"), 1) == ()
    wire.connection.poll_sol(0.0)
    machine = with_console(wire)
    wire.connection.detach_sol(SolMachine("another"))
    assert wire.connection.sol is machine
    wire.connection.detach_sol(machine)
    assert hear_sol(wire, SolPacket(1, 0, 0, 0, b"hi"), 2) == ()
    assert sent_sol(wire) == []


def test_a_session_has_one_console() -> None:
    wire = Wire()
    machine = with_console(wire)
    wire.connection.attach_sol(machine)
    with pytest.raises(LocalProtocolError, match="already"):
        wire.connection.attach_sol(SolMachine("another"))
    assert wire.connection.protection == (True, True)
    with pytest.raises(LocalProtocolError, match="lanplus"):
        lan_connection().attach_sol(machine)
    assert lan_connection().protection == (False, True)


def test_the_consoles_deadlines_and_the_commands_are_kept_side_by_side() -> None:
    wire = Wire()
    machine = with_console(wire)
    machine.write(b"a")
    wire.connection.poll_sol(0.0)
    assert wire.connection.next_deadline() == 0.25
    wire.submit("it")
    sent_sol_count = len(list(wire.connection.datagrams_to_send()))
    assert wire.connection.handle_deadline(0.25) == ()
    assert (sent_sol_count, sent_sol(wire)) == (2, [SolPacket(1, 0, 0, 0, b"a")])
    assert wire.connection.next_deadline() == 0.75
    hear_sol(wire, SolPacket(0, 1, 1), 1)
    assert wire.connection.next_deadline() == 1.0


def test_without_keep_alive_only_the_console_has_deadlines() -> None:
    wire = Wire(keepalive=None)
    machine = with_console(wire)
    assert wire.connection.next_deadline() is None
    machine.write(b"a")
    wire.connection.poll_sol(0.0)
    assert wire.connection.handle_deadline(0.25) == ()
    assert len(sent_sol(wire)) == 2


def test_the_console_is_told_that_the_session_is_lost() -> None:
    wire = Wire()
    with_console(wire)
    assert wire.connection.abandon() == [SolEvent("console", SolNews.LOST)]
    assert wire.connection.sol is None
