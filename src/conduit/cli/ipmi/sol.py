"""``sol``: the machine's serial console over the BMC, and how it is set up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncclick as click

from conduit.cli.ipmi.base import Noun, Number
from conduit.cli.ipmi.runner import log_in, run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.ipmi.terminal import Attachment
from conduit.cli.params import Seconds
from conduit.cli.render import Field, Report
from conduit.cli.terminal.escapes import parse_escape
from conduit.cli.terminal.streams import Manners, ended_by_sigterm, open_taps
from conduit.errors import CompletionCodeError, LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.payloads import DeactivatePayload, GetPayloadActivationStatus
from conduit.ipmi.commands.sol import (
    SOL_PARAMETERS,
    GetSolConfiguration,
    SetSolConfiguration,
    SolAccumulation,
    SolAuthentication,
    SolBitRate,
    SolEnable,
    SolParameter,
    SolPayloadPort,
    SolRetry,
    SolVolatileBitRate,
    bit_rate,
)
from conduit.ipmi.messages import PrivilegeLimit
from conduit.rmcp.endpoint import open_endpoint

INSTANCE: Final = Number(1, 15, "a SOL instance")
SHOWN: Final = (SolEnable, SolAuthentication, SolAccumulation, SolRetry, SolBitRate, SolVolatileBitRate, SolPayloadPort)
PRIVILEGES: Final = {
    "user": PrivilegeLimit.USER,
    "operator": PrivilegeLimit.OPERATOR,
    "administrator": PrivilegeLimit.ADMINISTRATOR,
    "oem": PrivilegeLimit.OEM,
}

sol = Noun("sol", help="Serial over LAN: the machine's serial console.", example="sol activate")


@sol.command("activate", example="sol activate")
@click.option("--steal", is_flag=True, help="Take the console from whoever has it.")
@click.option("--instance", type=INSTANCE, default=1, show_default=True, help="Which console, 1 to 15.")
@click.option(
    "--record", type=click.Path(dir_okay=False, path_type=Path), help="Record output with timing (asciicast)."
)
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Write output to a file as it is.")
@click.option("--escape", default="~", show_default=True, metavar="CHAR", help="What escapes begin with after Enter.")
@click.option("--no-escape", is_flag=True, help="Everything goes to the machine: only a signal ends the console.")
@click.option(
    "--linger",
    type=Seconds(min=0, max=86_400),
    default=1.0,
    show_default=True,
    help="Without a terminal: seconds of silence after the end of input that end the console.",
)
@click.option("--until", default="", metavar="TEXT", help="End when the machine has written this.")
@click.pass_obj
async def activate(
    settings: Settings,
    *,
    steal: bool,
    instance: int,
    record: Path | None,
    log: Path | None,
    escape: str,
    no_escape: bool,
    linger: float,
    until: str,
) -> None:
    """Open the console on this terminal.

    Ctrl+] and q, or Enter and ~., end it; ~? tells the rest. Ctrl+C goes to
    the machine. Without a terminal, input goes through as it is, and its end
    ends the console after a silence.
    """
    settings.bridge.refuse()
    manners = Manners(None if no_escape else parse_escape(escape), linger, until.encode())
    expansion = settings.expand_hosts()
    if expansion.plural:
        raise click.UsageError("a console is one host's: -H names several")
    credentials = settings.credentials()
    with ExitStack() as stack:
        taps = open_taps(stack, record, log)
        async with (
            ended_by_sigterm(),
            open_endpoint() as endpoint,
            log_in(endpoint, expansion.hosts[0], settings, credentials) as bmc,
            bmc.console(steal=steal, instance=instance) as console,
        ):
            await Attachment(console, manners, taps).run()


@sol.command("deactivate", example="sol deactivate")
@click.option("--instance", type=INSTANCE, default=1, show_default=True, help="Which console, 1 to 15.")
@click.pass_obj
async def deactivate(settings: Settings, *, instance: int) -> None:
    """End the console, whoever has it."""

    async def operation(bmc: Bmc) -> Report:
        active = await bmc.request(GetPayloadActivationStatus())
        if instance not in active.active:
            raise click.ClickException(f"console {instance} is not active")
        await bmc.request(DeactivatePayload(instance=instance))
        return Report(
            summary=f"Console {instance} deactivated", fields=[Field("instance", "Instance", instance)], brief=True
        )

    await run(settings, operation)


@sol.command("info", example="sol info")
@click.pass_obj
async def info(settings: Settings) -> None:
    """How the console is set up, and whether somebody has it."""

    async def operation(bmc: Bmc) -> Report:
        active = await bmc.request(GetPayloadActivationStatus())
        fields = [
            Field(
                "active",
                "Active instances",
                sorted(active.active),
                ", ".join(map(str, sorted(active.active))) or "none",
            ),
            Field("capacity", "Instances at once", active.capacity),
        ]
        for kind in SHOWN:
            parameter = await _get(bmc, kind)
            fields += [] if parameter is None else parameter_fields(parameter)
        state = "active" if active.active else "not active"
        return Report(summary=f"Console is {state}", fields=fields)

    await run(settings, operation)


async def _get(bmc: Bmc, kind: type[SolParameter]) -> SolParameter | None:
    """A parameter, or None if the BMC has none such."""
    try:
        answer = await bmc.request(GetSolConfiguration(selector=kind.SELECTOR))
    except CompletionCodeError:
        return None
    return SOL_PARAMETERS[kind.SELECTOR].decode(answer.data)


def parameter_fields(parameter: SolParameter) -> list[Field]:
    """A parameter as people read it."""
    match parameter:
        case SolEnable():
            return [Field("enabled", "Enabled", parameter.enabled)]
        case SolAuthentication():
            level = next((name for name, value in PRIVILEGES.items() if value == parameter.privilege), None)
            return [
                Field("privilege", "Least privilege", level or f"unknown ({parameter.privilege:#x})"),
                Field("force_encryption", "Encryption forced", parameter.force_encryption),
                Field("force_authentication", "Authentication forced", parameter.force_authentication),
            ]
        case SolAccumulation():
            interval = round(parameter.seconds * 1000)
            return [
                Field("accumulate_interval", "Accumulate interval", interval, f"{interval} ms"),
                Field("threshold", "Send threshold", parameter.threshold, f"{parameter.threshold} characters"),
            ]
        case SolRetry():
            interval = round(parameter.seconds * 1000)
            return [
                Field("retry_count", "Retry count", parameter.count),
                Field("retry_interval", "Retry interval", interval, f"{interval} ms"),
            ]
        case SolBitRate():  # and the volatile one, which is one of them
            volatile = isinstance(parameter, SolVolatileBitRate)
            rate = parameter.bits_per_second
            words = "the serial port's own" if rate is None and not parameter.rate else f"{rate or 'unknown'}"
            label = "Bit rate now" if volatile else "Bit rate stored"
            return [Field("volatile_bit_rate" if volatile else "bit_rate", label, rate, words)]
        case SolPayloadPort():
            return [Field("port", "UDP port", parameter.port)]
    return []


# --- set ---


class Setting(NamedTuple):
    """A value by name: the parameter that it is part of, and how it changes it."""

    kind: type[SolParameter]
    field: str
    convert: Callable[[str], Any]
    "Any: flags, numbers, levels. :raises ValueError: it makes no sense."


def _flag(text: str) -> bool:
    return {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}[text.lower()]


def _units(milliseconds: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        return max(1, round(int(text) / milliseconds))

    return convert


def _level(text: str) -> PrivilegeLimit:
    return PRIVILEGES[text.lower()]


NAMES: Final = {
    "enabled": Setting(SolEnable, "enabled", _flag),
    "privilege": Setting(SolAuthentication, "privilege", _level),
    "force-encryption": Setting(SolAuthentication, "force_encryption", _flag),
    "force-authentication": Setting(SolAuthentication, "force_authentication", _flag),
    "accumulate-interval": Setting(SolAccumulation, "interval", _units(5)),
    "threshold": Setting(SolAccumulation, "threshold", int),
    "retry-count": Setting(SolRetry, "count", int),
    "retry-interval": Setting(SolRetry, "interval", _units(10)),
    "bit-rate": Setting(SolBitRate, "rate", lambda text: bit_rate(int(text))),
    "volatile-bit-rate": Setting(SolVolatileBitRate, "rate", lambda text: bit_rate(int(text))),
}
VALUES: Final = "on or off, milliseconds for intervals, user to oem for privilege, bits a second for rates"


@sol.command("set", example="sol set retry-interval 250", short_help="Set one parameter.")
@click.argument("name", type=click.Choice(sorted(NAMES)))
@click.argument("value")
@click.pass_obj
async def set_(settings: Settings, name: str, value: str) -> None:
    """Set one parameter.

    VALUE is on or off, a number, milliseconds for intervals, bits a second
    for rates, user, operator, administrator or oem for the privilege.
    """
    setting = NAMES[name]
    try:
        converted = setting.convert(value)
    except (KeyError, ValueError):
        raise click.UsageError(f"{value!r} is no value for {name}: {VALUES}") from None

    await run(settings, _set_operation(name, value, setting, converted))


def _set_operation(name: str, value: str, setting: Setting, converted: Any) -> Callable[[Bmc], Awaitable[Report]]:
    async def operation(bmc: Bmc) -> Report:
        answer = await bmc.request(GetSolConfiguration(selector=setting.kind.SELECTOR))
        parameter = SOL_PARAMETERS[setting.kind.SELECTOR].decode(answer.data)
        try:
            changed = replace(parameter, **{setting.field: converted})
        except LocalProtocolError as error:
            raise click.UsageError(f"{name}: {error}") from None
        await bmc.request(SetSolConfiguration.of(changed))
        return Report(
            summary=f"{name} set to {value}",
            fields=[Field("name", "Name", name), Field("value", "Value", value)],
            brief=True,
        )

    return operation
