"""From a sensor's raw byte to a number and back: y = L[(M x + B 10^K1) 10^K2] (section 36.3).

``K1`` is the B exponent, ``K2`` the result exponent; ``L`` one of twelve functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.records.units import AnalogFormat

SIGNIFICANT: Final = 9  # digits that are kept: more than a byte can say, and 12.036 stays 12.036
LARGEST_RAW: Final = 0xFF


class Linearization(IntEnum):
    """``L``. From 70h on each reading has factors of its own (Get Sensor Reading Factors)."""

    LINEAR = 0x00
    LN = 0x01
    LOG10 = 0x02
    LOG2 = 0x03
    E = 0x04
    EXP10 = 0x05
    EXP2 = 0x06
    RECIPROCAL = 0x07
    SQUARE = 0x08
    CUBE = 0x09
    SQUARE_ROOT = 0x0A
    CUBE_ROOT = 0x0B
    NON_LINEAR = 0x70


Function = Callable[[float], float]
# Each function and its inverse. What neither can do (the logarithm of nothing, a number too big) is an exception here.
_FUNCTIONS: Final[Mapping[int, tuple[Function, Function]]] = MappingProxyType(
    {
        Linearization.LINEAR: (float, float),
        Linearization.LN: (math.log, math.exp),
        Linearization.LOG10: (math.log10, lambda y: math.pow(10, y)),
        Linearization.LOG2: (math.log2, lambda y: math.pow(2, y)),
        Linearization.E: (math.exp, math.log),
        Linearization.EXP10: (lambda x: math.pow(10, x), math.log10),
        Linearization.EXP2: (lambda x: math.pow(2, x), math.log2),
        Linearization.RECIPROCAL: (lambda x: 1 / x, lambda y: 1 / y),
        Linearization.SQUARE: (lambda x: x * x, math.sqrt),
        Linearization.CUBE: (lambda x: x * x * x, math.cbrt),
        Linearization.SQUARE_ROOT: (math.sqrt, lambda y: y * y),
        Linearization.CUBE_ROOT: (math.cbrt, lambda y: y * y * y),
    }
)


def is_non_linear(linearization: int) -> bool:
    """Whether each reading has factors of its own."""
    return linearization >= Linearization.NON_LINEAR


def signed(value: int, bits: int) -> int:
    """*value* of so many bits in two's complement as a number."""
    return value - (1 << bits) if value >> (bits - 1) else value


def to_number(raw: int, analog_format: AnalogFormat) -> int | None:
    """A raw byte as a number, or None if the sensor gives no numbers."""
    match analog_format:
        case AnalogFormat.ONES_COMPLEMENT:
            return raw - LARGEST_RAW if raw & 0x80 else raw
        case AnalogFormat.TWOS_COMPLEMENT:
            return signed(raw, 8)
        case _:
            return raw if analog_format is AnalogFormat.UNSIGNED else None


def from_number(number: int, analog_format: AnalogFormat) -> int:
    """The raw byte for the number nearest to *number*."""
    match analog_format:
        case AnalogFormat.ONES_COMPLEMENT:
            number = min(max(number, -127), 127)
            return number + LARGEST_RAW if number < 0 else number
        case AnalogFormat.TWOS_COMPLEMENT:
            return min(max(number, -128), 127) & LARGEST_RAW
        case _:
            return min(max(number, 0), LARGEST_RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """M, B, their exponents, and how exact they are: six bytes of a full record or of Get Sensor Reading Factors."""

    m: int = 1
    "-512 to 511."
    b: int = 0
    "-512 to 511."
    b_exponent: int = 0
    "-8 to 7."
    result_exponent: int = 0
    "-8 to 7."
    tolerance: int = 0
    "In half raw counts, 0 to 63."
    accuracy: int = 0
    "In hundredths of a percent, times ten to the accuracy exponent; 0 to 1023."
    accuracy_exponent: int = 0
    "0 to 3."
    direction: int = 0
    "0 unspecified, 1 input, 2 output, 3 reserved. Full records only."

    def __post_init__(self) -> None:
        for what, value, bits in (("M", self.m, 10), ("B", self.b, 10), ("B exponent", self.b_exponent, 4),
                                  ("result exponent", self.result_exponent, 4)):  # fmt: skip
            check_range(what, value, -(1 << bits - 1), (1 << bits - 1) - 1)
        check_range("tolerance", self.tolerance, 0, 0x3F)
        check_range("accuracy", self.accuracy, 0, 0x3FF)
        check_range("accuracy exponent", self.accuracy_exponent, 0, 3)
        check_range("sensor direction", self.direction, 0, 3)

    @property
    def accuracy_percent(self) -> float:
        """Accuracy in percent of the reading."""
        return _rounded(self.accuracy * 0.01 * 10.0**self.accuracy_exponent)

    def value(self, number: int, linearization: int = Linearization.LINEAR) -> float | None:
        """The value of a raw number; None where the function has none, as the logarithm of zero."""
        scaled = (self.m * number + self.b * 10.0**self.b_exponent) * 10.0**self.result_exponent
        function, _ = _FUNCTIONS.get(linearization, _FUNCTIONS[Linearization.LINEAR])
        return _apply(function, scaled)

    def number(self, value: float, linearization: int = Linearization.LINEAR) -> int:
        """The raw number whose value is nearest to *value*; it may be more than a byte holds.

        :raises LocalProtocolError: the sensor has no such value, or no values at all.
        """
        _, inverse = _FUNCTIONS.get(linearization, _FUNCTIONS[Linearization.LINEAR])
        scaled = _apply(inverse, value)
        exact = math.nan
        if scaled is not None and self.m:
            exact = (scaled / 10.0**self.result_exponent - self.b * 10.0**self.b_exponent) / self.m
        if not math.isfinite(exact):
            raise LocalProtocolError(f"the sensor cannot have the value {value:g}")
        return round(exact)

    def difference(self, counts: float) -> float:
        """So many raw counts as a difference of values, for hysteresis and tolerance of linear sensors."""
        return _rounded(abs(self.m * counts * 10.0**self.result_exponent))

    def counts(self, difference: float) -> int:
        """The opposite, rounded and without a sign.

        :raises LocalProtocolError: the sensor's values do not differ.
        """
        if not self.m:
            raise LocalProtocolError("the sensor has one value only, so no hysteresis")
        return round(abs(difference / (self.m * 10.0**self.result_exponent)))

    def encode(self) -> bytes:
        """Six bytes."""
        return bytes(
            (
                self.m & 0xFF,
                (self.m >> 8 & 0x03) << 6 | self.tolerance,
                self.b & 0xFF,
                (self.b >> 8 & 0x03) << 6 | self.accuracy & 0x3F,
                self.accuracy >> 6 << 4 | self.accuracy_exponent << 2 | self.direction,
                (self.result_exponent & 0x0F) << 4 | self.b_exponent & 0x0F,
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: six bytes are not there."""
        m, m_tolerance, b, b_accuracy, accuracy, exponents = reader.take(6, "reading factors")
        return cls(
            m=signed((m_tolerance & 0xC0) << 2 | m, 10),
            b=signed((b_accuracy & 0xC0) << 2 | b, 10),
            b_exponent=signed(exponents & 0x0F, 4),
            result_exponent=signed(exponents >> 4, 4),
            tolerance=m_tolerance & 0x3F,
            accuracy=(accuracy & 0xF0) << 2 | b_accuracy & 0x3F,
            accuracy_exponent=accuracy >> 2 & 0x03,
            direction=accuracy & 0x03,
        )


def _apply(function: Function, argument: float) -> float | None:
    try:
        return _rounded(function(argument))
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT}g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """All that it takes to understand a raw reading."""

    analog_format: AnalogFormat = AnalogFormat.UNSIGNED
    linearization: Linearization | int = Linearization.LINEAR
    "0 to 127."
    factors: Factors = Factors()

    def value(self, raw: int) -> float | None:
        """The value of a raw byte; None where there is none."""
        number = to_number(raw, self.analog_format)
        return None if number is None else self.factors.value(number, self.linearization)

    def raw(self, value: float) -> int:
        """The raw byte nearest to *value*, the least or the greatest where that is out of range.

        :raises LocalProtocolError: the sensor has no values, or none like this.
        """
        if self.analog_format is AnalogFormat.NOT_ANALOG:
            raise LocalProtocolError("the sensor gives no numbers")
        check_range("a value", value, -math.inf, math.inf)
        return from_number(self.factors.number(value, self.linearization), self.analog_format)

    def hysteresis(self, counts: int) -> float | None:
        """A hysteresis as a difference of values; None where that depends on the reading."""
        return self.factors.difference(counts) if self.linearization == Linearization.LINEAR else None

    def order(self, raw: int) -> int:
        """A key by which raw bytes compare as their numbers do."""
        number = to_number(raw, self.analog_format)
        return raw if number is None else number


def linearization_of(byte: int) -> Linearization | int:
    """Bits 6:0 of the linearization byte."""
    return known(Linearization, byte & 0x7F)
