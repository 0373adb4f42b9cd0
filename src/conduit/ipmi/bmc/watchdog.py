"""The watchdog timer of the BMC (section 27): counts down, warns, acts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from conduit.ipmi.commands.watchdog import TICK, SetWatchdogTimer, TimeoutAction, TimerUses, WatchdogTimer

TICKS_PER_SECOND: Final = round(1 / TICK)


class Watchdog:
    """One timer. It only says what to do: :meth:`advance` returns the action when time has run out."""

    def __init__(self) -> None:
        self._timer = WatchdogTimer()
        self._expires: float | None = None
        self._warns: float | None = None
        self.was_set = False
        self.warnings = 0
        "Pre-timeout interrupts so far."

    def set(self, request: SetWatchdogTimer, now: float) -> None:
        """Set the timer up. It stops, unless it runs and the request lets it go on."""
        running = self._expires is not None and request.keep_running
        self._timer = WatchdogTimer(
            use=request.use,
            log=request.log,
            action=request.action,
            pretimeout_interrupt=request.pretimeout_interrupt,
            pretimeout_interval=request.pretimeout_interval,
            expired=self._timer.expired & ~request.clear_expired,
            initial_countdown=request.initial_countdown,
            present_countdown=request.initial_countdown,
        )
        self.was_set = True
        self._expires = self._warns = None
        if running:
            self.start(now)

    def start(self, now: float) -> None:
        """Count down from the initial value."""
        self._expires = now + self._timer.initial_countdown * TICK
        warned = self._timer.pretimeout_interrupt and self._timer.pretimeout_interval
        self._warns = self._expires - self._timer.pretimeout_interval if warned else None

    def state(self, now: float) -> WatchdogTimer:
        """The timer as it is at *now*."""
        if self._expires is None:
            return self._timer
        left = math.ceil(max(0.0, self._expires - now) * TICKS_PER_SECOND)
        return replace(self._timer, running=True, present_countdown=min(left, self._timer.initial_countdown))

    def advance(self, now: float) -> TimeoutAction | int | None:
        """The action that is due at *now*, or None."""
        if self._warns is not None and self._warns <= now:
            self._warns = None
            self.warnings += 1
        if self._expires is None or now < self._expires:
            return None
        self._expires = self._warns = None
        use = TimerUses(1 << self._timer.use & 0x3E)
        self._timer = replace(self._timer, expired=self._timer.expired | use, present_countdown=0)
        return self._timer.action

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None."""
        return min((when for when in (self._expires, self._warns) if when is not None), default=None)
