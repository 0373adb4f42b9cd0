"""Raw readings to values and back; numbers worked out by hand from section 36.3."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi.records.conversion import Conversion, Factors, Linearization, is_non_linear, linearization_of
from conduit.ipmi.records.units import AnalogFormat


@pytest.mark.parametrize(
    ("analog_format", "raw", "value"),
    [
        (AnalogFormat.UNSIGNED, 0x00, 0),
        (AnalogFormat.UNSIGNED, 0xFF, 255),
        (AnalogFormat.TWOS_COMPLEMENT, 0x7F, 127),
        (AnalogFormat.TWOS_COMPLEMENT, 0x80, -128),
        (AnalogFormat.TWOS_COMPLEMENT, 0xFF, -1),
        (AnalogFormat.ONES_COMPLEMENT, 0x7F, 127),
        (AnalogFormat.ONES_COMPLEMENT, 0x80, -127),
        (AnalogFormat.ONES_COMPLEMENT, 0xFE, -1),
    ],
)
def test_signed_formats(analog_format: AnalogFormat, raw: int, value: float) -> None:
    conversion = Conversion(analog_format=analog_format)
    assert conversion.value(raw) == value
    assert conversion.raw(value) == raw
    assert conversion.order(raw) == value


def test_minus_zero_of_ones_complement_is_zero() -> None:
    assert Conversion(analog_format=AnalogFormat.ONES_COMPLEMENT).value(0xFF) == 0


@pytest.mark.parametrize(
    ("factors", "raw", "value"),
    [
        (Factors(m=59, result_exponent=-3), 204, 12.036),
        (Factors(m=100), 55, 5500),
        (Factors(m=2, b=-40), 30, 20),  # an offset
        (Factors(m=5, b=3, b_exponent=2, result_exponent=-2), 10, 3.5),  # (5*10 + 3*100) / 100
        (Factors(m=-1, b=255), 55, 200),  # falls as the raw reading rises
    ],
)
def test_linear_sensors(factors: Factors, raw: int, value: float) -> None:
    conversion = Conversion(factors=factors)
    assert conversion.value(raw) == value
    assert conversion.raw(value) == raw


@pytest.mark.parametrize(
    ("linearization", "value"),
    [
        (Linearization.LINEAR, 4.0),
        (Linearization.LN, 1.38629436),
        (Linearization.LOG10, 0.602059991),
        (Linearization.LOG2, 2.0),
        (Linearization.E, 54.59815),
        (Linearization.EXP10, 10000.0),
        (Linearization.EXP2, 16.0),
        (Linearization.RECIPROCAL, 0.25),
        (Linearization.SQUARE, 16.0),
        (Linearization.CUBE, 64.0),
        (Linearization.SQUARE_ROOT, 2.0),
        (Linearization.CUBE_ROOT, 1.58740105),
    ],
)
def test_every_function_of_four_and_back(linearization: Linearization, value: float) -> None:
    conversion = Conversion(linearization=linearization, factors=Factors())
    assert conversion.value(4) == value
    assert conversion.raw(value) == 4


@pytest.mark.parametrize(
    ("linearization", "raw"), [(Linearization.LN, 0), (Linearization.RECIPROCAL, 0), (Linearization.EXP10, 255)]
)
def test_a_value_that_does_not_exist_is_none(linearization: Linearization, raw: int) -> None:
    assert Conversion(linearization=linearization, factors=Factors(m=2)).value(raw) is None


@pytest.mark.parametrize(
    ("conversion", "value"),
    [
        (Conversion(factors=Factors(m=0, b=5)), 5),
        (Conversion(linearization=Linearization.SQUARE), -1),
        (Conversion(analog_format=AnalogFormat.NOT_ANALOG), 1),
        (Conversion(), math.nan),
    ],
)
def test_a_value_that_the_sensor_cannot_have_is_our_callers_fault(conversion: Conversion, value: float) -> None:
    with pytest.raises(LocalProtocolError):
        conversion.raw(value)


def test_values_out_of_range_go_to_the_nearest_end() -> None:
    for analog_format, low, high in (
        (AnalogFormat.UNSIGNED, 0, 255),
        (AnalogFormat.TWOS_COMPLEMENT, 0x80, 0x7F),
        (AnalogFormat.ONES_COMPLEMENT, 0x80, 0x7F),
    ):
        conversion = Conversion(analog_format=analog_format)
        assert (conversion.raw(-1e6), conversion.raw(1e6)) == (low, high)
    assert Conversion().raw(1e300) == 255


def test_infinity_is_no_value() -> None:
    with pytest.raises(LocalProtocolError):
        Conversion().raw(math.inf)


def test_a_sensor_without_numbers_has_no_value() -> None:
    conversion = Conversion(analog_format=AnalogFormat.NOT_ANALOG)
    assert conversion.value(7) is None
    assert conversion.order(7) == 7


def test_hysteresis_is_a_difference_without_the_offset() -> None:
    factors = Factors(m=2, b=100, result_exponent=-1)
    assert Conversion(factors=factors).hysteresis(5) == 1.0
    assert Conversion(factors=factors, linearization=Linearization.LN).hysteresis(5) is None
    assert factors.counts(1.0) == 5
    with pytest.raises(LocalProtocolError):
        Factors(m=0).counts(1.0)


def test_accuracy_is_in_percent() -> None:
    assert Factors(accuracy=150, accuracy_exponent=1).accuracy_percent == 15.0


def test_non_linear_sensors_begin_at_70h() -> None:
    assert [is_non_linear(linearization_of(code)) for code in (0x0B, 0x0C, 0x6F, 0x70, 0x7F)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert linearization_of(0x82) is Linearization.LOG10
    # With its own factors a reading is a plain number.
    assert Conversion(linearization=0x71, factors=Factors(m=3)).value(2) == 6


def test_factors_of_a_vector() -> None:
    """M = -2 (3FEh), tolerance 3, B = 257, accuracy 65 * 10**2, output, K2 = -3, K1 = 1."""
    data = bytes.fromhex("fe c3 01 41 1a d1")
    factors = Factors(
        m=-2, tolerance=3, b=257, accuracy=65, accuracy_exponent=2, direction=2, result_exponent=-3, b_exponent=1
    )
    assert Factors.read(Reader(data)) == factors
    assert factors.encode() == data


@pytest.mark.property
@given(
    factors=st.builds(Factors, m=st.integers(1, 511), b=st.integers(-512, 511), result_exponent=st.integers(-4, 3)),
    raw=st.integers(0, 255),
    analog_format=st.sampled_from((AnalogFormat.UNSIGNED, AnalogFormat.TWOS_COMPLEMENT)),
)
def test_a_value_leads_back_to_its_raw_reading(factors: Factors, raw: int, analog_format: AnalogFormat) -> None:
    conversion = Conversion(factors=factors, analog_format=analog_format)
    value = conversion.value(raw)
    assert value is not None
    assert conversion.raw(value) == raw
