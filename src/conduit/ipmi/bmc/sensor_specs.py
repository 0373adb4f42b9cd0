"""What sensors a virtual machine has, and how what they measure follows its power and the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_size
from conduit.ipmi.records.conversion import Conversion, Factors, Linearization
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.event_types import SENSOR_SPECIFIC, THRESHOLD
from conduit.ipmi.records.sensor_types import SensorType
from conduit.ipmi.records.thresholds import ThresholdMask
from conduit.ipmi.records.units import AnalogFormat, Unit

COOLING: Final = 120.0  # seconds in which a temperature goes two thirds of its way
MAX_NAME: Final = 16  # bytes
MAX_SENSOR: Final = 0x9F  # those above only have events


class Conditions(NamedTuple):
    """What sensors depend on."""

    now: float
    on: bool
    "Whether the machine has power."
    running: bool
    "Whether its operating system runs."
    settled: float
    "Seconds since the power changed last; infinite if it never did."
    expired: int = 0
    "The watchdog's states: 0 expired, 1 to 3 its action."
    log_states: int = 0
    "Of the event log: 4 full, 5 almost full."


Source = Callable[[Conditions], float | None]
"A value, or the states of a discrete sensor as bits; None while there is nothing to measure."


def drifting(value: float, swing: float, period: float) -> Source:
    """Around *value* while there is power, and nothing without."""

    def measure(conditions: Conditions) -> float | None:
        return value + swing * math.sin(2 * math.pi * conditions.now / period) if conditions.on else None

    return measure


def spinning(value: float, swing: float, period: float) -> Source:
    """The same, but zero without power: fans and rails."""
    measure = drifting(value, swing, period)
    return lambda conditions: measure(conditions) or 0.0


def warming(cold: float, hot: float, swing: float, period: float) -> Source:
    """From *cold* to *hot* when power comes, back when it goes, and always there."""

    def measure(conditions: Conditions) -> float:
        done = 1 - math.exp(-conditions.settled / COOLING)
        share = done if conditions.on else 1 - done
        return cold + (hot - cold) * share + swing * math.sin(2 * math.pi * conditions.now / period)

    return measure


def while_on(source: Source) -> Source:
    """Nothing to measure without power."""
    return lambda conditions: source(conditions) if conditions.on else None


def constant(value: float) -> Source:
    """Always the same."""
    return lambda _: value


class Spec(NamedTuple):
    """A sensor."""

    number: int
    name: str
    sensor_type: int
    entity: Entity
    source: Source
    event_type: int = THRESHOLD
    unit: int = Unit.UNSPECIFIED
    percentage: bool = False
    conversion: Conversion = Conversion()
    limits: Mapping[ThresholdMask, float] = MappingProxyType({})
    nominal: float = 0.0
    hysteresis: int = 1
    "Raw counts."
    states: int = 0
    "Of a discrete sensor: those it may have."
    idle_without_power: bool = False
    "Without power its reading passes no threshold."
    settable: bool = False
    "Set Sensor Reading may say what it measures."

    @property
    def is_threshold(self) -> bool:
        """Whether it has thresholds, rather than states."""
        return self.event_type == THRESHOLD


LNC, LCR, LNR, UNC, UCR, UNR = ThresholdMask
ONE_TO_ONE: Final = Conversion()
SIGNED: Final = Conversion(analog_format=AnalogFormat.TWOS_COMPLEMENT)
FAN_SPEED: Final = Conversion(factors=Factors(m=50, tolerance=1))
TWO_WATTS: Final = Conversion(factors=Factors(m=2))
RAIL_12: Final = Conversion(factors=Factors(m=6, result_exponent=-2, tolerance=1, accuracy=100))
RAIL_5: Final = Conversion(factors=Factors(m=25, result_exponent=-3, tolerance=1, accuracy=100))
RAIL_3: Final = Conversion(factors=Factors(m=16, result_exponent=-3, tolerance=1, accuracy=100))


def _processor(instance: int = 1) -> Entity:
    return Entity(entity_id=3, instance=instance)


BOARD: Final = Entity(entity_id=7)
AIR_INLET: Final = Entity(entity_id=0x37)
SUPPLY: Final = Entity(entity_id=10)
CHASSIS: Final = Entity(entity_id=23)


def _fan(number: int, instance: int) -> Spec:
    return Spec(
        number, f"FAN{instance}", SensorType.FAN, Entity(entity_id=29, instance=instance),
        spinning(5400.0 + 150 * instance, 120.0, 50.0 + 10 * instance), unit=Unit.RPM, conversion=FAN_SPEED,
        limits={LNR: 500.0, LCR: 1000.0, LNC: 1500.0}, nominal=5500.0, hysteresis=2, idle_without_power=True,
    )  # fmt: skip


def _rail(number: int, name: str, volts: float, conversion: Conversion) -> Spec:
    shares = {LNR: 0.85, LCR: 0.9, LNC: 0.95, UNC: 1.05, UCR: 1.1, UNR: 1.15}
    return Spec(
        number, name, SensorType.VOLTAGE, BOARD, spinning(volts, volts * 0.004, 47.0 + number), unit=Unit.VOLTS,
        conversion=conversion, limits={mask: volts * share for mask, share in shares.items()}, nominal=volts,
        idle_without_power=True,
    )  # fmt: skip


def _discrete(
    number: int, name: str, sensor_type: int, entity: Entity, source: Source, *, states: int, event_type: int
) -> Spec:
    return Spec(number, name, sensor_type, entity, source, event_type=event_type, states=states)


def _temperature(
    number: int, name: str, entity: Entity, source: Source, nominal: float, limits: Mapping[ThresholdMask, float]
) -> Spec:
    return Spec(
        number, name, SensorType.TEMPERATURE, entity, source, unit=Unit.DEGREES_C, conversion=SIGNED, limits=limits,
        nominal=nominal, hysteresis=2,
    )  # fmt: skip


SPECS: Final = (
    _temperature(1, "CPU Temp", _processor(), while_on(warming(24, 52, 2, 61)), 50, {UNC: 85, UCR: 90, UNR: 95}),
    _temperature(2, "Inlet Temp", AIR_INLET, warming(22, 23, 0.7, 900), 23,
                 {LCR: 3, LNC: 5, UNC: 38, UCR: 42, UNR: 45}),
    _temperature(3, "Exhaust Temp", BOARD, warming(22, 38, 1.2, 140), 38, {UNC: 65, UCR: 70, UNR: 75}),
    _temperature(4, "DIMM Temp", Entity(entity_id=32), while_on(warming(24, 41, 1.5, 95)), 41,
                 {UNC: 80, UCR: 85, UNR: 90}),
    _temperature(5, "CPU Margin", _processor(), while_on(warming(-71, -43, 2, 61)), -45, {UNC: -10, UCR: -5, UNR: 0}),
    _fan(6, 1),
    _fan(7, 2),
    _fan(8, 3),
    _rail(9, "12V", 12.0, RAIL_12),
    _rail(10, "5V", 5.0, RAIL_5),
    _rail(11, "3.3V", 3.3, RAIL_3),
    Spec(12, "CPU Power", SensorType.OTHER_UNITS, _processor(), spinning(86, 14, 31), unit=Unit.WATTS, nominal=86),
    Spec(
        13, "System Power", SensorType.OTHER_UNITS, SUPPLY,
        lambda c: 192 + 26 * math.sin(2 * math.pi * c.now / 31) if c.on else 9.0,
        unit=Unit.WATTS, conversion=TWO_WATTS, limits={UNC: 400, UCR: 450}, nominal=200,
    ),
    Spec(
        14, "Fan Duty", SensorType.COOLING_DEVICE, CHASSIS, spinning(38, 4, 31), percentage=True, nominal=40,
    ),
    _discrete(15, "PS1 Status", SensorType.POWER_SUPPLY, SUPPLY, constant(0x01),
              states=0x7F, event_type=SENSOR_SPECIFIC),
    _discrete(16, "PS2 Status", SensorType.POWER_SUPPLY, Entity(entity_id=10, instance=2), constant(0x01),
              states=0x7F, event_type=SENSOR_SPECIFIC),
    _discrete(17, "CPU Status", SensorType.PROCESSOR, _processor(), constant(0x80),
              states=0x7FF, event_type=SENSOR_SPECIFIC),
    _discrete(18, "Intrusion", SensorType.PHYSICAL_SECURITY, CHASSIS, constant(0),
              states=0x7F, event_type=SENSOR_SPECIFIC),
    _discrete(0xA0, "Power Unit", SensorType.POWER_UNIT, Entity(entity_id=19), lambda c: int(not c.on),
              states=0xFF, event_type=SENSOR_SPECIFIC),
    _discrete(0xA2, "OS Boot", SensorType.OS_BOOT, Entity(entity_id=35), lambda c: c.running << 6,
              states=0x7F, event_type=SENSOR_SPECIFIC),
    _discrete(0xA4, "Watchdog", SensorType.WATCHDOG_2, BOARD, lambda c: c.expired,
              states=0x10F, event_type=SENSOR_SPECIFIC),
    _discrete(0xA6, "Event Log", SensorType.EVENT_LOGGING, Entity(entity_id=6), lambda c: c.log_states,
              states=0x3F, event_type=SENSOR_SPECIFIC),
)  # fmt: skip


class SensorKind(Enum):
    """What a configured sensor measures."""

    TEMPERATURE = "temperature"
    VOLTAGE = "voltage"
    FAN = "fan"
    POWER = "power"
    PERCENT = "percent"


_KINDS: Final[Mapping[SensorKind, tuple[int, int]]] = MappingProxyType(
    {
        SensorKind.TEMPERATURE: (SensorType.TEMPERATURE, Unit.DEGREES_C),
        SensorKind.VOLTAGE: (SensorType.VOLTAGE, Unit.VOLTS),
        SensorKind.FAN: (SensorType.FAN, Unit.RPM),
        SensorKind.POWER: (SensorType.OTHER_UNITS, Unit.WATTS),
        SensorKind.PERCENT: (SensorType.OTHER_UNITS, Unit.UNSPECIFIED),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorConfig:
    """A sensor that is added, or one that is there already and gets a fixed value."""

    name: str
    "1 to 16 characters of Latin-1."
    value: float = math.nan
    "What it measures, or of a discrete sensor its states as bits; left out, it measures on."
    kind: SensorKind = SensorKind.TEMPERATURE
    "Of a sensor that is added."
    settable: bool = False
    "Of a sensor that is added: Set Sensor Reading may say what it measures."
    m: int = 1
    b: int = 0
    result_exponent: int = 0
    b_exponent: int = 0
    linearization: Linearization = Linearization.LINEAR
    upper_non_critical: float = math.nan
    upper_critical: float = math.nan
    upper_non_recoverable: float = math.nan
    lower_non_critical: float = math.nan
    lower_critical: float = math.nan
    lower_non_recoverable: float = math.nan
    "Left out, there is no such threshold."

    def __post_init__(self) -> None:
        try:
            raw_name = self.name.encode("latin-1")
        except UnicodeEncodeError as error:
            raise LocalProtocolError(f"a sensor name is Latin-1, and {self.name!r} is not") from error
        check_size("a sensor name", raw_name, 1, MAX_NAME)
        self.conversion  # noqa: B018  # checks the factors

    @property
    def conversion(self) -> Conversion:
        """From its raw readings to values."""
        factors = Factors(m=self.m, b=self.b, result_exponent=self.result_exponent, b_exponent=self.b_exponent)
        return Conversion(linearization=self.linearization, factors=factors)

    @property
    def limits(self) -> dict[ThresholdMask, float]:
        """Those that there are."""
        named = {mask: getattr(self, str(mask.name).lower()) for mask in ThresholdMask}
        return {mask: value for mask, value in named.items() if not math.isnan(value)}

    def spec(self, number: int) -> Spec:
        """It as a sensor of its own."""
        sensor_type, unit = _KINDS[self.kind]
        return Spec(
            number, self.name, sensor_type, BOARD, constant(0.0), unit=unit,
            percentage=self.kind is SensorKind.PERCENT, conversion=self.conversion, limits=self.limits,
            settable=self.settable,
        )  # fmt: skip
