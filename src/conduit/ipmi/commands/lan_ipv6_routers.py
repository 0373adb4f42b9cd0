"""LAN configuration parameters of IPv6 routers, 64 to 78 (table 23-4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.commands.lan_shapes import (
    MAC_SIZE,
    Ipv6Shape,
    LanParameter,
    MacShape,
    NumberShape,
    RouterAddressShape,
    RouterNumberShape,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6RouterControl:
    """Which routers are used; parameter 64."""

    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_CONTROL

    dynamic: bool = True
    "Those that advertise themselves."
    static: bool = False
    "Those of the next parameters."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.dynamic << 1 | self.static,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        bits = Reader(data).u8("IPv6 router control")
        return cls(dynamic=bool(bits & 0x02), static=bool(bits & 0x01))


class Ipv6Router1Address(Ipv6Shape):
    """Parameter 65."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_1_ADDRESS


class Ipv6Router1Mac(MacShape):
    """Parameter 66."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_1_MAC


class Ipv6Router1PrefixLength(NumberShape):
    """Parameter 67."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_1_PREFIX_LENGTH


class Ipv6Router1Prefix(Ipv6Shape):
    """Parameter 68."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_1_PREFIX


class Ipv6Router2Address(Ipv6Shape):
    """Parameter 69."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_2_ADDRESS


class Ipv6Router2Mac(MacShape):
    """Parameter 70."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_2_MAC


class Ipv6Router2PrefixLength(NumberShape):
    """Parameter 71."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_2_PREFIX_LENGTH


class Ipv6Router2Prefix(Ipv6Shape):
    """Parameter 72."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_ROUTER_2_PREFIX


class Ipv6DynamicRouterCount(NumberShape):
    """How many sets the next five parameters have; parameter 73. None of the six can be written."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ROUTER_COUNT


class Ipv6DynamicRouterAddress(RouterAddressShape):
    """Parameter 74."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ROUTER_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6DynamicRouterMac:
    """Parameter 75."""

    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ROUTER_MAC

    set_selector: int
    "0 to 255."
    mac: bytes
    "Six bytes."

    def __post_init__(self) -> None:
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_size("a MAC address", self.mac, MAC_SIZE, MAC_SIZE)

    def encode(self) -> bytes:
        """Seven bytes."""
        return bytes((self.set_selector,)) + self.mac

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(set_selector=reader.u8("set selector"), mac=reader.take(MAC_SIZE, "MAC address"))


class Ipv6DynamicRouterPrefixLength(RouterNumberShape):
    """Parameter 76."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ROUTER_PREFIX_LENGTH


class Ipv6DynamicRouterPrefix(RouterAddressShape):
    """Parameter 77."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ROUTER_PREFIX


class Ipv6DynamicRouterHopLimit(RouterNumberShape):
    """Parameter 78."""

    __slots__ = ()
    PARAMETER: ClassVar = LanParameter.IPV6_DYNAMIC_ROUTER_HOP_LIMIT
