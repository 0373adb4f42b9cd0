"""The base class of commands: what a command gets without writing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from conduit.rmcp.command import Command, NoData
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
