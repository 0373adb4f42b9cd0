"""``sel``: the system event log."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncclick as click

from conduit.cli.ipmi import files
from conduit.cli.ipmi.base import Noun
from conduit.cli.ipmi.failures import complain
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.params import Seconds
from conduit.cli.render import (
    Column,
    Field,
    Format,
    Report,
    Rows,
    Value,
    in_cell,
    make_console,
    printable,
    to_csv,
    to_json,
    to_yaml,
)
from conduit.errors import ConduitError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.sel import GetSelInfo, SelInfo
from conduit.ipmi.operations.sdr import read_repository
from conduit.ipmi.operations.sdr_cache import SdrCache
from conduit.ipmi.operations.sel import (
    POLL,
    SelFollower,
    clear_sel,
    pack_records,
    prepare_clear,
    read_sel,
    restore_records,
    sel_time,
    set_sel_time,
    unpack_records,
)
from conduit.ipmi.operations.sensors import sensor_finder
from conduit.ipmi.records.event_types import sensor_type_name
from conduit.ipmi.records.events import FindSensor
from conduit.ipmi.records.sel import SelRecord, SystemEventRecord
from conduit.ipmi.records.timestamps import UNSPECIFIED, time_of, timestamp_of, timestamp_text

TIME_FORMATS: Final = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]
COLUMNS: Final = (Column("record_id", "ID", right=True), Column("time", "Time (UTC)"), Column("event", "Event"))
LONG_COLUMNS: Final = (
    *COLUMNS[:2],
    Column("generator", "From"),
    Column("sensor_type", "Sensor type"),
    Column("sensor_number", "Number", right=True),
    Column("asserted", "Asserted"),
    Column("event", "Event"),
    Column("raw", "Raw"),
)


@click.group(cls=Noun, example="sel list")
def sel() -> None:
    """System event log: what happened to the system, with the BMC's time."""


@sel.command("list", example="sel list --since 2026-11-25")
@click.option("--since", type=click.DateTime(TIME_FORMATS), help="Only what happened then or later; UTC.")
@click.pass_obj
async def list_(settings: Settings, since: datetime | None) -> None:
    """The events as sentences, oldest first."""
    await _list(settings, since, long=False)


@sel.command(example="sel elist --output json")
@click.option("--since", type=click.DateTime(TIME_FORMATS), help="Only what happened then or later; UTC.")
@click.pass_obj
async def elist(settings: Settings, since: datetime | None) -> None:
    """The events with all that is known of them."""
    await _list(settings, since, long=True)


async def _list(settings: Settings, since: datetime | None, *, long: bool) -> None:
    first = 0 if since is None else timestamp_of(since.replace(tzinfo=UTC))

    async def operation(bmc: Bmc) -> Report:
        contents = await read_sel(bmc)
        for note in contents.notes:
            complain(note)
        find_sensor = await sensor_names(bmc) if contents.records else None
        rows = [_row(record, find_sensor, long=long) for record in contents.records if _is_since(record, first)]
        columns = LONG_COLUMNS if long else COLUMNS
        return Report(summary=f"{len(rows)} events", rows=Rows(key="events", columns=columns, rows=rows))

    await run(settings, operation)


async def sensor_names(bmc: Bmc) -> FindSensor | None:
    """Names and units of the sensors that events are about; None, and a word on stderr, where the BMC has none."""
    try:
        repository = await read_repository(bmc, cache=SdrCache())
    except ConduitError as error:
        complain(f"events name sensors by number: {error}")
        return None
    return sensor_finder(repository.sensors)


def _is_since(record: SelRecord, first: int) -> bool:
    """Records without a time are never left out: nobody knows that they are older."""
    return time_of(record.timestamp) is None or record.timestamp >= first


def _time(timestamp: int) -> str | None:
    return None if timestamp == UNSPECIFIED else timestamp_text(timestamp)


def _row(record: SelRecord, find_sensor: FindSensor | None, *, long: bool) -> list[Value]:
    row: list[Value] = [record.record_id, _time(record.timestamp)]
    if not long:
        return [*row, record.describe(find_sensor)]
    if not isinstance(record, SystemEventRecord):
        return [*row, None, None, None, None, record.describe(), record.encode().hex()]
    event = record.event
    who: list[Value] = [str(record.generator), sensor_type_name(event.sensor_type), event.sensor_number]
    return [*row, *who, event.asserted, record.describe(find_sensor), record.encode().hex()]


@sel.command(example="sel info")
@click.pass_obj
async def info(settings: Settings) -> None:
    """How full the log is, and when it changed."""

    async def operation(bmc: Bmc) -> Report:
        return info_report(await bmc.request(GetSelInfo()))

    await run(settings, operation)


def info_report(info: SelInfo) -> Report:
    """All of Get SEL Info."""
    free = f"{info.free_bytes} bytes, {info.free_bytes // 16} events"
    fields = [
        Field("version", "Version", info.version_text),
        Field("entries", "Events", info.entries),
        Field("free_bytes", "Free", info.free_bytes, free),
        Field("added", "Last addition", _time(info.added)),
        Field("erased", "Last deletion", _time(info.erased)),
        Field("overflow", "Events were lost", info.overflow),
        Field("can_delete", "Deletes single events", info.can_delete),
        Field("can_reserve", "Takes reservations", info.can_reserve),
    ]
    return Report(summary=f"{info.entries} events, room for {info.free_bytes // 16}", fields=fields)


@sel.command(example="sel follow --output json")
@click.option("--interval", type=Seconds(0.1, 3600), default=POLL, show_default=True, help="Seconds between two looks.")
@click.option("--all", "from_start", is_flag=True, help="Begin with what is in the log already.")
@click.pass_obj
async def follow(settings: Settings, interval: float, from_start: bool) -> None:
    """Show events as they come, until Ctrl+C; as JSON one object a line, as CSV one line each below a header."""
    if settings.expand_hosts().plural:
        raise click.UsageError("follow shows one host; run it once for each")

    async def operation(bmc: Bmc) -> Report:
        find_sensor = await sensor_names(bmc)
        follower = SelFollower(bmc, interval=interval, from_start=from_start)
        notes = 0
        if settings.output is Format.CSV:
            _show_line(to_csv([[column.key for column in LONG_COLUMNS]]).rstrip("\n"))
        async for record in follower:
            for note in follower.notes[notes:]:
                complain(note)
            notes = len(follower.notes)
            _show_event(record, find_sensor, settings.output)
        raise AssertionError("a follower never ends")

    await run(settings, operation)


def _show_event(record: SelRecord, find_sensor: FindSensor | None, output: Format) -> None:
    row = _row(record, find_sensor, long=True)
    data: dict[str, Value] = dict(zip((column.key for column in LONG_COLUMNS), row, strict=True))
    match output:
        case Format.CSV:
            line = to_csv([[in_cell(value) for value in row]]).rstrip("\n")
        case Format.JSON:
            line = to_json(data)
        case Format.YAML:
            line = "---\n" + to_yaml(data).rstrip("\n")
        case _:
            line = printable(f"{timestamp_text(record.timestamp)}  {record.describe(find_sensor)}")
    _show_line(line)


def _show_line(line: str) -> None:
    """At once, also into a pipe."""
    make_console().out(line, highlight=False)
    sys.stdout.flush()


@sel.command(example="sel clear --yes")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
async def clear(settings: Settings, yes: bool) -> None:
    """Take all events out of the log, for good; `sel save` keeps them first."""
    if not yes and (settings.expand_hosts().plural or not sys.stdin.isatty()):
        raise click.UsageError("clearing cannot be undone; --yes says that you mean it")

    async def operation(bmc: Bmc) -> Report:
        asked = await prepare_clear(bmc)
        if not yes:
            click.confirm(f"Take {asked.entries} events out of the log, for good?", abort=True)
        count = await clear_sel(bmc, asked)
        return Report(summary=f"Cleared {count} events", fields=[Field("cleared", "Cleared", count)], brief=True)

    await run(settings, operation)


@sel.command(example="sel save events.sel")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
async def save(settings: Settings, file: Path) -> None:
    """Write the log to FILE: 16 bytes an event as the BMC keeps it, which `ipmitool sel readraw` reads, too."""
    _check_one_host(settings)

    async def operation(bmc: Bmc) -> Report:
        contents = await read_sel(bmc)
        for note in contents.notes:
            complain(note)
        await files.write(file, pack_records(contents.records))
        count = len(contents.records)
        fields = [Field("saved", "Saved", count), Field("file", "File", str(file))]
        return Report(summary=f"Saved {count} events to {file}", fields=fields, brief=True)

    await run(settings, operation)


@sel.command(example="sel restore events.sel")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
async def restore(settings: Settings, file: Path) -> None:
    """Add the events of FILE to the log. The BMC gives them new IDs, and the present time."""
    records = unpack_records(file.read_bytes())  # noqa: ASYNC240  # before there is a session

    async def operation(bmc: Bmc) -> Report:
        count = await restore_records(bmc, records)
        return Report(summary=f"Added {count} events", fields=[Field("added", "Added", count)], brief=True)

    await run(settings, operation)


def _check_one_host(settings: Settings) -> None:
    if settings.expand_hosts().plural:
        raise click.UsageError("one file takes the log of one host")


@sel.group("time", cls=Noun, example="sel time get")
def time() -> None:
    """The clock that events get their time from."""


@time.command("get", example="sel time get")
@click.pass_obj
async def get_time(settings: Settings) -> None:
    """What it says."""

    async def operation(bmc: Bmc) -> Report:
        return time_report(await sel_time(bmc))

    await run(settings, operation)


@time.command("set", example="sel time set now")
@click.argument("when", metavar="now|TIME")
@click.pass_obj
async def set_time(settings: Settings, when: str) -> None:
    """Set it, to this computer's time or to TIME, e.g. 2026-11-25T16:00:00; UTC."""
    wanted = None if when == "now" else _parse_time(when)

    async def operation(bmc: Bmc) -> Report:
        await set_sel_time(bmc, wanted or datetime.now(UTC))
        return time_report(await sel_time(bmc))

    await run(settings, operation)


def _parse_time(text: str) -> datetime:
    """:raises click.UsageError: *text* is no time, or none that four bytes can hold."""
    for format_ in TIME_FORMATS:
        try:
            time = datetime.strptime(text, format_).replace(tzinfo=UTC)
        except ValueError:
            continue
        if not 0 <= timestamp_of(time) < UNSPECIFIED:
            last = datetime.fromtimestamp(UNSPECIFIED - 1, UTC)
            raise click.UsageError(f"{text!r} is not on the BMC's clock, which goes from 1970-01-01 to {last:%Y-%m-%d}")
        return time
    raise click.UsageError(f"{text!r} is not 'now' or a time like 2026-11-25T16:00:00")


def time_report(time: datetime | None) -> Report:
    """The clock's time."""
    text = "not set" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"
    field = Field("time", "Time (UTC)", None if time is None else text, text)
    return Report(summary=text, fields=[field])
