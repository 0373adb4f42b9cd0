"""What each command does, asked by a console of ours."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.ipmi.bmc import Identity, Limits, PlusConfig, PowerState, Timings
from conduit.ipmi.bmc.config import LanConfig
from conduit.ipmi.commands import (
    AccessMode,
    AcpiSystemState,
    BootDevice,
    BootFlags,
    BootInfoAcknowledge,
    BootParameter,
    Button,
    ChannelAccess,
    ChassisControl,
    ChassisControlAction,
    ChassisIdentify,
    ColdReset,
    GetAcpiPowerState,
    GetBmcGlobalEnables,
    GetChannelAccess,
    GetChannelInfo,
    GetChassisCapabilities,
    GetChassisStatus,
    GetDeviceGuid,
    GetDeviceId,
    GetMessage,
    GetPohCounter,
    GetSelfTestResults,
    GetSessionInfo,
    GetSystemBootOptions,
    GetSystemGuid,
    GetSystemInfo,
    GetSystemRestartCause,
    GetUserAccess,
    GetUserName,
    GetWatchdogTimer,
    GlobalEnables,
    IdentifyState,
    MasterWriteRead,
    PasswordOperation,
    PowerRestorePolicy,
    ResetWatchdogTimer,
    RestartCause,
    SendMessage,
    SetAcpiPowerState,
    SetBmcGlobalEnables,
    SetChannelAccess,
    SetChassisCapabilities,
    SetFrontPanelEnables,
    SetInProgress,
    SetPowerCycleInterval,
    SetPowerRestorePolicy,
    SetProgress,
    SetSystemBootOptions,
    SetSystemInfo,
    SetUserAccess,
    SetUserName,
    SetUserPassword,
    SetWatchdogTimer,
    Store,
    SystemInfoParameter,
    TimeoutAction,
    TimerUse,
    Tracking,
    ValidBitClearing,
    WarmReset,
)
from conduit.ipmi.exchange import Hop, Target
from conduit.ipmi.messages import PrivilegeLimit
from conduit.rmcp.command import Command
from conduit.rmcp.credentials import Interface
from conduit.rmcp.lan_message import decode_frame, encode_frame
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import (
    ActivateSession,
    CloseSession,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    SetSessionPrivilegeLevel,
)
from tests.wired import EVERY_SUITE, Console, Wire, make_bmc

INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
GUID = bytes(range(100, 116))


@pytest.fixture
def wire() -> Wire:
    return Wire(make_bmc(identity=Identity(guid=GUID, manufacturer_id=7244, product_id=99), timings=INSTANT))


@pytest.fixture
def console(wire: Wire) -> Console:
    return wire.connect()


def chassis(action: ChassisControlAction) -> ChassisControl:
    return ChassisControl(action=action)


# --- unknown and wrong ---


def test_unknown_commands_and_luns(console: Console) -> None:
    assert console.raw(0x3E, 0x10)[0] == 0xC1
    assert console.raw(0x06, 0x01, target=Target(lun=1))[0] == 0xC2


def test_a_value_out_of_range_is_an_invalid_field(console: Console) -> None:
    assert console.raw(0x06, 0x44, b"\x0e\x00")[0] == 0xCC


# --- app ---


def test_who_it_is(console: Console) -> None:
    device = console.ask(GetDeviceId())
    assert (device.manufacturer_id, device.product_id, device.ipmi_version) == (7244, 99, "2.0")
    assert console.ask(GetDeviceGuid()).raw == console.ask(GetSystemGuid()).raw == console.info.guid == GUID
    assert console.ask(GetSelfTestResults()).passed


def test_a_bmc_without_ipmi_20_says_so() -> None:
    wire = Wire(make_bmc(plus=PlusConfig(enabled=False)))
    assert wire.connect().ask(GetDeviceId()).ipmi_version == "1.5"
    assert wire.connect(seed=9).code(GetChannelCipherSuites()) == 0xC1


@pytest.mark.parametrize("reset", [ColdReset(), WarmReset()])
def test_a_reset_ends_every_session_after_its_answer(wire: Wire, console: Console, reset: Command[Any]) -> None:
    wire.log_in(seed=3)
    assert console.code(SetBmcGlobalEnables(enables=GlobalEnables(event_logging=True))) == 0
    assert console.code(reset) == 0
    assert len(wire.bmc.state.sessions) == 0
    assert wire.bmc.state.global_enables.event_logging == isinstance(reset, WarmReset)
    assert console.is_dead(GetDeviceId())


def test_acpi_state_follows_power_until_software_says_otherwise(console: Console) -> None:
    assert console.ask(GetAcpiPowerState()).system == AcpiSystemState.S5_SOFT_OFF
    assert console.code(SetAcpiPowerState(system=AcpiSystemState.S3_SUSPEND_TO_RAM)) == 0
    assert console.ask(GetAcpiPowerState()).system == AcpiSystemState.S3_SUSPEND_TO_RAM
    console.ask(chassis(ChassisControlAction.ON))
    assert console.ask(GetAcpiPowerState()).system == AcpiSystemState.S0_WORKING


# --- chassis ---


def test_power_commands(wire: Wire, console: Console) -> None:
    machine = wire.bmc.state.machine
    for action, code, state in (
        (ChassisControlAction.RESET, 0xD5, PowerState.OFF),
        (ChassisControlAction.ON, 0, PowerState.RUNNING),
        (ChassisControlAction.RESET, 0, PowerState.RUNNING),
        (ChassisControlAction.CYCLE, 0, PowerState.RUNNING),
        (ChassisControlAction.DIAGNOSTIC_INTERRUPT, 0, PowerState.RUNNING),
        (ChassisControlAction.SOFT_SHUTDOWN, 0, PowerState.OFF),
        (ChassisControlAction.OFF, 0, PowerState.OFF),
    ):
        assert console.code(chassis(action)) == code, action
        assert machine.state is state, action
    assert len(machine.boots) == 3
    assert console.code(ChassisControl(action=9)) == 0xCC
    assert console.ask(GetSystemRestartCause()).cause == RestartCause.CHASSIS_CONTROL


def test_chassis_settings(wire: Wire, console: Console) -> None:
    assert console.code(SetChassisCapabilities(fru_address=0x22, bridge_address=0x24)) == 0
    assert console.code(SetChassisCapabilities(fru_address=0x23)) == 0
    capabilities = console.ask(GetChassisCapabilities())
    assert (capabilities.fru_address, capabilities.bridge_address) == (0x23, 0x24)
    assert capabilities.diagnostic_interrupt
    assert console.ask(SetPowerRestorePolicy(policy=PowerRestorePolicy.ALWAYS_ON)).always_on
    assert console.ask(SetPowerRestorePolicy()).always_on
    assert console.code(SetPowerRestorePolicy(policy=5)) == 0xCC
    assert console.code(SetFrontPanelEnables(disabled=Button.RESET)) == 0
    status = console.ask(GetChassisStatus())
    assert status.restore_policy == PowerRestorePolicy.ALWAYS_ON
    assert status.front_panel.disabled == Button.RESET
    assert console.code(SetPowerCycleInterval(interval=3)) == 0
    assert console.ask(GetPohCounter()).count == 0


def test_identify(wire: Wire, console: Console) -> None:
    assert console.code(ChassisIdentify(interval=5)) == 0
    assert console.ask(GetChassisStatus()).identify_state == IdentifyState.TEMPORARY
    wire.let_pass(6)
    assert console.ask(GetChassisStatus()).identify_state == IdentifyState.OFF
    assert console.code(ChassisIdentify(force_on=True)) == 0
    wire.let_pass(50)
    assert console.ask(GetChassisStatus()).identify_state == IdentifyState.INDEFINITE
    assert console.code(ChassisIdentify(interval=0)) == 0
    assert console.ask(GetChassisStatus()).identify_state == IdentifyState.OFF


# --- boot options ---


def test_boot_flags_are_consumed_by_the_next_start(wire: Wire, console: Console) -> None:
    flags = BootFlags(valid=True, device=BootDevice.PXE, efi=True)
    assert console.code(SetSystemBootOptions.of(flags)) == 0
    assert console.ask(GetSystemBootOptions()).option == flags
    console.ask(chassis(ChassisControlAction.ON))
    assert wire.bmc.state.machine.boots[-1].flags == flags
    assert not console.ask(GetSystemBootOptions()).option.valid


def test_boot_options_are_kept(console: Console) -> None:
    keep = ValidBitClearing(keep_on_watchdog=True)
    assert console.code(SetSystemBootOptions.of(keep)) == 0
    assert console.ask(GetSystemBootOptions(parameter=BootParameter.VALID_BIT_CLEARING)).option == keep
    assert console.code(SetSystemBootOptions.of(BootInfoAcknowledge(write_mask=1, bios=True, sms=True))) == 0
    acknowledged = console.ask(GetSystemBootOptions(parameter=BootParameter.BOOT_INFO_ACKNOWLEDGE)).option
    assert acknowledged == BootInfoAcknowledge(bios=True)
    for parameter, size in ((1, 1), (2, 1), (6, 9)):
        assert console.code(SetSystemBootOptions(parameter=parameter, data=bytes([7] * size))) == 0
        assert console.ask(GetSystemBootOptions(parameter=parameter)).data == bytes([7] * size)
    assert console.code(SetSystemBootOptions(parameter=7, data=b"\x02mail")) == 0
    mail = console.ask(GetSystemBootOptions(parameter=7, set_selector=2)).data
    assert mail == b"\x02mail" + bytes(12)


def test_boot_options_can_be_invalid_unknown_or_short(console: Console) -> None:
    assert console.code(SetSystemBootOptions(parameter=5, invalid=True)) == 0
    assert console.ask(GetSystemBootOptions()).invalid
    assert console.code(SetSystemBootOptions(parameter=5)) == 0
    assert not console.ask(GetSystemBootOptions()).invalid
    assert console.code(SetSystemBootOptions(parameter=99)) == 0x80
    assert console.code(SetSystemBootOptions(parameter=99, data=b"x")) == 0x80
    assert console.code(GetSystemBootOptions(parameter=99)) == 0x80
    assert console.code(SetSystemBootOptions(parameter=5, data=b"x")) == 0xC7


def test_only_one_session_at_a_time_sets_boot_options(wire: Wire, console: Console) -> None:
    other = wire.connect(seed=5)
    claim = SetSystemBootOptions.of(SetInProgress(state=SetProgress.IN_PROGRESS))
    done = SetSystemBootOptions.of(SetInProgress())
    question = GetSystemBootOptions(parameter=BootParameter.SET_IN_PROGRESS)
    assert console.code(claim) == 0
    assert console.code(claim) == 0
    assert other.code(claim) == 0x81
    assert other.ask(question).option.state == SetProgress.IN_PROGRESS
    assert console.code(done) == 0
    assert other.code(claim) == 0
    other.ask(CloseSession(session_id=other.info.session_id))
    assert console.ask(question).option.state == SetProgress.COMPLETE
    assert console.code(SetSystemBootOptions.of(SetInProgress(state=SetProgress.COMMIT_WRITE))) == 0xCC


# --- channel ---


def test_channels(console: Console) -> None:
    assert [console.ask(GetChannelInfo(channel=channel)).medium for channel in (0, 1, 14, 15)] == [1, 4, 4, 12]
    assert console.ask(GetChannelInfo()).active_sessions == 1
    assert console.code(GetChannelInfo(channel=5)) == 0xCC


def test_channel_access_is_changed_now_or_for_later(wire: Wire, console: Console) -> None:
    no_codes = ChannelAccess(per_message_authentication=False, privilege_limit=PrivilegeLimit.OPERATOR)
    later = SetChannelAccess(access=no_codes, settings_store=Store.NON_VOLATILE, limit_store=Store.NO_CHANGE)
    assert console.code(later) == 0
    assert console.ask(GetChannelAccess()).per_message_authentication
    stored = console.ask(GetChannelAccess(store=Store.NON_VOLATILE))
    assert (stored.per_message_authentication, stored.privilege_limit) == (False, PrivilegeLimit.ADMINISTRATOR)
    console.ask(ColdReset())
    fresh = wire.connect(seed=4)
    assert not fresh.ask(GetChannelAccess()).per_message_authentication
    now = SetChannelAccess(access=no_codes, settings_store=Store.NO_CHANGE, limit_store=Store.VOLATILE)
    assert fresh.code(now) == 0
    info = wire.connect(seed=5, privilege=Privilege.OPERATOR).info
    assert info.limit == Privilege.OPERATOR


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (GetChannelAccess(channel=0), 0x82),
        (GetChannelAccess(store=0), 0xCC),
        (SetChannelAccess(channel=0, access=ChannelAccess()), 0x82),
        (SetChannelAccess(access=ChannelAccess(access_mode=AccessMode.DISABLED)), 0x83),
        (SetChannelAccess(access=ChannelAccess(privilege_limit=0)), 0xCC),
        (GetChannelAuthenticationCapabilities(channel=0), 0xCC),
        (GetChannelAuthenticationCapabilities(want=0), 0xCC),
        (GetChannelCipherSuites(channel=15), 0xCC),
    ],
)
def test_channel_refusals(console: Console, command: Command[Any], code: int) -> None:
    assert console.code(command) == code


def test_authentication_capabilities_say_who_there_is(console: Console) -> None:
    capabilities = console.ask(GetChannelAuthenticationCapabilities())
    assert capabilities.ipmi_20
    assert capabilities.ipmi_15
    assert (capabilities.named_users, capabilities.null_users, capabilities.anonymous) == (True, False, False)
    assert not console.ask(GetChannelAuthenticationCapabilities(extended=False)).extended


def test_the_list_of_cipher_suites_is_whole_and_has_the_best_first(console: Console) -> None:
    records = b""
    for index in range(8):
        records += console.ask(GetChannelCipherSuites(index=index)).records
    numbers = list(records[1::5])
    assert sorted(numbers) == list(EVERY_SUITE)
    assert numbers[:2] == [17, 3]
    assert console.ask(GetChannelCipherSuites(index=9)).records == b""


# --- sessions ---


def test_privilege_goes_up_and_down_within_the_limit(wire: Wire) -> None:
    console = wire.connect(privilege=Privilege.OPERATOR)
    for level, code in ((0, 0), (2, 0), (3, 0), (1, 0xCC), (6, 0xCC), (4, 0x81)):
        assert console.code(SetSessionPrivilegeLevel(level=level)) == code
    assert console.ask(SetSessionPrivilegeLevel()).level == 3


def test_sessions_can_be_looked_up(wire: Wire, console: Console) -> None:
    other = wire.connect(seed=3, username=b"oscar", password=b"open", privilege=Privilege.OPERATOR)
    own = console.ask(GetSessionInfo())
    assert (own.active_sessions, own.slots, own.session.user_id) == (2, 16, 2)
    assert str(own.session.peer.address) == "192.0.2.1"
    assert console.ask(GetSessionInfo(index=2)).session.user_id == 3
    assert console.ask(GetSessionInfo(handle=own.handle)) == own
    assert console.ask(GetSessionInfo(session_id=other.info.session_id)).session.user_id == 3
    nothing = console.ask(GetSessionInfo(index=3))
    assert (nothing.handle, nothing.session) == (0, None)


def test_an_ipv6_console_has_no_address_in_session_info() -> None:
    wire = Wire(make_bmc(), address=("fe80::1%eth0", 4000, 0, 2))
    assert str(wire.connect().ask(GetSessionInfo()).session.peer.address) == "0.0.0.0"  # noqa: S104 - no address


def test_sessions_are_closed_by_id_or_handle(wire: Wire, console: Console) -> None:
    other = wire.connect(seed=3)
    handle = other.ask(GetSessionInfo()).handle
    assert console.code(CloseSession(session_id=1)) == 0x87
    assert console.code(CloseSession(session_id=0, handle=0)) == 0x88
    assert console.code(CloseSession(session_id=0)) == 0x88
    assert console.code(CloseSession(session_id=0, handle=handle)) == 0
    assert len(wire.bmc.state.sessions) == 1
    user = wire.connect(seed=4, username=b"ursula", password=b"under", privilege=Privilege.USER)
    assert user.code(CloseSession(session_id=console.info.session_id)) == 0xD4


def test_log_in_commands_do_not_belong_in_a_session(console: Console) -> None:
    assert console.code(GetSessionChallenge(auth_type=AuthType.MD5)) == 0xD5
    activate = ActivateSession(auth_type=AuthType.MD5, want=4, challenge=bytes(16), outbound_sequence=1)
    assert console.code(activate) == 0xD5


# --- users ---


def test_users_are_made_and_unmade(wire: Wire, console: Console) -> None:
    assert console.ask(GetUserName(user_id=2)).name == b"admin"
    for command in (
        SetUserName(user_id=9, name=b"nina"),
        SetUserPassword(user_id=9, operation=PasswordOperation.SET_PASSWORD, password=b"new", size=20),
        SetUserPassword(user_id=9, operation=PasswordOperation.ENABLE_USER),
        SetUserAccess(user_id=9, privilege_limit=PrivilegeLimit.OPERATOR, session_limit=1),
    ):
        assert console.code(command) == 0
    access = console.ask(GetUserAccess(user_id=9))
    assert (access.privilege_limit, access.enabled_users, access.ipmi_messaging) == (3, 4, True)
    nina: dict[str, Any] = {"username": b"nina", "password": b"new", "privilege": Privilege.OPERATOR}
    assert wire.connect(seed=3, **nina).ask(GetDeviceId())
    test = SetUserPassword(user_id=9, operation=PasswordOperation.TEST_PASSWORD, password=b"new", size=20)
    assert console.code(test) == 0
    wrong = SetUserPassword(user_id=9, operation=PasswordOperation.TEST_PASSWORD, password=b"old", size=20)
    assert console.code(wrong) == 0x80
    short = SetUserPassword(user_id=9, operation=PasswordOperation.TEST_PASSWORD, password=b"new", size=16)
    assert console.code(short) == 0x81
    assert console.code(SetUserAccess(user_id=9, change_flags=False, privilege_limit=2)) == 0
    assert console.code(SetUserPassword(user_id=9, operation=PasswordOperation.DISABLE_USER)) == 0
    assert console.ask(GetUserAccess(user_id=9)).enabled_users == 3


@pytest.mark.parametrize(
    "command",
    [
        GetUserAccess(user_id=60),
        GetUserName(user_id=60),
        GetUserAccess(channel=3, user_id=2),
        SetUserAccess(user_id=2, privilege_limit=9),
        SetUserName(user_id=1, name=b"root"),
        SetUserName(user_id=3, name=b"admin"),
    ],
)
def test_user_refusals(console: Console, command: Command[Any]) -> None:
    assert console.code(command) == 0xCC


# --- watchdog ---


@pytest.mark.parametrize(
    ("action", "state", "boots"),
    [
        (TimeoutAction.NONE, PowerState.RUNNING, 1),
        (TimeoutAction.HARD_RESET, PowerState.RUNNING, 2),
        (TimeoutAction.POWER_DOWN, PowerState.OFF, 1),
        (TimeoutAction.POWER_CYCLE, PowerState.RUNNING, 2),
    ],
)
def test_the_watchdog_acts(wire: Wire, console: Console, action: TimeoutAction, state: PowerState, boots: int) -> None:
    console.ask(chassis(ChassisControlAction.ON))
    assert console.code(ResetWatchdogTimer()) == 0x80
    assert console.code(SetWatchdogTimer(use=TimerUse.SMS_OS, action=action, initial_countdown=50)) == 0
    assert console.code(ResetWatchdogTimer()) == 0
    wire.let_pass(4)
    timer = console.ask(GetWatchdogTimer())
    assert (timer.running, timer.present_countdown) == (True, 10)
    wire.let_pass(1.5)
    machine = wire.bmc.state.machine
    assert (machine.state, len(machine.boots)) == (state, boots)
    timer = console.ask(GetWatchdogTimer())
    assert (timer.running, timer.expired_uses) == (False, ("sms os",))
    if boots > 1:
        assert console.ask(GetSystemRestartCause()).cause == RestartCause.WATCHDOG


def test_the_watchdog_leaves_a_machine_alone_that_is_off(wire: Wire, console: Console) -> None:
    console.ask(SetWatchdogTimer(action=TimeoutAction.HARD_RESET, initial_countdown=1))
    console.ask(ResetWatchdogTimer())
    wire.let_pass(1)
    assert wire.bmc.state.machine.state is PowerState.OFF
    assert console.code(SetWatchdogTimer(use=0, initial_countdown=1)) == 0xCC


# --- messages ---


def test_controllers_behind_the_bmc_answer_over_one_bridge_or_two(console: Console) -> None:
    assert console.ask(GetDeviceId(), Target(0x72, bridges=(Hop(0, 0x72),))).device_id == 0x72
    assert console.ask(GetDeviceId(), Target(0x82, bridges=(Hop(0, 0x72), Hop(7, 0x82)))).device_id == 0x82
    assert console.raw(0x06, 0x04, target=Target(0x72, bridges=(Hop(0, 0x72),)))[0] == 0xC1


@pytest.mark.parametrize(
    ("bridges", "code"),
    [
        ((Hop(0, 0x74),), 0x83),
        ((Hop(3, 0x72),), 0xCC),
        ((Hop(0, 0x72), Hop(7, 0x84)), 0x83),
        ((Hop(0, 0x72), Hop(6, 0x82)), 0xCC),
    ],
)
def test_bridges_that_lead_nowhere(console: Console, bridges: tuple[Hop, ...], code: int) -> None:
    assert console.raw(0x06, 0x01, target=Target(bridges[-1].address, bridges=bridges))[0] == code


def test_untracked_answers_wait_in_the_queue(console: Console) -> None:
    assert console.code(GetMessage()) == 0x80
    question = encode_frame(0x06, 0x01, b"", sequence=5, to_address=0x72, from_address=0x20)
    assert console.code(SendMessage(message=question, tracking=Tracking.NONE)) == 0
    message = console.ask(GetMessage())
    assert decode_frame(message.message).from_address == 0x72
    assert console.code(SendMessage(message=b"junk")) == 0x83
    truncated = encode_frame(0x06, 0x34, b"", sequence=5, to_address=0x72, from_address=0x20)
    assert console.code(SendMessage(message=truncated)) == 0
    assert decode_frame(console.ask(GetMessage()).message).data == b"\xc7"


def test_switches_and_busses(console: Console) -> None:
    enables = GlobalEnables(event_logging=True)
    assert console.code(SetBmcGlobalEnables(enables=enables)) == 0
    assert console.ask(GetBmcGlobalEnables()) == enables
    assert console.code(MasterWriteRead(address=0xA0, read_count=1)) == 0x83


# --- system info ---


def test_system_info_is_kept(console: Console) -> None:
    name = SystemInfoParameter.SYSTEM_NAME
    assert console.ask(GetSystemInfo(parameter=name)).data == bytes(17)
    assert console.code(SetSystemInfo(parameter=name, data=b"\x00\x00\x04host")) == 0
    assert console.ask(GetSystemInfo(parameter=name)).data == b"\x00\x00\x04host".ljust(17, b"\0")
    assert console.ask(GetSystemInfo(parameter=name, revision_only=True)).data == b""
    assert console.code(SetSystemInfo(parameter=0, data=b"\x01")) == 0
    assert console.ask(GetSystemInfo(parameter=0)).data == b"\x01"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (GetSystemInfo(parameter=0x99), 0x80),
        (GetSystemInfo(parameter=2, set_selector=16), 0xC9),
        (SetSystemInfo(parameter=0x99, data=b"x"), 0x80),
        (SetSystemInfo(parameter=2, data=b""), 0xC7),
        (SetSystemInfo(parameter=2, data=b"\x10x"), 0xC9),
        (SetSystemInfo(parameter=2, data=bytes(18)), 0xC9),
    ],
)
def test_system_info_refusals(console: Console, command: Command[Any], code: int) -> None:
    assert console.code(command) == code


# --- levels of IPMI 1.5 ---


def test_without_user_level_authentication_only_user_commands_come_unprotected() -> None:
    lan = LanConfig(auth_types=frozenset({AuthType.MD5}), user_level=False)
    wire = Wire(make_bmc(lan=lan, limits=Limits()))
    console = wire.connect(interface=Interface.LAN)
    session = console.connection.session
    assert isinstance(session, LanSession)
    object.__setattr__(session._rules, "send_auth_type", AuthType.NONE)
    assert console.ask(GetDeviceId())
    assert console.is_dead(ChassisControl(action=ChassisControlAction.ON))
    assert not wire.bmc.state.machine.is_on
