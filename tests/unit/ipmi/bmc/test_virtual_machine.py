from __future__ import annotations

import math

import pytest

from conduit.ipmi.bmc.power_states import (
    FOLLOWING,
    HAS_POWER,
    POST_STEPS,
    TRANSITIONS,
    BootProgress,
    PowerCommand,
    PowerState,
)
from conduit.ipmi.bmc.virtual_machine import NotPossibleError, Timings, VirtualMachine
from conduit.ipmi.commands import (
    BootDevice,
    BootFlags,
    Button,
    IdentifyState,
    PowerEvent,
    PowerRestorePolicy,
    RestartCause,
    ValidBitClearing,
)

TIMINGS = Timings(power_on=1, power_off=0.5, post=6, soft_shutdown=3, cycle=2)
PXE = BootFlags(valid=True, device=BootDevice.PXE)


def machine_in(state: PowerState) -> VirtualMachine:
    machine = VirtualMachine(TIMINGS)
    machine.advance(0)
    machine._enter(state, 0)
    return machine


@pytest.mark.parametrize("state", list(PowerState))
@pytest.mark.parametrize("command", list(PowerCommand))
def test_every_pair_of_state_and_command(state: PowerState, command: PowerCommand) -> None:
    machine = machine_in(state)
    boots = len(machine.boots)
    if (state, command) not in TRANSITIONS:
        with pytest.raises(NotPossibleError):
            machine.command(command, 0.1)
        assert machine.state == state
        return
    machine.command(command, 0.1)
    assert machine.state == TRANSITIONS[state, command]
    assert machine.interrupts == (command is PowerCommand.INTERRUPT)
    assert len(machine.boots) - boots == (command is PowerCommand.RESET)


@pytest.mark.parametrize("state", list(PowerState))
def test_time_alone_leads_to_rest(state: PowerState) -> None:
    machine = machine_in(state)
    while (deadline := machine.next_deadline()) is not None:
        before = machine.state
        machine.advance(math.nextafter(deadline, 0))
        assert machine.state == before
        machine.advance(deadline)
        assert machine.state == FOLLOWING[before]
    assert machine.state in (PowerState.OFF, PowerState.RUNNING)
    assert machine.is_on == (machine.state in HAS_POWER)


def test_one_long_step_of_time_passes_through_all_states() -> None:
    machine = VirtualMachine(TIMINGS)
    machine.command(PowerCommand.ON, 10)
    machine.advance(3610 + 1)
    assert machine.state == PowerState.RUNNING
    assert machine.boots[-1].at == 11
    assert machine.power_on_hours().count == 1


def test_a_clock_that_runs_back_changes_nothing() -> None:
    machine = VirtualMachine(TIMINGS, running=True, hours=7)
    machine.advance(100)
    machine.advance(50)
    assert machine.power_on_hours().count == 7


def test_boot_progress_goes_through_every_step() -> None:
    machine = machine_in(PowerState.POST)
    assert [machine.boot_progress(second + 0.5) for second in range(6)] == list(POST_STEPS)
    assert machine.boot_progress(7) == BootProgress.SYSTEM
    machine.command(PowerCommand.OFF, 8)
    assert machine.boot_progress(9) == BootProgress.NONE


def test_valid_flags_last_one_start_and_persistent_ones_many() -> None:
    machine = VirtualMachine(TIMINGS)
    machine.set_boot_flags(PXE, 0)
    machine.command(PowerCommand.ON, 1)
    machine.advance(3)
    machine.command(PowerCommand.RESET, 4)
    assert [boot.flags.device for boot in machine.boots] == [BootDevice.PXE, BootDevice.NONE]
    machine.set_boot_flags(BootFlags(valid=True, persistent=True, device=BootDevice.DISK), 5)
    machine.command(PowerCommand.RESET, 6)
    machine.command(PowerCommand.RESET, 100)
    assert [boot.flags.device for boot in machine.boots[2:]] == [BootDevice.DISK, BootDevice.DISK]


def flags_are_valid(machine: VirtualMachine) -> bool:
    return machine.boot_flags.valid


def test_flags_expire_unless_a_command_comes_or_they_are_kept() -> None:
    machine = VirtualMachine(TIMINGS)
    machine.set_boot_flags(PXE, 0)
    assert machine.next_deadline() == 60
    machine.command(PowerCommand.OFF, 50)
    machine.advance(109)
    assert flags_are_valid(machine)
    machine.advance(110)
    assert not flags_are_valid(machine)
    machine.keep_flags = ValidBitClearing(keep_on_timeout=True)
    machine.set_boot_flags(PXE, 200)
    machine.advance(500)
    assert flags_are_valid(machine)


def test_the_list_of_starts_is_short() -> None:
    machine = VirtualMachine(TIMINGS, running=True)
    for second in range(40):
        machine.command(PowerCommand.RESET, second)
    assert len(machine.boots) == VirtualMachine.MAX_BOOTS
    assert machine.boots[-1].at == 39


@pytest.mark.parametrize(
    ("policy", "was_running", "state", "cause"),
    [
        (PowerRestorePolicy.ALWAYS_OFF, True, PowerState.OFF, RestartCause.UNKNOWN),
        (PowerRestorePolicy.PREVIOUS, True, PowerState.POWERING_ON, RestartCause.RESTORE_PREVIOUS),
        (PowerRestorePolicy.PREVIOUS, False, PowerState.OFF, RestartCause.UNKNOWN),
        (PowerRestorePolicy.ALWAYS_ON, False, PowerState.POWERING_ON, RestartCause.ALWAYS_RESTORE),
    ],
)
def test_the_restore_policy(
    policy: PowerRestorePolicy, was_running: bool, state: PowerState, cause: RestartCause
) -> None:
    machine = VirtualMachine(TIMINGS, running=was_running, policy=policy)
    machine.lose_mains(1)
    assert not machine.is_on
    with pytest.raises(NotPossibleError):
        machine.command(PowerCommand.ON, 2)
    machine.restore_mains(3)
    assert machine.state == state
    assert machine.restart_cause.cause == cause
    assert PowerEvent.AC_FAILED in machine.status().last_event


def state_after_button(machine: VirtualMachine, now: float) -> PowerState:
    machine.press_power_button(now)
    return machine.state


def test_the_power_button_unless_it_is_disabled() -> None:
    machine = VirtualMachine(TIMINGS)
    assert state_after_button(machine, 0) is PowerState.POWERING_ON
    assert machine.restart_cause.cause == RestartCause.POWER_BUTTON
    machine.advance(20)
    machine.disabled_buttons = Button.POWER_OFF
    assert state_after_button(machine, 21) is PowerState.RUNNING
    machine.disabled_buttons = Button(0)
    assert state_after_button(machine, 22) is PowerState.SHUTTING_DOWN


def test_the_identify_light() -> None:
    machine = VirtualMachine(TIMINGS)
    machine.identify(5, 10)
    assert (machine.identify_state, machine.next_deadline()) == (IdentifyState.TEMPORARY, 15)
    machine.advance(15)
    assert machine.identify_state == IdentifyState.OFF
    machine.identify(math.inf, 20)
    assert (machine.identify_state, machine.next_deadline()) == (IdentifyState.INDEFINITE, None)


def test_another_cycle_interval() -> None:
    machine = VirtualMachine(TIMINGS, running=True)
    machine.set_cycle_interval(30)
    machine.command(PowerCommand.CYCLE, 0)
    assert machine.next_deadline() == 30


def test_who_shows_the_machine_is_told_when_its_state_changes() -> None:
    machine = VirtualMachine(TIMINGS)
    seen: list[PowerState] = []
    machine.on_change = lambda: seen.append(machine.state)
    machine.command(PowerCommand.ON, 0)
    machine.advance(100)
    machine.advance(101)
    assert seen == [PowerState.POWERING_ON, PowerState.POST, PowerState.RUNNING]
