"""Two cores wired together: our console logs in to our BMC."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import AuthenticationError, ConduitError, NegotiationError, PeerTimeoutError, SessionRefused
from conduit.ipmi.bmc import Drop, Limits, LockOutPolicy, PlusConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.config import LanConfig
from conduit.ipmi.bmc.guest.config import GuestConfig
from conduit.ipmi.commands import ChassisControl, ChassisControlAction, ChassisIdentify, GetDeviceId, SetUserPassword
from conduit.ipmi.commands.users import PasswordOperation
from conduit.rmcp.auth_codes import AUTH_CODES, pad_password
from conduit.rmcp.ciphers import SUITES
from conduit.rmcp.credentials import Interface
from conduit.rmcp.lan_message import decode_frame, encode_frame
from conduit.rmcp.packets import (
    AuthType,
    decode_lan_packet,
    decode_plus_packet,
    encode_lan_packet,
    encode_plus_packet,
)
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_messages import (
    Algorithms,
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp3,
    Status,
)
from conduit.rmcp.session_commands import ActivateSession, CloseSession, GetSessionChallenge, SessionChallenge
from tests.wired import ADMIN, EVERY_AUTH_TYPE, EVERY_SUITE, Wire, make_bmc


@pytest.mark.parametrize("suite", EVERY_SUITE)
@pytest.mark.parametrize("name_only", [True, False])
def test_every_suite_opens_a_session_that_runs_commands(suite: int, name_only: bool) -> None:
    wire = Wire(make_bmc())
    console = wire.connect(cipher_suite=suite, interface=Interface.LANPLUS, name_only=name_only)
    assert console.info.cipher_suite == suite
    assert console.ask(GetDeviceId()).device_id == 0x20
    assert console.code(ChassisControl(action=ChassisControlAction.ON)) == 0
    assert not wire.bmc.drops


@pytest.mark.parametrize("auth_type", sorted(EVERY_AUTH_TYPE))
@pytest.mark.parametrize("per_message", [True, False])
@pytest.mark.parametrize("user_level", [True, False])
def test_every_auth_type_of_ipmi_15_opens_a_session(auth_type: AuthType, per_message: bool, user_level: bool) -> None:
    lan = LanConfig(auth_types=EVERY_AUTH_TYPE, per_message=per_message, user_level=user_level)
    wire = Wire(make_bmc(lan=lan))
    console = wire.connect(interface=Interface.LAN, auth_type=auth_type)
    assert console.ask(GetDeviceId()).device_id == 0x20
    assert console.code(ChassisControl(action=ChassisControlAction.ON)) == 0
    assert not wire.bmc.drops


def test_a_console_that_gives_up_is_not_answered() -> None:
    wire = Wire(make_bmc())
    parts = SUITES[17]
    algorithms = Algorithms(
        authentication=parts.authentication, integrity=parts.integrity, confidentiality=parts.confidentiality
    )
    request = OpenSessionRequest(tag=1, privilege=0, console_id=7, algorithms=algorithms)
    (opened,) = wire.deliver(encode_plus_packet(request.payload_type, request.encode()))
    bmc_id = OpenSessionResponse.decode(decode_plus_packet(opened).payload).bmc_id
    hello = Rakp1(tag=2, bmc_id=bmc_id, console_random=bytes(16), role=0x14, username=ADMIN.name)
    assert wire.deliver(encode_plus_packet(hello.payload_type, hello.encode()))
    enough = Rakp3(tag=3, status=Status.INVALID_INTEGRITY_CHECK_VALUE, bmc_id=bmc_id)
    assert wire.deliver(encode_plus_packet(enough.payload_type, enough.encode())) == []


def test_time_passes_for_the_machine_behind_the_serial_port_too() -> None:
    bmc = make_bmc(guest=GuestConfig(enabled=True))
    bmc.handle_deadline(1.0)
    bmc.handle_deadline(60.0)
    assert bmc.state.sol.port.host_read(0) == b""
    assert bmc.state.guest is not None


def test_without_a_choice_suite_17_is_taken() -> None:
    assert Wire(make_bmc()).log_in().info.cipher_suite == 17


def test_a_bmc_with_ipmi_15_only_is_logged_in_to_by_ipmi_15() -> None:
    wire = Wire(make_bmc(plus=PlusConfig(enabled=False)))
    info = wire.connect().info
    assert info.interface is Interface.LAN
    assert info.algorithms == "MD5"


def test_a_bmc_without_ipmi_15_refuses_it() -> None:
    wire = Wire(make_bmc(lan=LanConfig(enabled=False)))
    with pytest.raises(NegotiationError):
        wire.log_in(interface=Interface.LAN)


@pytest.mark.parametrize("kg", [b"k", b"k" * 20])
def test_a_two_key_log_in_needs_kg(kg: bytes) -> None:
    wire = Wire(make_bmc(plus=PlusConfig(kg=kg)))
    assert wire.connect(kg=kg).ask(GetDeviceId())
    with pytest.raises(AuthenticationError, match="Kg"):
        wire.log_in(kg=b"other")
    with pytest.raises(AuthenticationError):
        wire.log_in()


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_a_wrong_password_opens_nothing(interface: Interface) -> None:
    wire = Wire(make_bmc())
    with pytest.raises(ConduitError):
        wire.log_in(password=b"wrong", interface=interface)
    assert len(wire.bmc.state.sessions) == 0


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_an_unknown_user_is_refused(interface: Interface) -> None:
    with pytest.raises(AuthenticationError):
        Wire(make_bmc()).log_in(username=b"nobody", interface=interface)


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_users_without_password_or_disabled_are_refused(interface: Interface) -> None:
    users = (UserConfig(name=b"empty"), UserConfig(name=b"off", password=b"x", enabled=False))
    for username, password in ((b"empty", b""), (b"off", b"x")):
        with pytest.raises(AuthenticationError):
            Wire(make_bmc(users=users)).log_in(username=username, password=password, interface=interface)


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_null_and_anonymous_users_where_they_are_allowed(interface: Interface) -> None:
    null_user = make_bmc(users=(UserConfig(password=b"pw"),))
    assert Wire(null_user).connect(username=b"", password=b"pw", interface=interface).ask(GetDeviceId())
    anonymous = make_bmc(users=(UserConfig(),), allow_empty_passwords=True)
    assert Wire(anonymous).connect(username=b"", password=b"", interface=interface).ask(GetDeviceId())


def test_a_password_of_20_bytes_is_for_ipmi_20_only() -> None:
    long = UserConfig(name=b"long", password=b"x" * 20)
    wire = Wire(make_bmc(users=(long,)))
    assert wire.connect(username=b"long", password=b"x" * 20).ask(GetDeviceId())
    with pytest.raises(AuthenticationError):
        wire.log_in(username=b"long", password=b"x" * 16, interface=Interface.LAN)


def test_more_privilege_than_the_user_has_is_refused() -> None:
    wire = Wire(make_bmc())
    with pytest.raises(SessionRefused):
        wire.log_in(username=b"ursula", password=b"under", interface=Interface.LANPLUS)
    with pytest.raises(SessionRefused):
        wire.log_in(username=b"ursula", password=b"under", interface=Interface.LAN)
    wire.log_in(username=b"ursula", password=b"under", privilege=Privilege.USER)


def test_name_and_role_look_up_finds_the_user_of_exactly_that_privilege() -> None:
    wire = Wire(make_bmc())
    login: dict[str, Any] = {"username": b"oscar", "password": b"open", "interface": Interface.LANPLUS}
    wire.log_in(**login, name_only=False, privilege=Privilege.OPERATOR)
    with pytest.raises(AuthenticationError):
        wire.log_in(**login, name_only=False, privilege=Privilege.USER)


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_hidden_users_look_like_wrong_passwords(interface: Interface) -> None:
    users = (ADMIN, UserConfig(name=b"long", password=b"x" * 20), UserConfig(name=b"empty"))
    hiding: dict[str, Any] = {"plus": PlusConfig(hide_unknown_users=True), "lan": LanConfig(hide_unknown_users=True)}
    wire = Wire(make_bmc(users=users, **hiding))
    outcomes = set()
    for username, password in ((b"nobody", b"x"), (b"admin", b"x"), (b"", b"x"), (b"empty", b""), (b"long", b"x")):
        with pytest.raises(ConduitError) as caught:
            wire.log_in(username=username, password=password, interface=interface)
        outcomes.add((type(caught.value), str(caught.value)))
    assert len(outcomes) == 1
    assert wire.connect(interface=interface, seed=9).ask(GetDeviceId())


def test_without_authentication_nobody_can_be_hidden() -> None:
    lan = LanConfig(auth_types=EVERY_AUTH_TYPE, hide_unknown_users=True)
    with pytest.raises(AuthenticationError, match="no such user"):
        Wire(make_bmc(lan=lan)).log_in(username=b"nobody", interface=Interface.LAN, auth_type=AuthType.NONE)


@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    duplicate=st.floats(0, 0.5),
    reorder=st.floats(0, 0.5),
    interface=st.sampled_from([Interface.LAN, Interface.LANPLUS]),
)
def test_a_bad_network_changes_nothing_but_the_time_it_takes(
    seed: int, loss: float, duplicate: float, reorder: float, interface: Interface
) -> None:
    wire = Wire(make_bmc(), loss=loss, duplicate=duplicate, reorder=reorder, seed=seed)
    try:
        console = wire.connect(interface=interface)
        assert console.ask(GetDeviceId()).device_id == 0x20
    except PeerTimeoutError:
        pass  # seven losses in a row happen


def test_thirty_percent_loss_still_opens_a_session_and_runs_a_command() -> None:
    opened = 0
    for seed in range(200):
        wire = Wire(make_bmc(), loss=0.3, seed=seed)
        try:
            opened += wire.connect().ask(GetDeviceId()).device_id == 0x20
        except PeerTimeoutError:
            continue
    assert opened >= 180  # the rest lost one datagram seven times in a row


def test_a_power_cycle_whose_answer_is_lost_happens_once() -> None:
    for seed in range(60):
        wire = Wire(make_bmc(running=True), seed=seed)
        console = wire.connect()
        wire._loss = 0.5
        try:
            code = console.code(ChassisControl(action=ChassisControlAction.RESET))
        except PeerTimeoutError:
            continue
        assert code == 0
        assert len(wire.bmc.state.machine.boots) == 1


def test_session_slots_run_out() -> None:
    wire = Wire(make_bmc(limits=Limits(sessions=2)))
    for seed in (1, 2):
        wire.log_in(seed=seed)
    for interface in (Interface.LAN, Interface.LANPLUS):
        with pytest.raises(SessionRefused) as caught:
            wire.log_in(seed=3, interface=interface)
        assert caught.value.status == (0x01 if interface is Interface.LANPLUS else 0x81)


def test_a_users_own_slots_run_out() -> None:
    few = UserConfig(name=b"few", password=b"few", session_limit=1)
    wire = Wire(make_bmc(users=(ADMIN, few)))
    wire.log_in(username=b"few", password=b"few")
    with pytest.raises(SessionRefused) as caught:
        wire.log_in(username=b"few", password=b"few", seed=5, interface=Interface.LANPLUS)
    assert caught.value.status == 0x0B
    with pytest.raises(SessionRefused) as caught:
        wire.log_in(username=b"few", password=b"few", seed=6, interface=Interface.LAN)
    assert caught.value.status == 0x82
    wire.log_in(seed=7)


def test_sessions_end_when_they_are_closed_or_idle() -> None:
    wire = Wire(make_bmc())
    console = wire.connect()
    assert console.code(CloseSession(session_id=console.info.session_id)) == 0
    assert len(wire.bmc.state.sessions) == 0
    wire.connect(seed=4)
    wire.let_pass(59)
    assert len(wire.bmc.state.sessions) == 1
    wire.let_pass(2)
    assert len(wire.bmc.state.sessions) == 0


def test_bad_passwords_lock_a_user_out_for_a_while() -> None:
    wire = Wire(make_bmc(lock_out=LockOutPolicy(attempts=2, window=60, duration=100)))
    with pytest.raises(ConduitError):  # the console takes the silence for loss, and tries more than once
        wire.log_in(password=b"wrong", interface=Interface.LAN)
    with pytest.raises(AuthenticationError, match="0x0d"):
        wire.log_in(interface=Interface.LANPLUS, seed=3)
    with pytest.raises(AuthenticationError):
        wire.log_in(interface=Interface.LAN, seed=4)
    wire.log_in(username=b"oscar", password=b"open", privilege=Privilege.OPERATOR)
    wire.let_pass(101)
    wire.log_in(interface=Interface.LANPLUS, seed=5)


def test_a_new_password_counts_from_the_next_log_in() -> None:
    wire = Wire(make_bmc())
    console = wire.connect()
    change = SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"changed")
    assert console.code(change) == 0
    assert console.ask(GetDeviceId())
    with pytest.raises(AuthenticationError):
        wire.log_in(seed=8)
    wire.log_in(seed=9, password=b"changed")


def test_a_session_answers_only_its_own_address() -> None:
    wire = Wire(make_bmc())
    console = wire.connect()
    wire.address = ("192.0.2.2", 40_000)
    assert console.is_dead(GetDeviceId())
    assert wire.bmc.drops[Drop.WRONG_ADDRESS]


def test_log_ins_under_way_are_few_and_the_oldest_goes() -> None:
    wire = Wire(make_bmc(limits=Limits(half_open=4)))
    for seed in range(10):
        wire.log_in(seed=seed)
    assert len(wire.bmc.log_ins) == 4
    assert wire.bmc.log_ins.evictions == 6
    wire.let_pass(31)
    assert len(wire.bmc.log_ins) == 0


def test_a_host_that_starts_log_ins_without_end_pushes_out_none_but_its_own() -> None:
    wire = Wire(make_bmc(limits=Limits(half_open=4)))
    given_id = challenge(wire).session_id
    for port in range(50):
        wire.address = ("192.0.2.66", 1024 + port)
        challenge(wire)
    assert wire.bmc.log_ins.is_temporary(given_id)
    assert len(wire.bmc.log_ins) == 4


def test_guesses_made_side_by_side_count_like_guesses_made_in_turn() -> None:
    wire = Wire(make_bmc(lock_out=LockOutPolicy(attempts=3)))
    offers = [challenge(wire) for _ in range(10)]
    for offer in offers[:9]:
        datagram = bytearray(activation(offer.session_id, bytes(22)))
        datagram[13] ^= 1  # of the AuthCode
        assert wire.deliver(bytes(datagram)) == []
    request = ActivateSession(auth_type=2, want=4, challenge=offers[9].challenge, outbound_sequence=9).encode()
    assert wire.deliver(activation(offers[9].session_id, request)) == []
    assert wire.bmc.state.lock_out.is_locked_out(2, wire.now)


def challenge(wire: Wire) -> SessionChallenge:
    request = GetSessionChallenge(auth_type=AuthType.MD5, username=b"admin")
    (answer,) = wire.deliver(encode_lan_packet(encode_frame(6, 0x39, request.encode(), sequence=1)))
    return SessionChallenge.decode(decode_frame(decode_lan_packet(answer).payload).data[1:])


def activation(session_id: int, data: bytes) -> bytes:
    frame = encode_frame(6, 0x3A, data, sequence=2)
    code = AUTH_CODES[AuthType.MD5](pad_password(b"secret"), session_id, 0, frame)
    return encode_lan_packet(frame, auth_type=AuthType.MD5, session_id=session_id, auth_code=code)


def test_an_activation_that_is_too_short_is_dropped_and_may_be_put_right() -> None:
    wire = Wire(make_bmc())
    given_id = challenge(wire).session_id
    assert wire.deliver(activation(given_id, b"\x02\x04")) == []
    assert wire.bmc.drops == {Drop.BAD_MESSAGE: 1}


def test_an_activation_from_elsewhere_is_dropped() -> None:
    wire = Wire(make_bmc())
    offer = challenge(wire)
    request = ActivateSession(auth_type=2, want=4, challenge=offer.challenge, outbound_sequence=9).encode()
    wire.address = ("192.0.2.7", 7)
    assert wire.deliver(activation(offer.session_id, request)) == []
    assert wire.bmc.drops == {Drop.NOT_AUTHENTIC: 1}


def test_an_activation_in_no_session_is_refused_by_name() -> None:
    wire = Wire(make_bmc())
    (answer,) = wire.deliver(activation(77, bytes(22)))
    assert decode_frame(decode_lan_packet(answer).payload).data == b"\x85"


def test_young_log_ins_outlive_old_ones() -> None:
    wire = Wire(make_bmc())
    challenge(wire)
    wire.let_pass(20)
    challenge(wire)
    wire.let_pass(15)
    assert len(wire.bmc.log_ins) == 1


def test_handles_in_use_are_skipped() -> None:
    wire = Wire(make_bmc())
    wire.log_in()
    handles = [wire.bmc.state.sessions.next_handle() for _ in range(254)]
    assert handles == list(range(2, 256))
    assert wire.bmc.state.sessions.next_handle() == 2


def test_the_deadline_is_never_later_than_what_is_due() -> None:
    bmc = make_bmc()
    wire = Wire(bmc)
    assert bmc.next_deadline() is None
    console = wire.connect()
    assert bmc.next_deadline() == wire.now + 30
    console.ask(ChassisIdentify(interval=5))
    assert bmc.next_deadline() == wire.now + 5
    wire.let_pass(31)
    assert bmc.next_deadline() == wire.now + 29
    wire.let_pass(30)
    assert bmc.next_deadline() is None


def test_session_ids_are_neither_zero_nor_taken() -> None:
    same = b"\0" * 4 + b"\1" * 4 * 3  # as session IDs: none, one, the same one twice more
    chosen = iter([same[start : start + 4] for start in range(0, len(same), 4)])
    bmc = VirtualBmc(
        make_bmc().config,
        entropy=lambda count: next(chosen, b"\2" * 4) if count == 4 else bytes(count),
    )
    wire = Wire(bmc)
    assert challenge(wire).session_id == 0x01010101
    wire.now += 1
    assert challenge(wire).session_id == 0x02020202
