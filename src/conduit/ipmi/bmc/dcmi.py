"""What a virtual BMC has for DCMI: a power meter that follows the machine, a limit with effect, an asset tag."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from conduit.ipmi.bmc.power_states import PowerState
from conduit.ipmi.commands.dcmi import DcmiSetting
from conduit.ipmi.commands.dcmi_power import PowerException, PowerLimit, PowerReading, ThermalLimit

WATTS: Final = {
    PowerState.OFF: 5,
    PowerState.POWERING_ON: 60,
    PowerState.POST: 210,
    PowerState.RUNNING: 130,
    PowerState.SHUTTING_DOWN: 150,
    PowerState.POWERING_OFF: 40,
    PowerState.CYCLING: 5,
}
FLOOR: Final = 90  # watts below which no throttling brings a machine that is on
WINDOW: Final = 60.0  # seconds of the BMC's own statistics
PERIODS: Final = bytes((5, 30, 0x41))  # seconds, seconds, minutes: of the enhanced statistics
MAX_STRETCHES: Final = 128
MAX_EXCEPTIONS: Final = 16

# Timeouts of DHCP in seconds, and how BMCs introduce themselves to a DHCP server (DCMI 1.5, table 6-6).
SETTINGS: Final = {
    int(DcmiSetting.DISCOVERY): b"\x01",
    int(DcmiSetting.DHCP_TIMING_1): b"\x04",
    int(DcmiSetting.DHCP_TIMING_2): b"\x78\x00",
    int(DcmiSetting.DHCP_TIMING_3): b"\x40\x00",
}


class Stretch(NamedTuple):
    """A time of constant power."""

    start: float
    end: float
    watts: int


@dataclass(frozen=True, slots=True)
class DcmiSensor:
    """A temperature sensor as DCMI sees it."""

    instance: int
    "1 to 255."
    record_id: int
    "Of its SDR."
    celsius: Callable[[], float]
    "The present reading."


class Dcmi:
    """One machine's."""

    __slots__ = (
        "_exceeded_since",
        "_fired",
        "_hot_fired",
        "_hot_since",
        "_started",
        "_stretches",
        "_updated",
        "_watts",
        "asset_tag",
        "controller_id",
        "exceptions",
        "limit",
        "limit_active",
        "sensors",
        "settings",
        "thermal_limits",
    )

    def __init__(self) -> None:
        self.asset_tag = b""
        self.controller_id = b"conduit\0"
        self.limit = PowerLimit(watts=500)
        self.limit_active = False
        self.thermal_limits: dict[tuple[int, int], ThermalLimit] = {}
        "By entity and instance."
        self.settings = dict(SETTINGS)
        self.sensors: dict[int, list[DcmiSensor]] = {}
        "By entity; empty unless somebody fills it."
        self.exceptions: deque[tuple[float, PowerLimit]] = deque(maxlen=MAX_EXCEPTIONS)
        "When a limit could not be kept, and which."
        self._stretches: deque[Stretch] = deque(maxlen=MAX_STRETCHES)
        self._started: float | None = None
        self._updated = 0.0
        self._watts = 0
        self._exceeded_since: float | None = None
        self._fired = False
        self._hot_since: dict[tuple[int, int], float] = {}
        self._hot_fired: set[tuple[int, int]] = set()

    def advance(self, now: float, state: PowerState) -> bool:
        """Let time pass until *now*; whether the limit's exception switches the machine off."""
        if self._started is None:
            self._started = self._updated = now
        if now > self._updated:
            self._note(now)
        self._watts = self._draw(state)
        return self._check_limit(now)

    def next_deadline(self) -> float | None:
        """When an exception of a limit is due, or None."""
        hot = [self._too_hot_at(key) for key in self._hot_since if key not in self._hot_fired]
        power = self._power_deadline()
        return min((*hot, *(() if power is None else (power,))), default=None)

    def _power_deadline(self) -> float | None:
        if self._exceeded_since is None or self._fired:
            return None
        return self._exceeded_since + self.limit.correction_ms / 1000

    def _too_hot_at(self, key: tuple[int, int]) -> float:
        return self._hot_since[key] + self.thermal_limits[key].seconds

    def set_thermal_limit(self, entity: int, instance: int, limit: ThermalLimit) -> None:
        """A new limit, whose time has not begun yet."""
        key = entity, instance
        self.thermal_limits[key] = limit
        self._hot_since.pop(key, None)
        self._hot_fired.discard(key)

    def check_temperature(self, entity: int, instance: int, celsius: float | None, now: float) -> ThermalLimit | None:
        """The limit of this sensor, at the moment when it was exceeded for as long as it may be."""
        key = entity, instance
        limit = self.thermal_limits.get(key)
        if limit is None or celsius is None or celsius <= limit.celsius:
            self._hot_since.pop(key, None)
            self._hot_fired.discard(key)
            return None
        self._hot_since.setdefault(key, now)
        if key in self._hot_fired or now < self._too_hot_at(key):
            return None
        self._hot_fired.add(key)
        return limit

    def reading(self, window: float = WINDOW) -> PowerReading:
        """The power now, and over the last *window* seconds."""
        since = self._updated - window
        recent = [(min(part.end - since, part.end - part.start), part.watts) for part in self._stretches]
        recent = [(seconds, watts) for seconds, watts in recent if seconds > 0]
        total = sum(seconds for seconds, _ in recent)
        watts = [watts for _, watts in recent] + [self._watts]
        average = sum(seconds * watts for seconds, watts in recent) / total if total else self._watts
        return PowerReading(
            current=self._watts,
            minimum=min(watts),
            maximum=max(watts),
            average=round(average),
            timestamp=int(self._updated - (self._started or 0.0)),
            period=int(window * 1000),
        )

    def _draw(self, state: PowerState) -> int:
        """What the machine draws in *state*: no more than the limit, if throttling can bring it there."""
        wanted = WATTS[state]
        if not self.limit_active or wanted <= self.limit.watts:
            return wanted
        return max(self.limit.watts, min(wanted, FLOOR))

    def _note(self, now: float) -> None:
        start = self._updated
        if self._stretches and self._stretches[-1].watts == self._watts:
            start = self._stretches.pop().start
        self._stretches.append(Stretch(start, now, self._watts))
        self._updated = now
        while self._stretches[0].end < now - WINDOW:
            self._stretches.popleft()

    def _check_limit(self, now: float) -> bool:
        if not self.limit_active or self._watts <= self.limit.watts:
            self._exceeded_since, self._fired = None, False
            return False
        if self._exceeded_since is None:
            self._exceeded_since = now
        due = self._power_deadline()
        if due is None or now < due:
            return False
        self._fired = True
        if self.limit.action in (PowerException.POWER_OFF, PowerException.LOG):
            self.exceptions.append((now, self.limit))
        return self.limit.action == PowerException.POWER_OFF
