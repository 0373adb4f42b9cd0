"""The words of ``lan set`` as LAN parameters, as ipmitool's users type them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType
from typing import Final

import asyncclick as click

from conduit.cli.params import to_bytes
from conduit.errors import LocalProtocolError
from conduit.ipmi.commands import lan_access
from conduit.ipmi.commands import lan_alerts as alerts
from conduit.ipmi.commands import lan_ipv6 as ipv6
from conduit.ipmi.commands import lan_parameters as ipv4
from conduit.ipmi.commands.lan_shapes import LanValue

NAMES: Final[Mapping[type, str]] = MappingProxyType({ipv4.IpAddress: "ip_address", alerts.CommunityString: "community"})
SOURCES: Final = {
    "static": ipv4.AddressSource.STATIC,
    "dhcp": ipv4.AddressSource.DHCP,
    "bios": ipv4.AddressSource.BIOS,
}
MODES: Final = {"ipv4": ipv6.Ipv6Mode.IPV4_ONLY, "ipv6": ipv6.Ipv6Mode.IPV6_ONLY, "both": ipv6.Ipv6Mode.BOTH}
LIMIT_LETTERS: Final = "XcuoaO"  # as ipmitool has them

Values = list[LanValue]


def parse_setting(words: Sequence[str]) -> Values:
    """The parameters that *words* set.

    :raises click.UsageError: they make no sense.
    """
    for size in (2, 1):
        parse = PARAMETERS.get(" ".join(words[:size]).lower())
        if parse is not None:
            try:
                return parse(*words[size:])
            except (ValueError, LocalProtocolError) as error:
                raise click.UsageError(f"{' '.join(words)}: {error}") from None
            except (TypeError, KeyError):
                raise click.UsageError(f"{' '.join(words)}: see `lan set --help` for what belongs there") from None
    raise click.UsageError(f"there is no setting {words[0]!r}; there are {', '.join(PARAMETERS)}")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", "").replace("-", ""))


def _vlan(text: str) -> Values:
    if text.lower() == "off":
        return [ipv4.VlanId(enabled=False)]
    number = int(text)
    if not 1 <= number <= 4094:
        raise ValueError("a VLAN is 1 to 4094")
    return [ipv4.VlanId(enabled=True, vlan=number)]


def _ipv6(text: str) -> Values:
    if text.lower() == "off":
        return [ipv6.Ipv6StaticAddress(set_selector=0, enabled=False, address=IPv6Address(0), prefix_length=0)]
    address, _, length = text.partition("/")
    return [ipv6.Ipv6StaticAddress(set_selector=0, address=IPv6Address(address), prefix_length=int(length or 64))]


def _threshold(count: str, reset: str = "0", lockout: str = "0") -> Values:
    seconds = [int(text) for text in (reset, lockout)]
    if any(number % lan_access.INTERVAL_UNIT for number in seconds):
        raise ValueError("the BMC counts in tens of seconds")
    reset_interval, lockout_interval = (number // lan_access.INTERVAL_UNIT for number in seconds)
    return [
        lan_access.BadPasswordThreshold(
            threshold=int(count), reset_interval=reset_interval, lockout_interval=lockout_interval
        )
    ]


def _privileges(letters: str) -> Values:
    limits = tuple(LIMIT_LETTERS.index(letter) for letter in letters)
    return [lan_access.CipherSuitePrivileges(limits=limits)]


def _alert(number: str, address: str) -> Values:
    return [alerts.DestinationAddress(destination=int(number), address=ip_address(address))]


PARAMETERS: Final[Mapping[str, Callable[..., Values]]] = MappingProxyType(
    {
        "ipaddr": lambda text: [ipv4.IpAddress(address=IPv4Address(text))],
        "ipsrc": lambda text: [ipv4.IpAddressSource(source=SOURCES[text.lower()])],
        "netmask": lambda text: [ipv4.SubnetMask(address=IPv4Address(text))],
        "macaddr": lambda text: [ipv4.MacAddress(mac=_mac(text))],
        "defgw ipaddr": lambda text: [ipv4.DefaultGateway(address=IPv4Address(text))],
        "defgw macaddr": lambda text: [ipv4.DefaultGatewayMac(mac=_mac(text))],
        "defgw": lambda text: [ipv4.DefaultGateway(address=IPv4Address(text))],
        "bakgw ipaddr": lambda text: [ipv4.BackupGateway(address=IPv4Address(text))],
        "bakgw macaddr": lambda text: [ipv4.BackupGatewayMac(mac=_mac(text))],
        "vlan id": _vlan,
        "vlan priority": lambda text: [ipv4.VlanPriority(priority=int(text))],
        "snmp": lambda text: [alerts.CommunityString(community=to_bytes(text))],
        "arp interval": lambda text: [ipv4.GratuitousArpInterval(interval=round(float(text) * 2))],
        "bad_pass_thresh": _threshold,
        "cipher_privs": _privileges,
        "alert": _alert,
        "ipv6": _ipv6,
        "ipv6mode": lambda text: [ipv6.Ipv6Enables(mode=MODES[text.lower()])],
    }
)
