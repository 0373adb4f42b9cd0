"""``sdr``: the sensor data records themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncclick as click

from conduit.cli.ipmi import files
from conduit.cli.ipmi.base import Noun
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.sensor import load, no_cache
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.sdr import UNSPECIFIED_SPACE, RepositorySupport, SdrRepositoryInfo
from conduit.ipmi.operations.sdr import Repository, count_device_sensors, repository_info
from conduit.ipmi.records.event_types import sensor_type_name
from conduit.ipmi.records.sdr import Named, OemRecord, Record
from conduit.ipmi.records.sdr_fields import RecordType
from conduit.ipmi.records.sdr_locators import Controller, FruDevice, GenericDevice
from conduit.ipmi.records.sdr_sensors import CompactSensor, EventOnlySensor, FullSensor
from conduit.ipmi.records.timestamps import timestamp_text

# What ipmitool calls them.
KINDS: Final[dict[str, frozenset[int]]] = {
    "all": frozenset(),
    "full": frozenset({RecordType.FULL_SENSOR}),
    "compact": frozenset({RecordType.COMPACT_SENSOR}),
    "event": frozenset({RecordType.EVENT_ONLY}),
    "mcloc": frozenset({RecordType.CONTROLLER}),
    "fru": frozenset({RecordType.FRU_DEVICE}),
    "generic": frozenset({RecordType.GENERIC_DEVICE}),
    "oem": frozenset({RecordType.OEM}),
}
TYPE_NAMES: Final = {
    RecordType.FULL_SENSOR: "full sensor",
    RecordType.COMPACT_SENSOR: "compact sensor",
    RecordType.EVENT_ONLY: "event-only sensor",
    RecordType.ENTITY_ASSOCIATION: "entity association",
    RecordType.DEVICE_RELATIVE_ASSOCIATION: "device-relative entity association",
    RecordType.GENERIC_DEVICE: "generic device",
    RecordType.FRU_DEVICE: "FRU device",
    RecordType.CONTROLLER: "management controller",
    RecordType.CONTROLLER_CONFIRMATION: "controller confirmation",
    RecordType.MESSAGE_CHANNELS: "message channels",
    RecordType.OEM: "OEM",
}
COLUMNS: Final = (
    Column("id", "ID", right=True),
    Column("record", "Record"),
    Column("name", "Name"),
    Column("entity", "Entity"),
    Column("what", "What"),
)


@click.group(cls=Noun, example="sdr list")
def sdr() -> None:
    """Sensor data records: what the BMC knows of its sensors and devices. `sensor list` has the readings."""


@sdr.command("list", example="sdr list full")
@click.argument("kind", type=click.Choice(list(KINDS), case_sensitive=False), default="all")
@no_cache
@click.pass_obj
async def list_(settings: Settings, kind: str, *, no_cache: bool) -> None:
    """All records, or those of one kind."""

    async def operation(bmc: Bmc) -> Report:
        return list_report(await load(bmc, no_cache=no_cache), kind)

    await run(settings, operation)


def list_report(repository: Repository, kind: str) -> Report:
    """One line a record."""
    wanted = KINDS[kind]
    records = [record for record in repository.records if not wanted or record.record_type in wanted]
    rows = Rows(key="records", columns=COLUMNS, rows=[_row(record) for record in records])
    fields = [Field("notes", "Skipped", list(repository.notes))] if repository.notes else []
    skipped = f", {len(repository.notes)} skipped" if repository.notes else ""
    return Report(summary=f"{len(records)} records{skipped}", fields=fields, rows=rows)


def _row(record: Record) -> list[Value]:
    name = record.name.text if isinstance(record, Named) else None
    return [record.record_id, _type_name(record), name, _entity(record), _what(record)]


def _type_name(record: Record) -> str:
    number = record.record_type
    return TYPE_NAMES[RecordType(number)] if number in list(RecordType) else f"unknown ({number:#04x})"


def _entity(record: Record) -> str | None:
    if isinstance(record, FullSensor | CompactSensor):
        return record.traits.entity.text
    return record.entity.text if isinstance(record, Named) else None


def _what(record: Record) -> str | None:
    match record:
        case FullSensor() | CompactSensor():
            return f"{sensor_type_name(record.traits.sensor_type)} sensor {record.traits.number:#04x}"
        case EventOnlySensor():
            return f"{sensor_type_name(record.sensor_type)} sensor {record.number:#04x}"
        case Controller():
            return f"{'static' if record.is_static else 'dynamic'} controller at {record.address:#04x}"
        case FruDevice():
            return f"{'logical' if record.logical else 'physical'} FRU {record.fru_id:#04x}"
        case GenericDevice():
            return f"device at {record.address:#04x} on bus {record.bus}"
        case OemRecord():
            return f"manufacturer {record.manufacturer_id}: {record.data.hex(' ')}"
        case _:
            return None


@sdr.command(example="sdr dump records.bin")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@no_cache
@click.pass_obj
async def dump(settings: Settings, file: Path, *, no_cache: bool) -> None:
    """Write all records to FILE as they are, one after the other, as ipmitool does. For one host at a time."""

    async def operation(bmc: Bmc) -> Report:
        repository = await load(bmc, no_cache=no_cache)
        content = b"".join(repository.raw)
        await files.write(file, content)
        fields = [Field("file", "File", str(file)), Field("records", "Records", len(repository.raw)),
                  Field("bytes", "Bytes", len(content))]  # fmt: skip
        return Report(summary=f"{len(repository.raw)} records written to {file}", fields=fields, brief=True)

    if settings.expand_hosts().plural:
        raise click.UsageError("sdr dump is for one host: all would write the same file")
    await run(settings, operation)


@sdr.command(example="sdr info")
@click.pass_obj
async def info(settings: Settings) -> None:
    """How many records, since when, and what the repository can."""

    async def operation(bmc: Bmc) -> Report:
        found = await repository_info(bmc)
        return await _device_report(bmc) if found is None else info_report(found)

    await run(settings, operation)


async def _device_report(bmc: Bmc) -> Report:
    count = await count_device_sensors(bmc)
    fields = [Field("repository", "Repository", False), Field("sensors", "Sensors of the device", count)]
    return Report(summary=f"no repository, but {count} sensors of the device's own", fields=fields)


def info_report(found: SdrRepositoryInfo) -> Report:
    """All of Get SDR Repository Info."""
    space = None if found.free_space == UNSPECIFIED_SPACE else found.free_space
    can = [str(one.name).lower().replace("_", " ") for one in RepositorySupport if one in found.support]
    added, erased = timestamp_text(found.added_at), timestamp_text(found.erased_at)
    fields = [
        Field("repository", "Repository", True),
        Field("version", "SDR version", f"{found.version & 0x0F}.{found.version >> 4}"),
        Field("records", "Records", found.record_count),
        Field("free_bytes", "Free space", space, None if space is None else f"{space} bytes"),
        Field("added_at", "Last addition", found.added_at, added),
        Field("erased_at", "Last deletion", found.erased_at, erased),
        Field("support", "Supports", can),
    ]
    return Report(summary=f"{found.record_count} records, last addition {added}", fields=fields)
