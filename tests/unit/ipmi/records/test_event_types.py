"""Tables 42-1 to 42-3, spot-checked against the specification's numbers."""

from __future__ import annotations

import pytest

from conduit.ipmi.records.event_types import (
    SENSOR_SPECIFIC,
    THRESHOLD,
    EventClass,
    event_class,
    sensor_type_name,
    state_name,
    state_names,
    threshold_event_name,
)
from conduit.ipmi.records.sensor_types import SensorType


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        (0x00, EventClass.UNSPECIFIED),
        (0x01, EventClass.THRESHOLD),
        (0x02, EventClass.GENERIC),
        (0x0C, EventClass.GENERIC),
        (0x0D, EventClass.RESERVED),
        (0x6F, EventClass.SENSOR_SPECIFIC),
        (0x70, EventClass.OEM),
        (0x7F, EventClass.OEM),
    ],
)
def test_event_type_codes_fall_into_the_classes_of_table_42_1(event_type: int, kind: EventClass) -> None:
    assert event_class(event_type) is kind


@pytest.mark.parametrize(
    ("event_type", "sensor_type", "offset", "name"),
    [
        (0x01, 0x04, 0, "lower non-critical going low"),
        (0x01, 0x04, 2, "lower critical going low"),
        (0x01, 0x01, 9, "upper critical going high"),
        (0x01, 0x01, 11, "upper non-recoverable going high"),
        (0x03, 0x25, 1, "state asserted"),
        (0x07, 0x01, 2, "critical from less severe"),
        (0x08, 0x15, 1, "device present"),
        (0x0B, 0x08, 1, "redundancy lost"),
        (0x6F, 0x07, 1, "thermal trip"),
        (0x6F, 0x09, 4, "AC lost"),
        (0x6F, 0x0C, 1, "uncorrectable ECC error"),
        (0x6F, 0x10, 2, "log cleared"),
        (0x6F, 0x13, 0, "NMI/diagnostic interrupt"),
        (0x6F, 0x1F, 6, "boot completed"),
        (0x6F, 0x22, 14, "unknown"),
        (0x6F, 0x23, 8, "timer interrupt"),
        (0x6F, 0x2A, 2, "invalid user name or password"),
        (0x6F, 0x2C, 4, "active"),
    ],
)
def test_states_have_the_names_of_their_table(event_type: int, sensor_type: int, offset: int, name: str) -> None:
    assert state_name(event_type, sensor_type, offset) == name


@pytest.mark.parametrize(
    ("event_type", "sensor_type", "offset"),
    [(0x01, 0x01, 12), (0x6F, 0x23, 4), (0x6F, 0x23, 9), (0x6F, 0xC1, 4), (0x70, 0x01, 4), (0x01, 0x01, -1)],
)
def test_a_state_without_a_name_is_a_number(event_type: int, sensor_type: int, offset: int) -> None:
    assert state_name(event_type, sensor_type, offset) == f"state {offset}"


def test_sensor_types_have_names_and_the_others_numbers() -> None:
    assert sensor_type_name(SensorType.POWER_UNIT) == "Power unit"
    assert sensor_type_name(0x7F) == "unknown (0x7f)"
    assert sensor_type_name(0xC1) == "OEM (0xc1)"


def test_every_sensor_type_has_a_name_and_no_more_than_15_states() -> None:
    for kind in SensorType:
        assert not sensor_type_name(kind).startswith("unknown")
        assert len(state_names(SENSOR_SPECIFIC, kind)) <= 15


def test_a_threshold_event_makes_a_heading() -> None:
    assert threshold_event_name(2) == "Lower critical going low"
    assert len(state_names(THRESHOLD, SensorType.FAN)) == 12
