"""What multirecords say of power: supplies, DC outputs and DC loads (sections 18.1 to 18.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range

UNSPECIFIED: Final = 0xFFFF  # peak VA and powers that nobody stated
NO_INRUSH: Final = 0xFF
COMBINED_VOLTAGES: Final = {0: "12 V", 1: "-12 V", 2: "5 V", 3: "3.3 V"}
_DC: Final = struct.Struct("<BhhhHHH")


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSupply:
    """A power supply; section 18.1. Numbers are as stored, in the units that each names."""

    TYPE: ClassVar = 0x00
    STRUCT: ClassVar = struct.Struct("<HHBBHHHHBBBBHBHB")

    capacity: int
    "Watts, 0 to 4095."
    peak_va: int = UNSPECIFIED
    "Volt-amperes, 0 to 65535; 65535 is unspecified."
    inrush_current: int = NO_INRUSH
    "Amperes, 0 to 255; 255 is unspecified."
    inrush_interval: int = 0
    "Milliseconds, 0 to 255."
    low_voltage_1: int = 0
    "Low end of input range 1 in 10 mV, 0 to 65535."
    high_voltage_1: int = 0
    "Its high end."
    low_voltage_2: int = 0
    "Low end of input range 2 in 10 mV; 0 if there is one range."
    high_voltage_2: int = 0
    "Its high end."
    low_frequency: int = 0
    "Hertz, 0 to 255; 0 takes DC."
    high_frequency: int = 0
    "Hertz, 0 to 255."
    dropout_tolerance: int = 0
    "Milliseconds without input that it survives, 0 to 255."
    predictive_fail: bool = False
    "It has a pin that tells of its coming end."
    power_factor_correction: bool = False
    autoswitch: bool = False
    "It finds its input range by itself."
    hot_swap: bool = False
    two_pulses: bool = False
    "Its fan gives two pulses a rotation; or, with a pass/fail pin, asserted means failed."
    peak_watts: int = 0
    "0 to 4095."
    hold_up: int = 0
    "Seconds that peak watts last, 0 to 15."
    combined_voltage_1: int = 0
    "First of the two outputs that share a limit, 0 to 15: 12 V, -12 V, 5 V, 3.3 V."
    combined_voltage_2: int = 0
    "The second."
    combined_watts: int = 0
    "What they have together, 0 to 65535; 0 is no such limit."
    tachometer_limit: int = 0
    "Rotations a second below which the fan is failing, 0 to 255."

    def __post_init__(self) -> None:
        for what, value, bits in (
            ("capacity", self.capacity, 12),
            ("peak VA", self.peak_va, 16),
            ("inrush current", self.inrush_current, 8),
            ("inrush interval", self.inrush_interval, 8),
            ("low voltage 1", self.low_voltage_1, 16),
            ("high voltage 1", self.high_voltage_1, 16),
            ("low voltage 2", self.low_voltage_2, 16),
            ("high voltage 2", self.high_voltage_2, 16),
            ("low frequency", self.low_frequency, 8),
            ("high frequency", self.high_frequency, 8),
            ("dropout tolerance", self.dropout_tolerance, 8),
            ("peak watts", self.peak_watts, 12),
            ("hold-up time", self.hold_up, 4),
            ("combined voltage 1", self.combined_voltage_1, 4),
            ("combined voltage 2", self.combined_voltage_2, 4),
            ("combined watts", self.combined_watts, 16),
            ("tachometer limit", self.tachometer_limit, 8),
        ):
            check_range(what, value, 0, (1 << bits) - 1)

    def encode(self) -> bytes:
        """Twenty-four bytes."""
        late = self.two_pulses << 4 | self.hot_swap << 3 | self.autoswitch << 2
        return self.STRUCT.pack(
            self.capacity,
            self.peak_va,
            self.inrush_current,
            self.inrush_interval,
            self.low_voltage_1,
            self.high_voltage_1,
            self.low_voltage_2,
            self.high_voltage_2,
            self.low_frequency,
            self.high_frequency,
            self.dropout_tolerance,
            late | self.power_factor_correction << 1 | self.predictive_fail,
            self.hold_up << 12 | self.peak_watts,
            self.combined_voltage_1 << 4 | self.combined_voltage_2,
            self.combined_watts,
            self.tachometer_limit,
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        fields = cls.STRUCT.unpack(Reader(data).take(cls.STRUCT.size, "power supply record"))
        capacity, peak_va, inrush, interval, low_1, high_1, low_2, high_2, low, high, dropout, *rest = fields
        flags, peak, voltages, combined, tachometer = rest
        return cls(
            capacity=capacity & 0x0FFF,
            peak_va=peak_va,
            inrush_current=inrush,
            inrush_interval=interval,
            low_voltage_1=low_1,
            high_voltage_1=high_1,
            low_voltage_2=low_2,
            high_voltage_2=high_2,
            low_frequency=low,
            high_frequency=high,
            dropout_tolerance=dropout,
            predictive_fail=bool(flags & 0x01),
            power_factor_correction=bool(flags & 0x02),
            autoswitch=bool(flags & 0x04),
            hot_swap=bool(flags & 0x08),
            two_pulses=bool(flags & 0x10),
            peak_watts=peak & 0x0FFF,
            hold_up=peak >> 12,
            combined_voltage_1=voltages >> 4,
            combined_voltage_2=voltages & 0x0F,
            combined_watts=combined,
            tachometer_limit=tachometer,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DcOutput:
    """What a supply gives at one output; section 18.2."""

    TYPE: ClassVar = 0x01

    number: int
    "0 to 15."
    standby: bool = False
    "There is power while the supply is switched off."
    nominal: int
    "10 mV, -32768 to 32767; so are the next two."
    lowest: int
    "Most negative voltage."
    highest: int
    "Most positive voltage."
    ripple: int = 0
    "Millivolts peak to peak, 10 Hz to 30 MHz; 0 to 65535."
    least_current: int = 0
    "Milliamperes, 0 to 65535."
    most_current: int = 0
    "Milliamperes, 0 to 65535."

    def __post_init__(self) -> None:
        _check_dc(self)

    def encode(self) -> bytes:
        """Thirteen bytes."""
        return _encode_dc(self, self.standby << 7)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        flags, *numbers = _DC.unpack(Reader(data).take(_DC.size, "DC output record"))
        return cls(number=flags & 0x0F, standby=bool(flags & 0x80), **dict(zip(_DC_NAMES, numbers, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DcLoad:
    """What a unit takes from one output; section 18.3."""

    TYPE: ClassVar = 0x02

    number: int
    "0 to 15."
    nominal: int
    "10 mV, -32768 to 32767; so are the next two."
    lowest: int
    "Least voltage that it works with."
    highest: int
    "Most voltage that it works with."
    ripple: int = 0
    "Millivolts peak to peak that it takes, 10 Hz to 30 MHz; 0 to 65535."
    least_current: int = 0
    "Milliamperes, 0 to 65535."
    most_current: int = 0
    "Milliamperes, 0 to 65535."

    def __post_init__(self) -> None:
        _check_dc(self)

    def encode(self) -> bytes:
        """Thirteen bytes."""
        return _encode_dc(self, 0)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        flags, *numbers = _DC.unpack(Reader(data).take(_DC.size, "DC load record"))
        return cls(number=flags & 0x0F, **dict(zip(_DC_NAMES, numbers, strict=True)))


_DC_NAMES: Final = ("nominal", "lowest", "highest", "ripple", "least_current", "most_current")


def _check_dc(record: DcOutput | DcLoad) -> None:
    check_range("output number", record.number, 0, 0x0F)
    for what, voltage in (("nominal", record.nominal), ("lowest", record.lowest), ("highest", record.highest)):
        check_range(f"{what} voltage", voltage, -0x8000, 0x7FFF)
    check_range("ripple", record.ripple, 0, 0xFFFF)
    check_range("least current", record.least_current, 0, 0xFFFF)
    check_range("most current", record.most_current, 0, 0xFFFF)


def _encode_dc(record: DcOutput | DcLoad, flags: int) -> bytes:
    return _DC.pack(
        flags | record.number,
        record.nominal,
        record.lowest,
        record.highest,
        record.ripple,
        record.least_current,
        record.most_current,
    )
