"""LAN configuration as a virtual BMC has it, and what of it is heeded."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from conduit.errors import LocalProtocolError, SessionRefused
from conduit.ipmi.bmc import BmcConfig, LockOutPolicy, NetworkConfig, PlusConfig
from conduit.ipmi.commands import (
    LAN_PARAMETERS,
    BmcArpStatus,
    GetLanConfiguration,
    GetLanStatistics,
    LanParameter,
    LanSetInProgress,
    LanValue,
    SetLanConfiguration,
    SetProgress,
    SuspendBmcArps,
)
from conduit.ipmi.commands.lan_access import AuthTypeEnables, BadPasswordThreshold, CipherSuitePrivileges, LanAuthTypes
from conduit.ipmi.commands.lan_alerts import CommunityString, DestinationAddress
from conduit.ipmi.commands.lan_ipv6 import Ipv6AddressStatus, Ipv6DynamicAddress, Ipv6StaticAddress
from conduit.ipmi.commands.lan_parameters import (
    AddressSource,
    ArpControl,
    DefaultGateway,
    IpAddress,
    IpAddressSource,
    MacAddress,
    VlanId,
)
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import GetChannelAuthenticationCapabilities, GetChannelCipherSuites
from tests.wired import Console, Wire, make_bmc

GATEWAY = DefaultGateway(address=IPv4Address("192.0.2.254"))
IN_PROGRESS = LanSetInProgress(state=SetProgress.IN_PROGRESS)
COMMIT = LanSetInProgress(state=SetProgress.COMMIT_WRITE)
COMPLETE = LanSetInProgress(state=SetProgress.COMPLETE)


def wire_of(**changes: Any) -> Wire:
    return Wire(make_bmc(**changes))


@pytest.fixture
def wire() -> Wire:
    return wire_of()


@pytest.fixture
def console(wire: Wire) -> Console:
    return wire.connect()


def get(console: Console, parameter: LanParameter, set_selector: int = 0) -> LanValue:
    answer = console.ask(GetLanConfiguration(parameter=parameter, set_selector=set_selector))
    return LAN_PARAMETERS[parameter].decode(answer.data)


def put(console: Console, value: LanValue) -> int:
    return console.code(SetLanConfiguration.of(value))


def test_every_parameter_that_it_has_can_be_read_and_written_back_or_is_read_only(console: Console) -> None:
    missing = set()
    for parameter in map(LanParameter, LAN_PARAMETERS):
        code, data = console.raw(0x0C, 0x02, bytes((14, parameter, 0, 0)))
        if code:
            missing.add((parameter, code))
        elif parameter:
            value = LAN_PARAMETERS[parameter].decode(data[1:])
            assert put(console, value) in (0, 0x82), parameter
    assert missing == {(LanParameter(number), 0x80) for number in (58, 63, 74, 75, 76, 77, 78, 80)}


def test_the_configuration_says_what_is_there_at_the_start() -> None:
    network = NetworkConfig(address="192.0.2.7", mac="52:54:00:12:34:56", vlan=7, destinations=1, community=b"trap")
    console = wire_of(network=network).connect()
    assert get(console, LanParameter.IP_ADDRESS) == IpAddress(address=IPv4Address("192.0.2.7"))
    assert get(console, LanParameter.MAC_ADDRESS) == MacAddress(mac=bytes.fromhex("525400123456"))
    assert get(console, LanParameter.VLAN_ID) == VlanId(enabled=True, vlan=7)
    assert console.wire.bmc.state.lan.community == b"trap"
    dynamic = get(console, LanParameter.IPV6_DYNAMIC_ADDRESS)
    assert isinstance(dynamic, Ipv6DynamicAddress)
    assert dynamic.address == IPv6Address("fe80::5054:ff:fe12:3456")
    assert console.code(GetLanConfiguration(parameter=LanParameter.DESTINATION_TYPE, set_selector=2)) == 0xC9


@pytest.mark.parametrize(
    "wrong",
    [{"address": "here"}, {"mac": "52:54"}, {"mac": "x"}, {"vlan": 4095}, {"community": b"x" * 19}],
)
def test_a_network_that_cannot_be_is_refused(wrong: Any) -> None:
    with pytest.raises(LocalProtocolError):
        NetworkConfig(**wrong)


def test_the_address_it_is_served_at_is_reported() -> None:
    bmc = make_bmc()
    bmc.state.lan.listen_at("127.0.0.9")
    assert bmc.state.lan.get(LanParameter.IP_ADDRESS) == IpAddress(address=IPv4Address("127.0.0.9"))
    six = make_bmc()
    six.state.lan.listen_at("::1%lo")
    value = six.state.lan.get(LanParameter.IPV6_STATIC_ADDRESS)
    assert isinstance(value, Ipv6StaticAddress)
    assert value.address == IPv6Address("::1")
    named = make_bmc(network=NetworkConfig(address="192.0.2.7"))
    named.state.lan.listen_at("127.0.0.9")
    assert named.state.lan.get(LanParameter.IP_ADDRESS) == IpAddress(address=IPv4Address("192.0.2.7"))


def test_refusals_have_their_codes(console: Console) -> None:
    assert console.code(GetLanConfiguration(parameter=200)) == 0x80
    assert console.code(GetLanConfiguration(channel=0, parameter=3)) == 0xCC
    assert console.code(SetLanConfiguration(parameter=200, data=b"")) == 0x80
    assert console.code(SetLanConfiguration(parameter=LanParameter.CIPHER_SUITES, data=bytes(17))) == 0x82
    assert console.code(SetLanConfiguration(parameter=LanParameter.IP_ADDRESS, data=b"\1")) == 0xC7
    assert put(console, IpAddressSource(source=AddressSource.OTHER)) == 0xCC
    assert put(console, DestinationAddress(destination=9, address=IPv4Address(1))) == 0xC9
    everything = LanAuthTypes(0x37)
    enables = AuthTypeEnables(callback=everything, user=everything, operator=everything, administrator=everything)
    assert put(console, enables) == 0xCC


def test_the_revision_can_be_asked_for_alone(console: Console) -> None:
    answer = console.ask(GetLanConfiguration(parameter=LanParameter.IP_ADDRESS, revision_only=True))
    assert (answer.revision, answer.data) == (0x11, b"")


def test_ipv6_addresses_are_active_when_they_are_enabled(console: Console) -> None:
    value = Ipv6StaticAddress(set_selector=1, address=IPv6Address("2001:db8::1"), status=Ipv6AddressStatus.FAILED)
    assert put(console, value) == 0
    kept = get(console, LanParameter.IPV6_STATIC_ADDRESS, 1)
    assert isinstance(kept, Ipv6StaticAddress)
    assert kept.status is Ipv6AddressStatus.ACTIVE
    off = Ipv6StaticAddress(set_selector=1, enabled=False, address=IPv6Address(0))
    assert put(console, off) == 0
    kept = get(console, LanParameter.IPV6_STATIC_ADDRESS, 1)
    assert isinstance(kept, Ipv6StaticAddress)
    assert kept.status is Ipv6AddressStatus.DISABLED


# --- set in progress ---


def test_one_session_sets_at_a_time(wire: Wire, console: Console) -> None:
    other = wire.connect(seed=3)
    assert put(console, IN_PROGRESS) == 0
    assert get(console, LanParameter.SET_IN_PROGRESS) == IN_PROGRESS
    assert put(other, IN_PROGRESS) == 0x81
    assert put(console, COMPLETE) == 0
    assert put(other, IN_PROGRESS) == 0


def test_without_rollback_values_count_at_once_and_there_is_nothing_to_commit(console: Console) -> None:
    put(console, IN_PROGRESS)
    put(console, GATEWAY)
    assert get(console, LanParameter.DEFAULT_GATEWAY) == GATEWAY
    assert put(console, COMMIT) == 0xCC


def test_with_rollback_values_count_once_they_are_committed() -> None:
    wire = wire_of(network=NetworkConfig(rollback=True))
    console, other = wire.connect(), wire.connect(seed=3)
    put(console, IN_PROGRESS)
    put(console, GATEWAY)
    assert get(console, LanParameter.DEFAULT_GATEWAY) == GATEWAY  # who sets it sees it
    assert get(other, LanParameter.DEFAULT_GATEWAY) != GATEWAY
    put(console, COMPLETE)
    assert get(console, LanParameter.DEFAULT_GATEWAY) != GATEWAY
    put(console, IN_PROGRESS)
    put(console, GATEWAY)
    assert put(console, COMMIT) == 0
    put(console, COMPLETE)
    assert get(console, LanParameter.DEFAULT_GATEWAY) == GATEWAY


# --- what is heeded ---


def test_the_bad_password_threshold_locks_out(wire: Wire, console: Console) -> None:
    put(console, BadPasswordThreshold(threshold=2, lockout_interval=3))
    policy = wire.bmc.state.lock_out.policy
    assert (policy.attempts, policy.duration) == (2, 30)
    assert policy.window == float("inf")


def test_the_threshold_starts_as_the_policy_is() -> None:
    policy = LockOutPolicy(attempts=3, window=float("inf"), duration=15)
    console = wire_of(lock_out=policy).connect()
    value = BadPasswordThreshold(threshold=3, reset_interval=0, lockout_interval=2)
    assert get(console, LanParameter.BAD_PASSWORD_THRESHOLD) == value


def test_a_cipher_suite_without_a_privilege_cannot_be_used() -> None:
    wire = wire_of(plus=PlusConfig(suites=(3, 17)))
    console = wire.connect(cipher_suite=17)
    assert put(console, CipherSuitePrivileges(limits=(0, 4, *[0] * 14))) == 0
    assert wire.bmc.state.lan.suite_limits(Privilege.ADMINISTRATOR) == {17: Privilege.ADMINISTRATOR}
    assert bytes((0xC0, 3)) not in console.ask(GetChannelCipherSuites()).records
    with pytest.raises(SessionRefused):
        wire.connect(cipher_suite=3, seed=9)


def test_a_cipher_suites_privilege_limits_its_sessions() -> None:
    wire = wire_of(plus=PlusConfig(suites=(17,)))
    console = wire.connect(cipher_suite=17)
    put(console, CipherSuitePrivileges(limits=(2, *[0] * 15)))
    assert wire.bmc.state.lan.suite_limits(Privilege.ADMINISTRATOR) == {17: Privilege.USER}


def test_auth_types_that_are_off_are_not_offered(wire: Wire, console: Console) -> None:
    md5 = LanAuthTypes.MD5
    put(console, AuthTypeEnables(callback=md5, user=md5, operator=md5, administrator=LanAuthTypes(0)))
    assert wire.bmc.state.lan.auth_types() == {AuthType.MD5}
    asked = console.ask(GetChannelAuthenticationCapabilities(want=Privilege.ADMINISTRATOR))
    assert asked.auth_types == frozenset()
    assert console.ask(GetChannelAuthenticationCapabilities(want=Privilege.USER)).auth_types == {2}


def test_the_community_is_there_for_alerts(wire: Wire, console: Console) -> None:
    put(console, CommunityString(community=b"ours"))
    assert wire.bmc.state.lan.community == b"ours"


def test_suspended_arps_are_reported(console: Console) -> None:
    put(console, ArpControl(responses=True, gratuitous=True))
    assert console.ask(SuspendBmcArps()) == BmcArpStatus(responses=True, gratuitous=True)
    assert console.ask(SuspendBmcArps(suspend_responses=True)) == BmcArpStatus(responses=False, gratuitous=True)


def test_datagrams_are_counted_until_cleared(console: Console) -> None:
    assert console.ask(GetLanStatistics(clear=True)).rmcp_received > 3
    assert console.ask(GetLanStatistics()).rmcp_received == 1


def test_a_toml_file_names_network_and_inventory() -> None:
    text = '[network]\naddress = "192.0.2.9"\n[fru]\nserial_number = "X1"\nproduct_name = "Box"\n'
    config = BmcConfig.from_toml(text)
    assert (config.network.address, config.fru.serial_number) == ("192.0.2.9", "X1")
