from __future__ import annotations

from conduit.ipmi.bmc.watchdog import Watchdog
from conduit.ipmi.commands import PretimeoutInterrupt, SetWatchdogTimer, TimeoutAction, TimerUse, TimerUses


def request(**changes: object) -> SetWatchdogTimer:
    fields: dict[str, object] = {"initial_countdown": 100, "action": TimeoutAction.HARD_RESET, **changes}
    return SetWatchdogTimer(**fields)  # type: ignore[arg-type]  # each field has its own type


def test_it_warns_then_acts_once() -> None:
    watchdog = Watchdog()
    watchdog.set(request(pretimeout_interrupt=PretimeoutInterrupt.SMI, pretimeout_interval=4), 0)
    assert watchdog.next_deadline() is None
    watchdog.start(0)
    assert watchdog.next_deadline() == 6
    assert watchdog.advance(6) is None
    assert watchdog.warnings == 1
    assert watchdog.next_deadline() == 10
    assert watchdog.advance(10) == TimeoutAction.HARD_RESET
    assert watchdog.advance(11) is None
    assert watchdog.state(11).expired == TimerUses.SMS_OS


def test_setting_stops_it_unless_it_may_go_on() -> None:
    watchdog = Watchdog()
    watchdog.set(request(), 0)
    watchdog.start(0)
    watchdog.set(request(keep_running=True, initial_countdown=50), 1)
    assert watchdog.state(2).present_countdown == 40
    watchdog.set(request(), 3)
    assert not watchdog.state(3).running
    watchdog.set(request(keep_running=True), 4)
    assert not watchdog.state(4).running


def test_expiry_flags_add_up_until_they_are_cleared() -> None:
    watchdog = Watchdog()
    for use in (TimerUse.BIOS_POST, TimerUse.OS_LOAD):
        watchdog.set(request(use=use), 0)
        watchdog.start(0)
        watchdog.advance(10)
    assert watchdog.state(11).expired == TimerUses.BIOS_POST | TimerUses.OS_LOAD
    watchdog.set(request(clear_expired=TimerUses.BIOS_POST), 12)
    assert watchdog.state(12).expired == TimerUses.OS_LOAD
