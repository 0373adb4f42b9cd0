from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands.lan import (
    LAN_PARAMETERS,
    GetLanConfiguration,
    LanStatistics,
    SetLanConfiguration,
    decode_lan_parameter,
)
from conduit.ipmi.commands.lan_access import BadPasswordThreshold, CipherSuitePrivileges
from conduit.ipmi.commands.lan_alerts import AlertType, CommunityString, DestinationAddress, DestinationType
from conduit.ipmi.commands.lan_ipv6 import Ipv6AddressSource, Ipv6FlowLabel, Ipv6StaticAddress
from conduit.ipmi.commands.lan_parameters import GratuitousArpInterval, IpAddress, Ipv4Header, MacAddress, VlanId
from conduit.ipmi.commands.lan_shapes import LanParameter, LanValue

# Bytes written down from table 23-4.
VECTORS: list[tuple[LanValue, str]] = [
    (IpAddress(address=IPv4Address("192.0.2.5")), "c0 00 02 05"),
    (MacAddress(mac=bytes.fromhex("525400123456")), "52 54 00 12 34 56"),
    (Ipv4Header(time_to_live=64, flags=2, precedence=0, type_of_service=8), "40 40 10"),
    (VlanId(enabled=True, vlan=0x123), "23 81"),
    (CipherSuitePrivileges(limits=(1, 2, 3, 4, *[0] * 12)), "00 21 43 00 00 00 00 00 00"),
    (BadPasswordThreshold(event=True, threshold=3, reset_interval=6, lockout_interval=0x102), "01 03 06 00 02 01"),
    (
        DestinationType(destination=1, acknowledged=True, alert_type=AlertType.PET_TRAP, timeout=3, retries=2),
        "01 80 03 02",
    ),
    (
        DestinationAddress(destination=1, address=IPv4Address("192.0.2.9"), backup_gateway=True, mac=bytes(6)),
        "01 00 01 c0 00 02 09 00 00 00 00 00 00",
    ),
    (DestinationAddress(destination=2, address=IPv6Address("::1")), "02 10" + " 00" * 15 + " 01"),
    (
        Ipv6StaticAddress(set_selector=0, address=IPv6Address("::1"), source=Ipv6AddressSource.STATIC),
        "00 80" + " 00" * 15 + " 01 40 00",
    ),
    (Ipv6FlowLabel(flow=0x12345), "01 23 45"),
    (CommunityString(community=b"public"), "7075626c6963" + "00" * 12),
]


@pytest.mark.parametrize(("value", "data"), VECTORS)
def test_parameters_are_written_as_the_table_says(value: LanValue, data: str) -> None:
    assert value.encode() == bytes.fromhex(data)
    request = SetLanConfiguration.of(value, channel=1)
    assert request.encode() == bytes((1, value.PARAMETER)) + bytes.fromhex(data)
    assert request.value == value


def test_every_parameter_of_the_table_has_a_class() -> None:
    assert set(LAN_PARAMETERS) == {*range(27), *range(50, 81)} == {int(parameter) for parameter in LanParameter}


def test_a_parameter_without_a_class_stays_bytes() -> None:
    assert decode_lan_parameter(0xC0, b"oem") == b"oem"
    with pytest.raises(DecodeError):
        decode_lan_parameter(3, b"\1")


def test_a_question_names_parameter_set_and_block() -> None:
    request = GetLanConfiguration(channel=1, parameter=LanParameter.DESTINATION_TYPE, set_selector=2, block_selector=3)
    assert request.encode() == b"\x01\x12\x02\x03"
    assert GetLanConfiguration(channel=1, revision_only=True, parameter=3).encode() == b"\x81\x03\x00\x00"


def test_statistics_are_nine_counters() -> None:
    counters = LanStatistics.decode(b"".join(number.to_bytes(2, "little") for number in range(1, 10)))
    assert (counters.ip_received, counters.rmcp_received, counters.proxy_dropped) == (1, 7, 9)


def test_values_in_words() -> None:
    assert MacAddress(mac=bytes(6)).text == "00:00:00:00:00:00"
    assert GratuitousArpInterval(interval=3).seconds == 1.5
    assert CommunityString(community=b"a\xfe").text == "a\\xfe"


@pytest.mark.parametrize(
    "build",
    [
        lambda: MacAddress(mac=b"\0"),
        lambda: VlanId(enabled=True, vlan=4096),
        lambda: CommunityString(community=b"a\0b"),
        lambda: CommunityString(community=b"x" * 19),
        lambda: CipherSuitePrivileges(limits=(4,)),
        lambda: DestinationAddress(destination=1, address=IPv6Address(1), backup_gateway=True),
        lambda: LanStatistics(ip_received=1 << 16),
    ],
)
def test_what_no_parameter_can_be_is_our_callers_fault(build: Callable[[], Any]) -> None:
    with pytest.raises(LocalProtocolError):
        build()
