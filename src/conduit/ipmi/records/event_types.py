"""States of sensors by name: tables 42-1 and 42-2, and a look into ``sensor_types`` for 42-3; the wording ours.

A state is an offset, 0 to 14. What it means depends on the event/reading type: a threshold, a generic state, or one of
those that the sensor's type defines.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from conduit.ipmi.records.sensor_types import SENSOR_TYPES, SensorType

THRESHOLD: Final = 0x01
"Event/reading type of sensors that compare a reading with thresholds."
SENSOR_SPECIFIC: Final = 0x6F
"Event/reading type of sensors whose states depend on their type."


class EventClass(Enum):
    """What kind of states an event/reading type has (table 42-1)."""

    UNSPECIFIED = "unspecified"
    THRESHOLD = "threshold"
    GENERIC = "generic discrete"
    SENSOR_SPECIFIC = "sensor-specific discrete"
    OEM = "OEM"
    RESERVED = "reserved"


_LEVELS: Final = (
    "lower non-critical",
    "lower critical",
    "lower non-recoverable",
    "upper non-critical",
    "upper critical",
    "upper non-recoverable",
)

# States of the generic event/reading types by offset (table 42-2).
_GENERIC: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        THRESHOLD: tuple(f"{level} going {way}" for level in _LEVELS for way in ("low", "high")),
        0x02: ("idle", "active", "busy"),
        0x03: ("state deasserted", "state asserted"),
        0x04: ("predictive failure deasserted", "predictive failure asserted"),
        0x05: ("limit not exceeded", "limit exceeded"),
        0x06: ("performance met", "performance lags"),
        0x07: (
            "OK",
            "non-critical from OK",
            "critical from less severe",
            "non-recoverable from less severe",
            "non-critical from more severe",
            "critical from non-recoverable",
            "non-recoverable",
            "monitor",
            "informational",
        ),
        0x08: ("device absent", "device present"),
        0x09: ("device disabled", "device enabled"),
        0x0A: (
            "running",
            "in test",
            "power off",
            "on line",
            "off line",
            "off duty",
            "degraded",
            "power save",
            "install error",
        ),
        0x0B: (
            "fully redundant",
            "redundancy lost",
            "redundancy degraded",
            "non-redundant, sufficient, from redundant",
            "non-redundant, sufficient, from insufficient",
            "non-redundant, insufficient",
            "redundancy degraded from full",
            "redundancy degraded from none",
        ),
        0x0C: ("D0", "D1", "D2", "D3"),
    }
)


def event_class(event_type: int) -> EventClass:
    """What kind of states event/reading type *event_type* has, 0 to 127 (table 42-1)."""
    if event_type in _GENERIC:
        return EventClass.THRESHOLD if event_type == THRESHOLD else EventClass.GENERIC
    if event_type == SENSOR_SPECIFIC:
        return EventClass.SENSOR_SPECIFIC
    if 0x70 <= event_type <= 0x7F:
        return EventClass.OEM
    return EventClass.RESERVED if event_type else EventClass.UNSPECIFIED


def sensor_type_name(sensor_type: int) -> str:
    """``Power unit``, ``OEM (0xc1)`` or ``unknown (0x7f)``."""
    entry = SENSOR_TYPES.get(sensor_type)
    if entry is not None:
        return entry[0]
    return f"{'OEM' if sensor_type >= 0xC0 else 'unknown'} ({sensor_type:#04x})"


def state_names(event_type: int, sensor_type: int) -> tuple[str, ...]:
    """The states that a sensor of these types can be in, by offset; ``""`` where an offset has no meaning."""
    if event_type == SENSOR_SPECIFIC:
        entry = SENSOR_TYPES.get(sensor_type)
        return () if entry is None else entry[1]
    return _GENERIC.get(event_type, ())


def state_name(event_type: int, sensor_type: int, offset: int) -> str:
    """The state in words: ``lower critical going low``, ``AC lost``; ``state 9`` where no table has it.

    :param offset: 0 to 14.
    """
    names = state_names(event_type, sensor_type)
    return (names[offset] if 0 <= offset < len(names) else "") or f"state {offset}"


def threshold_event_name(offset: int) -> str:
    """A threshold event as a heading: ``Lower critical going low``.

    :param offset: 0 to 11.
    """
    name = state_name(THRESHOLD, SensorType.RESERVED, offset)
    return name[:1].upper() + name[1:]
