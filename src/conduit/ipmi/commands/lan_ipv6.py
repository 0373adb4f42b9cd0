"""LAN configuration parameters of IPv6, 50 to 63, 79 and 80 (table 23-4); the others are in ``lan_ipv6_routers``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.lan_shapes import (
    BlocksShape,
    LanParameter,
    NumberShape,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Support:
    """Parameter 50, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.IPV6_SUPPORT

    destinations: bool = False
    "Alerts can go to IPv6 addresses."
    both: bool = False
    "IPv4 and IPv6 can be used at the same time."
    only_ipv6: bool = False
    "IPv6 can be used alone."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.destinations << 2 | self.both << 1 | self.only_ipv6,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        bits = Reader(data).u8("IPv6 support")
        return cls(destinations=bool(bits & 0x04), both=bool(bits & 0x02), only_ipv6=bool(bits & 0x01))


class Ipv6Mode(IntEnum):
    """Which addresses are in use."""

    IPV4_ONLY = 0
    IPV6_ONLY = 1
    BOTH = 2


class Ipv6AddressSource(IntEnum):
    """Where an IPv6 address comes from."""

    STATIC = 0
    SLAAC = 1
    DHCPV6 = 2


class Ipv6AddressStatus(IntEnum):
    """What became of an address."""

    ACTIVE = 0
    DISABLED = 1
    PENDING = 2
    FAILED = 3
    "Somebody else has it."
    DEPRECATED = 4
    INVALID = 5


# --- addresses ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ipv6Interface:
    set_selector: int
    "0 to 255."
    enabled: bool = True
    source: Ipv6AddressSource | int = Ipv6AddressSource.STATIC
    "0 to 15."
    address: IPv6Address
    prefix_length: int = 64
    "0 to 255."
    status: Ipv6AddressStatus | int = Ipv6AddressStatus.ACTIVE
    "0 to 255; not for those who set it."

    def __post_init__(self) -> None:
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_range("address source", self.source, 0, 0x0F)
        check_range("prefix length", self.prefix_length, 0, 0xFF)
        check_range("address status", self.status, 0, 0xFF)

    def encode(self) -> bytes:
        """Twenty bytes."""
        head = bytes((self.set_selector, self.enabled << 7 | self.source))
        return head + self.address.packed + bytes((self.prefix_length, self.status))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        set_selector, source = reader.take(2, "IPv6 address")
        address = IPv6Address(reader.take(16, "IPv6 address"))
        prefix_length = reader.u8("prefix length")
        return cls(
            set_selector=set_selector,
            enabled=bool(source & 0x80),
            source=known(Ipv6AddressSource, source & 0x0F),
            address=address,
            prefix_length=prefix_length,
            status=known(Ipv6AddressStatus, reader.u8("address status") if reader.remaining else 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Enables:
    """Parameter 51."""

    PARAMETER: ClassVar = LanParameter.IPV6_ENABLES

    mode: Ipv6Mode | int
    "0 to 255."

    def __post_init__(self) -> None:
        check_range("IPv6 mode", self.mode, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.mode,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(mode=known(Ipv6Mode, Reader(data).u8("IPv6 mode")))


class Ipv6TrafficClass(NumberShape):
    """Of the BMC's packets; parameter 52."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_TRAFFIC_CLASS


class Ipv6HopLimit(NumberShape):
    """Of the BMC's packets; parameter 53."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_HOP_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6FlowLabel:
    """Of the BMC's packets; parameter 54."""

    PARAMETER: ClassVar = LanParameter.IPV6_FLOW_LABEL

    flow: int
    "0 to 0xFFFFF; 0 is none."

    def __post_init__(self) -> None:
        check_range("flow label", self.flow, 0, 0xFFFFF)

    def encode(self) -> bytes:
        """Three bytes, the most significant first."""
        return self.flow.to_bytes(3, "big")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(flow=int.from_bytes(Reader(data).take(3, "flow label"), "big") & 0xFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Status:
    """How many addresses there can be; parameter 55, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.IPV6_STATUS

    static_addresses: int
    "0 to 255."
    dynamic_addresses: int
    "0 to 255."
    slaac: bool = False
    dhcpv6: bool = False

    def __post_init__(self) -> None:
        check_range("number of static addresses", self.static_addresses, 0, 0xFF)
        check_range("number of dynamic addresses", self.dynamic_addresses, 0, 0xFF)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.static_addresses, self.dynamic_addresses, self.slaac << 1 | self.dhcpv6))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        static, dynamic, bits = Reader(data).take(3, "IPv6 status")
        return cls(
            static_addresses=static,
            dynamic_addresses=dynamic,
            slaac=bool(bits & 0x02),
            dhcpv6=bool(bits & 0x01),
        )


class Ipv6StaticAddress(_Ipv6Interface):
    """Parameter 56; who sets it may leave out the status, which the BMC knows better."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_STATIC_ADDRESS


class Ipv6DynamicAddress(_Ipv6Interface):
    """Parameter 59, which cannot be written."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ADDRESS


# --- DHCPv6 and SLAAC ---


class Ipv6StaticDuidBlocks(NumberShape):
    """Blocks of 16 bytes that a DUID of parameter 58 may have; parameter 57."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_STATIC_DUID_BLOCKS


class Ipv6StaticDuid(BlocksShape):
    """Parameter 58; the first byte of block 0 is the DUID's length."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_STATIC_DUID


class Ipv6DynamicDuidBlocks(NumberShape):
    """Likewise of parameter 61; parameter 60."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_DUID_BLOCKS


class Ipv6DynamicDuid(BlocksShape):
    """Parameter 61."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_DUID


class Dhcpv6TimingSupport(NumberShape):
    """Whether DHCPv6's timing can be set: 0 no, 1 for all addresses at once, 2 for each; parameter 62."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.DHCPV6_TIMING_SUPPORT


class Dhcpv6Timing(BlocksShape):
    """Parameter 63: timers of RFC 3315, section 5.5."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.DHCPV6_TIMING


class SlaacTimingSupport(NumberShape):
    """As parameter 62, for neighbour discovery; parameter 79."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.SLAAC_TIMING_SUPPORT


class SlaacTiming(BlocksShape):
    """Parameter 80: timers of RFC 4861, section 10."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.SLAAC_TIMING
