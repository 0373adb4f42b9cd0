"""The events that a virtual BMC makes itself: of its machine, its watchdog, its log-ins and its own restarts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from conduit.ipmi.bmc.power_states import Happening
from conduit.ipmi.commands.boot_options import BootDevice, BootFlags
from conduit.ipmi.commands.chassis import SystemRestartCause
from conduit.ipmi.commands.watchdog import WatchdogTimer
from conduit.ipmi.records.event_types import SENSOR_SPECIFIC
from conduit.ipmi.records.events import UNSPECIFIED_DATA, Event
from conduit.ipmi.records.sensor_types import SensorType

_BOTH_SPECIFIC: Final = 0xF0  # event data 1: data 2 and 3 are sensor-specific
_SECOND_SPECIFIC: Final = 0xC0
_DEVICE_STATE: Final = 0x0A  # event/reading type: running, in test, power off, ...


_LIMIT_STATE: Final = 0x05  # event/reading type: limit not exceeded, limit exceeded
INLET_NAME: Final = "Inlet Temp"
INLET_SENSOR: Final = 2  # sensors with readings, whose limits DCMI sets
POWER_SENSOR: Final = 13


class OwnSensor(IntEnum):
    """Numbers of the sensors that only have events. The sensors with readings are below them."""

    POWER_UNIT = 0xA0
    BOOT = 0xA1
    OS_BOOT = 0xA2
    OS_STOP = 0xA3
    WATCHDOG = 0xA4
    INTERRUPT = 0xA5
    EVENT_LOG = 0xA6
    LOG_INS = 0xA7
    CONTROLLER = 0xA8
    BUTTON = 0xA9
    PEF = 0xAA


class OwnKind(NamedTuple):
    """What such a sensor is."""

    name: str
    sensor_type: SensorType
    event_type: int = SENSOR_SPECIFIC


OWN_SENSORS: Final[Mapping[OwnSensor, OwnKind]] = MappingProxyType(
    {
        OwnSensor.POWER_UNIT: OwnKind("Power Unit", SensorType.POWER_UNIT),
        OwnSensor.BOOT: OwnKind("Boot", SensorType.BOOT_INITIATED),
        OwnSensor.OS_BOOT: OwnKind("OS Boot", SensorType.OS_BOOT),
        OwnSensor.OS_STOP: OwnKind("OS Stop", SensorType.OS_STOP),
        OwnSensor.WATCHDOG: OwnKind("Watchdog", SensorType.WATCHDOG_2),
        OwnSensor.INTERRUPT: OwnKind("NMI", SensorType.CRITICAL_INTERRUPT),
        OwnSensor.EVENT_LOG: OwnKind("Event Log", SensorType.EVENT_LOGGING),
        OwnSensor.LOG_INS: OwnKind("Log-ins", SensorType.SESSION_AUDIT),
        OwnSensor.CONTROLLER: OwnKind("BMC", SensorType.MICROCONTROLLER, _DEVICE_STATE),
        OwnSensor.BUTTON: OwnKind("Buttons", SensorType.BUTTON),
        OwnSensor.PEF: OwnKind("PEF", SensorType.SYSTEM_EVENT),
    }
)

# Sensor, offset, asserted. The two that depend on more are made by functions below.
_HAPPENINGS: Final[Mapping[Happening, tuple[OwnSensor, int, bool]]] = MappingProxyType(
    {
        Happening.POWER_ON: (OwnSensor.POWER_UNIT, 0, False),
        Happening.POWER_OFF: (OwnSensor.POWER_UNIT, 0, True),
        Happening.POWER_CYCLE: (OwnSensor.POWER_UNIT, 1, True),
        Happening.SHUT_DOWN: (OwnSensor.OS_STOP, 3, True),
        Happening.INTERRUPT: (OwnSensor.INTERRUPT, 0, True),
        Happening.POWER_BUTTON: (OwnSensor.BUTTON, 0, True),
        Happening.MAINS_LOST: (OwnSensor.POWER_UNIT, 4, True),
        Happening.MAINS_RESTORED: (OwnSensor.POWER_UNIT, 4, False),
    }
)

# Offsets of an OS boot sensor by where the system started from; 6 is "not specified".
_BOOTED_FROM: Final[Mapping[int, int]] = MappingProxyType(
    {
        BootDevice.PXE: 2,
        BootDevice.DISK: 1,
        BootDevice.DISK_SAFE: 1,
        BootDevice.DIAGNOSTIC: 3,
        BootDevice.CDROM: 4,
    }
)


def own_event(
    sensor: OwnSensor, offset: int, *, asserted: bool = True, second: int | None = None, third: int | None = None
) -> Event:
    """An event of one of our own sensors.

    :param second: event data 2, *third* event data 3; what they mean depends on the sensor.
    """
    uses = 0 if second is None else _SECOND_SPECIFIC if third is None else _BOTH_SPECIFIC
    kind = OWN_SENSORS[sensor]
    rest = (UNSPECIFIED_DATA if byte is None else byte for byte in (second, third))
    return Event(
        sensor_type=kind.sensor_type,
        sensor_number=sensor,
        event_type=kind.event_type,
        asserted=asserted,
        data=bytes((uses | offset, *rest)),
    )


def happening_event(what: Happening, cause: SystemRestartCause, flags: BootFlags) -> Event:
    """What the log says about it.

    :param cause: why the machine started last, *flags* how.
    """
    if what is Happening.BOOT_STARTED:
        return own_event(OwnSensor.BOOT, 7, second=cause.cause, third=cause.channel)
    if what is Happening.BOOTED:
        return own_event(OwnSensor.OS_BOOT, _BOOTED_FROM.get(flags.device, 6))
    sensor, offset, asserted = _HAPPENINGS[what]
    return own_event(sensor, offset, asserted=asserted)


def watchdog_event(timer: WatchdogTimer, offset: int) -> Event:
    """The watchdog expired, which led to *offset*: 0 to nothing, 1 to 3 to its action, 8 to an interrupt."""
    return own_event(OwnSensor.WATCHDOG, offset, second=timer.pretimeout_interrupt << 4 | timer.use)


def log_in_failed_event(user_id: int, channel: int) -> Event:
    """Somebody gave a wrong password for that user."""
    return own_event(OwnSensor.LOG_INS, 2, second=user_id, third=channel)


LOG_CLEARED: Final = own_event(OwnSensor.EVENT_LOG, 2)
BMC_STARTED: Final = own_event(OwnSensor.CONTROLLER, 0)


def limit_event(sensor_number: int, sensor_type: int) -> Event:
    """A DCMI limit was exceeded for longer than it may be. DCMI does not say what such an event looks like."""
    data = bytes((1, UNSPECIFIED_DATA, UNSPECIFIED_DATA))
    return Event(sensor_type=sensor_type, sensor_number=sensor_number, event_type=_LIMIT_STATE, data=data)
