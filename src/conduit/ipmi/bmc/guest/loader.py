"""From the firmware to the kernel: a boot menu on disk and CD-ROM, or the network boot's messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from conduit.ipmi.bmc.guest.computer import Computer, Source, Stage
from conduit.ipmi.bmc.guest.keys import Key, Typed
from conduit.ipmi.bmc.guest.system import start_kernel
from conduit.ipmi.bmc.guest.wire import Script
from conduit.ipmi.bmc.power_states import PowerCommand

TICK: Final = 1e-3  # seconds that a look at the clock may come early
RULE: Final = "+" + "-" * 74 + "+"
CONSOLE: Final = "console=ttyS0,115200"


class Entry(NamedTuple):
    """One line of the menu."""

    title: str
    command_line: str


MENUS: Final = {
    Source.DISK: (
        Entry("Conduit Linux", f"root=/dev/vda1 ro {CONSOLE}"),
        Entry("Conduit Linux (recovery mode)", f"root=/dev/vda1 ro single {CONSOLE}"),
    ),
    Source.CDROM: (
        Entry("Conduit Linux from CD-ROM", f"root=/dev/sr0 ro live {CONSOLE}"),
        Entry("Rescue a system", f"root=/dev/sr0 ro single {CONSOLE}"),
    ),
}
NETWORK_COMMAND_LINE: Final = f"root=/dev/nfs ip=dhcp {CONSOLE}"
NETWORK_TEXTS: Final = (
    (0.0, "PXE: MAC address 52:54:00:c0:4d:01\nPXE: asking for an address "),
    (0.4, "... 192.0.2.10 from 192.0.2.1\n"),
    (0.5, "PXE: loading pxelinux.0 ... 42 KiB\n"),
    (0.6, "Loading vmlinuz ... 9 MiB\n"),
    (0.9, "Loading initrd.img ... 31 MiB\n"),
)


def start_source(computer: Computer, source: Source, now: float, *, safe: bool) -> Stage:
    """What comes after the firmware.

    :param safe: the boot flags ask for safe mode: the recovery entry is chosen.
    """
    if source is Source.NETWORK:
        return NetworkBoot(computer, now)
    return Menu(computer, MENUS[source], now, choice=int(safe))


class Menu:
    """A boot menu that counts down; any key or a break stops the countdown."""

    def __init__(self, computer: Computer, entries: Sequence[Entry], now: float, *, choice: int) -> None:
        self._computer = computer
        self._entries = entries
        self._choice = choice
        self._expires = now + computer.config.loader
        self._counting = True
        self._shown = math.ceil(computer.config.loader) + 1  # seconds that the countdown says; none yet
        self._draw()

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        for key in keys:
            if key is Key.CTRL_ALT_DEL:
                self._computer.command(PowerCommand.RESET, now)
                return self
            if key is Key.ENTER:
                return self._boot(now)
            self._stop()
            if key in (Key.UP, Key.DOWN):
                self._choice = (self._choice + (1 if key is Key.DOWN else -1)) % len(self._entries)
                self._computer.wire.write(f"\x1b[{len(self._entries) + 3}A")
                self._draw()
        return self

    def send_break(self, now: float) -> Stage:
        self._stop()
        return self

    def advance(self, now: float) -> Stage:
        if not self._counting:
            return self
        if now >= self._expires:
            return self._boot(self._expires)
        left = math.ceil(self._expires - now - TICK)
        if left != self._shown:
            self._shown = left
            self._computer.wire.write(f"\rThe first entry starts in {left} s; any key stops that. ")
        return self

    def next_deadline(self) -> float | None:
        return self._expires - max(0, self._shown - 1) if self._counting else None

    def _stop(self) -> None:
        if self._counting:
            self._counting = False
            self._computer.wire.write("\r" + "Up and Down choose, Enter starts.".ljust(60))

    def _boot(self, now: float) -> Stage:
        entry = self._entries[self._choice]
        self._computer.wire.line(f"\nLoading {entry.title} ...")
        return start_kernel(self._computer, entry.command_line, now)

    def _draw(self) -> None:
        lines = [
            f"|{'*' if number == self._choice else ' '}{entry.title:<73}|" for number, entry in enumerate(self._entries)
        ]
        self._computer.wire.line("\n".join(["Boot loader 1.0", RULE, *lines, RULE]))


class NetworkBoot:
    """Address, file, kernel."""

    def __init__(self, computer: Computer, now: float) -> None:
        self._computer = computer
        self._ends = now + computer.config.loader
        texts = [(share * computer.config.loader, text) for share, text in NETWORK_TEXTS]
        self._script = Script(texts, now)

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        if Key.CTRL_ALT_DEL in keys:
            self._computer.command(PowerCommand.RESET, now)
        return self

    def send_break(self, now: float) -> Stage:
        return self

    def advance(self, now: float) -> Stage:
        for _, text in self._script.due(now):
            self._computer.wire.write(text)
        if now < self._ends:
            return self
        return start_kernel(self._computer, NETWORK_COMMAND_LINE, self._ends)

    def next_deadline(self) -> float | None:
        due = self._script.next_deadline()
        return self._ends if due is None else due
