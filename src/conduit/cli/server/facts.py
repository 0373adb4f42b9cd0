"""``conduit server info``, ``sensors`` and ``events``: what the BMC knows."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.moments import moment_of
from conduit.cli.nouns import Leaf, logged_in, tell
from conduit.cli.params import Seconds, WholeNumber
from conduit.cli.profiles.session import Session
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.cli.server.discovered import discovery_fields
from conduit.cli.server.power import state_name
from conduit.errors import AuthenticationError, CallError
from conduit.services.api.common.v1.discovery_pb import DiscoveryMetadata
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.api.manager.v1 import manager_pb
from conduit.tunnel.call_frames import Code

__all__ = ["events_command", "info_command", "sensors_command"]

SLOW: Final = 90.0  # seconds: hundreds of records, from a BMC that takes its time
STYLES: Final = {"warning": "yellow", "critical": "red", "non-recoverable": "bold red"}
SENSOR_COLUMNS: Final = (
    Column("name", "Sensor"),
    Column("value", "Value", right=True),
    Column("unit", "Unit"),
    Column("status", "Status"),
    Column("type", "Type"),
    Column("states", "States"),
)
EVENT_COLUMNS: Final = (
    Column("id", "ID", right=True),
    Column("at", "Time (UTC)"),
    Column("severity", "Severity"),
    Column("sensor", "Sensor"),
    Column("asserted", "Asserted"),
    Column("description", "Event"),
)


@click.command("info", cls=Leaf, example="server info db-01")
@click.argument("server")
@click.pass_context
async def info_command(ctx: click.Context, server: str) -> None:
    """What the BMC says of itself and of the system."""
    async with logged_in(ctx) as session:
        info = await session.gateway(
            server, "GetBMCInfo", pb.GetBMCInfoRequest(server_id=server), pb.GetBMCInfoResponse, safe=True
        )
        system = await _system_status(session, server)
        known = discovery_fields(await _discovered(session, server))
    bmc = info.info or pb.BMCInfo()
    fields = [Field("server", "Server", server), Field("bmc_type", "BMC", bmc.bmc_type), *_bmc_fields(bmc)]
    fields += _system_fields(system)
    said = {field.key for field in fields}
    fields += [field for field in known if field.key not in said]
    tell(ctx, Report(summary=f"{server}: {bmc.bmc_type}", fields=fields))


async def _discovered(session: Session, server: str) -> DiscoveryMetadata | None:
    """What the Manager knows; nothing while that is down, for the BMC has answered."""
    try:
        answer = await session.manager(
            "GetServer", manager_pb.GetServerRequest(server_id=server), manager_pb.GetServerResponse, safe=False
        )
    except (CallError, AuthenticationError):
        return None
    return None if answer.server is None else answer.server.discovery_metadata


async def _system_status(session: Session, server: str) -> pb.GetSystemStatusResponse:
    """Nothing, where the BMC has no such thing."""
    request = pb.GetSystemStatusRequest(server_id=server)
    try:
        return await session.gateway(server, "GetSystemStatus", request, pb.GetSystemStatusResponse, safe=True)
    except CallError as error:
        if error.code in (Code.UNIMPLEMENTED, Code.FAILED_PRECONDITION):
            return pb.GetSystemStatusResponse()
        raise


def _bmc_fields(bmc: pb.BMCInfo) -> list[Field]:
    if (ipmi := bmc.ipmi_info) is not None:
        maker = ipmi.manufacturer_name or ipmi.manufacturer_id
        return [
            Field("manufacturer", "Manufacturer", maker, "unspecified" if maker == "0" else None),
            Field("product_id", "Product ID", ipmi.product_id),
            Field("firmware", "Firmware", ipmi.firmware_revision),
            Field("ipmi_version", "IPMI", ipmi.ipmi_version),
            Field("device_id", "Device ID", ipmi.device_id),
            Field("device_available", "Available", ipmi.device_available),
            Field("supports", "Supports", list(ipmi.additional_device_support)),
        ]
    if (redfish := bmc.redfish_info) is not None:
        return [
            Field("manufacturer", "Manufacturer", redfish.manufacturer),
            Field("model", "Model", redfish.model),
            Field("firmware", "Firmware", redfish.firmware_version),
            Field("manager_id", "Manager", redfish.manager_id),
            Field("status", "Status", redfish.status),
        ]
    return []


def _system_fields(answer: pb.GetSystemStatusResponse) -> list[Field]:
    status = answer.status
    fields = [Field("power", "Power", state_name(answer.power_state))]
    if status is None:
        return fields
    boot = status.boot_source
    known = (
        Field("hostname", "Host name", status.hostname),
        Field("serial_number", "Serial number", status.serial_number),
        Field("sku", "SKU", status.sku),
        Field("bios_version", "BIOS", status.bios_version),
        Field("boot_progress", "Boot progress", status.boot_progress),
        Field("boot_source", "Boot source", "" if boot is None else boot.target),
        Field("boot_order", "Boot order", list(status.boot_order)),
        Field("last_reset", "Last reset", status.last_reset_time),
        _health(status),
    )
    return fields + [field for field in known if field.value]


def _health(status: pb.SystemStatus) -> Field:
    health: dict[str, Value] = dict(status.oem_health)
    return Field("health", "Health", health, "; ".join(f"{what}: {how}" for what, how in sorted(health.items())))


@click.command("sensors", cls=Leaf, example="server sensors db-01 --max-age 30")
@click.argument("server")
@click.option(
    "--max-age",
    type=Seconds(min=0, max=3600),
    default=0.0,
    help="Take readings that are so many seconds old.  [default: ask the BMC]",
)
@click.option("--problems", is_flag=True, help="Only those that are not ok.")
@click.pass_context
async def sensors_command(ctx: click.Context, server: str, *, max_age: float, problems: bool) -> None:
    """Temperatures, voltages, fans and the rest, with what is wrong in colour."""
    request = pb.ListSensorsRequest(server_id=server, max_age_ms=round(max_age * 1000))
    async with logged_in(ctx) as session:
        answer = await session.gateway(server, "ListSensors", request, pb.ListSensorsResponse, safe=True, patience=SLOW)
    shown = [each for each in answer.sensors if not problems or each.status not in ("ok", "unavailable")]
    rows = Rows(
        key="sensors",
        columns=SENSOR_COLUMNS,
        rows=[_sensor_row(sensor) for sensor in shown],
        styles=[STYLES.get(sensor.status, "") for sensor in shown],
    )
    tell(ctx, Report(summary=f"{len(shown)} sensors of {server}", rows=rows))


def _sensor_row(sensor: pb.Sensor) -> list[Value]:
    value = float(f"{sensor.value:.6g}") if sensor.has_field("value") else None
    return [sensor.name, value, sensor.unit or None, sensor.status, sensor.type, list(sensor.states)]


@click.command("events", cls=Leaf, example="server events db-01 --limit 20")
@click.argument("server")
@click.option("--limit", type=WholeNumber(min=1, max=1000), default=100, show_default=True, help="The latest so many.")
@click.pass_context
async def events_command(ctx: click.Context, server: str, *, limit: int) -> None:
    """The BMC's event log, oldest first."""
    request = pb.ListEventsRequest(server_id=server, limit=limit)
    async with logged_in(ctx) as session:
        answer = await session.gateway(server, "ListEvents", request, pb.ListEventsResponse, safe=True, patience=SLOW)
    rows = Rows(
        key="events",
        columns=EVENT_COLUMNS,
        rows=[
            [each.record_id, moment_of(each.at), each.severity, each.sensor, each.asserted, each.description]
            for each in answer.events
        ],
        styles=[STYLES.get(each.severity, "") for each in answer.events],
    )
    tell(ctx, Report(summary=f"{len(answer.events)} of {answer.total} events of {server}", rows=rows))
