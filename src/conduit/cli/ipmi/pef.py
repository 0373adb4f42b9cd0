"""``pef``: platform event filtering, by which a BMC acts on events."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun, Number
from conduit.cli.ipmi.failures import complain
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import label
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.pef import GetLastProcessedEvent, GetPefCapabilities, LastProcessedEvent
from conduit.ipmi.commands.pef_alerting import AlertPolicy
from conduit.ipmi.commands.pef_filters import ANY, EventFilter, FilterData1, PefAction, action_names
from conduit.ipmi.operations.pef import PefConfigured, read_pef, write_pef
from conduit.ipmi.records.event_types import sensor_type_name, state_names
from conduit.ipmi.records.timestamps import timestamp_text

NO_RECORD: Final = 0xFFFF
ENTRY: Final = Number(1, 127, "an entry")
ACTIONS: Final = {str(one.name).lower().replace("_", "-"): one for one in PefAction}
FILTER_COLUMNS: Final = (
    Column("number", "#", right=True),
    Column("enabled", "Enabled"),
    Column("preconfigured", "Preconfigured"),
    Column("sensor_type", "Sensor type"),
    Column("states", "States"),
    Column("severity", "Severity"),
    Column("actions", "Actions"),
    Column("policy", "Policy", right=True),
)
POLICY_COLUMNS: Final = (
    Column("number", "#", right=True),
    Column("policy", "Policy", right=True),
    Column("enabled", "Enabled"),
    Column("rule", "Rule"),
    Column("channel", "Channel", right=True),
    Column("destination", "Destination", right=True),
)


@click.group(cls=Noun, example="pef info")
def pef() -> None:
    """Platform event filtering: the BMC looks at each event, and acts on some."""


@pef.command(example="pef info")
@click.pass_obj
async def info(settings: Settings) -> None:
    """What the BMC can do, and what of it is switched on."""

    async def operation(bmc: Bmc) -> Report:
        return info_report(await read_pef(bmc))

    await run(settings, operation)


def info_report(configured: PefConfigured) -> Report:
    """Capabilities and switches."""
    able, control = configured.capabilities, configured.control
    fields = [
        Field("version", "Version", able.version_text),
        Field("enabled", "Filtering", control.enabled, "on" if control.enabled else "off"),
        Field("log_actions", "Actions are logged", control.log_actions),
        Field("supported_actions", "Supported actions", list(action_names(able.supported_actions))),
        Field("allowed_actions", "Allowed actions", list(action_names(configured.actions.enabled_actions))),
        Field("filters", "Filters", able.filters),
        Field("enabled_filters", "Enabled filters", [entry.number for entry in configured.filters if entry.enabled]),
    ]
    state = "on" if control.enabled else "off"
    return Report(summary=f"filtering is {state}, {able.filters} filters", fields=fields)


@pef.command(example="pef status")
@click.pass_obj
async def status(settings: Settings) -> None:
    """How far the events are dealt with."""

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(GetPefCapabilities())  # says that there is none of it in better words
        return status_report(await bmc.request(GetLastProcessedEvent()))

    await run(settings, operation)


def status_report(last: LastProcessedEvent) -> Report:
    """All of Get Last Processed Event ID."""

    def record(key: str, label: str, number: int) -> Field:
        return Field(key, label, None if number == NO_RECORD else number)

    fields = [
        Field("added", "Last event added", timestamp_text(last.added)),
        record("newest", "Newest event", last.newest),
        record("by_software", "Dealt with by software", last.by_software),
        record("by_bmc", "Dealt with by the BMC", last.processed),
    ]
    return Report(summary=", ".join(f"{field.label.lower()} {field.words}" for field in fields[1:]), fields=fields)


@pef.command(example="pef filters")
@click.option("--all", "everything", is_flag=True, help="Entries that match nothing yet, too.")
@click.pass_obj
async def filters(settings: Settings, everything: bool) -> None:
    """Which events lead to which actions."""

    async def operation(bmc: Bmc) -> Report:
        configured = await _read(bmc)
        rows = [_filter_row(entry) for entry in configured.filters if everything or entry.enabled or entry.actions]
        return Report(summary=f"{len(rows)} filters", rows=Rows(key="filters", columns=FILTER_COLUMNS, rows=rows))

    await run(settings, operation)


async def _read(bmc: Bmc) -> PefConfigured:
    configured = await read_pef(bmc)
    for note in configured.notes:
        complain(note)
    return configured


def _filter_row(entry: EventFilter) -> list[Value]:
    kind = "any" if entry.sensor_type == ANY else sensor_type_name(entry.sensor_type)
    switches: list[Value] = [entry.number, entry.enabled, entry.preconfigured]
    return [
        *switches,
        kind,
        _states(entry),
        label(entry.severity),
        list(action_names(entry.actions)),
        entry.policy_number,
    ]


def _states(entry: EventFilter) -> list[str]:
    if entry.offsets == 0xFFFF or entry.trigger == ANY:
        return ["any"]
    names = state_names(entry.trigger & 0x7F, entry.sensor_type)
    offsets = (offset for offset in range(15) if entry.offsets >> offset & 1)
    return [names[offset] if offset < len(names) and names[offset] else f"state {offset}" for offset in offsets]


@pef.command(example="pef policies")
@click.pass_obj
async def policies(settings: Settings) -> None:
    """Who is alerted. The destinations themselves are LAN parameters."""

    async def operation(bmc: Bmc) -> Report:
        configured = await _read(bmc)
        rows = [_policy_row(entry) for entry in configured.policies]
        return Report(summary=f"{len(rows)} entries", rows=Rows(key="policies", columns=POLICY_COLUMNS, rows=rows))

    await run(settings, operation)


def _policy_row(entry: AlertPolicy) -> list[Value]:
    rule = label(entry.rule)
    return [entry.number, entry.policy_number, entry.enabled, rule, entry.channel, entry.destination]


@pef.group("set", cls=Noun, example="pef set filter 3 on")
def set_() -> None:
    """Change the filtering."""


SWITCH: Final = click.Choice(["on", "off"])


@set_.command(example="pef set filtering on")
@click.argument("state", type=SWITCH)
@click.option("--log/--no-log", "log", default=None, help="Whether an action that was taken is an event itself.")
@click.pass_obj
async def filtering(settings: Settings, state: str, log: bool | None) -> None:
    """Switch all of it."""

    async def operation(bmc: Bmc) -> Report:
        control = (await read_pef(bmc)).control
        logged = control.log_actions if log is None else log
        await write_pef(bmc, [replace(control, enabled=state == "on", log_actions=logged)])
        return info_report(await read_pef(bmc))

    await run(settings, operation)


@set_.command("filter", example="pef set filter 9 on --sensor-type 0x23 --action power-off")
@click.argument("number", type=ENTRY)
@click.argument("state", type=SWITCH)
@click.option("--action", "actions", type=click.Choice(list(ACTIONS)), multiple=True, help="What to do; repeatable.")
@click.option("--sensor-type", type=Number(0, 255, "a sensor type"), help="Only of such sensors; 255 is any.")
@click.option("--sensor", type=Number(0, 255, "a sensor number"), help="Only of that sensor; 255 is any.")
@click.option("--policy", type=Number(0, 15, "a policy"), help="Whom an alert goes to.")
@click.pass_obj
async def set_filter(
    settings: Settings,
    number: int,
    state: str,
    actions: tuple[str, ...],
    sensor_type: int | None,
    sensor: int | None,
    policy: int | None,
) -> None:
    """Switch filter NUMBER; with options also change what it matches and does."""
    changes: dict[str, int] = {
        key: value
        for key, value in (("sensor_type", sensor_type), ("sensor_number", sensor), ("policy_number", policy))
        if value is not None
    }

    async def operation(bmc: Bmc) -> Report:
        if not (changes or actions):
            entry = await _entry(bmc, number)
            await write_pef(bmc, [FilterData1(number=number, enabled=state == "on", preconfigured=entry.preconfigured)])
        else:
            entry = replace(await _entry(bmc, number), enabled=state == "on", **changes)  # type: ignore[arg-type]  # ints
            wanted = PefAction(sum(ACTIONS[name] for name in set(actions)))
            await write_pef(bmc, [replace(entry, actions=wanted) if actions else entry])
        rows = [_filter_row(await _entry(bmc, number))]
        return Report(
            summary=f"Filter {number} is {state}", rows=Rows(key="filters", columns=FILTER_COLUMNS, rows=rows)
        )

    await run(settings, operation)


async def _entry(bmc: Bmc, number: int) -> EventFilter:
    """:raises LocalProtocolError: there is no such filter."""
    found = next((entry for entry in (await read_pef(bmc)).filters if entry.number == number), None)
    if found is None:
        raise LocalProtocolError(f"the BMC has no filter {number}; `pef filters --all` lists them")
    return found
