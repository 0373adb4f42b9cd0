"""Numbers of LAN configuration parameters, and the shapes that several of them share (table 23-4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Final, Protocol, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size

MAC_SIZE: Final = 6  # bytes
MAX_BLOCK: Final = 32  # bytes


class LanParameter(IntEnum):
    """Parameter selectors (table 23-4); 192 to 255 are OEM."""

    SET_IN_PROGRESS = 0
    AUTH_TYPE_SUPPORT = 1
    AUTH_TYPE_ENABLES = 2
    IP_ADDRESS = 3
    IP_ADDRESS_SOURCE = 4
    MAC_ADDRESS = 5
    SUBNET_MASK = 6
    IPV4_HEADER = 7
    PRIMARY_RMCP_PORT = 8
    SECONDARY_RMCP_PORT = 9
    ARP_CONTROL = 10
    GRATUITOUS_ARP_INTERVAL = 11
    DEFAULT_GATEWAY = 12
    DEFAULT_GATEWAY_MAC = 13
    BACKUP_GATEWAY = 14
    BACKUP_GATEWAY_MAC = 15
    COMMUNITY_STRING = 16
    DESTINATION_COUNT = 17
    DESTINATION_TYPE = 18
    DESTINATION_ADDRESS = 19
    VLAN_ID = 20
    VLAN_PRIORITY = 21
    CIPHER_SUITE_COUNT = 22
    CIPHER_SUITES = 23
    CIPHER_SUITE_PRIVILEGES = 24
    DESTINATION_VLAN = 25
    BAD_PASSWORD_THRESHOLD = 26
    IPV6_SUPPORT = 50
    IPV6_ENABLES = 51
    IPV6_TRAFFIC_CLASS = 52
    IPV6_HOP_LIMIT = 53
    IPV6_FLOW_LABEL = 54
    IPV6_STATUS = 55
    IPV6_STATIC_ADDRESS = 56
    IPV6_STATIC_DUID_BLOCKS = 57
    IPV6_STATIC_DUID = 58
    IPV6_DYNAMIC_ADDRESS = 59
    IPV6_DYNAMIC_DUID_BLOCKS = 60
    IPV6_DYNAMIC_DUID = 61
    DHCPV6_TIMING_SUPPORT = 62
    DHCPV6_TIMING = 63
    IPV6_ROUTER_CONTROL = 64
    IPV6_ROUTER_1_ADDRESS = 65
    IPV6_ROUTER_1_MAC = 66
    IPV6_ROUTER_1_PREFIX_LENGTH = 67
    IPV6_ROUTER_1_PREFIX = 68
    IPV6_ROUTER_2_ADDRESS = 69
    IPV6_ROUTER_2_MAC = 70
    IPV6_ROUTER_2_PREFIX_LENGTH = 71
    IPV6_ROUTER_2_PREFIX = 72
    IPV6_DYNAMIC_ROUTER_COUNT = 73
    IPV6_DYNAMIC_ROUTER_ADDRESS = 74
    IPV6_DYNAMIC_ROUTER_MAC = 75
    IPV6_DYNAMIC_ROUTER_PREFIX_LENGTH = 76
    IPV6_DYNAMIC_ROUTER_PREFIX = 77
    IPV6_DYNAMIC_ROUTER_HOP_LIMIT = 78
    SLAAC_TIMING_SUPPORT = 79
    SLAAC_TIMING = 80


class LanValue(Protocol):
    """What every parameter with a class has."""

    PARAMETER: ClassVar[LanParameter]

    def encode(self) -> bytes:
        """The parameter's bytes."""
        ...

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv4Shape:
    """An IPv4 address."""

    address: IPv4Address

    def encode(self) -> bytes:
        """Four bytes, in reading order."""
        return self.address.packed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(address=IPv4Address(Reader(data).take(4, "IPv4 address")))


@dataclass(frozen=True, slots=True, kw_only=True)
class MacShape:
    """A MAC address."""

    mac: bytes
    "Six bytes."

    def __post_init__(self) -> None:
        check_size("a MAC address", self.mac, MAC_SIZE, MAC_SIZE)

    @property
    def text(self) -> str:
        """E.g. ``52:54:00:12:34:56``."""
        return self.mac.hex(":")

    def encode(self) -> bytes:
        """Six bytes, in reading order."""
        return self.mac

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(mac=Reader(data).take(MAC_SIZE, "MAC address"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PortShape:
    """A UDP port."""

    port: int
    "UDP, 0 to 65535."

    def __post_init__(self) -> None:
        check_range("port", self.port, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Two bytes, the least significant first."""
        return self.port.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(port=Reader(data).u16le("port"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberShape:
    """A number of one byte."""

    PARAMETER: ClassVar[LanParameter]

    value: int
    "0 to 255."

    def __post_init__(self) -> None:
        check_range("LAN parameter", self.value, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.value,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(value=Reader(data).u8("LAN parameter"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Shape:
    """An IPv6 address."""

    address: IPv6Address

    def encode(self) -> bytes:
        """Sixteen bytes, in reading order."""
        return self.address.packed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(address=IPv6Address(Reader(data).take(16, "IPv6 address")))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlocksShape:
    """One piece of something that is longer than a parameter can be."""

    set_selector: int
    "Which one, 0 to 255."
    block: int
    "Which piece of it, 0 to 255."
    data: bytes
    "Up to 32 bytes."

    def __post_init__(self) -> None:
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_range("block selector", self.block, 0, 0xFF)
        check_size("a block", self.data, 0, MAX_BLOCK)

    def encode(self) -> bytes:
        """Two bytes and the block's."""
        return bytes((self.set_selector, self.block)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        set_selector, block = reader.take(2, "block")
        return cls(set_selector=set_selector, block=block, data=reader.rest()[:MAX_BLOCK])


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterAddressShape:
    """An IPv6 address of one of several routers."""

    set_selector: int
    "0 to 255."
    address: IPv6Address

    def __post_init__(self) -> None:
        check_range("set selector", self.set_selector, 0, 0xFF)

    def encode(self) -> bytes:
        """Seventeen bytes."""
        return bytes((self.set_selector,)) + self.address.packed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(set_selector=reader.u8("set selector"), address=IPv6Address(reader.take(16, "IPv6 address")))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterNumberShape:
    """A number of one of several routers."""

    set_selector: int
    "0 to 255."
    value: int
    "0 to 255."

    def __post_init__(self) -> None:
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_range("router's number", self.value, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.set_selector, self.value))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        set_selector, value = Reader(data).take(2, "router's number")
        return cls(set_selector=set_selector, value=value)


__all__ = ["LanParameter", "LanValue"]
