"""What lives on the virtual machine's serial port: it follows the machine's power, hears what is typed, and talks."""

from __future__ import annotations

import math
from typing import Final

from conduit.ipmi.bmc.guest.computer import Computer, Source, Stage
from conduit.ipmi.bmc.guest.config import GuestConfig
from conduit.ipmi.bmc.guest.firmware import Dark, Post
from conduit.ipmi.bmc.guest.keys import KeyReader, Typed
from conduit.ipmi.bmc.guest.loader import MENUS
from conduit.ipmi.bmc.guest.system import running_system
from conduit.ipmi.bmc.guest.wire import MAX_PENDING
from conduit.ipmi.bmc.power_states import HAS_POWER, PowerState
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.virtual_machine import Boot, VirtualMachine

READ_SIZE: Final = 4096  # bytes taken from the port at a time


class Guest:
    """A machine's software. Bytes and *now* in, bytes out.

    It looks at the machine's state whenever it is called, and acts on it: :meth:`next_deadline` says that something is
    due as soon as the machine has changed.
    """

    def __init__(self, machine: VirtualMachine, config: GuestConfig | None = None) -> None:
        self._machine = machine
        self.computer = Computer(machine, config or GuestConfig())
        self._keys = KeyReader()
        self._stage: Stage = Dark()
        self._was_running = machine.is_on
        self._seen: tuple[PowerState | None, Boot | None, int] = (None, None, 0)

    # --- the serial line ---

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the line."""
        self.handle_deadline(now)
        self._type(self._keys.receive(data, now), now)

    def send_break(self, now: float) -> None:
        """A break on the line."""
        self.handle_deadline(now)
        self._stage = self._stage.send_break(now)

    def data_to_send(self) -> bytes:
        """Bytes for the line; each is handed out once."""
        return self.computer.wire.take()

    # --- time ---

    def next_deadline(self) -> float | None:
        """When :meth:`handle_deadline` has something to do, or None; minus infinity if the machine has changed."""
        if self._seen != self._snapshot():
            return -math.inf
        deadlines = (self._keys.next_deadline(), self._stage.next_deadline())
        return min((when for when in deadlines if when is not None), default=None)

    def handle_deadline(self, now: float) -> None:
        """Follow the machine and do what is due."""
        self._type(self._keys.handle_deadline(now), now)
        self._catch_up(now)

    def _type(self, keys: list[Typed], now: float) -> None:
        if keys:
            self._stage = self._stage.receive(keys, now)
            self._catch_up(now)

    def _catch_up(self, now: float) -> None:
        """Go from stage to stage until none has anything left to do at *now*."""
        self._machine.advance(now)
        stage: Stage | None = None
        while stage is not self._stage or self._seen != self._snapshot():
            self._follow(now)
            stage = self._stage
            self._stage = stage.advance(now)

    def _snapshot(self) -> tuple[PowerState, Boot | None, int]:
        machine = self._machine
        return machine.state, machine.boots[-1] if machine.boots else None, machine.interrupts

    def _follow(self, now: float) -> None:
        """Notice that power came, went or was reset."""
        before, self._seen = self._seen, self._snapshot()
        boot = self._seen[1]
        if self._machine.state not in HAS_POWER or self._machine.state is PowerState.POWERING_OFF:
            if not isinstance(self._stage, Dark):
                self._stage = Dark()
                self.computer.wire.discard()
        elif boot is not None and boot is not before[1]:
            self.computer.wire.write("\n")
            self._stage = Post(self.computer, boot, self._machine.timings.post)
        elif before[0] is None:
            self._stage = running_system(self.computer, MENUS[Source.DISK][0].command_line, now)


class PortGuest:
    """A guest on a :class:`~conduit.ipmi.bmc.serial_port.SerialPort`; what it says waits here while that is full."""

    def __init__(self, guest: Guest, port: SerialPort) -> None:
        self.guest = guest
        self._port = port
        self._breaks = port.breaks
        self._arrived: list[bytes | None] = []  # what was typed, None for a break, in order
        self._waiting = b""
        self._stirred = False
        port.wake_host = self._stir

    def _stir(self) -> None:
        """Note what has arrived. The port calls this for each piece, which is how breaks keep their place."""
        self._stirred = True
        if data := self._port.host_read(READ_SIZE):
            self._arrived.append(data)
        if self._port.breaks != self._breaks:
            self._breaks = self._port.breaks
            self._arrived.append(None)

    def advance(self, now: float) -> None:
        """Move bytes both ways, and let the guest go on."""
        guest = self.guest
        arrived, self._arrived, self._stirred = self._arrived, [], False
        guest.handle_deadline(now)
        for data in arrived:
            if data is None:
                guest.send_break(now)
            else:
                guest.receive(data, now)
        self._waiting = (self._waiting + guest.data_to_send())[-MAX_PENDING:]
        if self._waiting:
            self._waiting = self._waiting[self._port.host_write(self._waiting) :]

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None; minus infinity if it has now."""
        return -math.inf if self._stirred else self.guest.next_deadline()
