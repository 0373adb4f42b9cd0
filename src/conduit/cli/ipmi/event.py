"""``event``: sends an event, to see what the log, the filters and the alerts make of it."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Leaf
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Field, Report
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.platform_event import PlatformEvent
from conduit.ipmi.records.event_types import SENSOR_SPECIFIC, THRESHOLD
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sensor_types import SensorType

# Those of `ipmitool event`, by its numbers.
SAMPLES: Final = {
    "1": Event(sensor_type=SensorType.TEMPERATURE, sensor_number=0x30, event_type=THRESHOLD, data=b"\x09\xff\xff"),
    "2": Event(sensor_type=SensorType.VOLTAGE, sensor_number=0x60, event_type=THRESHOLD, data=b"\x02\xff\xff"),
    "3": Event(sensor_type=SensorType.MEMORY, sensor_number=0x53, event_type=SENSOR_SPECIFIC, data=b"\x00\xff\xff"),
}


@click.command(cls=Leaf, example="event 1")
@click.argument("number", type=click.Choice(list(SAMPLES)))
@click.pass_obj
async def event(settings: Settings, number: str) -> None:
    """Send a sample event: a temperature too high (1), a voltage too low (2), a corrected memory error (3)."""
    sample = SAMPLES[number]

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(PlatformEvent(event=sample))
        text = sample.describe()
        return Report(summary=f"Sent: {text}", fields=[Field("event", "Sent", text)], brief=True)

    await run(settings, operation)
