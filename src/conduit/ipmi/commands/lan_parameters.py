"""LAN configuration parameters 3 to 21: IPv4 and VLAN (table 23-4). Other modules have who may log in, alerts, IPv6."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.lan_shapes import Ipv4Shape, LanParameter, MacShape, PortShape

# --- addresses ---


class IpAddress(Ipv4Shape):
    """The BMC's own; parameter 3."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IP_ADDRESS


class AddressSource(IntEnum):
    """Where the BMC's address comes from."""

    UNSPECIFIED = 0
    STATIC = 1
    DHCP = 2
    BIOS = 3
    "BIOS or system software sets it."
    OTHER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAddressSource:
    """Parameter 4."""

    PARAMETER: ClassVar = LanParameter.IP_ADDRESS_SOURCE

    source: AddressSource | int
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("address source", self.source, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.source,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(source=known(AddressSource, Reader(data).u8("address source") & 0x0F))


class MacAddress(MacShape):
    """The BMC's own; parameter 5."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.MAC_ADDRESS


class SubnetMask(Ipv4Shape):
    """Parameter 6."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.SUBNET_MASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv4Header:
    """What the BMC puts into its IPv4 headers; parameter 7."""

    PARAMETER: ClassVar = LanParameter.IPV4_HEADER

    time_to_live: int = 0x40
    "0 to 255."
    flags: int = 2
    "0 to 7; 2 is *do not fragment*."
    precedence: int = 0
    "0 to 7."
    type_of_service: int = 8
    "0 to 15; 8 is *minimize delay*."

    def __post_init__(self) -> None:
        check_range("time to live", self.time_to_live, 0, 0xFF)
        check_range("IP flags", self.flags, 0, 7)
        check_range("precedence", self.precedence, 0, 7)
        check_range("type of service", self.type_of_service, 0, 0x0F)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.time_to_live, self.flags << 5, self.precedence << 5 | self.type_of_service << 1))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        ttl, flags, service = Reader(data).take(3, "IPv4 header")
        return cls(time_to_live=ttl, flags=flags >> 5, precedence=service >> 5, type_of_service=service >> 1 & 0x0F)


class PrimaryPort(PortShape):
    """Parameter 8; 623 unless somebody changed it."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.PRIMARY_RMCP_PORT


class SecondaryPort(PortShape):
    """Parameter 9; 664, the secure one of RMCP."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.SECONDARY_RMCP_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ArpControl:
    """Parameter 10."""

    PARAMETER: ClassVar = LanParameter.ARP_CONTROL

    responses: bool = True
    "The BMC answers ARP requests for its address."
    gratuitous: bool = False
    "It sends ARPs that nobody asked for."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.responses << 1 | self.gratuitous,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        control = Reader(data).u8("ARP control")
        return cls(responses=bool(control & 0x02), gratuitous=bool(control & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class GratuitousArpInterval:
    """Parameter 11."""

    PARAMETER: ClassVar = LanParameter.GRATUITOUS_ARP_INTERVAL

    interval: int
    "Half seconds, 0 to 255."

    def __post_init__(self) -> None:
        check_range("gratuitous ARP interval", self.interval, 0, 0xFF)

    @property
    def seconds(self) -> float:
        """Between two of them."""
        return self.interval / 2

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.interval,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(interval=Reader(data).u8("gratuitous ARP interval"))


class DefaultGateway(Ipv4Shape):
    """Parameter 12."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.DEFAULT_GATEWAY


class DefaultGatewayMac(MacShape):
    """Parameter 13."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.DEFAULT_GATEWAY_MAC


class BackupGateway(Ipv4Shape):
    """Parameter 14."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.BACKUP_GATEWAY


class BackupGatewayMac(MacShape):
    """Parameter 15."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.BACKUP_GATEWAY_MAC


# --- VLAN ---


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanId:
    """The VLAN of the BMC's packets; parameter 20."""

    PARAMETER: ClassVar = LanParameter.VLAN_ID

    enabled: bool
    vlan: int = 0
    "0 to 4095; a VLAN's number is 1 to 4094."

    def __post_init__(self) -> None:
        check_range("VLAN ID", self.vlan, 0, 0x0FFF)

    def encode(self) -> bytes:
        """Two bytes, the least significant first."""
        return (self.enabled << 15 | self.vlan).to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        value = Reader(data).u16le("VLAN ID")
        return cls(enabled=bool(value & 0x8000), vlan=value & 0x0FFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanPriority:
    """Parameter 21."""

    PARAMETER: ClassVar = LanParameter.VLAN_PRIORITY

    priority: int
    "0 to 7."

    def __post_init__(self) -> None:
        check_range("VLAN priority", self.priority, 0, 7)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.priority,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(priority=Reader(data).u8("VLAN priority") & 7)
