"""LAN configuration parameters of alerts: community string and destinations, 16 to 19 and 25 (table 23-4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.commands.lan_shapes import MAC_SIZE, LanParameter

COMMUNITY_SIZE: Final = 18  # bytes, NUL padded
MAX_DESTINATION: Final = 15
IPV4_FORMAT: Final = 0
IPV6_FORMAT: Final = 1
NO_MAC: Final = bytes(MAC_SIZE)


class AlertType(IntEnum):
    """What is sent to a destination."""

    PET_TRAP = 0
    "An SNMP trap as the platform event trap format has it."
    OEM_1 = 6
    OEM_2 = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityString:
    """The SNMP community in traps; parameter 16."""

    PARAMETER: ClassVar = LanParameter.COMMUNITY_STRING

    community: bytes
    "0 to 18 bytes without NUL."

    def __post_init__(self) -> None:
        check_size("an SNMP community", self.community, 0, COMMUNITY_SIZE)
        if b"\0" in self.community:
            raise LocalProtocolError("an SNMP community cannot contain NUL, which ends it")

    @property
    def text(self) -> str:
        """The community to show; bytes that are no UTF-8 are escaped."""
        return self.community.decode("utf-8", "backslashreplace")

    def encode(self) -> bytes:
        """Eighteen bytes, NUL padded."""
        return self.community.ljust(COMMUNITY_SIZE, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(community=Reader(data).take(COMMUNITY_SIZE, "community string").partition(b"\0")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationCount:
    """How many destinations there are besides number 0, which is volatile; parameter 17, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.DESTINATION_COUNT

    count: int
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("number of destinations", self.count, 0, MAX_DESTINATION)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.count,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(count=Reader(data).u8("number of destinations") & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationType:
    """What is sent to a destination, and how often; parameter 18."""

    PARAMETER: ClassVar = LanParameter.DESTINATION_TYPE

    destination: int
    "0 to 15."
    acknowledged: bool = False
    "The alert counts as delivered only when the destination says so."
    alert_type: AlertType | int = AlertType.PET_TRAP
    "0 to 7."
    timeout: int = 0
    "Seconds between tries, or to wait for the acknowledge; 0 to 255."
    retries: int = 0
    "0 to 7."

    def __post_init__(self) -> None:
        check_range("destination", self.destination, 0, MAX_DESTINATION)
        check_range("alert type", self.alert_type, 0, 7)
        check_range("alert timeout", self.timeout, 0, 0xFF)
        check_range("alert retries", self.retries, 0, 7)

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.destination, self.acknowledged << 7 | self.alert_type, self.timeout, self.retries))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        destination, kind, timeout, retries = Reader(data).take(4, "destination type")
        return cls(
            destination=destination & 0x0F,
            acknowledged=bool(kind & 0x80),
            alert_type=known(AlertType, kind & 0x07),
            timeout=timeout,
            retries=retries & 0x07,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationAddress:
    """Where alerts go; parameter 19."""

    PARAMETER: ClassVar = LanParameter.DESTINATION_ADDRESS

    destination: int
    "0 to 15."
    address: IPv4Address | IPv6Address
    backup_gateway: bool = False
    "By the backup gateway, not the default one; IPv4 only."
    mac: bytes = NO_MAC
    "Six bytes; IPv4 only."

    def __post_init__(self) -> None:
        check_range("destination", self.destination, 0, MAX_DESTINATION)
        check_size("a MAC address", self.mac, MAC_SIZE, MAC_SIZE)
        if isinstance(self.address, IPv6Address) and (self.backup_gateway or self.mac != NO_MAC):
            raise LocalProtocolError("gateway and MAC address are IPv4 destinations' only")

    def encode(self) -> bytes:
        """Thirteen bytes, or eighteen with IPv6."""
        if isinstance(self.address, IPv6Address):
            return bytes((self.destination, IPV6_FORMAT << 4)) + self.address.packed
        return bytes((self.destination, IPV4_FORMAT, self.backup_gateway)) + self.address.packed + self.mac

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        destination, kind = reader.take(2, "destination address")
        if kind >> 4 == IPV6_FORMAT:
            address = ip_address(reader.take(16, "destination IPv6 address"))
            return cls(destination=destination & 0x0F, address=address)
        gateway = reader.u8("gateway selector")
        return cls(
            destination=destination & 0x0F,
            address=ip_address(reader.take(4, "destination IPv4 address")),
            backup_gateway=bool(gateway & 0x01),
            mac=reader.take(MAC_SIZE, "destination MAC address"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationVlan:
    """The VLAN tag of alerts; parameter 25."""

    PARAMETER: ClassVar = LanParameter.DESTINATION_VLAN

    destination: int
    "0 to 15."
    tagged: bool = False
    vlan: int = 0
    "0 to 4095."
    canonical: bool = False
    "The CFI bit."
    priority: int = 0
    "0 to 7."

    def __post_init__(self) -> None:
        check_range("destination", self.destination, 0, MAX_DESTINATION)
        check_range("VLAN ID", self.vlan, 0, 0x0FFF)
        check_range("VLAN priority", self.priority, 0, 7)

    def encode(self) -> bytes:
        """Four bytes."""
        tag = self.priority << 13 | self.canonical << 12 | self.vlan
        return bytes((self.destination, self.tagged << 4)) + tag.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        destination, kind = reader.take(2, "destination VLAN")
        tag = reader.u16le("VLAN tag")
        return cls(
            destination=destination & 0x0F,
            tagged=kind >> 4 == 1,
            vlan=tag & 0x0FFF,
            canonical=bool(tag & 0x1000),
            priority=tag >> 13,
        )
