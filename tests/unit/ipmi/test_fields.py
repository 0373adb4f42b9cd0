from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi._fields import check_range, check_size, from_wire, known, label


class Colour(IntEnum):
    DARK_RED = 1


def test_a_known_number_becomes_its_member() -> None:
    assert known(Colour, 1) is Colour.DARK_RED


def test_an_unknown_number_stays_what_it_is() -> None:
    value = known(Colour, 0x2B)
    assert value == 0x2B
    assert not isinstance(value, Colour)


def test_a_label_says_the_name_or_that_there_is_none() -> None:
    assert label(Colour.DARK_RED) == "dark red"
    assert label(0x2B) == "unknown (0x2b)"


@pytest.mark.parametrize("value", [1, 2, 3])
def test_both_ends_of_a_range_are_in_it(value: int) -> None:
    check_range("number", value, 1, 3)


@pytest.mark.parametrize("value", [0, 4])
def test_a_number_out_of_range_is_our_callers_fault(value: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"number is {value}, not 1 to 3"):
        check_range("number", value, 1, 3)


def test_a_wrong_size_is_reported_without_the_bytes() -> None:
    check_size("secret", b"12", 1, 2)
    with pytest.raises(LocalProtocolError, match=r"^secret has 3 bytes, not 1 to 2$"):
        check_size("secret", b"123", 1, 2)


@dataclass(frozen=True, kw_only=True)
class Narrow:
    number: int

    def __post_init__(self) -> None:
        check_range("number", self.number, 1, 3)


def test_a_bad_field_from_the_wire_is_the_peers_fault() -> None:
    assert from_wire(Narrow, number=3).number == 3
    with pytest.raises(DecodeError, match="number is 4"):
        from_wire(Narrow, number=4)
