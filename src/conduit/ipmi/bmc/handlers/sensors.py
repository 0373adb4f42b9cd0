"""Sensors (section 35)."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sensors import ALL_EVENTS, LiveSensor
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.sensor_control import SetSensorReading, SetSensorType
from conduit.ipmi.commands.sensor_events import (
    GetSensorEventEnable,
    GetSensorEventStatus,
    RearmSensorEvents,
    SensorEvents,
    SetSensorEventEnable,
)
from conduit.ipmi.commands.sensors import (
    GetSensorHysteresis,
    GetSensorReading,
    GetSensorReadingFactors,
    GetSensorThresholds,
    GetSensorType,
    RawReading,
    RawThresholds,
    SensorFactors,
    SensorFlags,
    SensorHysteresis,
    SensorTypeInfo,
    SetSensorHysteresis,
    SetSensorThresholds,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.records.thresholds import ThresholdMask
from conduit.rmcp.command import NoData

PART_NOT_SETTABLE: Final = 0x80
EVENT_DATA_NOT_SETTABLE: Final = 0x81
READING_OPERATION: Final = 0x03  # bits of Set Sensor Reading's operation
EVENT_DATA_OPERATION: Final = 0xC0


def _find(bmc: BmcState, number: int, now: float) -> LiveSensor:
    bmc.advance_sensors(now)
    sensor = bmc.sensors.get(number)
    if sensor is None:
        raise Refused(CompletionCode.NOT_PRESENT)
    return sensor


def _find_threshold(bmc: BmcState, number: int, now: float) -> LiveSensor:
    sensor = _find(bmc, number, now)
    if not sensor.spec.is_threshold:
        raise Refused(CompletionCode.ILLEGAL_FOR_SENSOR)
    return sensor


@handles(GetSensorReading)
def get_reading(bmc: BmcState, request: GetSensorReading, session: BmcSession, now: float) -> RawReading:
    """As it was at the last look."""
    return _find(bmc, request.number, now).reading()


@handles(GetSensorThresholds)
def get_thresholds(bmc: BmcState, request: GetSensorThresholds, session: BmcSession, now: float) -> RawThresholds:
    """Those that hold now."""
    sensor = _find_threshold(bmc, request.number, now)
    return RawThresholds(readable=sensor.limit_mask, limits=bytes(sensor.limits))


@handles(SetSensorThresholds)
def set_thresholds(bmc: BmcState, request: SetSensorThresholds, session: BmcSession, now: float) -> NoData:
    """They count at once."""
    sensor = _find_threshold(bmc, request.number, now)
    if request.which & ~sensor.limit_mask:
        raise Refused(CompletionCode.INVALID_FIELD)
    for place, mask in enumerate(ThresholdMask):
        if request.which & mask:
            sensor.limits[place] = request.limits[place]
    bmc.sensors.touch()
    return NoData()


@handles(GetSensorHysteresis)
def get_hysteresis(bmc: BmcState, request: GetSensorHysteresis, session: BmcSession, now: float) -> SensorHysteresis:
    """Raw counts."""
    positive, negative = _find_threshold(bmc, request.number, now).hysteresis
    return SensorHysteresis(positive=positive, negative=negative)


@handles(SetSensorHysteresis)
def set_hysteresis(bmc: BmcState, request: SetSensorHysteresis, session: BmcSession, now: float) -> NoData:
    """It counts at once."""
    _find_threshold(bmc, request.number, now).hysteresis = (request.positive, request.negative)
    bmc.sensors.touch()
    return NoData()


@handles(GetSensorReadingFactors)
def get_factors(bmc: BmcState, request: GetSensorReadingFactors, session: BmcSession, now: float) -> SensorFactors:
    """The same for every reading."""
    sensor = _find_threshold(bmc, request.number, now)
    return SensorFactors(next_reading=request.reading, factors=sensor.spec.conversion.factors)


@handles(GetSensorEventEnable)
def get_event_enable(bmc: BmcState, request: GetSensorEventEnable, session: BmcSession, now: float) -> SensorEvents:
    """Which events the sensor may send."""
    sensor = _find(bmc, request.number, now)
    possible = _possible_events(sensor)
    return SensorEvents(
        flags=sensor.flags, assertions=sensor.assertions & possible, deassertions=sensor.deassertions & possible
    )


def _possible_events(sensor: LiveSensor) -> int:
    if not sensor.spec.is_threshold:
        return sensor.spec.states
    return sum(0b11 << 2 * place for place, mask in enumerate(ThresholdMask) if mask & sensor.limit_mask)


@handles(SetSensorEventEnable)
def set_event_enable(bmc: BmcState, request: SetSensorEventEnable, session: BmcSession, now: float) -> NoData:
    """The whole sensor, and single events of it."""
    sensor = _find(bmc, request.number, now)
    sensor.flags = SensorFlags(request.flags & 0xC0)
    match request.flags >> 4 & 0x03:
        case 1:
            sensor.assertions |= request.assertions
            sensor.deassertions |= request.deassertions
        case 2:
            sensor.assertions &= ~request.assertions
            sensor.deassertions &= ~request.deassertions
        case 3:
            raise Refused(CompletionCode.INVALID_FIELD)
    return NoData()


@handles(RearmSensorEvents)
def rearm(bmc: BmcState, request: RearmSensorEvents, session: BmcSession, now: float) -> NoData:
    """Forget what happened."""
    sensor = _find(bmc, request.number, now)
    sensor.happened &= ~(request.assertions if request.selected else ALL_EVENTS)
    bmc.sensors.touch()
    return NoData()


@handles(GetSensorEventStatus)
def get_event_status(bmc: BmcState, request: GetSensorEventStatus, session: BmcSession, now: float) -> SensorEvents:
    """What happened since the last re-arm."""
    sensor = _find(bmc, request.number, now)
    return SensorEvents(flags=sensor.flags, assertions=sensor.happened)


@handles(GetSensorType)
def get_type(bmc: BmcState, request: GetSensorType, session: BmcSession, now: float) -> SensorTypeInfo:
    """As its record says."""
    spec = _find(bmc, request.number, now).spec
    return SensorTypeInfo(sensor_type=spec.sensor_type, event_type=spec.event_type)


@handles(SetSensorType)
def set_type(bmc: BmcState, request: SetSensorType, session: BmcSession, now: float) -> NoData:
    """Sensors here are what they are."""
    spec = _find(bmc, request.number, now).spec
    if (request.sensor_type, request.event_type) != (spec.sensor_type, spec.event_type):
        raise Refused(CompletionCode.ILLEGAL_FOR_SENSOR)
    return NoData()


@handles(SetSensorReading)
def set_reading(bmc: BmcState, request: SetSensorReading, session: BmcSession, now: float) -> NoData:
    """Let a sensor that says it is settable measure that. Events come of it by themselves; nobody writes theirs."""
    sensor = _find(bmc, request.number, now)
    if not sensor.spec.settable:
        raise Refused(CompletionCode.ILLEGAL_FOR_SENSOR)
    if request.operation & EVENT_DATA_OPERATION:
        raise Refused(EVENT_DATA_NOT_SETTABLE)
    if request.operation & ~READING_OPERATION:
        raise Refused(PART_NOT_SETTABLE)
    value = sensor.spec.conversion.value(request.reading)
    if request.operation and value is not None:
        bmc.sensors.inject(sensor.spec.name, value)
    return NoData()
