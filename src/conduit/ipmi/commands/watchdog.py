"""The watchdog timer: the BMC acts when nobody resets it in time (section 27)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

TICK: Final = 0.1  # seconds per count of a countdown


class TimerUse(IntEnum):
    """Who runs the timer (section 27.6)."""

    BIOS_FRB2 = 1
    BIOS_POST = 2
    OS_LOAD = 3
    SMS_OS = 4
    OEM = 5


class TimerUses(IntFlag):
    """Timer uses as bits, for those that expired."""

    BIOS_FRB2 = 0x02
    BIOS_POST = 0x04
    OS_LOAD = 0x08
    SMS_OS = 0x10
    OEM = 0x20


NO_USES: Final = TimerUses(0)


class TimeoutAction(IntEnum):
    """What the BMC does when the timer expires."""

    NONE = 0
    HARD_RESET = 1
    POWER_DOWN = 2
    POWER_CYCLE = 3


class PretimeoutInterrupt(IntEnum):
    """How it warns the system some seconds before."""

    NONE = 0
    SMI = 1
    DIAGNOSTIC = 2
    MESSAGING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogTimer:
    """State of the timer; section 27.7."""

    use: TimerUse | int = TimerUse.SMS_OS
    "0 to 7."
    log: bool = True
    "Its expiry is put into the SEL."
    running: bool = False
    "It counts down now."
    action: TimeoutAction | int = TimeoutAction.NONE
    "0 to 7."
    pretimeout_interrupt: PretimeoutInterrupt | int = PretimeoutInterrupt.NONE
    "0 to 7."
    pretimeout_interval: int = 0
    "Seconds before expiry when the interrupt comes, 0 to 255."
    expired: TimerUses = NO_USES
    "Uses under which it expired since somebody cleared their flag."
    initial_countdown: int = 0
    "Where it starts after a reset, 0 to 65535 counts of 100 ms."
    present_countdown: int = 0
    "What is left, 0 to 65535 counts of 100 ms."

    def __post_init__(self) -> None:
        _check_common(self)
        check_range("expired timer uses", self.expired, 0, 0xFF)
        check_range("present countdown", self.present_countdown, 0, 0xFFFF)

    @property
    def initial_seconds(self) -> float:
        """Initial countdown in seconds."""
        return self.initial_countdown * TICK

    @property
    def present_seconds(self) -> float:
        """Present countdown in seconds."""
        return self.present_countdown * TICK

    @property
    def expired_uses(self) -> tuple[str, ...]:
        """The expired uses in words."""
        return tuple(label(use) for use in TimerUses if use in self.expired)

    def encode(self) -> bytes:
        """Eight bytes."""
        use = (not self.log) << 7 | self.running << 6 | self.use
        actions = self.pretimeout_interrupt << 4 | self.action
        countdowns = self.initial_countdown.to_bytes(2, "little") + self.present_countdown.to_bytes(2, "little")
        return bytes((use, actions, self.pretimeout_interval, self.expired)) + countdowns

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        use, actions, interval, expired = reader.take(4, "watchdog timer")
        return cls(
            use=known(TimerUse, use & 0x07),
            log=not use & 0x80,
            running=bool(use & 0x40),
            action=known(TimeoutAction, actions & 0x07),
            pretimeout_interrupt=known(PretimeoutInterrupt, actions >> 4 & 0x07),
            pretimeout_interval=interval,
            expired=TimerUses(expired),
            initial_countdown=reader.u16le("initial countdown"),
            present_countdown=reader.u16le("present countdown"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetWatchdogTimer(Command[NoData]):
    """Start the countdown, or start it anew; section 27.5."""

    netfn = NetFn.APP
    command = 0x22
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {0x80: "the watchdog was never set, so there is nothing to start"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWatchdogTimer(Command[NoData]):
    """Set the timer up; it then waits for a reset to start; section 27.6."""

    netfn = NetFn.APP
    command = 0x24
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    use: TimerUse | int = TimerUse.SMS_OS
    "0 to 7."
    log: bool = True
    "Put its expiry into the SEL."
    keep_running: bool = False
    "Let a timer that counts down go on, from the new initial value."
    action: TimeoutAction | int = TimeoutAction.NONE
    "0 to 7."
    pretimeout_interrupt: PretimeoutInterrupt | int = PretimeoutInterrupt.NONE
    "0 to 7."
    pretimeout_interval: int = 0
    "Seconds, 0 to 255."
    clear_expired: TimerUses = NO_USES
    "Expiry flags to clear."
    initial_countdown: int
    "0 to 65535 counts of 100 ms; 0 expires at once."

    def __post_init__(self) -> None:
        _check_common(self)
        check_range("timer uses to clear", self.clear_expired, 0, 0xFF)

    def encode(self) -> bytes:
        """Six bytes."""
        use = (not self.log) << 7 | self.keep_running << 6 | self.use
        actions = self.pretimeout_interrupt << 4 | self.action
        head = bytes((use, actions, self.pretimeout_interval, self.clear_expired))
        return head + self.initial_countdown.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        use, actions, interval, clear = reader.take(4, "watchdog timer")
        return cls(
            use=known(TimerUse, use & 0x07),
            log=not use & 0x80,
            keep_running=bool(use & 0x40),
            action=known(TimeoutAction, actions & 0x07),
            pretimeout_interrupt=known(PretimeoutInterrupt, actions >> 4 & 0x07),
            pretimeout_interval=interval,
            clear_expired=TimerUses(clear),
            initial_countdown=reader.u16le("initial countdown"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWatchdogTimer(Command[WatchdogTimer]):
    """Get Watchdog Timer; section 27.7."""

    netfn = NetFn.APP
    command = 0x25
    privilege = Privilege.USER
    safe = True
    response = WatchdogTimer


def _check_common(timer: WatchdogTimer | SetWatchdogTimer) -> None:
    check_range("timer use", timer.use, 0, 0x07)
    check_range("timeout action", timer.action, 0, 0x07)
    check_range("pre-timeout interrupt", timer.pretimeout_interrupt, 0, 0x07)
    check_range("pre-timeout interval", timer.pretimeout_interval, 0, 0xFF)
    check_range("initial countdown", timer.initial_countdown, 0, 0xFFFF)


__all__ = [
    "GetWatchdogTimer",
    "PretimeoutInterrupt",
    "ResetWatchdogTimer",
    "SetWatchdogTimer",
    "TimeoutAction",
    "TimerUse",
    "TimerUses",
    "WatchdogTimer",
]
