"""``chassis bootdev`` and ``chassis bootparam``: what the next start does differently."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Leaf, Noun, Number
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Field, Report
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.boot import GetSystemBootOptions, SystemBootOptions
from conduit.ipmi.commands.boot_options import BOOT_DEVICE_NAMES, BootFlags, BootParameter, boot_device
from conduit.ipmi.operations.boot import set_boot_flags

ALIASES: Final = {"disk": "hdd", "safe": "hdd-safe", "remote-disk": "remote-hdd"}  # ipmitool's names
DEVICES: Final = (*BOOT_DEVICE_NAMES.values(), *ALIASES)
LEGACY_OPTIONS: Final = ("efiboot", "persistent", "clear-cmos")  # of ipmitool's options=...


@click.command(cls=Leaf, example="chassis bootdev pxe --efi")
@click.argument("device", required=False, type=click.Choice(DEVICES), metavar="[DEVICE]")
@click.argument("legacy", required=False, metavar="")
@click.option("--efi", is_flag=True, help="Start the EFI way, not the legacy (PC) one.")
@click.option("--persistent", is_flag=True, help="At all later starts, not only at the next.")
@click.option("--clear-cmos", is_flag=True, help="Also forget the firmware's settings.")
@click.option("--clear", is_flag=True, help="Take back every wish.")
@click.pass_obj
async def bootdev(
    settings: Settings,
    device: str | None,
    legacy: str | None,
    efi: bool,
    persistent: bool,
    clear_cmos: bool,
    clear: bool,
) -> None:
    """Say from where the system starts next time; without DEVICE, show what is set.

    DEVICE is none, pxe, disk (or hdd), cdrom, bios, floppy, diag, safe,
    remote-cdrom, remote-disk, remote-floppy or remote-media. `none` leaves
    the choice to the firmware. ipmitool's options=efiboot,persistent are
    understood.
    """
    words = _legacy_words(legacy)
    if clear and (device or efi or persistent or clear_cmos or words):
        raise click.UsageError("--clear takes everything back, so it stands alone")
    if device is None and not clear:
        if efi or persistent or clear_cmos:
            raise click.UsageError("which device? name it before or after the options")
        await run(settings, _show_flags)
        return
    flags = (
        BootFlags()
        if device is None
        else BootFlags(
            valid=True,
            persistent=persistent or "persistent" in words,
            efi=efi or "efiboot" in words,
            clear_cmos=clear_cmos or "clear-cmos" in words,
            device=boot_device(ALIASES.get(device, device)),
        )
    )

    async def operation(bmc: Bmc) -> Report:
        await set_boot_flags(bmc, flags)
        return Report(summary=_wish(flags), fields=flag_fields(flags), brief=True)

    await run(settings, operation)


def _legacy_words(text: str | None) -> list[str]:
    """Ipmitool's ``options=efiboot,persistent``.

    :raises click.UsageError: it is something else.
    """
    if text is None:
        return []
    words = text.removeprefix("options=").replace("clear-cmos=yes", "clear-cmos").split(",")
    unknown = [word for word in words if word not in LEGACY_OPTIONS]
    if unknown:
        raise click.UsageError(f"bootdev does not understand {unknown[0]!r}; see --help")
    return words


def _wish(flags: BootFlags) -> str:
    if not flags.valid:
        return "Boot device: every wish is taken back"
    when = "at every start" if flags.persistent else "at the next start"
    return f"Boot device: {flags.device_name}, {flags.boot_type}, {when}"


async def _show_flags(bmc: Bmc) -> Report:
    answer = await bmc.request(GetSystemBootOptions(parameter=BootParameter.BOOT_FLAGS))
    return parameter_report(answer)


def parameter_report(answer: SystemBootOptions) -> Report:
    """Any boot option parameter; the boot flags in words, the others as bytes."""
    fields = [
        Field("parameter", "Parameter", int(answer.parameter)),
        Field("parameter_valid", "Parameter is valid", not answer.invalid),
    ]
    option = answer.option
    if not isinstance(option, BootFlags):
        summary = f"boot parameter {int(answer.parameter)}: {answer.data.hex(' ')}"
        return Report(summary=summary, fields=[*fields, Field("data", "Data", answer.data.hex(" "))])
    summary = _wish(option) if option.valid else "Boot device: no wish is set"
    return Report(summary=summary, fields=[*fields, *flag_fields(option)])


def flag_fields(flags: BootFlags) -> list[Field]:
    """The boot flags that anybody sets."""
    return [
        Field("valid", "Boot flags are valid", flags.valid),
        Field("device", "Boot device", flags.device_name),
        Field("boot_type", "Boot type", flags.boot_type.lower(), flags.boot_type),
        Field("persistent", "At every start", flags.persistent),
        Field("clear_cmos", "Clear CMOS", flags.clear_cmos),
    ]


@click.group(cls=Noun, example="chassis bootparam get 5")
def bootparam() -> None:
    """Boot option parameters, by number."""


@bootparam.command(example="chassis bootparam get 5")
@click.argument("number", type=Number(0, 127, "a boot parameter"), default=int(BootParameter.BOOT_FLAGS))
@click.pass_obj
async def get(settings: Settings, number: int) -> None:
    """Show boot parameter NUMBER (5, the boot flags)."""

    async def operation(bmc: Bmc) -> Report:
        return parameter_report(await bmc.request(GetSystemBootOptions(parameter=number)))

    await run(settings, operation)
