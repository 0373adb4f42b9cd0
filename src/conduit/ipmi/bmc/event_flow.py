"""How a virtual BMC's events go: from the machine into the log, from there through the filters to actions."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.alerts import Alerting
from conduit.ipmi.bmc.event_log import EventLog
from conduit.ipmi.bmc.own_events import OwnSensor, happening_event, log_in_failed_event, own_event, watchdog_event
from conduit.ipmi.bmc.pef import HOLD_OFF, POWER_ACTIONS, EventFiltering
from conduit.ipmi.bmc.power_states import PowerCommand
from conduit.ipmi.bmc.virtual_machine import NotPossibleError, VirtualMachine
from conduit.ipmi.commands.boot_options import BootFlags
from conduit.ipmi.commands.chassis import RestartCause
from conduit.ipmi.commands.pef_filters import PefAction
from conduit.ipmi.commands.pef_selectors import PefParameter
from conduit.ipmi.commands.watchdog import WatchdogTimer
from conduit.ipmi.records.sel import SystemEventRecord

LOG_IN_PAUSE: Final = 60.0  # seconds until a user's next failure is an event again: guessing must not fill the log
CAUSES: Final = {PowerCommand.CYCLE: RestartCause.PEF_POWER_CYCLE, PowerCommand.RESET: RestartCause.PEF_RESET}


class EventFlow:
    """Moves events on; :meth:`advance` is called after anything that may have made some."""

    def __init__(self, machine: VirtualMachine, log: EventLog, filtering: EventFiltering, alerting: Alerting) -> None:
        self._machine = machine
        self._log = log
        self._filtering = filtering
        self._alerting = alerting
        self._held_until: float | None = None
        self._failed_log_ins: dict[int, float] = {}

    # --- into the log ---

    def log_in_failed(self, user_id: int, channel: int, now: float) -> None:
        """Somebody gave a wrong password."""
        if now - self._failed_log_ins.get(user_id, -LOG_IN_PAUSE) >= LOG_IN_PAUSE:
            self._failed_log_ins[user_id] = now
            self._log.log(log_in_failed_event(user_id, channel), now)

    def watchdog_expired(self, timer: WatchdogTimer, offset: int, now: float) -> None:
        """The watchdog expired, or warned; it may be told to keep that to itself."""
        if timer.log:
            self._log.log(watchdog_event(timer, offset), now)

    def advance(self, now: float) -> None:
        """Log what happened to the machine, then act on what is new in the log."""
        if self._machine.has_happenings:
            self._log_happenings()
        if self._new() and not self._is_held(now):
            self._filter_new(now)
        self._alerting.advance(now)

    def _log_happenings(self) -> None:
        boots = self._machine.boots
        flags = boots[-1].flags if boots else BootFlags()
        for moment, what in self._machine.take_happenings():
            self._log.log(happening_event(what, self._machine.restart_cause, flags), moment)

    def next_deadline(self) -> float | None:
        """When events that have to wait are to be looked at; None if none wait. At once is 0."""
        if self._machine.has_happenings:
            return 0.0
        alert_due = self._alerting.next_deadline()
        if not self._new():
            return alert_due
        waits = (self._held_until, self._filtering.postponed_until, self._ready_at(PefParameter.STARTUP_DELAY))
        due = max(until for until in waits if until is not None)
        return due if alert_due is None else min(due, alert_due)

    def _ready_at(self, parameter: PefParameter) -> float:
        """When the machine has run so long that filtering, or alerting, begins."""
        boots, wait = self._machine.boots, self._filtering.wait_after_start(parameter)
        return boots[-1].at + wait if boots and wait else 0.0

    # --- through the filters ---

    def _new(self) -> bool:
        newest = self._log.newest
        return newest is not None and newest.record_id != self._filtering.seen

    def _is_held(self, now: float) -> bool:
        if self._held_until is not None and self._held_until <= now:
            self._held_until = None
        starting = self._ready_at(PefParameter.STARTUP_DELAY) > now
        return self._held_until is not None or starting or self._filtering.is_postponed(now)

    def _filter_new(self, now: float) -> None:
        """Look at new records until one leads to an action on the power: what comes of that, comes later."""
        for record in self._log.after(self._filtering.seen):
            self._filtering.seen = record.record_id
            if isinstance(record, SystemEventRecord) and self._act(record, now):
                self._held_until = now + HOLD_OFF
                return

    def _act(self, record: SystemEventRecord, now: float) -> bool:
        """Carry out what the event leads to; whether the power was touched."""
        decision = self._filtering.decide(record)
        if self._filtering.control.enabled:
            self._filtering.processed = record.record_id
        not_before = self._ready_at(PefParameter.ALERT_STARTUP_DELAY)
        self._alerting.begin(record, decision, self._log.utc_offset, not_before)
        done = decision.actions & PefAction.ALERT
        for action, command in POWER_ACTIONS:
            if decision.actions & action:
                done |= action if self._command(command, now) else PefAction(0)
                break
        if done and self._filtering.control.log_actions:
            self._log.log(own_event(OwnSensor.PEF, 4, second=done), now)
        return bool(done & ~PefAction.ALERT)

    def _command(self, command: PowerCommand, now: float) -> bool:
        try:
            self._machine.command(command, now, cause=CAUSES.get(command, RestartCause.UNKNOWN))
        except NotPossibleError:
            return False  # off already
        return True
