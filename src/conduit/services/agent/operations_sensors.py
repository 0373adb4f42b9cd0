"""What a BMC observes: sensors and events."""

from __future__ import annotations

from typing import Final

from conduit.errors import CallError
from conduit.ipmi import Bmc
from conduit.ipmi.operations.sensors import SensorReading, Status, read_sensors, sensor_finder
from conduit.ipmi.records.events import FindSensor
from conduit.ipmi.records.sel import SelRecord, SystemEventRecord
from conduit.ipmi.records.severity import EventSeverity, event_severity
from conduit.ipmi.records.timestamps import time_of
from conduit.services.agent.broker import Broker, Caller
from conduit.services.api.gateway.v1.gateway_pb import (
    Event,
    ListEventsRequest,
    ListEventsResponse,
    ListSensorsRequest,
    ListSensorsResponse,
    Sensor,
    Thresholds,
)
from conduit.services.clock import timestamp
from conduit.tunnel.call_frames import Code

SENSORS: Final = "sensors"  # in the broker's cache
EVENTS: Final = "events"
DEFAULT_LIMIT: Final = 100  # events
MAX_LIMIT: Final = 1000
_STATUS: Final = {
    Status.OK: "ok",
    Status.NON_CRITICAL: "warning",
    Status.CRITICAL: "critical",
    Status.NON_RECOVERABLE: "non-recoverable",
    Status.UNAVAILABLE: "unavailable",
}


async def list_sensors(broker: Broker, caller: Caller, request: ListSensorsRequest) -> ListSensorsResponse:
    """Every sensor with its reading, as old as the request allows."""
    if request.max_age_ms < 0:
        raise CallError(Code.INVALID_ARGUMENT, "max_age_ms is 0 or more")

    async def work(bmc: Bmc) -> list[Sensor]:
        repository = await broker.records.repository(bmc)
        return [sensor_message(reading) async for reading in read_sensors(bmc, repository, live_thresholds=False)]

    found = await broker.read(caller, SENSORS, work, max_age=request.max_age_ms / 1000)
    return ListSensorsResponse(sensors=found.value, observed_at=timestamp(found.at))


def sensor_message(reading: SensorReading) -> Sensor:
    """A reading for people elsewhere."""
    limits = reading.thresholds
    return Sensor(
        name=reading.name,
        type=reading.sensor_type,
        value=reading.value,
        unit=reading.unit,
        status=_STATUS[reading.status],
        states=list(reading.states),
        thresholds=Thresholds(
            lower_non_recoverable=limits.lower_non_recoverable,
            lower_critical=limits.lower_critical,
            lower_non_critical=limits.lower_non_critical,
            upper_non_critical=limits.upper_non_critical,
            upper_critical=limits.upper_critical,
            upper_non_recoverable=limits.upper_non_recoverable,
        ),
    )


async def list_events(broker: Broker, caller: Caller, request: ListEventsRequest) -> ListEventsResponse:
    """The latest events, oldest first."""
    limit = request.limit or DEFAULT_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise CallError(Code.INVALID_ARGUMENT, f"limit is 1 to {MAX_LIMIT}, or 0 for {DEFAULT_LIMIT}")

    async def work(bmc: Bmc) -> tuple[list[SelRecord], FindSensor]:
        repository = await broker.records.repository(bmc)
        return await broker.records.events(bmc), sensor_finder(repository.sensors)

    records, find_sensor = (await broker.read(caller, EVENTS, work)).value
    events = [event_message(record, find_sensor) for record in records[-limit:]]
    return ListEventsResponse(events=events, total=len(records))


def event_message(record: SelRecord, find_sensor: FindSensor) -> Event:
    """A record of the log as a sentence."""
    time = time_of(record.timestamp)
    message = Event(
        record_id=record.record_id,
        at=None if time is None else timestamp(time.timestamp()),
        description=record.describe(find_sensor),
        asserted=True,
        severity=EventSeverity.INFO.value,
    )
    if isinstance(record, SystemEventRecord):
        sensor = find_sensor(record.generator, record.event.sensor_number)
        message.sensor = "" if sensor is None else sensor.name
        message.asserted = record.event.asserted
        message.severity = event_severity(record.event).value
    return message
