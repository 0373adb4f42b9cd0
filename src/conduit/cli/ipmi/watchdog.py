"""``mc watchdog``: the timer by which the BMC acts when the system hangs."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun, Number
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.params import Seconds
from conduit.cli.render import Field, Report
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.watchdog import (
    GetWatchdogTimer,
    PretimeoutInterrupt,
    ResetWatchdogTimer,
    SetWatchdogTimer,
    TimeoutAction,
    TimerUse,
    WatchdogTimer,
)

TICKS: Final = 10  # counts a second

USES: Final = {
    "frb2": TimerUse.BIOS_FRB2,
    "post": TimerUse.BIOS_POST,
    "osload": TimerUse.OS_LOAD,
    "sms": TimerUse.SMS_OS,
    "oem": TimerUse.OEM,
}
ACTIONS: Final = {
    "none": TimeoutAction.NONE,
    "reset": TimeoutAction.HARD_RESET,
    "poweroff": TimeoutAction.POWER_DOWN,
    "cycle": TimeoutAction.POWER_CYCLE,
}
INTERRUPTS: Final = {
    "none": PretimeoutInterrupt.NONE,
    "smi": PretimeoutInterrupt.SMI,
    "nmi": PretimeoutInterrupt.DIAGNOSTIC,
    "msg": PretimeoutInterrupt.MESSAGING,
}


@click.group(cls=Noun, example="mc watchdog get")
def watchdog() -> None:
    """Watchdog timer: the BMC acts when nobody resets it in time."""


@watchdog.command(example="mc watchdog get")
@click.pass_obj
async def get(settings: Settings) -> None:
    """Show the timer."""

    async def operation(bmc: Bmc) -> Report:
        return timer_report(await bmc.request(GetWatchdogTimer()))

    await run(settings, operation)


def timer_report(timer: WatchdogTimer) -> Report:
    """All of Get Watchdog Timer."""
    state = "running" if timer.running else "stopped"
    action = _name(ACTIONS, timer.action)
    fields = [
        Field("running", "Running", timer.running),
        Field("use", "Used by", _name(USES, timer.use)),
        Field("action", "Action on expiry", action),
        Field("pretimeout_interrupt", "Pre-timeout interrupt", _name(INTERRUPTS, timer.pretimeout_interrupt)),
        Field("pretimeout_seconds", "Pre-timeout", timer.pretimeout_interval, f"{timer.pretimeout_interval} s"),
        Field("initial_seconds", "Initial countdown", round(timer.initial_seconds, 1), f"{timer.initial_seconds:g} s"),
        Field("present_seconds", "Present countdown", round(timer.present_seconds, 1), f"{timer.present_seconds:g} s"),
        Field("log", "Expiry is logged", timer.log),
        Field("expired_uses", "Expired under", list(timer.expired_uses)),
    ]
    return Report(summary=f"watchdog {state}, {timer.present_seconds:g} s left, then {action}", fields=fields)


def _name(names: dict[str, TimerUse] | dict[str, TimeoutAction] | dict[str, PretimeoutInterrupt], value: int) -> str:
    return next((name for name, number in names.items() if number == value), f"unknown ({value:#x})")


@watchdog.command(example="mc watchdog reset")
@click.pass_obj
async def reset(settings: Settings) -> None:
    """Start the countdown, or start it anew."""

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(ResetWatchdogTimer())
        return Report(summary="Watchdog timer started", fields=[Field("running", "Running", True)], brief=True)

    await run(settings, operation)


@watchdog.command(example="mc watchdog off")
@click.pass_obj
async def off(settings: Settings) -> None:
    """Stop the timer, and let it do nothing."""

    async def operation(bmc: Bmc) -> Report:
        timer = await bmc.request(GetWatchdogTimer())
        await bmc.request(SetWatchdogTimer(use=timer.use, log=timer.log, initial_countdown=timer.initial_countdown))
        return Report(summary="Watchdog timer stopped", fields=[Field("running", "Running", False)], brief=True)

    await run(settings, operation)


@watchdog.command("set", example="mc watchdog set --timeout 300 --action cycle --start")
@click.option(
    "--timeout",
    type=Seconds(0.1, 6553.5),
    required=True,
    help="Seconds from start to expiry, 0.1 to 6553.5.",
)
@click.option("--use", type=click.Choice(list(USES)), default="sms", show_default=True, help="Who runs the timer.")
@click.option(
    "--action", type=click.Choice(list(ACTIONS)), default="none", show_default=True, help="What happens on expiry."
)
@click.option(
    "--pretimeout",
    type=Number(0, 255, "a number of seconds"),
    default=0,
    help="Seconds before expiry when the interrupt comes.",
)
@click.option("--interrupt", type=click.Choice(list(INTERRUPTS)), default="none", help="How the system is warned.")
@click.option("--no-log", is_flag=True, help="Put no event into the SEL on expiry.")
@click.option("--start", is_flag=True, help="Start the countdown too.")
@click.pass_obj
async def set_timer(
    settings: Settings,
    timeout: float,  # noqa: ASYNC109  # the timer's, not ours
    use: str,
    action: str,
    pretimeout: int,
    interrupt: str,
    no_log: bool,
    start: bool,
) -> None:
    """Set the timer up; it starts to count with --start, or when somebody resets it."""
    command = SetWatchdogTimer(
        use=USES[use],
        log=not no_log,
        action=ACTIONS[action],
        pretimeout_interrupt=INTERRUPTS[interrupt],
        pretimeout_interval=pretimeout,
        initial_countdown=round(timeout * TICKS),
    )

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(command)
        if start:
            await bmc.request(ResetWatchdogTimer())
        return timer_report(await bmc.request(GetWatchdogTimer()))

    await run(settings, operation)
