"""How bad an event is. Records do not say; the specification's words for the states do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from conduit.ipmi.records.event_types import SENSOR_SPECIFIC, THRESHOLD
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sensor_types import SensorType

SEVERITY: Final = 0x07  # event/reading type whose states are severities (table 42-2)
PREDICTIVE_FAILURE: Final = 0x04


class EventSeverity(Enum):
    """For people who look at many."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


_W: Final = EventSeverity.WARNING
_C: Final = EventSeverity.CRITICAL
_BY_LEVEL: Final = (_W, _C, _C)  # non-critical, critical, non-recoverable
_BY_SEVERITY: Final[Mapping[int, EventSeverity]] = MappingProxyType({1: _W, 2: _C, 3: _C, 4: _W, 5: _C, 6: _C})
# Sensor type -> state -> severity (table 42-3); what is not here is information.
_SPECIFIC: Final[Mapping[int, Mapping[int, EventSeverity]]] = MappingProxyType(
    {
        SensorType.PHYSICAL_SECURITY: dict.fromkeys(range(4), _W),
        SensorType.PROCESSOR: {**dict.fromkeys(range(7), _C), 10: _W, 11: _C, 12: _W},
        SensorType.POWER_SUPPLY: {1: _C, 2: _W, 3: _C, 4: _W, 5: _W, 6: _W},
        SensorType.POWER_UNIT: {2: _C, 3: _W, 4: _C, 5: _C, 6: _C, 7: _W},
        SensorType.MEMORY: {0: _W, 1: _C, 2: _C, 3: _W, 5: _W, 7: _W, 9: _W, 10: _C},
        SensorType.DRIVE_SLOT: {1: _C, 2: _W, 5: _W, 6: _C, 8: _W},
        SensorType.FIRMWARE_PROGRESS: {0: _C, 1: _W},
        SensorType.EVENT_LOGGING: {4: _W, 5: _W},
        SensorType.WATCHDOG_1: dict.fromkeys(range(7), _W),
        SensorType.CRITICAL_INTERRUPT: {**dict.fromkeys(range(11), _C), 7: _W, 11: _W},
        SensorType.BOOT_ERROR: dict.fromkeys(range(5), _C),
        SensorType.OS_STOP: {0: _C, 1: _C},
        SensorType.WATCHDOG_2: dict.fromkeys(range(4), _W),
        SensorType.LAN: {0: _W},
        SensorType.MANAGEMENT_HEALTH: {0: _W, 1: _W, 2: _C, 3: _C, 4: _W, 5: _W},
        SensorType.BATTERY: {0: _W, 1: _C},
    }
)


def event_severity(event: Event) -> EventSeverity:
    """How bad that is; what ended is information."""
    if not event.asserted:
        return EventSeverity.INFO
    if event.event_type == THRESHOLD:
        level = event.offset // 2
        return _BY_LEVEL[level % len(_BY_LEVEL)] if level < 2 * len(_BY_LEVEL) else EventSeverity.INFO
    if event.event_type == SEVERITY:
        return _BY_SEVERITY.get(event.offset, EventSeverity.INFO)
    if event.event_type == PREDICTIVE_FAILURE:
        return EventSeverity.WARNING if event.offset else EventSeverity.INFO
    if event.event_type == SENSOR_SPECIFIC:
        return _SPECIFIC.get(event.sensor_type, {}).get(event.offset, EventSeverity.INFO)
    return EventSeverity.INFO
