"""``power``: what the chassis is asked to do, and waiting until it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import asyncclick as click
import trio

from conduit.cli.ipmi.base import Leaf, Noun
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.params import Seconds
from conduit.cli.render import Field, Report
from conduit.errors import PeerTimeoutError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.power import ChassisControlAction

POLL: Final = 0.5  # seconds between looks at the power state
WAIT: Final = 60.0  # seconds
CYCLE_PAUSE: Final = 5.0  # seconds after which a cycle that was never seen off counts as done


class Verb(NamedTuple):
    """One thing that chassis power can be told."""

    action: ChassisControlAction
    help: str
    reaches: bool | None
    "Whether power is on afterwards; None if it does not change."


VERBS: Final = {
    "on": Verb(ChassisControlAction.ON, "Switch power on.", reaches=True),
    "off": Verb(ChassisControlAction.OFF, "Switch power off at once, without asking the system.", reaches=False),
    "cycle": Verb(ChassisControlAction.CYCLE, "Switch power off and, after a pause, on.", reaches=True),
    "reset": Verb(ChassisControlAction.RESET, "Reset the system; power stays on.", reaches=None),
    "diag": Verb(ChassisControlAction.DIAGNOSTIC_INTERRUPT, "Send a diagnostic interrupt (NMI).", reaches=None),
    "soft": Verb(ChassisControlAction.SOFT_SHUTDOWN, "Ask the operating system to shut down.", reaches=False),
}


def make_power() -> click.Group:
    """The group, which is known as ``power`` and as ``chassis power``."""
    power = Noun("power", help="Chassis power: its state and its control.", example="power status")
    power.add_command(_status)
    for name, verb in VERBS.items():
        power.add_command(_make_waiting(name, verb) if verb.reaches is not None else _make_plain(name, verb))
    return power


@click.command("status", cls=Leaf, example="power status")
@click.pass_obj
async def _status(settings: Settings) -> None:
    """Is power on?"""

    async def operation(bmc: Bmc) -> Report:
        return state_report((await bmc.chassis_status()).power)

    await run(settings, operation)


def state_report(power: str) -> Report:
    """``on`` or ``off``, in so many words."""
    return Report(summary=f"Chassis power is {power}", fields=[Field("power", "Power", power)], brief=True)


def _make_waiting(name: str, verb: Verb) -> click.Command:
    @click.command(name, cls=Leaf, help=verb.help, example=f"power {name} --wait")
    @click.option("--wait", "wait", is_flag=True, help="Return when the power state has changed.")
    @click.option(
        "--wait-timeout",
        type=Seconds(min=0, min_open=True, max=86_400),
        default=WAIT,
        show_default=True,
        help="Seconds to wait at most.",
    )
    @click.pass_obj
    async def command(settings: Settings, wait: bool, wait_timeout: float) -> None:
        await run(settings, _operation(name, verb, wait_timeout if wait else None))

    return command


def _make_plain(name: str, verb: Verb) -> click.Command:
    @click.command(name, cls=Leaf, help=verb.help, example=f"power {name}")
    @click.pass_obj
    async def command(settings: Settings) -> None:
        await run(settings, _operation(name, verb, None))

    return command


def _operation(name: str, verb: Verb, patience: float | None) -> Callable[[Bmc], Awaitable[Report]]:
    async def operation(bmc: Bmc) -> Report:
        await bmc.control_chassis(verb.action)
        asked = Field("action", "Action", name)
        if patience is None or verb.reaches is None:
            return Report(summary=f"Chassis power control: {name}", fields=[asked], brief=True)
        seconds = await wait_for_power(bmc, on=verb.reaches, patience=patience, cycle=name == "cycle")
        power = "on" if verb.reaches else "off"
        return Report(
            summary=f"Chassis power control: {name}; power is {power} after {seconds:.1f} s",
            fields=[asked, Field("power", "Power", power), Field("seconds", "Seconds", round(seconds, 1))],
            brief=True,
        )

    return operation


async def wait_for_power(bmc: Bmc, *, on: bool, patience: float, cycle: bool = False) -> float:
    """Look at the power state until it is as wanted.

    :param on: the state to wait for.
    :param patience: seconds to wait at most.
    :param cycle: power goes off first, which a look may miss.
    :returns: seconds that it took.
    :raises PeerTimeoutError: it took too long.
    """
    started = trio.current_time()
    seen_off = not cycle
    while True:
        is_on = (await bmc.chassis_status()).power_on
        elapsed = trio.current_time() - started
        seen_off = seen_off or not is_on or elapsed >= CYCLE_PAUSE
        if is_on == on and seen_off:
            return elapsed
        if elapsed + POLL > patience:
            raise PeerTimeoutError(f"power is still {'on' if is_on else 'off'} after {patience:g} s")
        await trio.sleep(POLL)


power: Final = make_power()
