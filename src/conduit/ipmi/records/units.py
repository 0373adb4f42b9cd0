"""What sensors measure in: the three unit bytes of a record (table 43-1) and the unit codes (table 43-15)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import SHARED, check_range, known


class AnalogFormat(IntEnum):
    """How a raw reading is a number."""

    UNSIGNED = 0
    ONES_COMPLEMENT = 1
    TWOS_COMPLEMENT = 2
    NOT_ANALOG = 3


class ModifierUse(IntEnum):
    """What the modifier unit does to the base unit."""

    NONE = 0
    DIVIDE = 1
    MULTIPLY = 2


class Rate(IntEnum):
    """Per how long; 7 is reserved."""

    NONE = 0
    MICROSECOND = 1
    MILLISECOND = 2
    SECOND = 3
    MINUTE = 4
    HOUR = 5
    DAY = 6


_RATES: Final = ("", "/µs", "/ms", "/s", "/min", "/h", "/day", "")


class Unit(IntEnum):
    """The unit codes that the code here names; :data:`UNITS` has them all."""

    UNSPECIFIED = 0
    DEGREES_C = 1
    DEGREES_F = 2
    KELVIN = 3
    VOLTS = 4
    AMPERES = 5
    WATTS = 6
    RPM = 18
    HERTZ = 19


# By unit code, 0 to 92, as people write them.
UNITS: Final = (
    "", "°C", "°F", "K", "V", "A", "W", "J", "C", "VA", "nit", "lm", "lx", "cd", "kPa", "psi", "N", "CFM", "RPM", "Hz",
    "µs", "ms", "s", "min", "h", "d", "weeks", "mil", "in", "ft", "in³", "ft³", "mm", "cm", "m", "cm³", "m³", "l",
    "fl oz", "rad", "sr", "rev", "cycles", "g (gravity)", "oz", "lb", "ft lbf", "oz in", "G", "Gb", "H", "mH", "F",
    "µF", "Ω", "S", "mol", "Bq", "ppm", "reserved", "dB", "dBA", "dBC", "Gy", "Sv", "K (color temperature)", "bits",
    "kbit", "Mbit", "Gbit", "bytes", "kB", "MB", "GB", "words", "dwords", "qwords", "lines", "hits", "misses",
    "retries", "resets", "overruns", "underruns", "collisions", "packets", "messages", "characters", "errors",
    "correctable errors", "uncorrectable errors", "fatal errors", "grams",
)  # fmt: skip


def unit_name(code: int) -> str:
    """A unit as people write it."""
    return UNITS[code] if code < len(UNITS) else f"unit {code:#04x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorUnits:
    """The unit of a sensor."""

    analog_format: AnalogFormat = AnalogFormat.UNSIGNED
    rate: Rate | int = Rate.NONE
    "0 to 7."
    modifier_use: ModifierUse | int = ModifierUse.NONE
    "0 to 3."
    percentage: bool = False
    base: int = Unit.UNSPECIFIED
    "0 to 255."
    modifier: int = Unit.UNSPECIFIED
    "0 to 255."

    def __post_init__(self) -> None:
        check_range("rate", self.rate, 0, 7)
        check_range("modifier use", self.modifier_use, 0, 3)
        check_range("base unit", self.base, 0, 0xFF)
        check_range("modifier unit", self.modifier, 0, 0xFF)

    @property
    def text(self) -> str:
        """As people write it: ``°C``, ``%``, ``MB/s``; empty where there is none."""
        text = unit_name(self.base)
        if self.modifier_use == ModifierUse.DIVIDE:
            text += f"/{unit_name(self.modifier)}"
        elif self.modifier_use == ModifierUse.MULTIPLY:
            text += f"·{unit_name(self.modifier)}"
        text += _RATES[self.rate]
        return f"% {text}".rstrip() if self.percentage else text

    def encode(self) -> bytes:
        """Three bytes."""
        flags = self.analog_format << 6 | self.rate << 3 | self.modifier_use << 1 | self.percentage
        return bytes((flags, self.base, self.modifier))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: three bytes are not there."""
        return cls._of(*reader.take(3, "sensor units"))

    @classmethod
    @functools.lru_cache(SHARED)
    def _of(cls, flags: int, base: int, modifier: int) -> Self:
        return cls(
            analog_format=AnalogFormat(flags >> 6),
            rate=known(Rate, flags >> 3 & 0x07),
            modifier_use=known(ModifierUse, flags >> 1 & 0x03),
            percentage=bool(flags & 0x01),
            base=base,
            modifier=modifier,
        )
