"""The watchdog timer (section 27)."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.watchdog import (
    GetWatchdogTimer,
    ResetWatchdogTimer,
    SetWatchdogTimer,
    TimerUse,
    WatchdogTimer,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData

NEVER_SET: Final = 0x80


@handles(SetWatchdogTimer)
def set_watchdog(bmc: BmcState, request: SetWatchdogTimer, session: BmcSession, now: float) -> NoData:
    """Set it up; Reset Watchdog Timer starts it."""
    if request.use not in TimerUse.__members__.values():
        raise Refused(CompletionCode.INVALID_FIELD)
    bmc.watchdog.set(request, now)
    return NoData()


@handles(ResetWatchdogTimer)
def reset_watchdog(bmc: BmcState, request: ResetWatchdogTimer, session: BmcSession, now: float) -> NoData:
    """Count down from the start."""
    if not bmc.watchdog.was_set:
        raise Refused(NEVER_SET)
    bmc.watchdog.start(now)
    return NoData()


@handles(GetWatchdogTimer)
def get_watchdog(bmc: BmcState, request: GetWatchdogTimer, session: BmcSession, now: float) -> WatchdogTimer:
    """As it is now."""
    return bmc.watchdog.state(now)
