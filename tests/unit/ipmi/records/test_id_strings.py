from __future__ import annotations

import pytest

from conduit._wire import Reader
from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.records.id_strings import IdCoding, IdString


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("c8 43 50 55 20 54 65 6d 70", "CPU Temp"),
        ("c2 b5 41", "µA"),
        ("83 29 dc a6", "IPMI"),  # the example of the FRU specification, section 13.3
        ("42 12 b3", "12-3"),
        ("42 1c 5a", "1.5"),
        ("04 41 00 42 00", "AB"),
        ("03 46 41 4e", "FAN"),  # "Unicode" that is ASCII, as BMCs have it
        ("c4 46 41 4e 00", "FAN"),
        ("c0", ""),
    ],
)
def test_each_coding_is_read(encoded: str, text: str) -> None:
    data = bytes.fromhex(encoded)
    name = IdString.read(Reader(data))
    assert name.text == text
    assert name.encode() == data


@pytest.mark.parametrize("coding", IdCoding)
@pytest.mark.parametrize("text", ["", "1", "12", "123", "12.3"])
def test_what_is_written_is_read(coding: IdCoding, text: str) -> None:
    assert IdString.read(Reader(IdString.of(text, coding).encode())).text == text


@pytest.mark.parametrize(
    ("coding", "text"),
    [(IdCoding.BCD_PLUS, "A"), (IdCoding.SIX_BIT_ASCII, "a"), (IdCoding.LATIN_1, "Ω"), (IdCoding.LATIN_1, "x" * 32)],
)
def test_text_that_a_coding_has_not_is_our_callers_fault(coding: IdCoding, text: str) -> None:
    with pytest.raises(LocalProtocolError):
        IdString.of(text, coding)


def test_a_string_longer_than_its_record_ends_with_it() -> None:
    assert IdString.read(Reader(b"\xc8CPU")).text == "CPU"


def test_a_record_without_a_name_byte_is_broken() -> None:
    with pytest.raises(DecodeError):
        IdString.read(Reader(b""))
