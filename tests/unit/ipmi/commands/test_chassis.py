from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.chassis import (
    Button,
    ChassisCapabilities,
    ChassisIdentify,
    GetChassisCapabilities,
    GetPohCounter,
    GetSystemRestartCause,
    PowerOnHours,
    RestartCause,
    SetChassisCapabilities,
    SetFrontPanelEnables,
    SystemRestartCause,
)


@pytest.mark.parametrize(
    ("capabilities", "flags"),
    [
        (ChassisCapabilities(intrusion_sensor=True), 0x01),
        (ChassisCapabilities(front_panel_lockout=True), 0x02),
        (ChassisCapabilities(diagnostic_interrupt=True), 0x04),
        (ChassisCapabilities(power_interlock=True), 0x08),
    ],
)
def test_every_capability_has_its_bit(capabilities: ChassisCapabilities, flags: int) -> None:
    data = bytes((flags, 0x20, 0x20, 0x20, 0x20))
    assert capabilities.encode() == data
    assert GetChassisCapabilities().decode_response(data) == capabilities


def test_the_bridge_of_a_chassis_is_optional() -> None:
    capabilities = ChassisCapabilities.decode(b"\x00\x01\x02\x03\x04\x05")
    assert capabilities == ChassisCapabilities(
        fru_address=1, sdr_address=2, sel_address=3, management_address=4, bridge_address=5
    )
    assert capabilities.encode() == b"\x00\x01\x02\x03\x04\x05"


@pytest.mark.parametrize("bridge", [None, 0x28])
def test_capabilities_are_set_with_or_without_a_bridge(bridge: int | None) -> None:
    request = SetChassisCapabilities(intrusion_sensor=True, front_panel_lockout=True, bridge_address=bridge)
    assert request.encode() == b"\x03\x20\x20\x20\x20" + (b"" if bridge is None else b"\x28")
    assert SetChassisCapabilities.decode(request.encode()) == request


def test_an_address_has_eight_bits() -> None:
    with pytest.raises(LocalProtocolError, match="SEL device address"):
        SetChassisCapabilities(sel_address=0x100)


@pytest.mark.parametrize(
    ("request_", "data"),
    [
        (ChassisIdentify(), b"\x0f"),
        (ChassisIdentify(interval=0), b"\x00"),
        (ChassisIdentify(interval=255, force_on=True), b"\xff\x01"),
    ],
)
def test_identify_sends_its_interval_and_if_need_be_force(request_: ChassisIdentify, data: bytes) -> None:
    assert request_.encode() == data
    assert ChassisIdentify.decode(data) == request_


def test_identify_without_data_lasts_fifteen_seconds() -> None:
    assert ChassisIdentify.decode(b"") == ChassisIdentify(interval=15, force_on=False)


def test_identify_with_a_clear_force_bit_does_not_force() -> None:
    assert ChassisIdentify.decode(b"\x05\xfe") == ChassisIdentify(interval=5)


def test_buttons_are_disabled_by_bits() -> None:
    request = SetFrontPanelEnables(disabled=Button.POWER_OFF | Button.STANDBY)
    assert request.encode() == b"\x09"
    assert SetFrontPanelEnables.decode(b"\xf9") == request


def test_a_restart_cause_is_told_in_words() -> None:
    cause = GetSystemRestartCause().decode_response(b"\x01\x0e")
    assert cause == SystemRestartCause(cause=RestartCause.CHASSIS_CONTROL, channel=14)
    assert cause.text == "Chassis Control command"
    assert cause.encode() == b"\x01\x0e"


def test_every_restart_cause_has_a_text_and_a_reserved_one_its_number() -> None:
    assert all(not SystemRestartCause(cause=cause).text.startswith("unknown (") for cause in RestartCause)
    assert SystemRestartCause.decode(b"\x0f\x00").text == "unknown (0x0f)"


def test_power_on_hours_depend_on_the_minutes_per_count() -> None:
    hours = GetPohCounter().decode_response(bytes.fromhex("1e e8 03 00 00"))
    assert hours == PowerOnHours(minutes_per_count=30, count=1000)
    assert hours.hours == pytest.approx(500.0)
    assert hours.encode() == bytes.fromhex("1e e8 03 00 00")
