"""The BMC's side of SOL, asked and typed at through whole sessions in memory."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.ipmi.bmc import PowerCommand, Timings, VirtualBmc
from conduit.ipmi.bmc.sol import SolConfig
from conduit.ipmi.bmc.state import Reset
from conduit.ipmi.commands import (
    ActivatePayload,
    BitRate,
    ChannelPayloadVersion,
    DeactivatePayload,
    EncryptionOperation,
    GetChannelPayloadSupport,
    GetChannelPayloadVersion,
    GetPayloadActivationStatus,
    GetPayloadInstanceInfo,
    GetSolConfiguration,
    GetUserPayloadAccess,
    PayloadAccessOperation,
    PayloadActivationStatus,
    SetPayloadEncryption,
    SetProgress,
    SetSolConfiguration,
    SetUserPayloadAccess,
    SolAccumulation,
    SolAuthentication,
    SolBitRate,
    SolConfiguration,
    SolEnable,
    SolPayloadPort,
    SolRetry,
    SolSelector,
    SolSetInProgress,
    SolVolatileBitRate,
    UserPayloadAccess,
)
from conduit.ipmi.messages import PrivilegeLimit
from conduit.ipmi.sol import SolEvent, SolMachine, SolNews, packet_size
from conduit.ipmi.sol_packets import NACK, Operation, SolPacket, Status
from conduit.rmcp.packets import PayloadType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import CloseSession
from tests.wired import Wire, make_bmc

ACTIVE, DISABLED, NO_ENCRYPTION, ENCRYPTION_WANTED = 0x80, 0x81, 0x83, 0x84
INVALID_LENGTH, INVALID_FIELD, NO_PRIVILEGE = 0xC7, 0xCC, 0xD4


class Typist:
    """A session with a console."""

    def __init__(self, bmc: VirtualBmc, *, number: int = 1, **credentials: Any) -> None:
        self.wire = Wire(bmc, address=("192.0.2.1", 40_000 + number))
        self.port = bmc.state.sol.port
        self.console = self.wire.connect(seed=number, **credentials)
        self.machine = SolMachine(self)
        self.news: list[SolNews] = []

    def activate(self, **options: Any) -> Typist:
        self.machine.deactivate()
        self.machine.prepare()
        answer = self.console.ask(ActivatePayload.sol(**options))
        self.console.connection.attach_sol(self.machine)
        self.machine.activate(packet_size(answer))
        self.run()
        return self

    def run(self, *unsolicited: bytes) -> None:
        """Carry datagrams until nobody has more to say."""
        connection, now = self.console.connection, self.wire.now
        incoming = [*unsolicited, *self.passes(0)]
        connection.poll_sol(now)
        while True:
            for data in connection.datagrams_to_send():
                incoming += self.wire.deliver(data)
            if not incoming:
                return
            for event in connection.receive_datagram(incoming.pop(0), now):
                assert isinstance(event, SolEvent)
                self.news.append(event.news)

    def passes(self, seconds: float) -> list[bytes]:
        """Let time pass; what the BMC then sends here by itself."""
        self.wire.now += seconds
        self.wire.bmc.handle_deadline(self.wire.now)
        return [data for data, address in self.wire.bmc.datagrams_to_send() if address == self.wire.address]

    def type(self, data: bytes) -> None:
        self.machine.write(data)
        self.run()

    def say(self, *packet: Any) -> list[SolPacket]:
        """Send a packet made by hand; the packets that answer it."""
        session = self.console.connection.session
        answers = self.wire.deliver(session.seal(PayloadType.SOL, SolPacket(*packet).encode()))
        return self.read(answers)

    def read(self, datagrams: list[bytes]) -> list[SolPacket]:
        opened = [self.console.connection.session.open(data) for data in datagrams]
        return [SolPacket.decode(found[1]) for found in opened if found is not None]


def code(typist: Typist, **options: Any) -> int:
    return typist.console.code(ActivatePayload.sol(**options))


def test_characters_go_both_ways() -> None:
    typist = Typist(make_bmc()).activate()
    typist.type(b"hello")
    assert typist.port.host_read(99) == b"hello"
    typist.port.host_write(b"world")
    typist.run()
    assert typist.machine.read() == b"world"


def test_the_next_console_finds_what_nobody_saw() -> None:
    typist = Typist(make_bmc())
    typist.port.host_write(b"booting\r\n")
    typist.activate()
    assert typist.machine.read() == b"booting\r\n"
    assert typist.port.dcd
    assert typist.port.cts


def test_an_answer_that_comes_at_once_rides_on_the_acknowledge() -> None:
    typist = Typist(make_bmc()).activate()

    def answer() -> None:
        typist.port.host_write(typist.port.host_read(99).upper())

    typist.port.wake_host = answer
    assert typist.say(1, 0, 0, 0, b"a") == [SolPacket(1, 1, 1, 0, b"A")]


def test_only_one_session_has_it_and_the_other_may_take_it() -> None:
    bmc = make_bmc()
    first, second = Typist(bmc, number=1).activate(), Typist(bmc, number=2)
    assert code(second) == ACTIVE
    info = first.console.ask(GetPayloadInstanceInfo())
    assert info.session_id == first.console.connection.session.remote_id
    second.console.connection.submit("it", *_parts(DeactivatePayload()), second.wire.now)
    (request,) = second.console.connection.datagrams_to_send()
    bmc.receive_datagram(request, second.wire.address, second.wire.now)
    farewell, answer = sorted(bmc.datagrams_to_send(), key=lambda sent: sent[1])
    assert answer[1] == second.wire.address
    second.console.connection.receive_datagram(answer[0], second.wire.now)
    first.run(farewell[0])
    assert first.news == [SolNews.DEACTIVATED]
    second.activate()
    assert first.say(1, 0, 0, 0, b"x") == []
    assert second.console.ask(GetPayloadActivationStatus()).active == {1}


def _parts(command: Any) -> tuple[int, int, bytes]:
    return command.netfn, command.command, command.encode()


def test_its_owner_may_activate_it_again_and_deactivate_it_once() -> None:
    typist = Typist(make_bmc()).activate()
    typist.activate()
    assert typist.console.code(DeactivatePayload()) == 0
    assert not typist.port.watched
    assert typist.console.code(DeactivatePayload()) == ACTIVE  # here: not active
    assert typist.console.ask(GetPayloadActivationStatus()) == PayloadActivationStatus(capacity=1)
    assert typist.console.ask(GetPayloadInstanceInfo()).session_id == 0
    assert typist.console.code(ActivatePayload(payload_type=PayloadType.SOL, instance=2)) == INVALID_FIELD


def test_the_end_of_the_session_ends_it_and_keeps_what_was_not_confirmed() -> None:
    typist = Typist(make_bmc()).activate()
    typist.port.host_write(b"last words")
    assert typist.read(typist.passes(0)) == [SolPacket(1, 0, 0, 0, b"last words")]
    assert not typist.wire.bmc.state.sol.is_settled
    typist.console.ask(CloseSession(session_id=typist.console.connection.session.remote_id))
    assert not typist.port.watched
    assert typist.port.pending == 10


def test_an_owner_that_vanished_is_noticed_in_time() -> None:
    bmc = make_bmc()
    typist = Typist(bmc).activate()
    bmc.state.sessions.clear()
    bmc.state.sol.advance(typist.wire.now)
    assert bmc.state.sol.owner is None
    bmc.state.sol.advance(typist.wire.now)
    assert bmc.state.sol.next_deadline() is None


def test_operations_reach_the_port() -> None:
    typist = Typist(make_bmc()).activate()
    port = typist.port
    assert typist.say(1, 0, 0, Operation.BREAK, b"x") == [SolPacket(0, 1, 1)]
    assert typist.say(1, 0, 0, Operation.BREAK, b"x") == [SolPacket(0, 1, 1)]  # a repeat
    typist.say(2, 0, 0, Operation.RING | Operation.PAUSE | Operation.DROP_CARRIER)
    assert (port.breaks, port.rings, port.cts, port.dcd) == (1, 1, False, False)
    typist.say(3, 0, 0, Operation.FLUSH_INBOUND)
    assert (port.host_read(9), port.cts, port.dcd) == (b"", True, True)
    port.host_write(b"out")
    typist.say(4, 0, 0, Operation.FLUSH_OUTBOUND | Operation.PAUSE)


def test_a_host_that_does_not_read_stops_the_console_until_it_does() -> None:
    typist = Typist(make_bmc()).activate()
    room = typist.port.input_room
    typist.port.sol_write(bytes(room - 1))
    assert typist.say(1, 0, 0, 0, b"ab") == [SolPacket(0, 1, 1)]
    assert typist.say(2, 0, 0, 0, b"b") == [SolPacket(0, 2, 0, NACK)]
    assert typist.passes(0) == []
    typist.port.host_read(room)
    assert typist.read(typist.passes(0)) == [SolPacket(0, 2, 0)]
    assert typist.say(2, 0, 0, 0, b"b") == [SolPacket(0, 2, 1)]


def test_output_waits_for_the_threshold_or_the_interval() -> None:
    typist = Typist(make_bmc(sol=SolConfig(accumulate_interval=20, threshold=5))).activate()
    typist.port.host_write(b"ab")
    assert typist.wire.bmc.next_deadline() == 0.0  # at once, to see what time it is
    assert typist.passes(0) == []
    assert typist.wire.bmc.next_deadline() == pytest.approx(typist.wire.now + 0.1)
    typist.port.host_write(b"cde")
    assert typist.read(typist.passes(0))[0].data == b"abcde"
    typist.say(0, 1, 5)
    typist.port.host_write(b"f")
    assert typist.passes(0) == []
    assert typist.read(typist.passes(0.1))[0].data == b"f"


def test_a_packet_nobody_acknowledges_is_repeated_and_then_more_slowly() -> None:
    typist = Typist(make_bmc(sol=SolConfig(retry_count=2, retry_interval=10))).activate()
    typist.port.host_write(b"a")
    sent = typist.passes(0)
    times = []
    for _ in range(5):
        due = typist.wire.bmc.next_deadline()
        assert due is not None
        times.append(round(due - typist.wire.now, 3))
        sent += typist.passes(due - typist.wire.now)
    assert times == [0.1, 0.1, 0.1, 0.4, 0.4]
    assert set(typist.read(sent)) == {SolPacket(1, 0, 0, 0, b"a")}


def test_a_break_of_the_machine_is_told_once() -> None:
    typist = Typist(make_bmc()).activate()
    typist.port.host_break()
    typist.run()
    typist.run()
    assert typist.news == [SolNews.BREAK]


def test_test_mode_shows_the_machines_lines() -> None:
    typist = Typist(make_bmc()).activate(test_mode=True)
    assert typist.say(1, 0, 0, 0, b"a") == [SolPacket(0, 1, 1, Status.DTR | Status.RTS)]


def test_without_power_characters_are_unavailable_where_so_configured() -> None:
    bmc = make_bmc(sol=SolConfig(needs_power=True), timings=Timings(power_on=0, post=0))
    typist = Typist(bmc)
    typist.activate(deassert=True)
    assert not typist.port.dcd
    assert typist.say(1, 0, 0, 0, b"a") == [SolPacket(0, 1, 0, Status.UNAVAILABLE)]
    bmc.state.machine.command(PowerCommand.ON, typist.wire.now)
    typist.run(*typist.passes(1))
    assert bmc.state.sol.available
    assert typist.say(2, 0, 0, 0, b"a") == [SolPacket(0, 2, 1)]


def test_power_that_comes_or_goes_without_a_console_tells_nobody() -> None:
    bmc = make_bmc(sol=SolConfig(needs_power=True))
    bmc.state.sol.set_available(True)
    bmc.state.sol.set_available(False)
    assert bmc.state.sol.payloads_to_send() == ()


def test_malformed_packets_and_other_payloads_are_dropped() -> None:
    typist = Typist(make_bmc()).activate()
    session = typist.console.connection.session
    assert typist.wire.deliver(session.seal(PayloadType.SOL, b"\1")) == []
    assert typist.wire.deliver(session.seal(PayloadType.OEM_EXPLICIT, b"\1\0\0\0")) == []
    assert sum(typist.wire.bmc.drops.values()) == 2


def test_activation_is_refused_where_the_configuration_says_so() -> None:
    bmc = make_bmc()
    typist = Typist(bmc)
    assert code(typist, instance=2) == INVALID_FIELD
    assert code(typist, encrypt=False) == ENCRYPTION_WANTED
    assert typist.console.code(ActivatePayload(payload_type=PayloadType.OEM_EXPLICIT)) == DISABLED
    plain = Typist(bmc, number=2, cipher_suite=1)
    assert code(plain, encrypt=True) == NO_ENCRYPTION
    for forced in (SolAuthentication(force_encryption=True), SolAuthentication(force_authentication=True)):
        bmc.state.sol.parameters[SolSelector.AUTHENTICATION] = forced
        bare = Typist(bmc, number=3, cipher_suite=0)
        assert code(bare, encrypt=False) == ENCRYPTION_WANTED
    bmc.state.sol.parameters[SolSelector.AUTHENTICATION] = SolAuthentication(privilege=PrivilegeLimit.ADMINISTRATOR)
    weak = Typist(bmc, number=4, username=b"oscar", password=b"open", privilege=Privilege.OPERATOR)
    assert code(weak) == NO_PRIVILEGE
    typist.console.ask(SetSolConfiguration.of(SolEnable(enabled=False)))
    assert code(typist) == DISABLED


def test_a_user_can_be_denied_the_payload() -> None:
    typist = Typist(make_bmc())
    sol = UserPayloadAccess(standard=2)
    assert typist.console.ask(GetUserPayloadAccess(user_id=2)) == UserPayloadAccess(standard=3)
    typist.console.ask(SetUserPayloadAccess(user_id=2, operation=PayloadAccessOperation.DISABLE, payloads=sol))
    assert not typist.console.ask(GetUserPayloadAccess(user_id=2)).sol
    assert code(typist) == NO_PRIVILEGE
    typist.console.ask(SetUserPayloadAccess(user_id=2, payloads=UserPayloadAccess()))
    assert code(typist) == NO_PRIVILEGE
    typist.console.ask(SetUserPayloadAccess(user_id=2))
    assert code(typist) == 0
    assert typist.console.code(SetUserPayloadAccess(user_id=2, operation=3)) == INVALID_FIELD
    assert typist.console.code(GetUserPayloadAccess(user_id=60)) == INVALID_FIELD
    assert typist.console.code(GetUserPayloadAccess(user_id=2, channel=0)) == INVALID_FIELD


def test_payloads_of_the_channel() -> None:
    console = Typist(make_bmc()).console
    assert PayloadType.SOL in console.ask(GetChannelPayloadSupport()).types
    assert console.ask(GetChannelPayloadVersion()) == ChannelPayloadVersion(major=1)
    assert console.code(GetChannelPayloadVersion(payload_type=0x20)) == ACTIVE  # here: no such payload
    assert console.code(GetChannelPayloadSupport(channel=0)) == INVALID_FIELD
    assert console.code(SetPayloadEncryption(operation=EncryptionOperation.SUSPEND)) == ACTIVE
    assert console.ask(GetPayloadActivationStatus(payload_type=2)).capacity == 0
    assert console.code(DeactivatePayload(payload_type=2)) == DISABLED
    assert console.code(DeactivatePayload(instance=2)) == ACTIVE


def test_parameters_are_read_and_written() -> None:
    bmc = make_bmc()
    bmc.state.sol.serve_on(9001)
    console = Typist(bmc).console
    for parameter in (
        SolAccumulation(interval=3, threshold=4),
        SolRetry(count=1, interval=0),
        SolBitRate(rate=BitRate.BPS_9600),
    ):
        console.ask(SetSolConfiguration.of(parameter))
        assert console.ask(GetSolConfiguration(selector=parameter.SELECTOR)).data == parameter.encode()
    assert console.ask(GetSolConfiguration(selector=8)).data == SolPayloadPort(port=9001).encode()
    assert console.ask(GetSolConfiguration(selector=8, revision_only=True)) == SolConfiguration()
    assert console.code(GetSolConfiguration(selector=99)) == 0x80
    assert console.code(GetSolConfiguration(selector=1, channel=0)) == INVALID_FIELD
    assert console.code(SetSolConfiguration(selector=1, channel=0, data=b"\1")) == INVALID_FIELD
    assert console.code(SetSolConfiguration(selector=99, data=b"\1")) == 0x80
    assert console.code(SetSolConfiguration(selector=8, data=b"\1\1")) == 0x82
    assert console.code(SetSolConfiguration(selector=3, data=b"\1")) == INVALID_LENGTH
    busy = SetSolConfiguration.of(SolSetInProgress(state=SetProgress.IN_PROGRESS))
    assert [console.code(busy), console.code(busy)] == [0, 0x81]


def test_a_reset_of_the_bmc_ends_it_and_restores_the_stored_speed() -> None:
    bmc = make_bmc()
    typist = Typist(bmc).activate()
    bmc.state.sol.parameters[SolSelector.VOLATILE_BIT_RATE] = SolVolatileBitRate(rate=BitRate.BPS_9600)
    bmc.state.restart(Reset.WARM, 0.0)
    assert not typist.port.watched
    assert bmc.state.sol.parameters[SolSelector.VOLATILE_BIT_RATE] == SolVolatileBitRate(rate=BitRate.BPS_115200)


def test_ipmi_1_5_has_no_payloads() -> None:
    from conduit.rmcp.credentials import Interface

    typist = Typist(make_bmc(), interface=Interface.LAN)
    assert code(typist, encrypt=False) == DISABLED
