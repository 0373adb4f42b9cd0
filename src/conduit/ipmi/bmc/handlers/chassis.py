"""Power and the chassis (section 28, but for the boot options)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.power_states import PowerCommand
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import LAN_CHANNEL, BmcState
from conduit.ipmi.bmc.virtual_machine import NotPossibleError
from conduit.ipmi.commands.chassis import (
    ChassisCapabilities,
    ChassisIdentify,
    GetChassisCapabilities,
    GetPohCounter,
    GetSystemRestartCause,
    PowerOnHours,
    SetChassisCapabilities,
    SetFrontPanelEnables,
    SystemRestartCause,
)
from conduit.ipmi.commands.power import (
    POLICY_NO_CHANGE,
    ChassisControl,
    ChassisControlAction,
    ChassisStatus,
    GetChassisStatus,
    PowerRestorePolicy,
    RestorePolicySupport,
    SetPowerCycleInterval,
    SetPowerRestorePolicy,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData

POWER_COMMANDS: Final = {
    ChassisControlAction.OFF: PowerCommand.OFF,
    ChassisControlAction.ON: PowerCommand.ON,
    ChassisControlAction.CYCLE: PowerCommand.CYCLE,
    ChassisControlAction.RESET: PowerCommand.RESET,
    ChassisControlAction.DIAGNOSTIC_INTERRUPT: PowerCommand.INTERRUPT,
    ChassisControlAction.SOFT_SHUTDOWN: PowerCommand.SOFT,
}


@handles(GetChassisStatus)
def get_chassis_status(bmc: BmcState, request: GetChassisStatus, session: BmcSession, now: float) -> ChassisStatus:
    """The machine's."""
    return bmc.machine.status()


@handles(ChassisControl)
def chassis_control(bmc: BmcState, request: ChassisControl, session: BmcSession, now: float) -> NoData:
    """Do it, if the machine can in its present state."""
    command = next((known for action, known in POWER_COMMANDS.items() if action == request.action), None)
    if command is None:
        raise Refused(CompletionCode.INVALID_FIELD)
    try:
        bmc.machine.command(command, now, channel=LAN_CHANNEL)
    except NotPossibleError:
        raise Refused(CompletionCode.NOT_IN_THIS_STATE) from None
    return NoData()


@handles(GetChassisCapabilities)
def get_chassis_capabilities(
    bmc: BmcState, request: GetChassisCapabilities, session: BmcSession, now: float
) -> ChassisCapabilities:
    """What was set, and a diagnostic interrupt."""
    chassis = bmc.chassis
    return ChassisCapabilities(
        intrusion_sensor=chassis.intrusion_sensor,
        front_panel_lockout=chassis.front_panel_lockout,
        diagnostic_interrupt=True,
        fru_address=chassis.fru_address,
        sdr_address=chassis.sdr_address,
        sel_address=chassis.sel_address,
        management_address=chassis.management_address,
        bridge_address=chassis.bridge_address,
    )


@handles(SetChassisCapabilities)
def set_chassis_capabilities(bmc: BmcState, request: SetChassisCapabilities, session: BmcSession, now: float) -> NoData:
    """Keep them; a bridge that is not named stays."""
    bridge = bmc.chassis.bridge_address if request.bridge_address is None else request.bridge_address
    bmc.chassis = replace(request, bridge_address=bridge)
    return NoData()


@handles(ChassisIdentify)
def chassis_identify(bmc: BmcState, request: ChassisIdentify, session: BmcSession, now: float) -> NoData:
    """Light up."""
    bmc.machine.identify(math.inf if request.force_on else request.interval, now)
    return NoData()


@handles(SetFrontPanelEnables)
def set_front_panel_enables(bmc: BmcState, request: SetFrontPanelEnables, session: BmcSession, now: float) -> NoData:
    """Disable buttons."""
    bmc.machine.disabled_buttons = request.disabled
    return NoData()


@handles(SetPowerRestorePolicy)
def set_power_restore_policy(
    bmc: BmcState, request: SetPowerRestorePolicy, session: BmcSession, now: float
) -> RestorePolicySupport:
    """Every policy there is."""
    if request.policy > POLICY_NO_CHANGE:
        raise Refused(CompletionCode.INVALID_FIELD)
    if request.policy != POLICY_NO_CHANGE:
        bmc.machine.restore_policy = PowerRestorePolicy(request.policy)
    return RestorePolicySupport()


@handles(SetPowerCycleInterval)
def set_power_cycle_interval(bmc: BmcState, request: SetPowerCycleInterval, session: BmcSession, now: float) -> NoData:
    """From the next power cycle on."""
    bmc.machine.set_cycle_interval(request.interval)
    return NoData()


@handles(GetSystemRestartCause)
def get_system_restart_cause(
    bmc: BmcState, request: GetSystemRestartCause, session: BmcSession, now: float
) -> SystemRestartCause:
    """Why the machine started last."""
    return bmc.machine.restart_cause


@handles(GetPohCounter)
def get_poh_counter(bmc: BmcState, request: GetPohCounter, session: BmcSession, now: float) -> PowerOnHours:
    """How long it has been on."""
    return bmc.machine.power_on_hours()
