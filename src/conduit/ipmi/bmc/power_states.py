"""Power states of the virtual machine: the commands that change them, what time alone leads to, what can be noticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final


class PowerState(Enum):
    """Where the machine is between off and running."""

    OFF = "off"
    POWERING_ON = "power supply starts"
    POST = "firmware starts"
    RUNNING = "operating system runs"
    SHUTTING_DOWN = "operating system shuts down"
    POWERING_OFF = "power supply stops"
    CYCLING = "off, and about to come back"


HAS_POWER: Final = frozenset({PowerState.POST, PowerState.RUNNING, PowerState.SHUTTING_DOWN, PowerState.POWERING_OFF})


class PowerCommand(Enum):
    """What somebody asks of the machine."""

    ON = "power on"
    OFF = "power off at once"
    CYCLE = "power cycle"
    RESET = "hard reset"
    INTERRUPT = "diagnostic interrupt"
    SOFT = "shut down in good order"


# What a command leads to. An absent pair is refused: not possible in this state.
TRANSITIONS: Final[Mapping[tuple[PowerState, PowerCommand], PowerState]] = {
    (PowerState.OFF, PowerCommand.ON): PowerState.POWERING_ON,
    (PowerState.OFF, PowerCommand.OFF): PowerState.OFF,
    (PowerState.POWERING_ON, PowerCommand.ON): PowerState.POWERING_ON,
    (PowerState.POWERING_ON, PowerCommand.OFF): PowerState.OFF,
    (PowerState.POST, PowerCommand.ON): PowerState.POST,
    (PowerState.POST, PowerCommand.OFF): PowerState.POWERING_OFF,
    (PowerState.POST, PowerCommand.CYCLE): PowerState.CYCLING,
    (PowerState.POST, PowerCommand.RESET): PowerState.POST,
    (PowerState.POST, PowerCommand.INTERRUPT): PowerState.POST,
    (PowerState.POST, PowerCommand.SOFT): PowerState.SHUTTING_DOWN,
    (PowerState.RUNNING, PowerCommand.ON): PowerState.RUNNING,
    (PowerState.RUNNING, PowerCommand.OFF): PowerState.POWERING_OFF,
    (PowerState.RUNNING, PowerCommand.CYCLE): PowerState.CYCLING,
    (PowerState.RUNNING, PowerCommand.RESET): PowerState.POST,
    (PowerState.RUNNING, PowerCommand.INTERRUPT): PowerState.RUNNING,
    (PowerState.RUNNING, PowerCommand.SOFT): PowerState.SHUTTING_DOWN,
    (PowerState.SHUTTING_DOWN, PowerCommand.ON): PowerState.SHUTTING_DOWN,
    (PowerState.SHUTTING_DOWN, PowerCommand.OFF): PowerState.POWERING_OFF,
    (PowerState.SHUTTING_DOWN, PowerCommand.CYCLE): PowerState.CYCLING,
    (PowerState.SHUTTING_DOWN, PowerCommand.RESET): PowerState.POST,
    (PowerState.SHUTTING_DOWN, PowerCommand.INTERRUPT): PowerState.SHUTTING_DOWN,
    (PowerState.SHUTTING_DOWN, PowerCommand.SOFT): PowerState.SHUTTING_DOWN,
    (PowerState.POWERING_OFF, PowerCommand.OFF): PowerState.POWERING_OFF,
    (PowerState.CYCLING, PowerCommand.ON): PowerState.CYCLING,
    (PowerState.CYCLING, PowerCommand.OFF): PowerState.OFF,
    (PowerState.CYCLING, PowerCommand.CYCLE): PowerState.CYCLING,
}


# What time alone leads to.
FOLLOWING: Final[Mapping[PowerState, PowerState]] = {
    PowerState.POWERING_ON: PowerState.POST,
    PowerState.POST: PowerState.RUNNING,
    PowerState.SHUTTING_DOWN: PowerState.OFF,
    PowerState.POWERING_OFF: PowerState.OFF,
    PowerState.CYCLING: PowerState.POST,
}


# Commands that begin a new start even where the state stays the same.
RESTARTS: Final = frozenset({PowerCommand.RESET})


class Happening(Enum):
    """What can be noticed of the machine from outside."""

    POWER_ON = "power on"
    POWER_OFF = "power off"
    POWER_CYCLE = "off, and about to come back"
    BOOT_STARTED = "firmware starts"
    BOOTED = "operating system runs"
    SHUT_DOWN = "operating system has shut down"
    INTERRUPT = "diagnostic interrupt"
    POWER_BUTTON = "power button pressed"
    MAINS_LOST = "mains power lost"
    MAINS_RESTORED = "mains power is back"


class BootProgress(Enum):
    """How far the firmware is; each takes an equal part of the time of POST."""

    NONE = "nothing runs"
    MEMORY = "memory"
    PROCESSORS = "processors"
    VIDEO = "video"
    BUSES = "buses and cards"
    STORAGE = "storage"
    LOADER = "operating system loader"
    SYSTEM = "operating system"


POST_STEPS: Final = (
    BootProgress.MEMORY,
    BootProgress.PROCESSORS,
    BootProgress.VIDEO,
    BootProgress.BUSES,
    BootProgress.STORAGE,
    BootProgress.LOADER,
)


def happenings_between(before: PowerState, after: PowerState) -> Iterator[Happening]:
    """What a change of state looks like from outside."""
    if after is PowerState.CYCLING:
        yield Happening.POWER_CYCLE
    elif after is PowerState.RUNNING:
        yield Happening.BOOTED
    elif after is PowerState.POST:
        if before not in HAS_POWER:
            yield Happening.POWER_ON
        yield Happening.BOOT_STARTED
    elif after is PowerState.OFF and before in HAS_POWER:
        if before is PowerState.SHUTTING_DOWN:
            yield Happening.SHUT_DOWN
        yield Happening.POWER_OFF
