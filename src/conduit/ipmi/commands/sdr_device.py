"""Sensor data records that a device has of its own (section 35), the repository's clock and agent (section 33)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.commands.sdr import ReadRecord, SdrReservation
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class SdrTime:
    """The repository's clock; sections 33.17 and 33.18."""

    time: int
    "Seconds since 1970; 0 to FFFFFFFFh."

    def __post_init__(self) -> None:
        check_range("time", self.time, 0, 0xFFFF_FFFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.time.to_bytes(4, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(time=Reader(data).u32le("time"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSdrRepositoryTime(Command[SdrTime]):
    """Get SDR Repository Time; section 33.17."""

    netfn = NetFn.STORAGE
    command = 0x28
    privilege = Privilege.USER
    safe = True
    response = SdrTime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSdrRepositoryTime(Command[NoData]):
    """Set SDR Repository Time; section 33.18."""

    netfn = NetFn.STORAGE
    command = 0x29
    privilege = Privilege.OPERATOR
    # Not safe: carried out late it would set the clock back.
    safe = False
    response = NoData

    time: int
    "Seconds since 1970; 0 to FFFFFFFFh."

    def __post_init__(self) -> None:
        check_range("time", self.time, 0, 0xFFFF_FFFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.time.to_bytes(4, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(time=Reader(data).u32le("time"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """Whether the initialization agent is done; section 33.21."""

    complete: bool = True

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.complete,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(complete=bool(Reader(data).u8("agent status") & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInitializationAgent(Command[AgentStatus]):
    """Run Initialization Agent, or ask about it; section 33.21."""

    netfn = NetFn.STORAGE
    command = 0x2C
    privilege = Privilege.OPERATOR
    safe = True
    response = AgentStatus

    run: bool = False
    "Start it, rather than ask."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.run,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(run=bool(Reader(data).u8("agent action") & 0x01))


class SensorLuns(IntFlag):
    """LUNs that have sensors, and whether these come and go."""

    LUN_0 = 0x01
    LUN_1 = 0x02
    LUN_2 = 0x04
    LUN_3 = 0x08
    DYNAMIC = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSdrInfo:
    """How many sensors a device has; section 35.2."""

    count: int
    "Sensors at this LUN, or records; 0 to 255."
    luns: SensorLuns = SensorLuns.LUN_0
    changed_at: int | None = None
    "Changes whenever the sensors do, where they come and go; 0 to FFFFFFFFh."

    def __post_init__(self) -> None:
        check_range("sensor count", self.count, 0, 0xFF)
        check_range("population change indicator", self.changed_at or 0, 0, 0xFFFF_FFFF)

    def encode(self) -> bytes:
        """Two bytes, or six."""
        changed = b"" if self.changed_at is None else self.changed_at.to_bytes(4, "little")
        return bytes((self.count, self.luns)) + changed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        count, luns = reader.take(2, "device SDR info")
        changed_at = reader.u32le("population change indicator") if reader.remaining >= 4 else None
        return cls(count=count, luns=SensorLuns(luns), changed_at=changed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeviceSdrInfo(Command[DeviceSdrInfo]):
    """Get Device SDR Info; section 35.2."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x20
    privilege = Privilege.USER
    safe = True
    response = DeviceSdrInfo

    records: bool = False
    "Count records, not sensors."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.records,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """A missing byte asks for sensors."""
        return cls(records=bool(data[:1] and data[0] & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeviceSdr(ReadRecord):
    """Get Device SDR; section 35.3."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x21


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveDeviceSdrRepository(Command[SdrReservation]):
    """Reserve Device SDR Repository; section 35.4."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x22
    privilege = Privilege.USER
    safe = True
    response = SdrReservation


__all__ = [
    "AgentStatus",
    "DeviceSdrInfo",
    "GetDeviceSdr",
    "GetDeviceSdrInfo",
    "GetSdrRepositoryTime",
    "ReserveDeviceSdrRepository",
    "RunInitializationAgent",
    "SdrTime",
    "SensorLuns",
    "SetSdrRepositoryTime",
]
