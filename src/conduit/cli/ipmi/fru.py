"""``fru``: inventory. What units say of themselves: maker, product, serial numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit.cli.ipmi import files
from conduit.cli.ipmi.base import Noun, Number
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi._fields import label
from conduit.ipmi.client import Bmc
from conduit.ipmi.operations.fru import list_frus, read_fru, read_fru_data, write_fru_data
from conduit.ipmi.operations.sdr_cache import SdrCache
from conduit.ipmi.records.fru import FruInventory, decode_fru, replace_area
from conduit.ipmi.records.fru_areas import BoardArea, ChassisArea, ProductArea
from conduit.ipmi.records.fru_fields import FruField
from conduit.ipmi.records.fru_multi import ManagementAccess, MultiRecord, OemRecord
from conduit.ipmi.records.fru_power import DcLoad, DcOutput, PowerSupply

FRU_ID: Final = Number(0, 254, "a FRU ID")
COLUMNS: Final = (Column("id", "ID", right=True), Column("size", "Bytes", right=True), Column("name", "What it is"))
AREAS: Final = ("chassis", "board", "product")
Area = ChassisArea | BoardArea | ProductArea


@click.group(cls=Noun, example="fru print")
def fru() -> None:
    """Inventory (FRU): who made it, and its serial numbers."""


@fru.command("list", example="fru list")
@click.pass_obj
async def list_all(settings: Settings) -> None:
    """The units that have an inventory: those that the sensor data records name.

    Where a BMC has no such records, IDs 0 to 15 are tried.
    """

    async def operation(bmc: Bmc) -> Report:
        found = await list_frus(bmc, cache=SdrCache())
        rows: list[list[Value]] = []
        for fru_id, info in found.items():
            rows.append([fru_id, info.size, _name((await read_fru(bmc, fru_id)).inventory)])
        return Report(summary=f"{len(rows)} FRUs", rows=Rows(key="frus", columns=COLUMNS, rows=rows))

    await run(settings, operation)


def _name(inventory: FruInventory) -> str:
    """A unit in a word."""
    product, board = inventory.product, inventory.board
    if product is not None and product.name.raw:
        return product.name.text(product.language)
    return board.product_name.text(board.language) if board is not None else ""


@fru.command("print", example="fru print 0")
@click.argument("fru_id", metavar="[ID]", type=FRU_ID, default=0)
@click.option("--no-checksums", is_flag=True, help="Also show areas whose checksum is wrong.")
@click.pass_obj
async def print_one(settings: Settings, fru_id: int, no_checksums: bool) -> None:
    """What unit ID (0, the machine itself) says of itself."""

    async def operation(bmc: Bmc) -> Report:
        inventory = (await read_fru(bmc, fru_id, verify=not no_checksums)).inventory
        return inventory_report(fru_id, inventory)

    await run(settings, operation)


def inventory_report(fru_id: int, inventory: FruInventory) -> Report:
    """All of it; what nobody filled in is left out."""
    fields = [Field("fru_id", "FRU ID", fru_id)]
    for name in AREAS:
        area: Area | None = getattr(inventory, name)
        if area is not None:
            fields += _area_fields(name, area)
    fields += [_record_field(number, record) for number, record in enumerate(inventory.records, 1)]
    if inventory.internal is not None:
        fields.append(Field("internal_use", "Internal use", f"{len(inventory.internal)} bytes"))
    if inventory.notes:
        fields.append(Field("notes", "Broken", list(inventory.notes)))
    return Report(summary=_name(inventory) or "an inventory without a name", fields=fields)


def _area_fields(name: str, area: Area) -> list[Field]:
    fields = []
    if isinstance(area, ChassisArea):
        fields.append(Field("chassis_type", "Chassis type", area.type_text))
    if isinstance(area, BoardArea) and area.manufactured is not None:
        made = area.manufactured
        fields.append(Field("board_manufactured", "Board made", made.isoformat(), f"{made:%Y-%m-%d %H:%M} UTC"))
    for key, field in area.named().items():
        text = field.text(area.language)
        if text:
            fields.append(Field(f"{name}_{key}", f"{name.capitalize()} {key.replace('_', ' ')}", text))
    custom: list[Value] = [field.text(area.language) for field in area.custom]
    if custom:
        fields.append(Field(f"{name}_extra", f"{name.capitalize()} extra", custom))
    return fields


def _record_field(number: int, record: MultiRecord) -> Field:
    kind = label(record.record_type) if record.record_type < 0xC0 else f"OEM {record.record_type:#04x}"
    return Field(f"record_{number}", f"Record {number}", f"{kind}: {_record_text(record)}")


def _record_text(record: MultiRecord) -> str:
    try:
        body = record.record
    except DecodeError as error:
        return f"broken: {error.what}"
    match body:
        case PowerSupply():
            hot = ", hot swap" if body.hot_swap else ""
            return f"{body.capacity} W, {body.low_voltage_1 / 100:g} to {body.high_voltage_1 / 100:g} V{hot}"
        case DcOutput() | DcLoad():
            return f"number {body.number}, {body.nominal / 100:g} V, up to {body.most_current / 1000:g} A"
        case ManagementAccess():
            return f"{label(body.access_type)} {body.text}"
        case OemRecord():
            return f"{body.manufacturer or body.manufacturer_id}: {body.data.hex(' ')}"
    return record.body.hex(" ")


@fru.command(example="fru read fru0.bin")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("fru_id", metavar="[ID]", type=FRU_ID, default=0)
@click.pass_obj
async def read(settings: Settings, file: Path, fru_id: int) -> None:
    """Save the bytes of unit ID (0) to FILE."""

    async def operation(bmc: Bmc) -> Report:
        data = await read_fru_data(bmc, fru_id)
        await files.write(file, data)
        return _done(f"{len(data)} bytes of FRU {fru_id} are in {file}", fru_id, len(data))

    await run(settings, operation)


@fru.command(example="fru write fru0.bin --yes")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("fru_id", metavar="[ID]", type=FRU_ID, default=0)
@click.option("--yes", is_flag=True, help="Really write.")
@click.pass_obj
async def write(settings: Settings, file: Path, fru_id: int, yes: bool) -> None:
    """Write FILE to unit ID (0), read it back and compare."""
    _require(yes, "overwrites the inventory of a machine")
    data = await trio.Path(file).read_bytes()
    notes = decode_fru(data).notes
    if notes:
        raise click.UsageError(f"{file} holds no sound FRU information: {notes[0]}")

    async def operation(bmc: Bmc) -> Report:
        old = await read_fru_data(bmc, fru_id)
        written = await write_fru_data(bmc, data, fru_id, old=old)
        return _done(f"Wrote {written} bytes to FRU {fru_id} that were different", fru_id, written)

    await run(settings, operation)


@fru.command(example="fru edit product.asset_tag A-1234 --yes")
@click.argument("field")
@click.argument("value")
@click.argument("fru_id", metavar="[ID]", type=FRU_ID, default=0)
@click.option("--yes", is_flag=True, help="Really write.")
@click.pass_obj
async def edit(settings: Settings, field: str, value: str, fru_id: int, yes: bool) -> None:
    """Change FIELD of unit ID (0), as AREA.NAME: board.serial_number, product.asset_tag."""
    _require(yes, "changes the inventory of a machine")
    area_name, _, name = field.partition(".")
    if area_name not in AREAS:
        raise click.UsageError(f"a field is AREA.NAME, and areas are {', '.join(AREAS)}")

    async def operation(bmc: Bmc) -> Report:
        old = await read_fru_data(bmc, fru_id)
        area: Area | None = getattr(decode_fru(old), area_name)
        if area is None:
            raise LocalProtocolError(f"FRU {fru_id} has no {area_name} area that can be read")
        changed = area.with_field(name, FruField.of(value, area.language))
        written = await write_fru_data(bmc, replace_area(old, area_name, changed), fru_id, old=old)
        return _done(f"{field} of FRU {fru_id} is now {value!r}", fru_id, written)

    await run(settings, operation)


def _require(yes: bool, what: str) -> None:
    if not yes:
        raise click.UsageError(f"this {what}: add --yes if you mean it")


def _done(summary: str, fru_id: int, count: int) -> Report:
    fields = [Field("fru_id", "FRU ID", fru_id), Field("bytes", "Bytes", count)]
    return Report(summary=summary, fields=fields, brief=True)
