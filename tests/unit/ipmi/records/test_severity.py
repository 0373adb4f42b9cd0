from __future__ import annotations

import pytest

from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sensor_types import SensorType
from conduit.ipmi.records.severity import EventSeverity, event_severity

THRESHOLD, SEVERITY, PREDICTIVE, SPECIFIC, OEM = 0x01, 0x07, 0x04, 0x6F, 0x70


def event(event_type: int, offset: int, sensor_type: int = SensorType.TEMPERATURE, *, asserted: bool = True) -> Event:
    return Event(
        sensor_type=sensor_type,
        sensor_number=1,
        event_type=event_type,
        asserted=asserted,
        data=bytes((offset, 0xFF, 0xFF)),
    )


def test_thresholds_are_as_bad_as_their_level() -> None:
    words = [event_severity(event(THRESHOLD, offset)).value for offset in range(14)]
    one_side = ["warning", "warning", "critical", "critical", "critical", "critical"]
    assert words == [*one_side, *one_side, "info", "info"]


@pytest.mark.parametrize(
    ("event_type", "offset", "sensor_type", "severity"),
    [
        (SEVERITY, 0, SensorType.FAN, EventSeverity.INFO),
        (SEVERITY, 1, SensorType.FAN, EventSeverity.WARNING),
        (SEVERITY, 6, SensorType.FAN, EventSeverity.CRITICAL),
        (PREDICTIVE, 0, SensorType.DRIVE_SLOT, EventSeverity.INFO),
        (PREDICTIVE, 1, SensorType.DRIVE_SLOT, EventSeverity.WARNING),
        (SPECIFIC, 0, SensorType.POWER_SUPPLY, EventSeverity.INFO),
        (SPECIFIC, 1, SensorType.POWER_SUPPLY, EventSeverity.CRITICAL),
        (SPECIFIC, 0, SensorType.MEMORY, EventSeverity.WARNING),
        (SPECIFIC, 0, 0xC5, EventSeverity.INFO),
        (OEM, 3, SensorType.FAN, EventSeverity.INFO),
    ],
)
def test_states_are_as_bad_as_the_specification_words_them(
    event_type: int, offset: int, sensor_type: int, severity: EventSeverity
) -> None:
    assert event_severity(event(event_type, offset, sensor_type)) is severity


def test_what_ended_is_information() -> None:
    assert event_severity(event(THRESHOLD, 4, asserted=False)) is EventSeverity.INFO
