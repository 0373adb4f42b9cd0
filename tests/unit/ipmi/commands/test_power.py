from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.chassis import Button, IdentifyState
from conduit.ipmi.commands.power import (
    ChassisControl,
    ChassisControlAction,
    ChassisStatus,
    FrontPanelButtons,
    GetChassisStatus,
    PowerEvent,
    PowerRestorePolicy,
    RestorePolicySupport,
    SetPowerCycleInterval,
    SetPowerRestorePolicy,
)

OFF = PowerRestorePolicy.ALWAYS_OFF


def test_a_typical_status_is_decoded_field_by_field() -> None:
    data = bytes.fromhex("21 10 40 70")
    status = GetChassisStatus().decode_response(data)
    assert status == ChassisStatus(
        power_on=True,
        restore_policy=PowerRestorePolicy.PREVIOUS,
        last_event=PowerEvent.POWERED_ON_BY_COMMAND,
        identify_state=IdentifyState.OFF,
        front_panel=FrontPanelButtons(can_disable=Button.POWER_OFF | Button.RESET | Button.DIAGNOSTIC_INTERRUPT),
    )
    assert status.encode() == data


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (ChassisStatus(power_on=True, restore_policy=OFF), "01 00 00"),
        (ChassisStatus(power_on=False, overload=True, restore_policy=OFF), "02 00 00"),
        (ChassisStatus(power_on=False, interlock=True, restore_policy=OFF), "04 00 00"),
        (ChassisStatus(power_on=False, power_fault=True, restore_policy=OFF), "08 00 00"),
        (ChassisStatus(power_on=False, control_fault=True, restore_policy=OFF), "10 00 00"),
        (ChassisStatus(power_on=False, restore_policy=PowerRestorePolicy.ALWAYS_ON), "40 00 00"),
        (ChassisStatus(power_on=False), "60 00 00"),
        (ChassisStatus(power_on=False, restore_policy=OFF, last_event=PowerEvent.AC_FAILED), "00 01 00"),
        (ChassisStatus(power_on=False, restore_policy=OFF, intrusion=True), "00 00 01"),
        (ChassisStatus(power_on=False, restore_policy=OFF, front_panel_lockout=True), "00 00 02"),
        (ChassisStatus(power_on=False, restore_policy=OFF, drive_fault=True), "00 00 04"),
        (ChassisStatus(power_on=False, restore_policy=OFF, fan_fault=True), "00 00 08"),
        (ChassisStatus(power_on=False, restore_policy=OFF, identify_state=IdentifyState.TEMPORARY), "00 00 50"),
        (ChassisStatus(power_on=False, restore_policy=OFF, identify_state=3), "00 00 70"),
    ],
)
def test_every_bit_of_the_status_has_its_place(status: ChassisStatus, data: str) -> None:
    assert status.encode() == bytes.fromhex(data)
    assert ChassisStatus.decode(bytes.fromhex(data)) == status


def test_an_identify_state_without_its_support_bit_means_nothing() -> None:
    assert ChassisStatus.decode(b"\x00\x00\x20").identify_state is None


def test_disabled_buttons_are_in_the_low_half() -> None:
    buttons = FrontPanelButtons(disabled=Button.RESET, can_disable=Button.RESET | Button.STANDBY)
    assert buttons.encode() == b"\xa2"
    assert FrontPanelButtons.decode(b"\xa2") == buttons


def test_a_status_is_told_in_words() -> None:
    status = ChassisStatus(
        power_on=False,
        power_fault=True,
        fan_fault=True,
        restore_policy=OFF,
        last_event=PowerEvent.AC_FAILED | PowerEvent.FAULT,
    )
    assert status.power == "off"
    assert status.faults == ("power fault", "cooling fault")
    assert status.restore_policy_text == "always off"
    assert status.last_events == ("mains power failed", "switched off by power fault")
    assert ChassisStatus(power_on=True).power == "on"


def test_a_restore_policy_has_two_bits() -> None:
    with pytest.raises(LocalProtocolError):
        ChassisStatus(power_on=True, restore_policy=4)


@pytest.mark.parametrize("action", list(ChassisControlAction))
def test_an_action_is_one_byte(action: ChassisControlAction) -> None:
    assert ChassisControl(action=action).encode() == bytes((action,))
    assert ChassisControl.decode(bytes((0xF0 | action,))).action is action


def test_an_unknown_action_keeps_its_number() -> None:
    assert ChassisControl.decode(b"\x0a").action == 0x0A


def test_actions_have_four_bits() -> None:
    with pytest.raises(LocalProtocolError, match="chassis control action is 16"):
        ChassisControl(action=16)


def test_a_policy_request_without_arguments_changes_nothing() -> None:
    assert SetPowerRestorePolicy().encode() == b"\x03"


def test_a_policy_is_set_by_its_number() -> None:
    assert SetPowerRestorePolicy(policy=PowerRestorePolicy.ALWAYS_ON).encode() == b"\x02"
    assert SetPowerRestorePolicy.decode(b"\xfa").policy is PowerRestorePolicy.ALWAYS_ON


@pytest.mark.parametrize(
    ("mask", "policies"),
    [
        (b"\x00", ()),
        (b"\x01", (PowerRestorePolicy.ALWAYS_OFF,)),
        (b"\x06", (PowerRestorePolicy.PREVIOUS, PowerRestorePolicy.ALWAYS_ON)),
    ],
)
def test_supported_policies_come_as_a_mask(mask: bytes, policies: tuple[PowerRestorePolicy, ...]) -> None:
    support = SetPowerRestorePolicy().decode_response(mask)
    assert support.policies == policies
    assert support.encode() == mask
    assert RestorePolicySupport().encode() == b"\x07"


def test_a_power_cycle_interval_is_in_seconds() -> None:
    assert SetPowerCycleInterval(interval=10).encode() == b"\x0a"
    assert SetPowerCycleInterval.decode(b"\x0a") == SetPowerCycleInterval(interval=10)
    with pytest.raises(LocalProtocolError):
        SetPowerCycleInterval(interval=256)
