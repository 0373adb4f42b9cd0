"""Events of sensors: which are enabled, which have happened, which count anew (sections 35.10 to 35.13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.commands.sensors import ALL_ENABLED, STATES, SensorCommand, SensorFlags, check_masks, check_number
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


def _read_masks(reader: Reader) -> tuple[int, int]:
    """Assertions and deassertions, of which a BMC may send as few as it likes."""
    rest = reader.take(min(4, reader.remaining)).ljust(4, b"\0")
    return int.from_bytes(rest[:2], "little") & STATES, int.from_bytes(rest[2:], "little") & STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorEvents:
    """Which events are enabled, or which have happened; sections 35.11 and 35.13."""

    flags: SensorFlags = ALL_ENABLED
    assertions: int = 0
    "0 to 7FFFh."
    deassertions: int = 0
    "0 to 7FFFh."

    def __post_init__(self) -> None:
        check_masks(self.assertions, self.deassertions)

    def encode(self) -> bytes:
        """Five bytes."""
        return bytes((self.flags,)) + self.assertions.to_bytes(2, "little") + self.deassertions.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        flags = SensorFlags(reader.u8("event flags") & 0xE0)
        assertions, deassertions = _read_masks(reader)
        return cls(flags=flags, assertions=assertions, deassertions=deassertions)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorEventEnable(SensorCommand, Command[SensorEvents]):
    """Get Sensor Event Enable; section 35.11."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x29
    privilege = Privilege.USER
    safe = True
    response = SensorEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSensorEventStatus(SensorCommand, Command[SensorEvents]):
    """Get Sensor Event Status; section 35.13."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x2B
    privilege = Privilege.USER
    safe = True
    response = SensorEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSensorEventEnable(Command[NoData]):
    """Set Sensor Event Enable; section 35.10."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x28
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    number: int
    flags: int = ALL_ENABLED
    "Bits 5:4: 0 leave single events, 1 enable the selected, 2 disable them; 0 to 255."
    assertions: int = 0
    deassertions: int = 0

    def __post_init__(self) -> None:
        check_number(self.number)
        check_range("event flags", self.flags, 0, 0xFF)
        check_masks(self.assertions, self.deassertions)

    def encode(self) -> bytes:
        """Six bytes."""
        masks = self.assertions.to_bytes(2, "little") + self.deassertions.to_bytes(2, "little")
        return bytes((self.number, self.flags)) + masks

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, flags = reader.take(2, "event enables")
        assertions, deassertions = _read_masks(reader)
        return cls(number=number, flags=flags, assertions=assertions, deassertions=deassertions)


@dataclass(frozen=True, slots=True, kw_only=True)
class RearmSensorEvents(Command[NoData]):
    """Re-arm Sensor Events; section 35.12."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x2A
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    number: int
    selected: bool = False
    "Only the events named; all of them otherwise."
    assertions: int = 0
    deassertions: int = 0

    def __post_init__(self) -> None:
        check_number(self.number)
        check_masks(self.assertions, self.deassertions)

    def encode(self) -> bytes:
        """Six bytes."""
        masks = self.assertions.to_bytes(2, "little") + self.deassertions.to_bytes(2, "little")
        return bytes((self.number, self.selected << 7)) + masks

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, flags = reader.take(2, "re-arm flags")
        assertions, deassertions = _read_masks(reader)
        return cls(number=number, selected=bool(flags & 0x80), assertions=assertions, deassertions=deassertions)


__all__ = [
    "GetSensorEventEnable",
    "GetSensorEventStatus",
    "RearmSensorEvents",
    "SensorEvents",
    "SetSensorEventEnable",
]
