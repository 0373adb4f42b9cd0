"""What a BMC tells through its broker: info, status, sensors, events, boot device."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import CallError
from conduit.ipmi.bmc.fru import FruConfig
from conduit.services.agent.broker import Broker
from conduit.services.api.gateway.v1.gateway_pb import (
    BootDevice,
    ConsoleAvailability,
    IdentifyRequest,
    ListEventsRequest,
    ListSensorsRequest,
    PowerOperationRequest,
    PowerState,
    SetBootDeviceRequest,
)
from conduit.tunnel.call_frames import Code
from tests.fakes.broker_pair import PASSWORD, ask, open_pair

WAIT = PowerOperationRequest(wait=True)


async def fails(broker: Broker, method: str, request: Any = None, **options: Any) -> CallError:
    with pytest.raises(CallError) as caught:
        await ask(broker, method, request, **options)
    assert PASSWORD not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)
    return caught.value


# --- what a BMC tells -------------------------------------------------------------------------------------------------


async def test_info_is_told_and_remembered(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        info = (await ask(broker, "GetBMCInfo")).info
        assert (info.bmc_type, info.ipmi_info.ipmi_version, info.ipmi_info.device_id) == ("ipmi", "2.0", "32")
        operations = broker.snapshot().endpoints[0].operations
        assert (await ask(broker, "GetBMCInfo")).info == info
        assert broker.snapshot().endpoints[0].operations == operations
        await ask(broker, "PowerOn")
        await ask(broker, "GetBMCInfo")
        assert broker.snapshot().endpoints[0].operations == operations + 2


async def test_system_status_has_power_and_next_start(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (_, broker):
        await ask(broker, "SetBootDevice", SetBootDeviceRequest(boot=BootDevice(device="pxe", uefi=True)))
        answer = await ask(broker, "GetSystemStatus")
        assert answer.power_state is PowerState.ON
        assert answer.status.system_id
        assert answer.status.console_availability is ConsoleAvailability.SOL_ONLY
        boot = answer.status.boot_source
        assert (boot.target, boot.enabled, boot.mode) == ("pxe", "Once", "UEFI")


async def test_system_without_wishes_for_its_start_or_a_console_says_so(autojump_clock: MockClock) -> None:
    async with open_pair(server={"has_console": False}) as (_, broker):
        answer = await ask(broker, "GetSystemStatus")
        assert (answer.status.boot_source.target, answer.status.boot_source.enabled) == ("none", "Disabled")
        assert answer.status.console_availability is ConsoleAvailability.NONE
        assert answer.status.oem_health["chassis"] == "ok"


async def test_serial_number_comes_from_the_inventory(autojump_clock: MockClock) -> None:
    fru = FruConfig(serial_number="SN-1234", part_number="PN-9")
    async with open_pair(fru=fru) as (_, broker):
        status = (await ask(broker, "GetSystemStatus")).status
        assert (status.serial_number, status.sku) == ("SN-1234", "PN-9")


async def test_sensors_are_as_old_as_one_allows(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (_, broker):
        first = await ask(broker, "ListSensors")
        assert first.sensors
        assert {one.status for one in first.sensors} <= {"ok", "warning", "critical", "unavailable"}
        assert any(one.type == "Temperature" and one.unit == "°C" for one in first.sensors)
        operations = broker.snapshot().endpoints[0].operations
        await trio.sleep(4)
        await ask(broker, "ListSensors", ListSensorsRequest(max_age_ms=10_000))
        assert broker.snapshot().endpoints[0].operations == operations
        await ask(broker, "ListSensors", ListSensorsRequest(max_age_ms=1_000))
        assert broker.snapshot().endpoints[0].operations == operations + 1
        error = await fails(broker, "ListSensors", ListSensorsRequest(max_age_ms=-1))
        assert error.code == Code.INVALID_ARGUMENT


async def test_latest_events_come_oldest_first(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        for _ in range(3):
            await ask(broker, "PowerOn", WAIT)
            await ask(broker, "PowerOff", WAIT)
        everything = await ask(broker, "ListEvents")
        assert everything.total == len(everything.events) > 2
        ids = [event.record_id for event in everything.events]
        assert ids == sorted(ids)
        latest = await ask(broker, "ListEvents", ListEventsRequest(limit=2))
        assert (latest.total, [event.record_id for event in latest.events]) == (everything.total, ids[-2:])
        assert all(event.description and event.severity for event in latest.events)
        error = await fails(broker, "ListEvents", ListEventsRequest(limit=1001))
        assert error.code == Code.INVALID_ARGUMENT


@pytest.mark.parametrize("device", ["pxe", "disk", "cdrom", "bios", "floppy", "safe", "diag"])
async def test_boot_device_is_set_and_read_back(device: str, autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        wish = BootDevice(device=device, persistent=True, uefi=True)
        await ask(broker, "SetBootDevice", SetBootDeviceRequest(boot=wish))
        assert (await ask(broker, "GetBootDevice")).boot == wish
        await ask(broker, "SetBootDevice", SetBootDeviceRequest(boot=BootDevice(device="none")))
        assert (await ask(broker, "GetBootDevice")).boot == BootDevice(device="none")


@pytest.mark.parametrize("boot", [None, BootDevice(device="teapot")])
async def test_unknown_boot_device_is_refused_with_those_there_are(
    boot: BootDevice | None, autojump_clock: MockClock
) -> None:
    async with open_pair() as (_, broker):
        error = await fails(broker, "SetBootDevice", SetBootDeviceRequest(boot=boot))
        assert error.code == Code.INVALID_ARGUMENT
        assert "pxe" in error.message


async def test_identify_lights_up_and_goes_out(autojump_clock: MockClock) -> None:
    async with open_pair() as (served, broker):
        machine = served.bmc.state.machine
        await ask(broker, "Identify", IdentifyRequest(seconds=30))
        assert machine.identify_state.name == "TEMPORARY"
        await ask(broker, "Identify", IdentifyRequest(until_turned_off=True))
        assert machine.identify_state.name == "INDEFINITE"
        await ask(broker, "Identify", IdentifyRequest())
        assert machine.identify_state.name == "OFF"
        assert (await fails(broker, "Identify", IdentifyRequest(seconds=256))).code == Code.INVALID_ARGUMENT
