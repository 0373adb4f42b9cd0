"""The machine's firmware: power-on self test, choice of the boot device, and a setup screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from conduit.ipmi.bmc.guest.computer import Computer, Source, Stage
from conduit.ipmi.bmc.guest.editor import CLEAR_SCREEN
from conduit.ipmi.bmc.guest.keys import Key, Typed
from conduit.ipmi.bmc.guest.loader import start_source
from conduit.ipmi.bmc.guest.wire import Script
from conduit.ipmi.bmc.power_states import POST_STEPS, BootProgress, PowerCommand, PowerState
from conduit.ipmi.bmc.virtual_machine import Boot
from conduit.ipmi.commands.boot_options import BootDevice, BootFlags, ConsoleRedirection, Verbosity
from conduit.ipmi.commands.chassis import RESTART_CAUSE_TEXTS

SETUP_KEYS: Final = frozenset({Key.F2, Key.DELETE, Key.ESCAPE})
LABEL_WIDTH: Final = 22  # columns

# What a boot device in the boot flags leads to; devices that are not there lead on to the disk.
SOURCES: Final = {
    BootDevice.PXE: Source.NETWORK,
    BootDevice.DISK: Source.DISK,
    BootDevice.DISK_SAFE: Source.DISK,
    BootDevice.CDROM: Source.CDROM,
    BootDevice.REMOTE_CDROM: Source.CDROM,
    BootDevice.BIOS_SETUP: Source.SETUP,
}


class Dark:
    """No power: nothing is said, and nobody listens."""

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        return self

    def send_break(self, now: float) -> Stage:
        return self

    def advance(self, now: float) -> Stage:
        return self

    def next_deadline(self) -> float | None:
        return None


class Post:
    """Power-on self test, one line a step, as far as the machine's own progress; then the boot device.

    :param boot: the start that this is.
    :param seconds: how long the machine takes for POST.
    """

    def __init__(self, computer: Computer, boot: Boot, seconds: float) -> None:
        self._computer = computer
        self._flags = boot.flags
        self._wants_setup = False
        if boot.flags.clear_cmos:
            computer.boot_from = Source.DISK
        texts = [] if is_silent(boot.flags) else list(_post_texts(computer, boot, seconds))
        self._script = Script(texts, boot.at)
        self._ends = boot.at + seconds

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        if Key.CTRL_ALT_DEL in keys:
            self._computer.command(PowerCommand.RESET, now)
        elif not self._wants_setup and not SETUP_KEYS.isdisjoint(keys):
            self._wants_setup = True
            self._computer.wire.line("Entering setup ...")
        return self

    def send_break(self, now: float) -> Stage:
        return self

    def advance(self, now: float) -> Stage:
        for _, text in self._script.due(now):
            self._computer.wire.write(text)
        if self._computer.machine.state is PowerState.POST:
            return self
        return self._hand_over(self._ends)

    def next_deadline(self) -> float | None:
        return self._script.next_deadline()

    def _hand_over(self, now: float) -> Stage:
        source = Source.SETUP if self._wants_setup else chosen_source(self._flags, self._computer.boot_from)
        if source is Source.SETUP:
            return Setup(self._computer)
        wire = self._computer.wire
        if not is_silent(self._flags):
            wire.line(f"Booting from {source.value} ...\n")
        return start_source(self._computer, source, now, safe=self._flags.device == BootDevice.DISK_SAFE)


def is_silent(flags: BootFlags) -> bool:
    """Whether the firmware was told to keep off the serial port."""
    return flags.console_redirection == ConsoleRedirection.SUPPRESS


def chosen_source(flags: BootFlags, otherwise: Source) -> Source:
    """Where the boot flags say that the machine starts from."""
    if flags.device == BootDevice.NONE:
        return otherwise
    return SOURCES.get(BootDevice(flags.device), Source.DISK) if flags.device in SOURCES else Source.DISK


def _post_texts(computer: Computer, boot: Boot, seconds: float) -> Iterator[tuple[float, str]]:
    cause = RESTART_CAUSE_TEXTS.get(boot.cause.cause, "unknown")
    yield 0.0, f"\nConduit Virtual Firmware 1.0\nStart caused by: {cause}\n"
    if boot.flags.clear_cmos:
        yield 0.0, "Settings cleared: defaults are in use\n"
    if boot.flags.verbosity != Verbosity.QUIET:
        share = seconds / len(POST_STEPS)
        for number, step in enumerate(POST_STEPS):
            dots = "." * (LABEL_WIDTH - len(step.value))
            label = f"{step.value[0].upper()}{step.value[1:]} {dots} "
            yield number * share, label
            yield (number + 0.9) * share, f"{_finding(computer, boot.flags, step)}\n"
            if step is BootProgress.VIDEO:
                yield (number + 0.9) * share, "Press F2 or Del for setup\n"


def _finding(computer: Computer, flags: BootFlags, step: BootProgress) -> str:
    """What one step of POST has found."""
    config = computer.config
    return {
        BootProgress.MEMORY: f"{config.memory} MiB OK",
        BootProgress.PROCESSORS: f"{config.processors} started",
        BootProgress.VIDEO: "VGA 640x480, serial console 115200 8n1",
        BootProgress.BUSES: "PCI: 1 Ethernet, 1 disk controller, 1 BMC (KCS)",
        BootProgress.STORAGE: "vda 64 GiB, CD-ROM",
    }.get(step) or f"{chosen_source(flags, computer.boot_from).value}{_chosen_by(flags)}"


def _chosen_by(flags: BootFlags) -> str:
    if flags.device == BootDevice.NONE:
        return ""
    missing = "" if flags.device in SOURCES else ", which has no medium"
    return f" (boot flags ask for {flags.device_name}{missing})"


# --- setup ---

ORDER: Final = (Source.DISK, Source.NETWORK, Source.CDROM)
WIDTH: Final = 78  # columns between the borders
HEIGHT: Final = 12  # rows between the head and the foot


class Setup:
    """The setup screen: choose the boot device, save or not, and the machine starts again."""

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self._choice = computer.boot_from
        self._draw()

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        for key in keys:
            if key in (Key.F10, Key.ESCAPE, Key.CTRL_ALT_DEL):
                if key is Key.F10:
                    self._computer.boot_from = self._choice
                self._computer.wire.write(
                    CLEAR_SCREEN + ("Saved" if key is Key.F10 else "Not saved") + ", restarting\n"
                )
                self._computer.command(PowerCommand.RESET, now)
                return self
            step = {Key.DOWN: 1, Key.UP: -1, Key.ENTER: 0}.get(key) if isinstance(key, Key) else None
            if step is not None:
                self._choice = ORDER[(ORDER.index(self._choice) + step) % len(ORDER)]
                self._draw()
        return self

    def send_break(self, now: float) -> Stage:
        self._draw()
        return self

    def advance(self, now: float) -> Stage:
        return self

    def next_deadline(self) -> float | None:
        return None

    def _draw(self) -> None:
        config = self._computer.config
        rows = [
            "",
            f"  Machine          {self._computer.hostname}",
            f"  Memory           {config.memory} MiB",
            f"  Processors       {config.processors}",
            "",
            "  Boot device",
            *(f"   {'>' if source is self._choice else ' '} {source.value}" for source in ORDER),
        ]
        rule = "+" + "-" * WIDTH + "+"
        body = [f"|{row:<{WIDTH}}|" for row in rows + [""] * (HEIGHT - len(rows))]
        title = f"|{'Conduit Virtual Firmware 1.0: setup':^{WIDTH}}|"
        foot = "|" + " Up/Down choose    F10 save and restart    Esc restart without saving".ljust(WIDTH) + "|"
        self._computer.wire.write(CLEAR_SCREEN + "\n".join([rule, title, rule, *body, rule, foot, rule, ""]))
