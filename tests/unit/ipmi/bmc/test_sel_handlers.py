"""SEL commands, asked by a console of ours, and the events that the machine makes."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import ConduitError
from conduit.ipmi.bmc import Limits, PowerState, Timings
from conduit.ipmi.commands import (
    AddSelEntry,
    AuxiliaryLog,
    AuxiliaryLogStatus,
    BootDevice,
    BootFlags,
    ChassisControl,
    ChassisControlAction,
    ClearSel,
    ColdReset,
    DeleteSelEntry,
    ErasureProgress,
    GetAuxiliaryLogStatus,
    GetSelAllocationInfo,
    GetSelEntry,
    GetSelInfo,
    GetSelTime,
    GetSelTimeUtcOffset,
    PartialAddSelEntry,
    PretimeoutInterrupt,
    ReserveSel,
    ResetWatchdogTimer,
    SetAuxiliaryLogStatus,
    SetSelTime,
    SetSelTimeUtcOffset,
    SetWatchdogTimer,
    TimeoutAction,
    TimerUse,
)
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sel import OtherRecord, SystemEventRecord
from conduit.rmcp.credentials import Interface
from tests.wired import Console, Wire, make_bmc

INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
RECORD = OtherRecord(record_type=0xE0, data=bytes(range(13)))
EVENT = SystemEventRecord(event=Event.decode(bytes.fromhex("0401300109ffff")))


@pytest.fixture
def wire() -> Wire:
    return Wire(make_bmc(timings=INSTANT, limits=Limits(events=8)))


@pytest.fixture
def console(wire: Wire) -> Console:
    return wire.connect()


def sentences(wire: Wire) -> list[str]:
    wire.let_pass(0.0)
    return [record.describe() for record in wire.bmc.state.event_log]


def test_a_record_is_added_read_and_deleted(console: Console) -> None:
    assert console.ask(AddSelEntry(record=RECORD)).record_id == 1
    entry = console.ask(GetSelEntry())
    assert (entry.next_record_id, entry.data[2:]) == (0xFFFF, RECORD.encode()[2:])
    reservation = console.ask(ReserveSel()).reservation
    assert console.ask(DeleteSelEntry(reservation=reservation, record_id=1)).record_id == 1
    assert console.code(GetSelEntry()) == 0xCB
    assert console.code(DeleteSelEntry(reservation=reservation, record_id=1)) == 0xC5
    reservation = console.ask(ReserveSel()).reservation
    assert console.code(DeleteSelEntry(reservation=reservation, record_id=1)) == 0xCB


def test_a_record_is_read_in_parts_under_a_reservation(console: Console) -> None:
    console.ask(AddSelEntry(record=RECORD))
    assert console.ask(GetSelEntry(count=3)).data == b"\x01\x00\xe0"
    assert console.code(GetSelEntry(offset=3, count=3)) == 0xC5
    reservation = console.ask(ReserveSel()).reservation
    assert console.ask(GetSelEntry(reservation=reservation, offset=3, count=3)).data == b"\x00\x01\x02"
    assert console.code(GetSelEntry(reservation=reservation, offset=16)) == 0xC9


def test_a_record_is_added_in_parts(console: Console, wire: Wire) -> None:
    raw, reservation = RECORD.encode(), console.ask(ReserveSel()).reservation

    def part(offset: int, data: bytes, *, last: bool = False) -> PartialAddSelEntry:
        return PartialAddSelEntry(reservation=reservation, offset=offset, last=last, data=data)

    assert console.code(PartialAddSelEntry(reservation=0, offset=0, last=False, data=b"")) == 0xC5
    console.ask(part(0, raw[:10]))
    assert console.code(part(0, b"short", last=True)) == 0x80
    assert console.code(part(7, b"gap")) == 0x80
    console.ask(part(0, raw[:10]))
    assert console.ask(part(10, raw[10:], last=True)).record_id == 1
    assert [record.encode()[2:] for record in wire.bmc.state.event_log] == [raw[2:]]


def test_a_full_log_refuses_records(console: Console) -> None:
    for _ in range(8):
        console.ask(AddSelEntry(record=RECORD))
    assert console.code(AddSelEntry(record=RECORD)) == 0xC4
    assert console.ask(GetSelInfo()).overflow
    assert console.ask(GetSelAllocationInfo()).free_units == 0


def test_clearing_needs_a_reservation_and_is_an_event(console: Console, wire: Wire) -> None:
    console.ask(AddSelEntry(record=RECORD))
    assert console.code(ClearSel(reservation=5, initiate=True)) == 0xC5
    reservation = console.ask(ReserveSel()).reservation
    assert console.ask(ClearSel(reservation=reservation, initiate=True)).progress is ErasureProgress.COMPLETED
    assert console.ask(ClearSel(reservation=reservation)).progress is ErasureProgress.COMPLETED
    assert sentences(wire) == ["Event logging 0xa6: log cleared"]


def test_the_clock_and_its_offset(console: Console, wire: Wire) -> None:
    console.ask(SetSelTime(timestamp=1_700_000_000))
    wire.let_pass(5.0)
    assert console.ask(GetSelTime()).timestamp == 1_700_000_005
    assert console.ask(GetSelTimeUtcOffset()).minutes is None
    console.ask(SetSelTimeUtcOffset(minutes=-60))
    assert console.ask(GetSelTimeUtcOffset()).minutes == -60


def test_the_machine_check_log_is_what_was_set(console: Console) -> None:
    status = AuxiliaryLogStatus(timestamp=5, data=b"\x01\x00\x00\x00")
    console.ask(SetAuxiliaryLogStatus(status=status))
    assert console.ask(GetAuxiliaryLogStatus()) == status
    assert console.code(GetAuxiliaryLogStatus(log=AuxiliaryLog.OEM_1)) == 0xCB
    assert console.code(SetAuxiliaryLogStatus(log=AuxiliaryLog.OEM_1, status=status)) == 0xCB
    assert console.code(SetAuxiliaryLogStatus(status=AuxiliaryLogStatus(data=b""))) == 0xC7


# --- what the machine makes ---


def test_power_on_and_a_soft_shutdown(console: Console, wire: Wire) -> None:
    console.ask(ChassisControl(action=ChassisControlAction.ON))
    wire.bmc.state.machine.advance(wire.now)
    console.ask(ChassisControl(action=ChassisControlAction.SOFT_SHUTDOWN))
    assert sentences(wire) == [
        "Power unit 0xa0: power off, no longer",
        "Boot initiated 0xa1: system restart, by Chassis Control command, channel 1",
        "OS boot 0xa2: boot completed",
        "OS stop 0xa3: graceful shutdown",
        "Power unit 0xa0: power off",
    ]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (ChassisControlAction.CYCLE, "Power unit 0xa0: power cycle"),
        (ChassisControlAction.OFF, "Power unit 0xa0: power off"),
        (ChassisControlAction.RESET, "Boot initiated 0xa1: system restart, by Chassis Control command, channel 1"),
        (ChassisControlAction.DIAGNOSTIC_INTERRUPT, "Critical interrupt 0xa5: NMI/diagnostic interrupt"),
    ],
)
def test_each_power_command_is_an_event(action: ChassisControlAction, sentence: str) -> None:
    wire = Wire(make_bmc(timings=INSTANT, running=True))
    wire.connect().ask(ChassisControl(action=action))
    assert sentences(wire)[0] == sentence


def test_where_the_system_started_from(wire: Wire) -> None:
    machine = wire.bmc.state.machine
    machine.set_boot_flags(BootFlags(valid=True, device=BootDevice.PXE), wire.now)
    wire.connect().ask(ChassisControl(action=ChassisControlAction.ON))
    assert sentences(wire)[-1] == "OS boot 0xa2: PXE boot completed"


def test_mains_power_and_the_button(wire: Wire) -> None:
    machine = wire.bmc.state.machine
    machine.press_power_button(wire.now)
    machine.lose_mains(wire.now)
    machine.restore_mains(wire.now)
    said = sentences(wire)
    assert "Button 0xa9: power pressed" in said
    assert "Power unit 0xa0: AC lost" in said
    assert "Power unit 0xa0: AC lost, no longer" in said


def watchdog(action: TimeoutAction, **changes: Any) -> SetWatchdogTimer:
    return SetWatchdogTimer(
        use=TimerUse.SMS_OS, log=changes.pop("log", True), action=action, initial_countdown=50, **changes
    )


def test_a_watchdog_that_expires_is_an_event(console: Console, wire: Wire) -> None:
    warned = watchdog(
        TimeoutAction.HARD_RESET, pretimeout_interrupt=PretimeoutInterrupt.DIAGNOSTIC, pretimeout_interval=1
    )
    console.ask(warned)
    console.ask(ResetWatchdogTimer())
    wire.let_pass(6.0)
    assert sentences(wire) == [
        "Watchdog 2 0xa4: timer interrupt, used by SMS/OS, interrupt NMI",
        "Watchdog 2 0xa4: hard reset, used by SMS/OS, interrupt NMI",
    ]


def test_a_watchdog_may_expire_in_silence(console: Console, wire: Wire) -> None:
    console.ask(watchdog(TimeoutAction.NONE, log=False))
    console.ask(ResetWatchdogTimer())
    wire.let_pass(6.0)
    assert sentences(wire) == []


def test_a_wrong_password_is_one_event_a_minute(wire: Wire) -> None:
    # By IPMI 1.5: in 2.0 an honest console finds out before the BMC does.
    for _ in range(3):
        with pytest.raises(ConduitError):
            wire.log_in(password=b"wrong", interface=Interface.LAN)
    wire.let_pass(61.0)
    with pytest.raises(ConduitError):
        wire.log_in(password=b"wrong", interface=Interface.LAN)
    failed = "Session audit 0xa7: invalid user name or password, user 2, channel 1"
    assert sentences(wire) == [failed, failed]


def test_a_restart_of_the_bmc_is_an_event_and_ends_the_reservation(console: Console, wire: Wire) -> None:
    reservation = console.ask(ReserveSel()).reservation
    console.ask(ColdReset())
    assert sentences(wire) == ["Microcontroller 0xa8: running"]
    assert not wire.bmc.state.event_log.is_reserved(reservation)
    assert wire.bmc.state.machine.state is PowerState.OFF
