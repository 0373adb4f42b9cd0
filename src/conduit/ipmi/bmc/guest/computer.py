"""What everything that runs on the machine shares: its wire, its settings, its clock; and what a stage of it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Protocol

from conduit.ipmi.bmc.guest.config import GuestConfig
from conduit.ipmi.bmc.guest.keys import Typed
from conduit.ipmi.bmc.guest.wire import Wire
from conduit.ipmi.bmc.power_states import PowerCommand
from conduit.ipmi.bmc.virtual_machine import NotPossibleError, VirtualMachine
from conduit.ipmi.commands.chassis import RestartCause

MAX_LOG: Final = 400  # lines that dmesg remembers


class Source(Enum):
    """Where the machine starts from."""

    DISK = "disk (vda)"
    NETWORK = "network (PXE)"
    CDROM = "CD-ROM"
    SETUP = "firmware setup"


class Stage(Protocol):
    """A program that has the serial port: firmware, boot loader, system.

    Each method returns the stage that has the port from now on, mostly itself.
    """

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        """Keys were typed."""
        ...

    def send_break(self, now: float) -> Stage:
        """The line was held in break."""
        ...

    def advance(self, now: float) -> Stage:
        """Do what is due."""
        ...

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None."""
        ...


class Computer:
    """The hardware as programs see it."""

    def __init__(self, machine: VirtualMachine, config: GuestConfig) -> None:
        self.machine = machine
        self.config = config
        self.wire = Wire()
        self.boot_from = Source.DISK
        "What the firmware is set to."
        self.clock_offset: float | None = None
        "Seconds to add to the caller's clock for those since 1970."

    @property
    def hostname(self) -> str:
        """As text."""
        return self.config.hostname.decode(errors="replace")

    def wall_clock(self, now: float) -> datetime:
        """The date and time, UTC."""
        if self.clock_offset is None:
            self.clock_offset = self.config.epoch - now
        return datetime.fromtimestamp(now + self.clock_offset, UTC)

    def command(self, command: PowerCommand, now: float) -> None:
        """What software does to the machine's power. Where that is not possible the machine is already going down."""
        try:
            self.machine.command(command, now, cause=RestartCause.SOFT_RESET)
        except NotPossibleError:
            return


class Kernel:
    """A running kernel: its messages and when it started."""

    def __init__(self, computer: Computer, started: float, command_line: str) -> None:
        self._wire = computer.wire
        self.computer = computer
        self.started = started
        self.command_line = command_line
        self.log: deque[str] = deque(maxlen=MAX_LOG)

    def uptime(self, now: float) -> float:
        """Seconds."""
        return max(0.0, now - self.started)

    def say(self, text: str, now: float) -> None:
        """A kernel message, on the console and in the log."""
        line = f"[{self.uptime(now):12.6f}] {text}"
        self.log.append(line)
        self._wire.line(line)
