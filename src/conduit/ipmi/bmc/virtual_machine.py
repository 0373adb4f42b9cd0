"""The machine that a virtual BMC looks after: power with its delays, boot, identify light, counters.

It is driven by the clock it is given and by nothing else: :meth:`VirtualMachine.advance` moves it to *now*.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Final

from conduit.ipmi._fields import check_range
from conduit.ipmi.bmc.power_states import (
    FOLLOWING,
    HAS_POWER,
    POST_STEPS,
    RESTARTS,
    TRANSITIONS,
    BootProgress,
    Happening,
    PowerCommand,
    PowerState,
    happenings_between,
)
from conduit.ipmi.commands.app import AcpiDeviceState, AcpiPowerState, AcpiSystemState
from conduit.ipmi.commands.boot_options import BootFlags, BootInfoAcknowledge, ValidBitClearing
from conduit.ipmi.commands.chassis import Button, IdentifyState, PowerOnHours, RestartCause, SystemRestartCause
from conduit.ipmi.commands.power import ChassisStatus, FrontPanelButtons, PowerEvent, PowerRestorePolicy

FLAGS_LIFETIME: Final = 60.0  # seconds that boot flags stay valid without a Chassis Control command (table 28-14)
SECONDS_PER_HOUR: Final = 3600
NO_BUTTONS: Final = Button(0)
ALL_BUTTONS: Final = Button(0xF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things take, in seconds; 0 is at once."""

    power_on: float = 0.2
    power_off: float = 0.0
    post: float = 2.0
    soft_shutdown: float = 1.0
    cycle: float = 1.0
    "Pause of a power cycle, until Set Power Cycle Interval sets another."

    def __post_init__(self) -> None:
        for entry in fields(self):
            check_range(entry.name, getattr(self, entry.name), 0, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One start of the machine."""

    at: float
    "When, on the caller's clock."
    flags: BootFlags
    "The boot flags that the firmware heeded; all defaults where none were valid."
    cause: SystemRestartCause


def _ignore() -> None:
    """Nobody wants to know."""


class NotPossibleError(Exception):
    """The machine cannot do this in its present state. Not a failure of ours, so no ConduitError."""


class VirtualMachine:
    """One machine.

    :param running: whether it starts out running rather than off.
    :param hours: power-on hours that it already has.
    """

    def __init__(
        self, timings: Timings | None = None, *, running: bool = False, hours: int = 0, policy: int = 1
    ) -> None:
        self.timings: Final = timings or Timings()
        self._cycle_interval = self.timings.cycle
        self._state = PowerState.RUNNING if running else PowerState.OFF
        self._since = -math.inf
        self._due: float | None = None
        self._clock: float | None = None
        self._seconds_on = float(hours * SECONDS_PER_HOUR)
        self._identify_until: float | None = None
        self._flags_expire: float | None = None
        self._before_mains_loss = running
        self._acpi: tuple[int | None, int | None] = (None, None)
        self._has_mains = True
        self._last_event = PowerEvent(0)
        self._cause = SystemRestartCause(cause=RestartCause.UNKNOWN)
        self.restore_policy: PowerRestorePolicy = PowerRestorePolicy(policy)
        self.boot_flags = BootFlags()
        self.keep_flags = ValidBitClearing()
        self.acknowledged = BootInfoAcknowledge()
        self.disabled_buttons = NO_BUTTONS
        self.boots: list[Boot] = []
        "The last starts, newest last."
        self.interrupts = 0
        "Diagnostic interrupts so far."
        self.on_change: Callable[[], None] = _ignore
        "Called when the state has changed, for whoever shows it. Must not block."
        self._happenings: deque[tuple[float, Happening]] = deque(maxlen=self.MAX_HAPPENINGS)

    MAX_BOOTS: Final = 16  # kept in the list of starts
    MAX_HAPPENINGS: Final = 64  # kept until somebody takes them

    # --- time ---

    def advance(self, now: float) -> None:
        """Let time pass until *now*; a clock that stands still or runs back changes nothing."""
        if self._clock is None:
            self._clock = now
        while self._due is not None and self._due <= now:
            moment = self._due
            self._count_hours(moment)
            self._enter(FOLLOWING[self._state], moment)
        self._count_hours(now)
        if self._identify_until is not None and self._identify_until <= now:
            self._identify_until = None
        if self._flags_expire is not None and self._flags_expire <= now:
            self._flags_expire = None
            if not self.keep_flags.keep_on_timeout and not self.boot_flags.persistent:
                self.boot_flags = replace(self.boot_flags, valid=False)

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None."""
        lasting = self._identify_until if self._identify_until != math.inf else None
        return min((when for when in (self._due, lasting, self._flags_expire) if when is not None), default=None)

    def _count_hours(self, now: float) -> None:
        if self._clock is not None and now > self._clock:
            if self._state in HAS_POWER:
                self._seconds_on += now - self._clock
            self._clock = now

    @property
    def has_happenings(self) -> bool:
        """Whether anything happened since somebody asked last."""
        return bool(self._happenings)

    def take_happenings(self) -> list[tuple[float, Happening]]:
        """What happened since somebody asked last, and when; the last ones, if it was very much."""
        happenings = list(self._happenings)
        self._happenings.clear()
        return happenings

    def _enter(self, state: PowerState, now: float) -> None:
        self._happenings.extend((now, what) for what in happenings_between(self._state, state))
        self._state, self._since = state, now
        if state is PowerState.POST:
            self._boot(now)
        delay = self._delay(state)
        self._due = None if delay is None else now + delay
        self._acpi = (None, None)
        self.on_change()

    def _delay(self, state: PowerState) -> float | None:
        return {
            PowerState.POWERING_ON: self.timings.power_on,
            PowerState.POST: self.timings.post,
            PowerState.SHUTTING_DOWN: self.timings.soft_shutdown,
            PowerState.POWERING_OFF: self.timings.power_off,
            PowerState.CYCLING: self._cycle_interval,
        }.get(state)

    # --- power ---

    @property
    def state(self) -> PowerState:
        """Where the machine is."""
        return self._state

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._state in HAS_POWER

    def command(
        self, command: PowerCommand, now: float, *, cause: RestartCause = RestartCause.CHASSIS_CONTROL, channel: int = 0
    ) -> None:
        """Do what is asked.

        :raises NotPossibleError: not in this state, or there is no mains power.
        """
        self.advance(now)
        target = TRANSITIONS.get((self._state, command))
        if target is None or not self._has_mains:
            raise NotPossibleError(command.value)
        if command is PowerCommand.INTERRUPT:
            self.interrupts += 1
            self._happenings.append((now, Happening.INTERRUPT))
        self._flags_expire = None if self._flags_expire is None else now + FLAGS_LIFETIME
        if target is self._state and command not in RESTARTS:
            return
        if target in (PowerState.POWERING_ON, PowerState.POST, PowerState.CYCLING):
            self._cause = SystemRestartCause(cause=cause, channel=channel)
            by_command = cause is RestartCause.CHASSIS_CONTROL
            self._last_event = PowerEvent.POWERED_ON_BY_COMMAND if by_command else PowerEvent(0)
        self._enter(target, now)
        self.advance(now)

    def lose_mains(self, now: float) -> None:
        """Mains power fails."""
        self.advance(now)
        self._before_mains_loss = self.is_on or self._state in (PowerState.POWERING_ON, PowerState.CYCLING)
        self._happenings.append((now, Happening.MAINS_LOST))
        self._enter(PowerState.OFF, now)
        self._has_mains = False
        self._last_event = PowerEvent.AC_FAILED

    def restore_mains(self, now: float) -> None:
        """Mains power returns, and the restore policy decides."""
        self._has_mains = True
        self._happenings.append((now, Happening.MAINS_RESTORED))
        if self.restore_policy is PowerRestorePolicy.ALWAYS_ON:
            self.command(PowerCommand.ON, now, cause=RestartCause.ALWAYS_RESTORE)
        elif self.restore_policy is PowerRestorePolicy.PREVIOUS and self._before_mains_loss:
            self.command(PowerCommand.ON, now, cause=RestartCause.RESTORE_PREVIOUS)
        self._last_event |= PowerEvent.AC_FAILED

    def press_power_button(self, now: float) -> None:
        """Somebody in front of the machine presses the button; it may be disabled."""
        if Button.POWER_OFF in self.disabled_buttons:
            return
        self._happenings.append((now, Happening.POWER_BUTTON))
        on = self._state in (PowerState.POST, PowerState.RUNNING)
        self.command(PowerCommand.SOFT if on else PowerCommand.ON, now, cause=RestartCause.POWER_BUTTON)

    def set_cycle_interval(self, seconds: float) -> None:
        """How long power cycles keep the machine off from now on."""
        self._cycle_interval = seconds

    # --- boot ---

    def set_boot_flags(self, flags: BootFlags, now: float) -> None:
        """What the next start does; the flags expire unless a Chassis Control command comes in time."""
        self.boot_flags = flags
        self._flags_expire = now + FLAGS_LIFETIME if flags.valid and not flags.persistent else None

    def _boot(self, now: float) -> None:
        flags = self.boot_flags if self.boot_flags.valid else BootFlags()
        self.boots = [*self.boots[1 - self.MAX_BOOTS :], Boot(at=now, flags=flags, cause=self._cause)]
        if flags.valid and not flags.persistent:
            self.boot_flags = replace(flags, valid=False)
            self._flags_expire = None

    def boot_progress(self, now: float) -> BootProgress:
        """How far the last start is."""
        self.advance(now)
        if self._state in (PowerState.RUNNING, PowerState.SHUTTING_DOWN):
            return BootProgress.SYSTEM
        if self._state is not PowerState.POST or self._due is None:
            return BootProgress.NONE
        share = (now - self._since) / (self._due - self._since)
        return POST_STEPS[min(int(share * len(POST_STEPS)), len(POST_STEPS) - 1)]

    # --- what the BMC reports ---

    def identify(self, seconds: float, now: float) -> None:
        """Light up for so long; 0 switches the light off, infinity leaves it on."""
        self._identify_until = now + seconds if seconds else None

    @property
    def identify_state(self) -> IdentifyState:
        """What the light does."""
        if self._identify_until is None:
            return IdentifyState.OFF
        return IdentifyState.INDEFINITE if self._identify_until == math.inf else IdentifyState.TEMPORARY

    @property
    def restart_cause(self) -> SystemRestartCause:
        """Why it started last."""
        return self._cause

    def status(self) -> ChassisStatus:
        """The chassis status."""
        return ChassisStatus(
            power_on=self.is_on,
            restore_policy=self.restore_policy,
            last_event=self._last_event,
            front_panel_lockout=bool(self.disabled_buttons),
            identify_state=self.identify_state,
            front_panel=FrontPanelButtons(disabled=self.disabled_buttons, can_disable=ALL_BUTTONS),
        )

    def power_on_hours(self) -> PowerOnHours:
        """The hours it has had power."""
        return PowerOnHours(count=int(self._seconds_on) // SECONDS_PER_HOUR)

    def acpi_state(self) -> AcpiPowerState:
        """What software said last, or what the power state says."""
        system, device = self._acpi
        derived = AcpiSystemState.S0_WORKING if self.is_on else AcpiSystemState.S5_SOFT_OFF
        derived_device = AcpiDeviceState.D0 if self.is_on else AcpiDeviceState.D3
        return AcpiPowerState(
            system=derived if system is None else system, device=derived_device if device is None else device
        )

    def set_acpi_state(self, system: int | None, device: int | None) -> None:
        """Software says in which state the machine is; None leaves what was there. Power itself does not change."""
        old_system, old_device = self._acpi
        self._acpi = (old_system if system is None else system, old_device if device is None else device)
