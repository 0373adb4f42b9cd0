"""The running system: it starts, somebody logs in and works, it stops; and the kernel's magic keys (SysRq)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conduit.ipmi.bmc.guest.computer import Computer, Kernel, Stage
from conduit.ipmi.bmc.guest.keys import Key, Typed
from conduit.ipmi.bmc.guest.login import Login, Program, Request
from conduit.ipmi.bmc.guest.messages import Message, boot_messages, stop_messages
from conduit.ipmi.bmc.guest.shell import Shell
from conduit.ipmi.bmc.guest.wire import Script
from conduit.ipmi.bmc.power_states import PowerCommand, PowerState

SYSRQ_PATIENCE: Final = 5.0  # seconds after a break within which a letter is a SysRq key
SINGLE: Final = " single "
BOOTED_BEFORE: Final = 300.0  # seconds ago that a system started which was running from the beginning
SYSRQ_HELP: Final = "HELP : reboot(b) help(h) show-memory(m) power-off(o) sync(s) unmount(u)"


class Chatter:
    """A program that only talks: the start and the stop. Keys are lost."""

    def __init__(self, kernel: Kernel, messages: Sequence[Message], started: float, seconds: float) -> None:
        self._kernel = kernel
        self._script = Script([(message.share * seconds, message.text) for message in messages], started)
        self._from_kernel = [message.kernel for message in messages][::-1]
        self.ends = started + seconds

    def show(self) -> None:
        return

    def take(self, key: Typed, now: float) -> Request | None:
        return None

    def advance(self, now: float) -> None:
        for moment, text in self._script.due(now):
            if self._from_kernel.pop():
                self._kernel.say(text, moment)
            else:
                self._kernel.computer.wire.line(text)

    def next_deadline(self) -> float | None:
        due = self._script.next_deadline()
        return self.ends if due is None else due


class Starting(Chatter):
    """From the kernel's first message to the login prompt."""


class Stopping(Chatter):
    """Until the machine is reset, or switches itself off."""

    def __init__(self, kernel: Kernel, now: float, *, restart: bool) -> None:
        target, last = ("Reboot", "reboot: Restarting system") if restart else ("Power-Off", "reboot: Power down")
        super().__init__(kernel, stop_messages(target, last), now, kernel.computer.machine.timings.soft_shutdown)
        self.restarts = restart

    def next_deadline(self) -> float | None:
        return super().next_deadline() if self.restarts else self._script.next_deadline()


class System:
    """The stage that lasts from the boot loader to the end of power."""

    def __init__(self, kernel: Kernel, program: Program) -> None:
        self._kernel = kernel
        self._computer = kernel.computer
        self._program = program
        self._interrupts = self._computer.machine.interrupts
        self._sysrq_until: float | None = None

    def receive(self, keys: Sequence[Typed], now: float) -> Stage:
        for key in keys:
            if self._sysrq_until is not None:
                awaited, self._sysrq_until = now <= self._sysrq_until, None
                if awaited and isinstance(key, bytes):
                    self._sysrq(key, now)
                    continue
            if key is Key.CTRL_ALT_DEL:
                self._stop(now, restart=True)
            else:
                self._serve(self._program.take(key, now), now)
        return self

    def send_break(self, now: float) -> Stage:
        self._sysrq_until = now + SYSRQ_PATIENCE
        return self

    def advance(self, now: float) -> Stage:
        machine = self._computer.machine
        if machine.interrupts != self._interrupts:
            self._interrupts = machine.interrupts
            self._say("NMI: diagnostic interrupt on CPU 0, nobody has asked for it; going on", now)
        if machine.state is PowerState.SHUTTING_DOWN:
            self._stop(now, restart=False)
        self._program.advance(now)
        program = self._program
        if isinstance(program, Starting) and now >= program.ends:
            self._program = self._first_program(program.ends)
        elif isinstance(program, Stopping) and program.restarts and now >= program.ends:
            self._computer.command(PowerCommand.RESET, now)
        return self

    def next_deadline(self) -> float | None:
        return self._program.next_deadline()

    # --- programs ---

    def _first_program(self, now: float) -> Program:
        if SINGLE in self._kernel.command_line:
            self._computer.wire.line("\nRecovery mode: nothing is started; exit goes on to the login prompt.")
            return Shell(self._kernel, "root")
        return Login(self._kernel, now)

    def _serve(self, request: Request | None, now: float) -> None:
        """Do what a program asks."""
        match request:
            case Request.LOG_IN:
                name = self._program.user.name if isinstance(self._program, Login) and self._program.user else b"root"
                self._program = Shell(self._kernel, name.decode(errors="replace"))
            case Request.LOG_OUT:
                self._program = Login(self._kernel, now)
            case Request.REBOOT:
                self._stop(now, restart=True)
            case Request.POWER_OFF:
                self._computer.command(PowerCommand.SOFT, now)
                self._stop(now, restart=False)

    def _stop(self, now: float, *, restart: bool) -> None:
        """Begin to stop; a restart becomes a power-off if somebody asks for that meanwhile."""
        program = self._program
        if isinstance(program, Stopping) and (restart or not program.restarts):
            return
        verb = "restarts" if restart else "switches off"
        self._computer.wire.line(f"\nBroadcast message: the system {verb} now!\n")
        self._program = Stopping(self._kernel, now, restart=restart)

    # --- the kernel ---

    def _say(self, text: str, now: float) -> None:
        self._kernel.say(text, now)
        self._program.show()

    def _sysrq(self, key: bytes, now: float) -> None:
        match key.lower():
            case b"b":
                self._kernel.say("sysrq: Resetting", now)
                self._computer.command(PowerCommand.RESET, now)
            case b"o":
                self._kernel.say("sysrq: Power off", now)
                self._computer.command(PowerCommand.OFF, now)
            case b"s":
                self._say("sysrq: Emergency sync complete", now)
            case b"u":
                self._say("sysrq: Emergency remount read-only complete", now)
            case b"m":
                self._say(f"sysrq: {self._computer.config.memory * 256} pages of RAM", now)
            case _:
                self._say(f"sysrq: {SYSRQ_HELP}", now)


def start_kernel(computer: Computer, command_line: str, now: float) -> Stage:
    """Start the system. It may ask nothing more of the loader."""
    kernel = Kernel(computer, now, command_line)
    return System(kernel, Starting(kernel, boot_messages(computer, command_line), now, computer.config.boot))


def running_system(computer: Computer, command_line: str, now: float) -> Stage:
    """A system that has been up for a while when we come."""
    kernel = Kernel(computer, now - BOOTED_BEFORE, command_line)
    for message in boot_messages(computer, command_line):
        if message.kernel:
            kernel.log.append(f"[{message.share * computer.config.boot:12.6f}] {message.text}")
    return System(kernel, Login(kernel, now))
