"""The base class of commands: what a command gets without writing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pytest

from conduit.errors import DecodeError
from conduit.rmcp.command import Command, NoData, group_of
from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True)
class Echoed:
    data: bytes

    def encode(self) -> bytes:
        return self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        return cls(data)


@dataclass(frozen=True, slots=True)
class Echo(Command[Echoed]):
    netfn = 0x30
    command = 0x01
    privilege = Privilege.USER
    response = Echoed


def test_request_without_data_encodes_to_nothing() -> None:
    assert Echo().encode() == b""


def test_request_without_data_ignores_what_follows() -> None:
    assert Echo.decode(b"surplus") == Echo()


def test_response_is_decoded_by_the_class_the_command_names() -> None:
    assert Echo().decode_response(b"abc") == Echoed(b"abc")


def test_nothing_is_repeated_unless_the_command_says_that_it_may_be() -> None:
    assert Echo.safe is False
    assert Echo.errors == {}


def test_privilege_levels_are_in_order() -> None:
    assert Privilege.CALLBACK < Privilege.USER < Privilege.OPERATOR < Privilege.ADMINISTRATOR < Privilege.OEM


def test_a_response_without_data_ignores_what_a_vendor_adds() -> None:
    assert NoData.decode(b"\x01\x02") == NoData()
    assert NoData().encode() == b""


@dataclass(frozen=True, slots=True)
class GroupEcho(Command[Echoed]):
    netfn = 0x2C
    command = 0x01
    group = 0xDC
    privilege = Privilege.USER
    response = Echoed


def test_a_groups_number_travels_before_the_data_both_ways() -> None:
    assert GroupEcho().request_data() == b"\xdc"
    assert GroupEcho().encode() == b""
    assert GroupEcho().decode_response(b"\xdcabc") == Echoed(b"abc")


@pytest.mark.parametrize("data", [b"", b"\x00abc"])
def test_an_answer_without_the_groups_number_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="0xdc"):
        GroupEcho().decode_response(data)


def test_groups_keep_commands_of_the_same_number_apart() -> None:
    assert Echo.key() == (0x30, 0x01, None)
    assert GroupEcho.key() == (0x2C, 0x01, 0xDC)


@pytest.mark.parametrize(
    ("netfn", "data", "group"),
    [(0x2C, b"\xdc\x01", 0xDC), (0x2D, b"\x00", 0x00), (0x2C, b"", None), (0x06, b"\xdc", None)],
)
def test_only_group_network_functions_have_groups(netfn: int, data: bytes, group: int | None) -> None:
    assert group_of(netfn, data) == group
