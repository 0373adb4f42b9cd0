"""The LAN configuration of a virtual BMC (table 23-4): kept, and heeded where there is something to heed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from conduit.ipmi.bmc.config import BmcConfig
from conduit.ipmi.bmc.users import LockOut, LockOutPolicy
from conduit.ipmi.commands.lan_access import (
    INTERVAL_UNIT,
    SUITE_SLOTS,
    AuthTypeEnables,
    AuthTypeSupport,
    BadPasswordThreshold,
    CipherSuiteCount,
    CipherSuitePrivileges,
    CipherSuites,
    LanAuthTypes,
)
from conduit.ipmi.commands.lan_alerts import (
    CommunityString,
    DestinationAddress,
    DestinationCount,
    DestinationType,
    DestinationVlan,
)
from conduit.ipmi.commands.lan_ipv6 import (
    Dhcpv6TimingSupport,
    Ipv6AddressSource,
    Ipv6AddressStatus,
    Ipv6DynamicAddress,
    Ipv6DynamicDuid,
    Ipv6DynamicDuidBlocks,
    Ipv6Enables,
    Ipv6FlowLabel,
    Ipv6HopLimit,
    Ipv6Mode,
    Ipv6StaticAddress,
    Ipv6StaticDuidBlocks,
    Ipv6Status,
    Ipv6Support,
    Ipv6TrafficClass,
    SlaacTimingSupport,
)
from conduit.ipmi.commands.lan_ipv6_routers import (
    Ipv6DynamicRouterCount,
    Ipv6Router1Address,
    Ipv6Router1Mac,
    Ipv6Router1Prefix,
    Ipv6Router1PrefixLength,
    Ipv6Router2Address,
    Ipv6Router2Mac,
    Ipv6Router2Prefix,
    Ipv6Router2PrefixLength,
    Ipv6RouterControl,
)
from conduit.ipmi.commands.lan_parameters import (
    AddressSource,
    ArpControl,
    BackupGateway,
    BackupGatewayMac,
    DefaultGateway,
    DefaultGatewayMac,
    GratuitousArpInterval,
    IpAddress,
    IpAddressSource,
    Ipv4Header,
    MacAddress,
    PrimaryPort,
    SecondaryPort,
    SubnetMask,
    VlanId,
    VlanPriority,
)
from conduit.ipmi.commands.lan_shapes import LanParameter, LanValue
from conduit.ipmi.messages import PrivilegeLimit
from conduit.rmcp.packets import PORT, AuthType
from conduit.rmcp.privilege import Privilege

SECURE_PORT: Final = 664
STATIC_IPV6: Final = 2  # addresses
DUID_BLOCK: Final = 16  # bytes
NO_MAC: Final = bytes(6)
NO_IPV4: Final = IPv4Address(0)
NO_IPV6: Final = IPv6Address(0)
Key = tuple[int, int]
"Parameter and set selector."

READ_ONLY_PARAMETERS: Final = frozenset(
    {
        LanParameter.AUTH_TYPE_SUPPORT,
        LanParameter.DESTINATION_COUNT,
        LanParameter.CIPHER_SUITE_COUNT,
        LanParameter.CIPHER_SUITES,
        LanParameter.IPV6_SUPPORT,
        LanParameter.IPV6_STATUS,
        LanParameter.IPV6_STATIC_DUID_BLOCKS,
        LanParameter.IPV6_DYNAMIC_ADDRESS,
        LanParameter.IPV6_DYNAMIC_DUID_BLOCKS,
        LanParameter.IPV6_DYNAMIC_DUID,
        LanParameter.DHCPV6_TIMING_SUPPORT,
        LanParameter.IPV6_DYNAMIC_ROUTER_COUNT,
        LanParameter.SLAAC_TIMING_SUPPORT,
    }
)
_SELECTED: Final = frozenset(
    {
        LanParameter.DESTINATION_TYPE,
        LanParameter.DESTINATION_ADDRESS,
        LanParameter.DESTINATION_VLAN,
        LanParameter.IPV6_STATIC_ADDRESS,
        LanParameter.IPV6_DYNAMIC_ADDRESS,
        LanParameter.IPV6_DYNAMIC_DUID,
    }
)


class LanSettings:
    """All parameters of the LAN channel.

    :param lock_out: follows the bad password threshold.
    """

    def __init__(self, config: BmcConfig, lock_out: LockOut) -> None:
        self._config = config
        self._lock_out = lock_out
        self._made: dict[Key, LanValue] | None = None  # when they are asked for: ten thousand BMCs start faster without
        self._served_at: tuple[str, ...] = ()
        self._pending: dict[Key, LanValue] = {}
        self.setter = 0
        "ID of the session that is setting parameters."
        self.suspended = ArpControl(responses=False, gratuitous=False)
        "ARPs that software suspended."

    @property
    def _values(self) -> dict[Key, LanValue]:
        if self._made is None:
            values = (*_defaults(self._config), *(self._own_address(host) for host in self._served_at))
            self._made = {_key(value): value for value in values}
        return self._made

    # --- the commands' side ---

    def get(self, parameter: int, selector: int = 0) -> LanValue | None:
        """The value in force, or None where there is no such parameter or selector."""
        return self._values.get((int(parameter), selector if parameter in _SELECTED else 0))

    def get_for(self, session_id: int, parameter: int, selector: int = 0) -> LanValue | None:
        """The same, but that who is setting values sees those that are not committed: ipmitool compares."""
        key = int(parameter), selector if parameter in _SELECTED else 0
        if session_id == self.setter and key in self._pending:
            return self._pending[key]
        return self.get(parameter, selector)

    def has(self, parameter: int) -> bool:
        """Whether there is such a parameter."""
        return (int(parameter), 0) in self._values

    def set(self, value: LanValue, *, later: bool = False) -> None:
        """Take *value*, *later* only once it is committed."""
        if later:
            self._pending[_key(value)] = value
            return
        self._values[_key(value)] = value
        if isinstance(value, BadPasswordThreshold):
            self._lock_out.policy = _policy(value)

    def commit(self) -> None:
        """Take what was set to be taken later."""
        pending, self._pending = self._pending, {}
        for value in pending.values():
            self.set(value)

    def discard(self) -> None:
        """Forget it."""
        self._pending.clear()

    def listen_at(self, host: str) -> None:
        """Report the address that the BMC is served at, unless the configuration names another."""
        if not self._config.network.address:
            self._served_at = (host,)

    def _own_address(self, host: str) -> LanValue:
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv4Address):
            return IpAddress(address=address)
        return Ipv6StaticAddress(set_selector=0, address=address, prefix_length=128)

    # --- what the rest of the BMC heeds ---

    def suite_limits(self, most: Privilege) -> dict[int, Privilege]:
        """The cipher suites that can be used, and how far each goes, *most* at most."""
        found = dict.fromkeys(self._config.plus.suites, most)
        if self._made is None:
            return found
        privileges = self.get(LanParameter.CIPHER_SUITE_PRIVILEGES)
        limits = privileges.limits if isinstance(privileges, CipherSuitePrivileges) else ()
        for suite, limit in zip(self._config.plus.suites, limits, strict=False):
            if Privilege.CALLBACK <= limit <= Privilege.OEM:
                found[suite] = Privilege(min(most, limit))
            else:
                del found[suite]
        return found

    def auth_types(self, privilege: int | None = None) -> frozenset[AuthType]:
        """The auth types to log in with at *privilege*, or at any."""
        enables = self.get(LanParameter.AUTH_TYPE_ENABLES)
        levels = enables.levels if isinstance(enables, AuthTypeEnables) else ()
        wanted = levels if privilege is None else levels[privilege - 1 : privilege]
        return frozenset(kind for kind in self._config.lan.auth_types if any(bits & 1 << kind for bits in wanted))

    @property
    def community(self) -> bytes:
        """What SNMP traps carry."""
        value = self.get(LanParameter.COMMUNITY_STRING)
        return value.community if isinstance(value, CommunityString) else b""


def _key(value: LanValue) -> Key:
    selector = value.encode()[0] if value.PARAMETER in _SELECTED else 0
    return int(value.PARAMETER), selector


def _policy(value: BadPasswordThreshold) -> LockOutPolicy:
    return LockOutPolicy(
        attempts=value.threshold,
        window=value.reset_interval * INTERVAL_UNIT or math.inf,
        duration=value.lockout_interval * INTERVAL_UNIT or math.inf,
    )


def _tens(seconds: float) -> int:
    """Seconds as parameter 26 counts them; 0 is for ever."""
    return 0 if seconds == math.inf else min(0xFFFF, max(1, math.ceil(seconds / INTERVAL_UNIT)))


def _defaults(config: BmcConfig) -> Iterator[LanValue]:
    yield from _access(config)
    yield from _addresses(config)
    yield from _alerts(config)
    yield from _suites(config)
    yield from _ipv6(config)


def _access(config: BmcConfig) -> Iterator[LanValue]:
    allowed = LanAuthTypes(sum(1 << kind for kind in config.lan.auth_types))
    policy = config.lock_out
    yield AuthTypeSupport(auth_types=allowed)
    yield AuthTypeEnables(callback=allowed, user=allowed, operator=allowed, administrator=allowed, oem=allowed)
    yield BadPasswordThreshold(
        threshold=int(min(policy.attempts, 0xFF)),
        reset_interval=_tens(policy.window),
        lockout_interval=_tens(policy.duration),
    )


def mac_address(config: BmcConfig) -> bytes:
    """The configured MAC address, or a local one made of the GUID."""
    text = config.network.mac
    return bytes.fromhex(text.replace(":", "")) if text else b"\x02" + config.identity.guid[-5:]


def _addresses(config: BmcConfig) -> Iterator[LanValue]:
    network = config.network
    yield IpAddress(address=IPv4Address(network.address or "127.0.0.1"))
    yield IpAddressSource(source=AddressSource.STATIC)
    yield MacAddress(mac=mac_address(config))
    yield SubnetMask(address=IPv4Address(network.netmask))
    yield Ipv4Header()
    yield PrimaryPort(port=PORT)
    yield SecondaryPort(port=SECURE_PORT)
    yield ArpControl()
    yield GratuitousArpInterval(interval=4)
    yield DefaultGateway(address=IPv4Address(network.gateway))
    yield DefaultGatewayMac(mac=NO_MAC)
    yield BackupGateway(address=NO_IPV4)
    yield BackupGatewayMac(mac=NO_MAC)
    yield VlanId(enabled=bool(network.vlan), vlan=network.vlan)
    yield VlanPriority(priority=0)


def _alerts(config: BmcConfig) -> Iterator[LanValue]:
    yield CommunityString(community=config.network.community)
    yield DestinationCount(count=config.network.destinations)
    for number in range(config.network.destinations + 1):
        yield DestinationType(destination=number)
        yield DestinationAddress(destination=number, address=NO_IPV4)
        yield DestinationVlan(destination=number)


def _suites(config: BmcConfig) -> Iterator[LanValue]:
    suites = config.plus.suites[:SUITE_SLOTS]
    limit = PrivilegeLimit(max(Privilege.ADMINISTRATOR, config.limits.privilege))
    yield CipherSuiteCount(count=len(suites))
    yield CipherSuites(suites=suites)
    yield CipherSuitePrivileges(limits=(limit,) * len(suites) + (0,) * (SUITE_SLOTS - len(suites)))


def _ipv6(config: BmcConfig) -> Iterator[LanValue]:
    yield Ipv6Support(destinations=True, both=True, only_ipv6=True)
    yield Ipv6Enables(mode=Ipv6Mode.BOTH)
    yield Ipv6TrafficClass(value=0)
    yield Ipv6HopLimit(value=64)
    yield Ipv6FlowLabel(flow=0)
    yield Ipv6Status(static_addresses=STATIC_IPV6, dynamic_addresses=1, slaac=True)
    for number in range(STATIC_IPV6):
        status = Ipv6AddressStatus.DISABLED
        yield Ipv6StaticAddress(set_selector=number, enabled=False, address=NO_IPV6, prefix_length=0, status=status)
    yield Ipv6DynamicAddress(
        set_selector=0, source=Ipv6AddressSource.SLAAC, address=_link_local(mac_address(config)), prefix_length=64
    )
    yield Ipv6StaticDuidBlocks(value=0)
    yield Ipv6DynamicDuidBlocks(value=1)
    yield Ipv6DynamicDuid(set_selector=0, block=0, data=_duid(mac_address(config)))
    yield Dhcpv6TimingSupport(value=0)
    yield SlaacTimingSupport(value=0)
    yield Ipv6RouterControl()
    yield from (Ipv6Router1Address(address=NO_IPV6), Ipv6Router2Address(address=NO_IPV6))
    yield from (Ipv6Router1Mac(mac=NO_MAC), Ipv6Router2Mac(mac=NO_MAC))
    yield from (Ipv6Router1PrefixLength(value=0), Ipv6Router2PrefixLength(value=0))
    yield from (Ipv6Router1Prefix(address=NO_IPV6), Ipv6Router2Prefix(address=NO_IPV6))
    yield Ipv6DynamicRouterCount(value=0)


def _duid(mac: bytes) -> bytes:
    """The block of a DUID made of a MAC address (RFC 8415, section 11.4: type 3, hardware type 1), its length first."""
    duid = b"\x00\x03\x00\x01" + mac
    return bytes((len(duid),)) + duid.ljust(DUID_BLOCK - 1, b"\0")


def _link_local(mac: bytes) -> IPv6Address:
    """The address that RFC 4291 makes of a MAC address (appendix A)."""
    interface = bytes((mac[0] ^ 0x02,)) + mac[1:3] + b"\xff\xfe" + mac[3:]
    return IPv6Address(b"\xfe\x80" + bytes(6) + interface)
