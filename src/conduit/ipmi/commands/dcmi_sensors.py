"""DCMI: temperature sensors, where they are described and what they read (DCMI 1.5, sections 6.5 and 6.7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import known
from conduit.ipmi.commands.dcmi import GROUP
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

MAX_RECORD_IDS: Final = 8  # in one response
TEMPERATURE: Final = 0x01  # sensor type


class DcmiEntity(IntEnum):
    """What a DCMI temperature sensor belongs to (table 6-15); older BMCs use the IPMI entities 37h, 03h and 07h."""

    INLET = 0x40
    CPU = 0x41
    BASEBOARD = 0x42
    IPMI_CPU = 0x03
    IPMI_BASEBOARD = 0x07
    IPMI_INLET = 0x37


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiSensors:
    """Where a kind of sensor is described; section 6.5.2."""

    instances: int = 0
    "How many sensors there are, 0 to 255."
    record_ids: tuple[int, ...] = ()
    "SDR record IDs, 0 to FFFFh, at most 8 at a time."

    def encode(self) -> bytes:
        """Two bytes, and two for each record."""
        head = bytes((self.instances, len(self.record_ids)))
        return head + b"".join(number.to_bytes(2, "little") for number in self.record_ids)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        instances, count = reader.take(2, "number of sensors")
        return cls(instances=instances, record_ids=tuple(reader.u16le("record ID") for _ in range(count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AskSensors:
    sensor_type: int = TEMPERATURE
    "0 to 255."
    entity: DcmiEntity | int = DcmiEntity.INLET
    "0 to 255."
    instance: int = 0
    "Which one, 1 to 255; 0 is all of them."
    first: int = 1
    "Where to start among all of them, 0 to 255."

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.sensor_type, self.entity, self.instance, self.first))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        kind, entity, instance, first = Reader(data).take(4, "sensor, entity and instance")
        return cls(sensor_type=kind, entity=known(DcmiEntity, entity), instance=instance, first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDcmiSensorInfo(_AskSensors, Command[DcmiSensors]):
    """Get DCMI Sensor Info; section 6.5.2."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x07
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = DcmiSensors


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiTemperatures:
    """Temperatures of one kind of entity; section 6.7.3."""

    instances: int = 0
    "How many sensors there are, 0 to 255."
    readings: tuple[tuple[int, int], ...] = ()
    "Instance and degrees Celsius, -127 to 127."

    def encode(self) -> bytes:
        """Two bytes, and two for each reading."""
        pairs = (bytes(((celsius < 0) << 7 | abs(celsius), instance)) for instance, celsius in self.readings)
        return bytes((self.instances, len(self.readings))) + b"".join(pairs)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        instances, count = reader.take(2, "number of temperatures")
        pairs = (reader.take(2, "temperature") for _ in range(count))
        return cls(instances=instances, readings=tuple((pair[1], _celsius(pair[0])) for pair in pairs))


def _celsius(raw: int) -> int:
    """Seven bits and a sign."""
    return -(raw & 0x7F) if raw & 0x80 else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTemperatureReadings(_AskSensors, Command[DcmiTemperatures]):
    """Get Temperature Readings; section 6.7.3."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x10
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = DcmiTemperatures


__all__ = [
    "DcmiEntity",
    "DcmiSensors",
    "DcmiTemperatures",
    "GetDcmiSensorInfo",
    "GetTemperatureReadings",
]
