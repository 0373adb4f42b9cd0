from __future__ import annotations

import pytest

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi.records.units import AnalogFormat, SensorUnits, unit_name


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("80 01 00", "°C"),
        ("00 12 00", "RPM"),
        ("00 04 00", "V"),
        ("01 00 00", "%"),
        ("01 12 00", "% RPM"),
        ("18 48 00", "MB/s"),
        ("02 2d 1e", "lb/in³"),
        ("04 2d 1d", "lb·ft"),
        ("38 06 00", "W"),  # a reserved rate is none
        ("06 06 01", "W"),  # so is a reserved use of the modifier
        ("00 5c 00", "grams"),
        ("00 5d 00", "unit 0x5d"),
        ("c0 00 00", ""),
    ],
)
def test_units_are_written_as_people_do(encoded: str, text: str) -> None:
    units = SensorUnits.read(Reader(bytes.fromhex(encoded)))
    assert units.text == text
    assert units.encode() == bytes.fromhex(encoded)


def test_the_format_is_in_the_two_highest_bits() -> None:
    assert SensorUnits.read(Reader(b"\x80\x01\x00")).analog_format is AnalogFormat.TWOS_COMPLEMENT


def test_codes_end_at_255() -> None:
    with pytest.raises(LocalProtocolError):
        SensorUnits(base=256)
    assert unit_name(18) == "RPM"
