"""Parameters of IPv6 routers, byte by byte."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands.lan_ipv6_routers import Ipv6DynamicRouterAddress, Ipv6DynamicRouterMac
from conduit.ipmi.commands.lan_shapes import BlocksShape, RouterNumberShape

ADDRESS = IPv6Address("2001:db8::1")


def test_a_routers_address_and_mac() -> None:
    address = Ipv6DynamicRouterAddress(set_selector=2, address=ADDRESS)
    assert address.encode() == b"\x02" + ADDRESS.packed
    assert Ipv6DynamicRouterAddress.decode(address.encode()) == address
    mac = Ipv6DynamicRouterMac(set_selector=1, mac=b"\2\0\0\0\0\7")
    assert mac.encode() == b"\1\2\0\0\0\0\7"
    assert Ipv6DynamicRouterMac.decode(mac.encode()) == mac


def test_a_routers_number_and_a_block() -> None:
    number = RouterNumberShape(set_selector=3, value=64)
    assert number.encode() == b"\x03\x40"
    assert RouterNumberShape.decode(number.encode()) == number
    block = BlocksShape(set_selector=1, block=2, data=b"abc")
    assert block.encode() == b"\1\2abc"
    assert BlocksShape.decode(block.encode() + bytes(40)).data == b"abc" + bytes(29)


@pytest.mark.parametrize("codec", [Ipv6DynamicRouterAddress, Ipv6DynamicRouterMac, RouterNumberShape, BlocksShape])
def test_what_is_too_short_is_refused(codec: type[Ipv6DynamicRouterAddress]) -> None:
    with pytest.raises(DecodeError):
        codec.decode(b"\1")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Ipv6DynamicRouterMac(set_selector=0, mac=b"12345")
    with pytest.raises(LocalProtocolError):
        RouterNumberShape(set_selector=0, value=256)
