from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.app import (
    AcpiDeviceState,
    AcpiPowerState,
    AcpiSystemState,
    ColdReset,
    DeviceId,
    DeviceSupport,
    GetAcpiPowerState,
    GetDeviceId,
    GetSelfTestResults,
    SelfTestOutcome,
    SelfTestResult,
    SetAcpiPowerState,
    WarmReset,
)

DEVICE_ID = bytes.fromhex("20 81 02 53 02 bf a2 02 00 34 12")
DELL = DeviceId(
    device_id=0x20,
    device_revision=1,
    provides_sdrs=True,
    firmware_major=2,
    firmware_minor_bcd=0x53,
    support=DeviceSupport(0xBF),
    manufacturer_id=674,
    product_id=0x1234,
)


def test_a_device_id_is_decoded_and_encoded_field_by_field() -> None:
    assert GetDeviceId().decode_response(DEVICE_ID) == DELL
    assert DELL.encode() == DEVICE_ID


def test_a_device_id_reads_like_the_label_on_the_box() -> None:
    assert DELL.firmware == "2.53"
    assert DELL.ipmi_version == "2.0"
    assert DELL.manufacturer == "Dell"
    assert "chassis" in DELL.roles
    assert "bridge" not in DELL.roles


def test_an_ipmi_version_has_its_digits_swapped() -> None:
    assert DeviceId.decode(DEVICE_ID[:4] + b"\x51" + DEVICE_ID[5:]).ipmi_version == "1.5"


def test_the_minor_firmware_revision_keeps_its_leading_zero_and_hex_digits() -> None:
    assert DeviceId.decode(b"\x20\x01\x03\x05" + DEVICE_ID[4:]).firmware == "3.05"
    assert DeviceId.decode(b"\x20\x01\x03\x0c" + DEVICE_ID[4:]).firmware == "3.0c"


def test_an_update_in_progress_does_not_count_as_a_revision() -> None:
    updating = DeviceId.decode(b"\x20\x01\x83" + DEVICE_ID[3:])
    assert updating.updating
    assert updating.firmware_major == 3
    assert updating.encode()[2] == 0x83


def test_the_auxiliary_revision_is_there_or_not() -> None:
    assert DELL.aux_firmware is None
    with_aux = DeviceId.decode(DEVICE_ID + b"\x01\x02\x03\x04")
    assert with_aux.aux_firmware == b"\x01\x02\x03\x04"
    assert with_aux.encode() == DEVICE_ID + b"\x01\x02\x03\x04"


def test_half_an_auxiliary_revision_is_ignored() -> None:
    assert DeviceId.decode(DEVICE_ID + b"\x01\x02") == DELL


def test_a_manufacturer_id_has_twenty_bits() -> None:
    assert DeviceId.decode(DEVICE_ID[:6] + b"\xff\xff\xff" + DEVICE_ID[9:]).manufacturer_id == 0xFFFFF


def test_an_unknown_manufacturer_has_no_name() -> None:
    assert DeviceId.decode(DEVICE_ID[:6] + b"\x01\xff\x0f" + DEVICE_ID[9:]).manufacturer is None


def test_an_auxiliary_revision_of_another_size_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="four bytes"):
        DeviceId(
            device_id=0,
            device_revision=0,
            firmware_major=0,
            firmware_minor_bcd=0,
            manufacturer_id=0,
            product_id=0,
            aux_firmware=b"",
        )


def test_resets_have_no_data() -> None:
    assert ColdReset().encode() == WarmReset().encode() == b""


@pytest.mark.parametrize(
    ("data", "text", "passed"),
    [
        ("55 00", "passed", True),
        ("56 00", "self test not implemented", False),
        ("57 80", "corrupted or inaccessible data or devices: SEL not accessible", False),
        (
            "57 09",
            "corrupted or inaccessible data or devices: operational firmware corrupted, SDR repository empty",
            False,
        ),
        ("57 00", "corrupted or inaccessible data or devices", False),
        ("58 12", "fatal hardware error", False),
        ("59 12", "device-specific failure 0x59, detail 0x12", False),
        ("ff 00", "device-specific failure 0xff, detail 0x00", False),
    ],
)
def test_a_self_test_result_is_told_in_words(data: str, text: str, passed: bool) -> None:
    result = GetSelfTestResults().decode_response(bytes.fromhex(data))
    assert result.text == text
    assert result.passed is passed
    assert result.encode() == bytes.fromhex(data)


def test_fault_bits_mean_something_only_for_corrupted_data() -> None:
    assert SelfTestResult(outcome=SelfTestOutcome.FATAL_HARDWARE_ERROR, detail=0xFF).faults == ()


def test_acpi_states_are_read_without_the_top_bit() -> None:
    state = GetAcpiPowerState().decode_response(b"\x85\xaa")
    assert state == AcpiPowerState(system=AcpiSystemState.S5_SOFT_OFF, device=AcpiDeviceState.UNKNOWN)
    assert state.encode() == b"\x05\x2a"


def test_setting_an_acpi_state_marks_it_as_set() -> None:
    assert SetAcpiPowerState(system=AcpiSystemState.S0_WORKING, device=AcpiDeviceState.D3).encode() == b"\x80\x83"


def test_an_acpi_state_left_out_is_not_set() -> None:
    request = SetAcpiPowerState(device=AcpiDeviceState.D0)
    assert request.encode() == b"\x7f\x80"
    assert SetAcpiPowerState.decode(b"\x05\x80") == request
    assert SetAcpiPowerState.decode(b"\x80\x03") == SetAcpiPowerState(system=AcpiSystemState.S0_WORKING)


def test_acpi_states_have_seven_bits() -> None:
    with pytest.raises(LocalProtocolError):
        SetAcpiPowerState(system=0x80)
