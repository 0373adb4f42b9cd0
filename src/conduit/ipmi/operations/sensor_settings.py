"""What else can be set about a sensor: hysteresis, and which events it sends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.sensor_events import GetSensorEventEnable, SetSensorEventEnable
from conduit.ipmi.commands.sensors import GetSensorHysteresis, SensorFlags, SetSensorHysteresis
from conduit.ipmi.operations.sensors import KnownSensor, read_hysteresis
from conduit.ipmi.records.conversion import Linearization
from conduit.ipmi.records.event_types import state_name
from conduit.ipmi.records.sdr_sensors import EventOnlySensor, FullSensor

OFFSETS: Final = 15  # events that a sensor may have, each way


class Selection(Enum):
    """What Set Sensor Event Enable does with the events that are named (bits 5:4)."""

    NONE = 0x00
    ENABLE = 0x10
    DISABLE = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnables:
    """Which events a sensor sends."""

    events: bool
    "Whether it sends any."
    scanning: bool
    "Whether the BMC looks at it."
    assertions: tuple[str, ...]
    "By name, such as ``upper critical going high``."
    deassertions: tuple[str, ...]


async def set_hysteresis(
    bmc: Bmc, sensor: KnownSensor, positive: float | None, negative: float | None
) -> tuple[float | None, float | None]:
    """Set the differences of values that are given; the other stays. What holds then, rounded to the sensor's steps.

    :raises LocalProtocolError: the sensor has no such hysteresis.
    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
    """
    record = sensor.record
    if not isinstance(record, FullSensor) or record.conversion.linearization != Linearization.LINEAR:
        raise LocalProtocolError(f"{sensor.name} has no hysteresis that can be set as a number")
    present = await bmc.request(GetSensorHysteresis(number=sensor.number), target=sensor.target)
    counts = record.conversion.factors.counts
    request = SetSensorHysteresis(
        number=sensor.number,
        positive=present.positive if positive is None else counts(positive),
        negative=present.negative if negative is None else counts(negative),
    )
    await bmc.request(request, target=sensor.target)
    return await read_hysteresis(bmc, sensor)


async def read_event_enables(bmc: Bmc, sensor: KnownSensor) -> EventEnables:
    """Which events it sends. :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`."""
    found = await bmc.request(GetSensorEventEnable(number=sensor.number), target=sensor.target)
    return EventEnables(
        events=bool(found.flags & SensorFlags.EVENTS_ENABLED),
        scanning=bool(found.flags & SensorFlags.SCANNING_ENABLED),
        assertions=_names(sensor, found.assertions),
        deassertions=_names(sensor, found.deassertions),
    )


async def switch_events(
    bmc: Bmc, sensor: KnownSensor, *, on: bool, assertions: int = 0, deassertions: int = 0
) -> EventEnables:
    """Switch events of a sensor: those named by bits, or, where none is, all of them at its main switch.

    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
    """
    present = await bmc.request(GetSensorEventEnable(number=sensor.number), target=sensor.target)
    flags, selection = int(present.flags) & 0xC0, Selection.NONE
    if assertions or deassertions:
        selection = Selection.ENABLE if on else Selection.DISABLE
    else:
        flags = flags & ~SensorFlags.EVENTS_ENABLED | (SensorFlags.EVENTS_ENABLED if on else 0)
    request = SetSensorEventEnable(
        number=sensor.number, flags=flags | selection.value, assertions=assertions, deassertions=deassertions
    )
    await bmc.request(request, target=sensor.target)
    return await read_event_enables(bmc, sensor)


def event_names(sensor: KnownSensor) -> dict[int, str]:
    """The events that a sensor's type may have, by offset."""
    record = sensor.record
    kind = record if isinstance(record, EventOnlySensor) else record.traits
    return {offset: state_name(kind.event_type, kind.sensor_type, offset) for offset in range(OFFSETS)}


def _names(sensor: KnownSensor, bits: int) -> tuple[str, ...]:
    return tuple(name for offset, name in event_names(sensor).items() if bits >> offset & 1)
