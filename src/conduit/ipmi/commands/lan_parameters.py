"""LAN configuration parameters 0 to 26: IPv4, VLAN, cipher suites (table 23-4). IPv6's are in ``lan_ipv6``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.commands.lan_shapes import Ipv4Shape, LanParameter, MacShape, PortShape
from conduit.ipmi.commands.parameters import ProgressShape
from conduit.ipmi.messages import PrivilegeLimit

SUITE_SLOTS: Final = 16
INTERVAL_UNIT: Final = 10  # seconds in which the lock-out counts


# --- access ---


class LanSetInProgress(ProgressShape):
    """A lock among those who set parameters; parameter 0. Where it takes COMMIT_WRITE, what was set before counts only
    once that was sent.
    """

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.SET_IN_PROGRESS


class LanAuthTypes(IntFlag):
    """IPMI 1.5 auth types as bits (table 23-4, parameters 1 and 2)."""

    NONE = 0x01
    MD2 = 0x02
    MD5 = 0x04
    STRAIGHT_PASSWORD = 0x10
    OEM = 0x20


EVERY_AUTH_TYPE: Final = LanAuthTypes(0x37)
NO_AUTH_TYPE: Final = LanAuthTypes(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTypeSupport:
    """Which auth types the channel can have; parameter 1, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.AUTH_TYPE_SUPPORT

    auth_types: LanAuthTypes

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.auth_types & EVERY_AUTH_TYPE,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(auth_types=LanAuthTypes(Reader(data).u8("auth types")) & EVERY_AUTH_TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTypeEnables:
    """Which auth types may be used to log in at each privilege; parameter 2."""

    PARAMETER: ClassVar = LanParameter.AUTH_TYPE_ENABLES

    callback: LanAuthTypes
    user: LanAuthTypes
    operator: LanAuthTypes
    administrator: LanAuthTypes
    oem: LanAuthTypes = NO_AUTH_TYPE

    @property
    def levels(self) -> tuple[LanAuthTypes, ...]:
        """From callback to OEM."""
        return self.callback, self.user, self.operator, self.administrator, self.oem

    def encode(self) -> bytes:
        """Five bytes."""
        return bytes(level & EVERY_AUTH_TYPE for level in self.levels)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        levels = (LanAuthTypes(bits) & EVERY_AUTH_TYPE for bits in Reader(data).take(5, "auth type enables"))
        callback, user, operator, administrator, oem = levels
        return cls(callback=callback, user=user, operator=operator, administrator=administrator, oem=oem)


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


# --- cipher suites ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuiteCount:
    """How many suites the next two parameters have; parameter 22, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.CIPHER_SUITE_COUNT

    count: int
    "0 to 16."

    def __post_init__(self) -> None:
        check_range("number of cipher suites", self.count, 0, 0x1F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.count,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(count=Reader(data).u8("number of cipher suites") & 0x1F)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuites:
    """Their numbers; parameter 23, which cannot be written."""

    PARAMETER: ClassVar = LanParameter.CIPHER_SUITES

    suites: tuple[int, ...]
    "Up to 16, each 0 to 255. BMCs that always send 16 fill up with zeros: parameter 22 says how many count."

    def __post_init__(self) -> None:
        check_size("a list of cipher suites", bytes(self.suites), 0, SUITE_SLOTS)

    def encode(self) -> bytes:
        """A reserved byte and one for each."""
        return bytes((0, *self.suites))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reader.u8("cipher suites")
        return cls(suites=tuple(reader.rest()[:SUITE_SLOTS]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuitePrivileges:
    """The most that a log-in with each suite may ask for; parameter 24."""

    PARAMETER: ClassVar = LanParameter.CIPHER_SUITE_PRIVILEGES

    limits: tuple[PrivilegeLimit | int, ...]
    "Sixteen, in the order of parameter 23, each 0 to 15; 0 means that the suite cannot be used."

    def __post_init__(self) -> None:
        check_range("number of privilege limits", len(self.limits), SUITE_SLOTS, SUITE_SLOTS)
        for limit in self.limits:
            check_range("privilege limit", limit, 0, 0x0F)

    def encode(self) -> bytes:
        """A reserved byte, and one for each two, the first in its low half."""
        pairs = zip(self.limits[::2], self.limits[1::2], strict=True)
        return bytes((0, *(high << 4 | low for low, high in pairs)))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reader.u8("cipher suite privileges")
        pairs = reader.take(SUITE_SLOTS // 2, "cipher suite privileges")
        halves = (half for pair in pairs for half in (pair & 0x0F, pair >> 4))
        return cls(limits=tuple(known(PrivilegeLimit, half) for half in halves))


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPasswordThreshold:
    """When bad passwords disable a user; parameter 26."""

    PARAMETER: ClassVar = LanParameter.BAD_PASSWORD_THRESHOLD

    event: bool = False
    "Log an event when it happens."
    threshold: int = 0
    "Bad passwords in a row, 0 to 255; 0 is never."
    reset_interval: int = 0
    "Tens of seconds after which they are forgotten, 0 to 65535; 0 is never."
    lockout_interval: int = 0
    "Tens of seconds after which the user is enabled again, 0 to 65535; 0 is never."

    def __post_init__(self) -> None:
        check_range("bad password threshold", self.threshold, 0, 0xFF)
        check_range("attempt count reset interval", self.reset_interval, 0, 0xFFFF)
        check_range("user lockout interval", self.lockout_interval, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Six bytes."""
        intervals = self.reset_interval.to_bytes(2, "little") + self.lockout_interval.to_bytes(2, "little")
        return bytes((self.event, self.threshold)) + intervals

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        event, threshold = reader.take(2, "bad password threshold")
        return cls(
            event=bool(event & 0x01),
            threshold=threshold,
            reset_interval=reader.u16le("attempt count reset interval"),
            lockout_interval=reader.u16le("user lockout interval"),
        )


__all__ = ["LanSetInProgress"]
