"""How a virtual BMC's events go: from the machine into the log, from there through the filters to actions."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.event_log import EventLog
from conduit.ipmi.bmc.own_events import OwnSensor, happening_event, log_in_failed_event, own_event, watchdog_event
from conduit.ipmi.bmc.pef import HOLD_OFF, POWER_ACTIONS, Alert, Decision, EventFiltering
from conduit.ipmi.bmc.virtual_machine import NotPossibleError, PowerCommand, VirtualMachine
from conduit.ipmi.commands import BootFlags, PefAction, RestartCause, WatchdogTimer
from conduit.ipmi.records.sel import SelRecord, SystemEventRecord

LOG_IN_PAUSE: Final = 60.0  # seconds until a user's next failure is an event again: guessing must not fill the log
CAUSES: Final = {PowerCommand.CYCLE: RestartCause.PEF_POWER_CYCLE, PowerCommand.RESET: RestartCause.PEF_RESET}


class EventFlow:
    """Moves events on; :meth:`advance` is called after anything that may have made some."""

    def __init__(self, machine: VirtualMachine, log: EventLog, filtering: EventFiltering) -> None:
        self._machine = machine
        self._log = log
        self._filtering = filtering
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

    def _log_happenings(self) -> None:
        boots = self._machine.boots
        flags = boots[-1].flags if boots else BootFlags()
        for moment, what in self._machine.take_happenings():
            self._log.log(happening_event(what, self._machine.restart_cause, flags), moment)

    def next_deadline(self) -> float | None:
        """When events that have to wait are to be looked at; None if none wait. At once is 0."""
        if self._machine.has_happenings:
            return 0.0
        if not self._new():
            return None
        waits = (self._held_until, self._filtering.postponed_until)
        return max((until for until in waits if until is not None), default=0.0)

    # --- through the filters ---

    def _new(self) -> bool:
        newest = self._log.newest
        return newest is not None and newest.record_id != self._filtering.seen

    def _is_held(self, now: float) -> bool:
        if self._held_until is not None and self._held_until <= now:
            self._held_until = None
        return self._held_until is not None or self._filtering.is_postponed(now)

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
        self._alert(record, decision)
        done = decision.actions & PefAction.ALERT
        for action, command in POWER_ACTIONS:
            if decision.actions & action:
                done |= action if self._command(command, now) else PefAction(0)
                break
        if done and self._filtering.control.log_actions:
            self._log.log(own_event(OwnSensor.PEF, 4, second=done), now)
        return bool(done & ~PefAction.ALERT)

    def _alert(self, record: SelRecord, decision: Decision) -> None:
        for policy in decision.policies:
            alert = Alert(record.timestamp, record.record_id, policy.channel, policy.destination)
            self._filtering.alerts.append(alert)

    def _command(self, command: PowerCommand, now: float) -> bool:
        try:
            self._machine.command(command, now, cause=CAUSES.get(command, RestartCause.UNKNOWN))
        except NotPossibleError:
            return False  # off already
        return True
