"""``chassis``: status, identification, boot device, and what happens when mains power returns."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun, parse_number
from conduit.cli.ipmi.bootdev import bootdev, bootparam
from conduit.cli.ipmi.power import make_power
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Field, Report
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.chassis import Button, ChassisIdentify, GetPohCounter, GetSystemRestartCause, IdentifyState
from conduit.ipmi.commands.power import (
    POLICY_NO_CHANGE,
    ChassisStatus,
    FrontPanelButtons,
    PowerRestorePolicy,
    SetPowerRestorePolicy,
)

POLICIES: Final = {
    "always-on": PowerRestorePolicy.ALWAYS_ON,
    "previous": PowerRestorePolicy.PREVIOUS,
    "always-off": PowerRestorePolicy.ALWAYS_OFF,
}
IDENTIFY_TEXTS: Final[dict[int | None, str]] = {
    None: "not reported",
    IdentifyState.OFF: "off",
    IdentifyState.TEMPORARY: "on for a while",
    IdentifyState.INDEFINITE: "on until told otherwise",
}


@click.group(cls=Noun, example="chassis status")
def chassis() -> None:
    """Chassis: status, light, boot device, power policy."""


chassis.add_command(make_power())
chassis.add_command(bootdev)
chassis.add_command(bootparam)


@chassis.command(example="chassis status")
@click.pass_obj
async def status(settings: Settings) -> None:
    """Power, faults, and what happened last."""

    async def operation(bmc: Bmc) -> Report:
        return status_report(await bmc.chassis_status())

    await run(settings, operation)


def status_report(chassis_status: ChassisStatus) -> Report:
    """All of Get Chassis Status."""
    faults = ", ".join(chassis_status.faults) or "none"
    summary = f"power {chassis_status.power}, policy {chassis_status.restore_policy_text}, faults: {faults}"
    light = chassis_status.identify_state
    light_name = light.name.lower() if isinstance(light, IdentifyState) else light
    fields = [
        Field("power", "System power", chassis_status.power),
        Field("power_overload", "Power overload", chassis_status.overload),
        Field("power_interlock", "Power interlock", chassis_status.interlock, _active(chassis_status.interlock)),
        Field("power_fault", "Main power fault", chassis_status.power_fault),
        Field("power_control_fault", "Power control fault", chassis_status.control_fault),
        Field("power_restore_policy", "Power restore policy", chassis_status.restore_policy_text.replace(" ", "-")),
        Field("last_power_event", "Last power event", list(chassis_status.last_events)),
        Field("chassis_intrusion", "Chassis intrusion", chassis_status.intrusion, _active(chassis_status.intrusion)),
        Field("front_panel_lockout", "Front panel lockout", chassis_status.front_panel_lockout),
        Field("drive_fault", "Drive fault", chassis_status.drive_fault),
        Field("cooling_fault", "Cooling or fan fault", chassis_status.fan_fault),
        Field("identify", "Identify light", light_name, IDENTIFY_TEXTS.get(light, f"unknown ({light})")),
    ]
    if chassis_status.front_panel is not None:
        fields.append(_buttons_field(chassis_status.front_panel))
    return Report(summary=summary, fields=fields)


def _buttons_field(panel: FrontPanelButtons) -> Field:
    disabled = [(button.name or "").lower() for button in Button if button in panel.disabled]
    return Field("disabled_buttons", "Disabled buttons", disabled)


def _active(flag: bool) -> str:
    return "active" if flag else "inactive"


@chassis.command(example="chassis identify 30")
@click.argument("how", metavar="[SECONDS|force|off]", required=False)
@click.pass_obj
async def identify(settings: Settings, how: str | None) -> None:
    """Light up, to be found in the rack: for 15 seconds, for SECONDS (1 to 255), until told otherwise, or no more."""
    command, text = _identify_command(how)

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(command)
        seconds = None if command.force_on else command.interval
        fields = [Field("seconds", "Seconds", seconds), Field("forced", "Forced", command.force_on)]
        return Report(summary=f"Chassis identify: {text}", fields=fields, brief=True)

    await run(settings, operation)


def _identify_command(how: str | None) -> tuple[ChassisIdentify, str]:
    """:raises click.UsageError: *how* is none of the three."""
    if how is None:
        command = ChassisIdentify()
        return command, f"on for {command.interval} s"
    if how == "force":
        return ChassisIdentify(force_on=True), "on until told otherwise"
    seconds = 0 if how == "off" else parse_number(how)
    if seconds is None or seconds > 255:
        raise click.UsageError(f"{how!r} is not seconds from 0 to 255, 'force' or 'off'")
    return ChassisIdentify(interval=seconds), f"on for {seconds} s" if seconds else "off"


@chassis.command(example="chassis policy always-on")
@click.argument(
    "wanted", metavar="[list|always-on|previous|always-off]", default="list", type=click.Choice(["list", *POLICIES])
)
@click.pass_obj
async def policy(settings: Settings, wanted: str) -> None:
    """What the system does when mains power returns. `list` says what it can do; `chassis status` what is set."""

    async def operation(bmc: Bmc) -> Report:
        support = await bmc.request(SetPowerRestorePolicy(policy=POLICIES.get(wanted, POLICY_NO_CHANGE)))
        names = [name for name, number in POLICIES.items() if number in support.policies]
        supported = Field("supported", "Supported policies", names)
        if wanted == "list":
            return Report(summary=f"supported policies: {supported.words}", fields=[supported])
        chosen = Field("policy", "Policy", wanted)
        return Report(summary=f"Power restore policy set to {wanted}", fields=[chosen, supported], brief=True)

    await run(settings, operation)


@chassis.command(example="chassis poh")
@click.pass_obj
async def poh(settings: Settings) -> None:
    """For how many hours of its life the system has been on."""

    async def operation(bmc: Bmc) -> Report:
        counter = await bmc.request(GetPohCounter())
        days, hours = divmod(counter.hours, 24)
        return Report(
            summary=f"on for {days:.0f} days, {hours:.0f} hours",
            fields=[
                Field("hours", "Power-on hours", counter.hours, f"{counter.hours:g} ({days:.0f} d {hours:.0f} h)"),
                Field("minutes_per_count", "Minutes per count", counter.minutes_per_count),
                Field("count", "Count", counter.count),
            ],
        )

    await run(settings, operation)


@chassis.command("restart-cause", example="chassis restart-cause")
@click.pass_obj
async def restart_cause(settings: Settings) -> None:
    """Why the system started last."""

    async def operation(bmc: Bmc) -> Report:
        cause = await bmc.request(GetSystemRestartCause())
        fields = [
            Field("cause", "Restart cause", cause.text),
            Field("code", "Code", int(cause.cause)),
            Field("channel", "Channel", cause.channel),
        ]
        return Report(summary=f"restart cause: {cause.text}", fields=fields)

    await run(settings, operation)
