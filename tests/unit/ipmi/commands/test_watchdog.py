from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.watchdog import (
    GetWatchdogTimer,
    PretimeoutInterrupt,
    ResetWatchdogTimer,
    SetWatchdogTimer,
    TimeoutAction,
    TimerUse,
    TimerUses,
    WatchdogTimer,
)


def test_a_running_timer_is_decoded_field_by_field() -> None:
    data = bytes.fromhex("c4 21 0a 12 58 02 2c 01")
    timer = GetWatchdogTimer().decode_response(data)
    assert timer == WatchdogTimer(
        use=TimerUse.SMS_OS,
        log=False,
        running=True,
        action=TimeoutAction.HARD_RESET,
        pretimeout_interrupt=PretimeoutInterrupt.DIAGNOSTIC,
        pretimeout_interval=10,
        expired=TimerUses.BIOS_FRB2 | TimerUses.SMS_OS,
        initial_countdown=600,
        present_countdown=300,
    )
    assert timer.encode() == data


def test_countdowns_are_in_tenths_of_a_second() -> None:
    timer = WatchdogTimer(initial_countdown=600, present_countdown=305)
    assert timer.initial_seconds == pytest.approx(60.0)
    assert timer.present_seconds == pytest.approx(30.5)


def test_expired_uses_have_names() -> None:
    assert WatchdogTimer(expired=TimerUses.OS_LOAD | TimerUses.OEM).expired_uses == ("os load", "oem")


def test_a_timer_is_set_in_six_bytes() -> None:
    request = SetWatchdogTimer(
        use=TimerUse.OS_LOAD,
        log=False,
        keep_running=True,
        action=TimeoutAction.POWER_CYCLE,
        pretimeout_interrupt=PretimeoutInterrupt.MESSAGING,
        pretimeout_interval=5,
        clear_expired=TimerUses.OS_LOAD,
        initial_countdown=3000,
    )
    assert request.encode() == bytes.fromhex("c3 33 05 08 b8 0b")
    assert SetWatchdogTimer.decode(request.encode()) == request


def test_a_timer_logs_and_stops_by_default() -> None:
    assert SetWatchdogTimer(initial_countdown=1).encode() == bytes.fromhex("04 00 00 00 01 00")


def test_a_reserved_use_keeps_its_number() -> None:
    assert WatchdogTimer.decode(b"\x07" + bytes(7)).use == 7


def test_a_countdown_has_sixteen_bits() -> None:
    with pytest.raises(LocalProtocolError, match="initial countdown"):
        SetWatchdogTimer(initial_countdown=0x10000)


def test_resetting_a_timer_that_was_never_set_has_a_code_of_its_own() -> None:
    assert "never set" in ResetWatchdogTimer.errors[0x80]
    assert ResetWatchdogTimer().encode() == b""
