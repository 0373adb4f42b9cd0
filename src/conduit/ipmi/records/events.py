"""Events as they travel in platform event messages and rest in the SEL (sections 29.3 and 32.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.records.event_data import detail_texts
from conduit.ipmi.records.event_types import THRESHOLD, sensor_type_name, state_name
from conduit.ipmi.records.sensor_types import SensorType

IPMI_2_FORMAT: Final = 0x04  # event message format version of IPMI 1.5 and 2.0
EVENT_SIZE: Final = 7  # bytes
UNSPECIFIED_DATA: Final = 0xFF  # in event data 2 and 3


class DataUse(IntEnum):
    """What event data 2 or 3 holds (table 29-6)."""

    UNSPECIFIED = 0
    READING = 1
    "Of a threshold event: the reading in data 2, the threshold in data 3. Of others: earlier state and severity."
    OEM = 2
    SENSOR_SPECIFIC = 3


class KnownSensor(Protocol):
    """What a sentence about an event wants to know of a sensor, mostly from its data record."""

    @property
    def name(self) -> str:
        """What people call it: ``Fan 1``."""
        ...

    @property
    def unit(self) -> str:
        """``RPM``, or an empty string."""
        ...

    def value(self, raw: int) -> float | None:
        """A reading of its, converted; None if it has no such thing. *raw* is 0 to 255."""
        ...


FindSensor = Callable[["Generator", int], KnownSensor | None]
"The sensor of that number, 0 to 255, at that generator; None if nobody knows it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """Who found the event: a controller by its address, or software (section 32.1, bytes 8 and 9)."""

    number: int = 0x0020
    "Both bytes, 0 to 0xFFFF; 0020h is the BMC itself."

    def __post_init__(self) -> None:
        check_range("generator ID", self.number, 0, 0xFFFF)

    @property
    def is_software(self) -> bool:
        """Whether it is software, not a controller."""
        return bool(self.number & 0x01)

    @property
    def address(self) -> int:
        """IPMB address of the controller, or the software ID with its lowest bit set; 0 to 255."""
        return self.number & 0xFF

    @property
    def channel(self) -> int:
        """Channel on which the event came, 0 to 15."""
        return self.number >> 12

    @property
    def lun(self) -> int:
        """Logical unit of the sensor, 0 to 3."""
        return self.number >> 8 & 0x03

    def __str__(self) -> str:
        return f"{'software' if self.is_software else 'controller'} {self.address:#04x}"


BMC: Final = Generator()
"The BMC itself, as the source of events."


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a sensor noticed; seven bytes, the same in a message and in a SEL record."""

    format_version: int = IPMI_2_FORMAT
    "0 to 255; 3 is IPMI 1.0."
    sensor_type: SensorType | int
    "0 to 255."
    sensor_number: int
    "0 to 255."
    event_type: int
    "Event/reading type code, 0 to 127 (table 42-1)."
    asserted: bool = True
    "The state came about; False: it ended."
    data: bytes
    "Event data 1 to 3 (table 29-6)."

    def __post_init__(self) -> None:
        check_range("event format version", self.format_version, 0, 0xFF)
        check_range("sensor type", self.sensor_type, 0, 0xFF)
        check_range("sensor number", self.sensor_number, 0, 0xFF)
        check_range("event type", self.event_type, 0, 0x7F)
        check_size("event data", self.data, 3, 3)

    @property
    def offset(self) -> int:
        """Which of the sensor's states, 0 to 15."""
        return self.data[0] & 0x0F

    @property
    def state(self) -> str:
        """That state in words."""
        return state_name(self.event_type, self.sensor_type, self.offset)

    @property
    def data_2_use(self) -> DataUse:
        """What event data 2 holds."""
        return DataUse(self.data[0] >> 6)

    @property
    def data_3_use(self) -> DataUse:
        """What event data 3 holds."""
        return DataUse(self.data[0] >> 4 & 0x03)

    @property
    def reading(self) -> int | None:
        """The reading that triggered a threshold event, unconverted."""
        return self.data[1] if self.event_type == THRESHOLD and self.data_2_use is DataUse.READING else None

    @property
    def threshold(self) -> int | None:
        """The threshold that it passed, unconverted."""
        return self.data[2] if self.event_type == THRESHOLD and self.data_3_use is DataUse.READING else None

    def describe(self, sensor: KnownSensor | None = None) -> str:
        """One sentence: ``Fan 1: lower critical going low, reading 300 < threshold 500 RPM``.

        :param sensor: gives a name and units; None says it by numbers.
        """
        who = f"{sensor_type_name(self.sensor_type)} {self.sensor_number:#04x}" if sensor is None else sensor.name
        end = () if self.asserted else ("no longer",)
        return f"{who}: {', '.join((self.state, *end, *self._details(sensor)))}"

    def _details(self, sensor: KnownSensor | None) -> list[str]:
        if self.event_type == THRESHOLD:
            words = self._comparison(sensor)
            return [words] if words else []
        return detail_texts(self.sensor_type, self.event_type, self.data)

    def _comparison(self, sensor: KnownSensor | None) -> str:
        reading, threshold = (_in_words(raw, sensor) for raw in (self.reading, self.threshold))
        unit = f" {sensor.unit}" if sensor is not None and sensor.unit else ""
        if reading and threshold:
            sign = "," if not self.asserted else " >" if self.offset & 1 else " <"
            return f"reading {reading}{sign} threshold {threshold}{unit}"
        if reading or threshold:
            return f"{'reading' if reading else 'threshold'} {reading or threshold}{unit}"
        return ""

    def encode(self) -> bytes:
        """Seven bytes."""
        kind = (not self.asserted) << 7 | self.event_type
        return bytes((self.format_version, self.sensor_type, self.sensor_number, kind)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        version, sensor_type, number, kind = reader.take(4, "event")
        return cls(
            format_version=version,
            sensor_type=known(SensorType, sensor_type),
            sensor_number=number,
            event_type=kind & 0x7F,
            asserted=not kind & 0x80,
            data=reader.take(3, "event data"),
        )


def _in_words(raw: int | None, sensor: KnownSensor | None) -> str:
    """A reading as people read it; in hex as long as nobody can convert it."""
    if raw is None:
        return ""
    value = None if sensor is None else sensor.value(raw)
    return f"{raw:#04x}" if value is None else f"{value:.6g}"
