"""What overrides a sensor: its type and its reading (sections 35.15 and 35.17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.commands import sensors
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSensorType(Command[NoData]):
    """Set Sensor Type; section 35.15."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x2E
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    number: int
    sensor_type: int
    event_type: int

    def __post_init__(self) -> None:
        for value in (self.number, self.sensor_type, self.event_type):
            check_range("a byte", value, 0, 0xFF)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.number, self.sensor_type, self.event_type))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, sensor_type, event_type = Reader(data).take(3, "sensor type")
        return cls(number=number, sensor_type=sensor_type, event_type=event_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSensorReading(Command[NoData]):
    """Set Sensor Reading And Event Status, for sensors that say they are settable; section 35.17."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x30
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "this part of the sensor cannot be set",
        0x81: "event data bytes cannot be set",
    }

    number: int
    operation: int = 0x01
    "Bits 7:6 event data, 5:4 assertions, 3:2 deassertions, 0 the reading; 0 to 255."
    reading: int = 0
    assertions: int = 0
    deassertions: int = 0
    event_data: bytes = bytes(3)

    def __post_init__(self) -> None:
        for value in (self.number, self.operation, self.reading):
            check_range("a byte", value, 0, 0xFF)
        for mask in (self.assertions, self.deassertions):
            check_range("event mask", mask, 0, sensors.STATES)

    def encode(self) -> bytes:
        """Ten bytes."""
        masks = self.assertions.to_bytes(2, "little") + self.deassertions.to_bytes(2, "little")
        return bytes((self.number, self.operation, self.reading)) + masks + self.event_data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What is left out at the end is zero. :raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, operation, reading = reader.take(3, "sensor reading")
        rest = Reader(reader.rest().ljust(7, b"\0"))
        return cls(
            number=number,
            operation=operation,
            reading=reading,
            assertions=rest.u16le() & sensors.STATES,
            deassertions=rest.u16le() & sensors.STATES,
            event_data=rest.take(3),
        )


__all__ = ["SetSensorReading", "SetSensorType"]
