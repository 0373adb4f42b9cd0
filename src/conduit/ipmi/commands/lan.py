"""LAN configuration (section 23): its parameters, ARP, and what came and went."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.commands import lan_access, lan_alerts, lan_ipv6, lan_ipv6_routers, lan_parameters
from conduit.ipmi.commands.lan_shapes import LanParameter, LanValue
from conduit.ipmi.commands.parameters import GetChannelParameter, ParameterValue, SetChannelParameter
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

NOT_SUPPORTED: Final = 0x80  # completion codes
SOMEBODY_ELSE: Final = 0x81
READ_ONLY: Final = 0x82
WRITE_ONLY: Final = 0x83


def _classes() -> Mapping[int, type[LanValue]]:
    """The classes of all parameters: those that name one."""
    found = (
        value
        for module in (lan_access, lan_parameters, lan_alerts, lan_ipv6, lan_ipv6_routers)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "PARAMETER")
    )
    return MappingProxyType({kind.PARAMETER: kind for kind in sorted(found, key=lambda kind: int(kind.PARAMETER))})


LAN_PARAMETERS: Final = _classes()


def decode_lan_parameter(parameter: int, data: bytes) -> LanValue | bytes:
    """The parameter's bytes as an object, or as they are if it has no class.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    kind = LAN_PARAMETERS.get(parameter)
    return data if kind is None else kind.decode(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLanConfiguration(SetChannelParameter, Command[NoData]):
    """Set LAN Configuration Parameters; section 23.1. :meth:`of` makes it from a value."""

    netfn = NetFn.TRANSPORT
    command = 0x01
    privilege = Privilege.ADMINISTRATOR
    # Safe: the same value again changes nothing; "set in progress" again is at worst refused with 81h.
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        NOT_SUPPORTED: "the BMC does not have this LAN parameter",
        SOMEBODY_ELSE: "somebody else is setting LAN parameters",
        READ_ONLY: "this LAN parameter cannot be written",
    }
    WHAT: ClassVar[str] = "LAN parameter"
    NUMBERS: ClassVar[type[IntEnum]] = LanParameter

    parameter: LanParameter | int
    "0 to 255."

    @classmethod
    def of(cls, value: LanValue, channel: int = PRESENT_CHANNEL) -> Self:
        """The request that sets *value*."""
        return cls(channel=channel, parameter=value.PARAMETER, data=value.encode())

    @property
    def value(self) -> LanValue | bytes:
        """The parameter as an object, or its bytes if it has no class.

        :raises DecodeError: the bytes are too few.
        """
        return decode_lan_parameter(self.parameter, self.data)


class LanConfiguration(ParameterValue):
    """One parameter's bytes; section 23.2. Which parameter it is, only the request says."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLanConfiguration(GetChannelParameter, Command[LanConfiguration]):
    """Get LAN Configuration Parameters; section 23.2."""

    netfn = NetFn.TRANSPORT
    command = 0x02
    privilege = Privilege.OPERATOR
    safe = True
    response = LanConfiguration
    errors: ClassVar[dict[int, str]] = {
        NOT_SUPPORTED: "the BMC does not have this LAN parameter",
        WRITE_ONLY: "this LAN parameter cannot be read",
    }
    WHAT: ClassVar[str] = "LAN parameter"
    NUMBERS: ClassVar[type[IntEnum]] = LanParameter

    parameter: LanParameter | int
    "0 to 255."


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcArpStatus:
    """Which ARPs are not suspended; section 23.3."""

    responses: bool
    "The BMC answers ARP requests."
    gratuitous: bool
    "It sends ARPs that nobody asked for."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.responses << 1 | self.gratuitous,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        status = Reader(data).u8("ARP status")
        return cls(responses=bool(status & 0x02), gratuitous=bool(status & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendBmcArps(Command[BmcArpStatus]):
    """Suspend BMC ARPs, until the next restart of the system; section 23.3."""

    netfn = NetFn.TRANSPORT
    command = 0x03
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = BmcArpStatus

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    suspend_responses: bool = False
    "False lets them go on, if they are on at all."
    suspend_gratuitous: bool = False
    "Likewise."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.channel, self.suspend_responses << 1 | self.suspend_gratuitous))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channel, bits = Reader(data).take(2, "ARP request")
        return cls(channel=channel & 0x0F, suspend_responses=bool(bits & 0x02), suspend_gratuitous=bool(bits & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class LanStatistics:
    """Packets since the counters were cleared, each 0 to 65535, where it stays; section 23.4."""

    STRUCT: ClassVar = struct.Struct("<9H")

    ip_received: int = 0
    ip_header_errors: int = 0
    ip_address_errors: int = 0
    ip_fragments: int = 0
    ip_sent: int = 0
    udp_received: int = 0
    rmcp_received: int = 0
    "Valid RMCP packets."
    proxy_received: int = 0
    "UDP packets received for the system software."
    proxy_dropped: int = 0

    def __post_init__(self) -> None:
        for count in astuple(self):
            check_range("packet counter", count, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Eighteen bytes."""
        return self.STRUCT.pack(*astuple(self))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        counters = cls.STRUCT.unpack(Reader(data).take(cls.STRUCT.size, "LAN statistics"))
        return cls(**{field.name: count for field, count in zip(fields(cls), counters, strict=True)})


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLanStatistics(Command[LanStatistics]):
    """Get IP/UDP/RMCP Statistics; section 23.4."""

    netfn = NetFn.TRANSPORT
    command = 0x04
    privilege = Privilege.USER
    # Not safe: what it clears, it would not tell the second time.
    response = LanStatistics

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    clear: bool = False
    "Count from zero again."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.channel, self.clear))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channel, bits = Reader(data).take(2, "statistics request")
        return cls(channel=channel & 0x0F, clear=bool(bits & 0x01))


__all__ = [
    "LAN_PARAMETERS",
    "BmcArpStatus",
    "GetLanConfiguration",
    "GetLanStatistics",
    "LanConfiguration",
    "LanStatistics",
    "SetLanConfiguration",
    "SuspendBmcArps",
]
