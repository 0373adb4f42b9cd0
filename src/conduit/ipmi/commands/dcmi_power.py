"""DCMI: power readings and limits, thermal limits (DCMI 1.5, sections 6.6 and 6.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.dcmi import GROUP
from conduit.ipmi.commands.dcmi_sensors import DcmiEntity
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

NO_ACTIVE_LIMIT: Final = 0x80  # completion code of Get Power Limit, with the limit that would be active
LIMIT_OUT_OF_RANGE: Final = 0x84
CORRECTION_OUT_OF_RANGE: Final = 0x85
PERIOD_OUT_OF_RANGE: Final = 0x89


class PowerMode(IntEnum):
    """Which statistics."""

    SYSTEM = 1
    "Over the BMC's own period."
    ENHANCED = 2
    "Over one of the periods that the capabilities list."


class PowerException(IntEnum):
    """What happens when a limit cannot be kept within the correction time (table 6-18)."""

    NONE = 0x00
    POWER_OFF = 0x01
    "Hard power off, and an event."
    LOG = 0x11
    "An event."


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReading:
    """Electric power in watts; section 6.6.1."""

    current: int
    "0 to 65535, like the others."
    minimum: int
    maximum: int
    average: int
    timestamp: int = 0
    "Seconds since 1970, 0 to FFFFFFFFh, on the BMC's clock."
    period: int = 0
    "Milliseconds that the statistics are over, 0 to FFFFFFFFh."
    active: bool = True
    "Whether power is measured at all."

    STRUCT: ClassVar[struct.Struct] = struct.Struct("<HHHHIIB")

    def encode(self) -> bytes:
        """Seventeen bytes."""
        watts = (self.current, self.minimum, self.maximum, self.average)
        return self.STRUCT.pack(*watts, self.timestamp, self.period, self.active << 6)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        raw = Reader(data).take(cls.STRUCT.size, "power reading")
        current, minimum, maximum, average, timestamp, period, state = cls.STRUCT.unpack(raw)
        return cls(
            current=current,
            minimum=minimum,
            maximum=maximum,
            average=average,
            timestamp=timestamp,
            period=period,
            active=bool(state & 0x40),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPowerReading(Command[PowerReading]):
    """Get Power Reading; section 6.6.1."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x02
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = PowerReading

    mode: PowerMode | int = PowerMode.SYSTEM
    "0 to 255."
    averaging: int = 0
    "The period in enhanced mode, as parameter 5 of the capabilities has it."

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.mode, self.averaging, 0))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        mode, averaging, _ = Reader(data).take(3, "power mode")
        return cls(mode=known(PowerMode, mode), averaging=averaging)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLimit:
    """A limit, and what happens if it is exceeded; section 6.6.2."""

    action: PowerException | int = PowerException.NONE
    "0 to 255."
    watts: int
    "0 to 65535."
    correction_ms: int = 1000
    "Milliseconds within which power must be below the limit, 0 to FFFFFFFFh."
    sampling: int = 1
    "Seconds that the power is averaged over for this, 0 to 65535."

    STRUCT: ClassVar[struct.Struct] = struct.Struct("<2xBHI2xH")

    def encode(self) -> bytes:
        """Thirteen bytes."""
        return self.STRUCT.pack(self.action, self.watts, self.correction_ms, self.sampling)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        action, watts, correction, sampling = cls.STRUCT.unpack(Reader(data).take(cls.STRUCT.size, "power limit"))
        return cls(action=known(PowerException, action), watts=watts, correction_ms=correction, sampling=sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPowerLimit(Command[PowerLimit]):
    """Get Power Limit; section 6.6.2."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x03
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = PowerLimit
    errors: ClassVar[dict[int, str]] = {NO_ACTIVE_LIMIT: "no power limit is active"}

    def encode(self) -> bytes:
        """Two reserved bytes."""
        return bytes(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPowerLimit(Command[NoData]):
    """Set Power Limit; section 6.6.3. It holds once it is activated."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x04
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        LIMIT_OUT_OF_RANGE: "the power limit is out of range",
        CORRECTION_OUT_OF_RANGE: "the correction time is out of range",
        PERIOD_OUT_OF_RANGE: "the sampling period is out of range",
    }

    limit: PowerLimit

    def encode(self) -> bytes:
        """Fourteen bytes, one reserved byte more than where it is read."""
        check_range("power limit", self.limit.watts, 0, 0xFFFF)
        check_range("correction time", self.limit.correction_ms, 0, 0xFFFFFFFF)
        check_range("sampling period", self.limit.sampling, 0, 0xFFFF)
        return b"\0" + self.limit.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        reader.take(1, "power limit")
        return cls(limit=PowerLimit.decode(reader.rest()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivatePowerLimit(Command[NoData]):
    """Activate or deactivate the power limit; section 6.6.4."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x05
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    active: bool = True

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.active, 0, 0))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(active=bool(Reader(data).take(3, "activation")[0] & 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalLimit:
    """How hot it may become, and what happens then; section 6.7.1."""

    power_off: bool = False
    "Hard power off, and an event."
    log: bool = False
    "An event only."
    celsius: int = 0
    "0 to 255."
    seconds: int = 0
    "How long it may be hotter, 0 to 65535."

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.power_off << 6 | self.log << 5, self.celsius)) + self.seconds.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        actions, celsius = reader.take(2, "thermal limit")
        return cls(
            power_off=bool(actions & 0x40),
            log=bool(actions & 0x20),
            celsius=celsius,
            seconds=reader.u16le("exception time"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetThermalLimit(Command[NoData]):
    """Set Thermal Limit; section 6.7.1."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x0B
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    entity: DcmiEntity | int = DcmiEntity.INLET
    "0 to 255."
    instance: int = 1
    "0 to 255."
    thermal_limit: ThermalLimit

    def encode(self) -> bytes:
        """Six bytes."""
        return bytes((self.entity, self.instance)) + self.thermal_limit.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        entity, instance = reader.take(2, "entity and instance")
        limit = ThermalLimit.decode(reader.rest())
        return cls(entity=known(DcmiEntity, entity), instance=instance, thermal_limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetThermalLimit(Command[ThermalLimit]):
    """Get Thermal Limit; section 6.7.2."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x0C
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = ThermalLimit

    entity: DcmiEntity | int = DcmiEntity.INLET
    "0 to 255."
    instance: int = 1
    "0 to 255."

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.entity, self.instance))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        entity, instance = Reader(data).take(2, "entity and instance")
        return cls(entity=known(DcmiEntity, entity), instance=instance)


__all__ = [
    "ActivatePowerLimit",
    "GetPowerLimit",
    "GetPowerReading",
    "GetThermalLimit",
    "PowerException",
    "PowerLimit",
    "PowerMode",
    "PowerReading",
    "SetPowerLimit",
    "SetThermalLimit",
    "ThermalLimit",
]
