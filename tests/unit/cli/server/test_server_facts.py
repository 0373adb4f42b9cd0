from __future__ import annotations

import pytest

from conduit.errors import CallError
from conduit.services.api.common.v1.discovery_pb import (
    CapabilityInfo,
    DiscoveryMetadata,
    FruInfo,
    HardwareInfo,
    ProtocolConfig,
    VendorInfo,
)
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.clock import timestamp
from conduit.services.manager.registry import ReportedServer
from conduit.tunnel.call_frames import Code
from tests.fakes.command_line import CommandLine
from tests.fakes.services import FakeServices


async def test_sensors_have_values_units_and_what_is_wrong(alice: CommandLine, services: FakeServices) -> None:
    services.servers.answers["ListSensors"] = pb.ListSensorsResponse(
        sensors=[
            pb.Sensor(name="CPU", type="Temperature", value=54.0, unit="°C", status="ok"),
            pb.Sensor(name="Fan\x1b[2J", type="Fan", value=0.1 + 0.2, unit="RPM", status="critical"),
            pb.Sensor(name="PSU", type="Power Supply", status="ok", states=["Presence detected"]),
        ]
    )
    data = (await alice.json("server", "sensors", "db-01", "--max-age", "1.5"))["sensors"]
    assert [sensor["value"] for sensor in data] == [54.0, 0.3, None]
    assert data[2]["states"] == ["Presence detected"]
    asked = services.servers.asked[-1]
    assert isinstance(asked, pb.ListSensorsRequest)
    assert asked.max_age_ms == 1500
    shown = await alice.done("server", "sensors", "db-01", "--problems")
    assert "CPU" not in shown.out
    assert "\x1b[2J" not in shown.out


async def test_events_are_told_with_their_time(alice: CommandLine, services: FakeServices) -> None:
    services.servers.answers["ListEvents"] = pb.ListEventsResponse(
        events=[
            pb.Event(
                record_id=7,
                at=timestamp(1_800_000_000),
                sensor="CPU",
                description="Upper critical going high",
                asserted=True,
                severity="critical",
            )
        ],
        total=90,
    )
    event = (await alice.json("server", "events", "db-01"))["events"][0]
    assert (event["id"], event["at"], event["severity"]) == (7, "2027-01-15T08:00:00Z", "critical")
    assert "Upper critical going high" in (await alice.done("server", "events", "db-01", "--output", "csv")).out


async def test_info_tells_of_the_bmc_and_of_the_system(alice: CommandLine, services: FakeServices) -> None:
    services.servers.answers["GetBMCInfo"] = pb.GetBMCInfoResponse(
        info=pb.BMCInfo(bmc_type="ipmi", ipmi_info=pb.IPMIInfo(manufacturer_name="ACME", firmware_revision="1.2"))
    )
    services.servers.answers["GetSystemStatus"] = pb.GetSystemStatusResponse(
        status=pb.SystemStatus(serial_number="S1"), power_state=pb.PowerState.ON
    )
    data = await alice.json("server", "info", "db-01")
    assert (data["manufacturer"], data["firmware"], data["serial_number"], data["power"]) == ("ACME", "1.2", "S1", "on")


async def test_info_tells_what_the_agent_has_found_out(alice: CommandLine, services: FakeServices) -> None:
    found = DiscoveryMetadata(
        discovered_at=timestamp(1_800_000_000),
        vendor=VendorInfo(model="R1"),
        protocol=ProtocolConfig(
            primary_protocol="ipmi",
            primary_version="1.5",
            fallback_protocol="ipmi-2 instead of ipmi-1",
            fallback_reason="the BMC does not answer",
        ),
        capabilities=CapabilityInfo(supported_features=["sol", "fru"], unsupported_features=["dcmi"]),
        hardware=HardwareInfo(system_guid="g-1", board=FruInfo(manufacturer="Acme", serial_number="B\x1b[2J7")),
    )
    await services.register(ReportedServer(id="db-01", customer="alice@acme.example", discovery=str(found.to_json())))
    services.servers.answers["GetBMCInfo"] = pb.GetBMCInfoResponse(info=pb.BMCInfo(bmc_type="ipmi"))
    services.servers.answers["GetSystemStatus"] = pb.GetSystemStatusResponse(
        status=pb.SystemStatus(oem_health={"chassis": "ok", "last power event": "AC failed"})
    )
    data = await alice.json("server", "info", "db-01")
    assert data["board"] == {"manufacturer": "Acme", "serial_number": "B\x1b[2J7"}
    assert (data["model"], data["system_guid"], data["endpoint"]) == ("R1", "g-1", "ipmi-1.5")
    assert data["fallback"]["reason"] == "the BMC does not answer"
    assert (data["bmc_features"], data["bmc_lacks"]) == (["sol", "fru"], ["dcmi"])
    assert data["discovered_at"] == "2027-01-15T08:00:00Z"
    assert data["health"] == {"chassis": "ok", "last power event": "AC failed"}
    shown = (await alice.done("server", "info", "db-01")).out
    assert "Acme, serial B" in shown
    assert "chassis: ok; last power event: AC failed" in shown
    assert not set("{}\x1b") & set(shown)
    assert (await alice.json("server", "show", "db-01"))["system_guid"] == "g-1"


async def test_info_goes_without_a_manager_once_there_is_a_token(alice: CommandLine, services: FakeServices) -> None:
    services.servers.answers["GetBMCInfo"] = pb.GetBMCInfoResponse(info=pb.BMCInfo(bmc_type="ipmi"))
    services.servers.answers["GetSystemStatus"] = pb.GetSystemStatusResponse()
    await alice.json("server", "info", "db-01")
    services.hosts.down.add("manager.example")
    assert (await alice.json("server", "info", "db-01"))["bmc_type"] == "ipmi"


async def test_a_redfish_bmc_without_a_system_status_has_info_too(alice: CommandLine, services: FakeServices) -> None:
    services.servers.answers["GetBMCInfo"] = pb.GetBMCInfoResponse(
        info=pb.BMCInfo(bmc_type="redfish", redfish_info=pb.RedfishInfo(model="R1"))
    )
    services.servers.failing["GetSystemStatus"] = CallError(Code.UNIMPLEMENTED, "no such thing")
    data = await alice.json("server", "info", "db-01")
    assert (data["model"], data["power"]) == ("R1", "unknown")


async def test_the_boot_device_is_read_and_set(alice: CommandLine, services: FakeServices) -> None:
    services.servers.answers["GetBootDevice"] = pb.GetBootDeviceResponse(boot=pb.BootDevice(device="none"))
    services.servers.answers["SetBootDevice"] = pb.SetBootDeviceResponse()
    assert (await alice.done("server", "boot", "get", "db-01")).out == "db-01 boots as its own settings say\n"
    outcome = await alice.done("server", "boot", "set", "db-01", "pxe", "--uefi")
    assert outcome.out == "db-01 boots from pxe next time, UEFI\n"
    asked = services.servers.asked[-1]
    assert isinstance(asked, pb.SetBootDeviceRequest)
    assert asked.boot == pb.BootDevice(device="pxe", uefi=True)
    assert (await alice.run("server", "boot", "set", "db-01", "moon")).status == 2


@pytest.mark.parametrize(
    ("args", "seconds", "until"),
    [
        ((), 15, False),
        (("--seconds", "60"), 60, False),
        (("--on",), 0, True),
        (("--off",), 0, False),
    ],
)
async def test_identify_blinks_for_a_while_or_until_told(
    alice: CommandLine, services: FakeServices, args: tuple[str, ...], seconds: int, until: bool
) -> None:
    services.servers.answers["Identify"] = pb.IdentifyResponse()
    await alice.done("server", "identify", "db-01", *args)
    asked = services.servers.asked[-1]
    assert isinstance(asked, pb.IdentifyRequest)
    assert (asked.seconds, asked.until_turned_off) == (seconds, until)
