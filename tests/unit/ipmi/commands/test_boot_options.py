from __future__ import annotations

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands.boot_options import (
    BOOT_DEVICE_NAMES,
    BOOT_OPTIONS,
    BootDevice,
    BootFlags,
    BootInfoAcknowledge,
    BootParameter,
    ConsoleRedirection,
    MuxOverride,
    SetInProgress,
    ValidBitClearing,
    Verbosity,
    boot_device,
    decode_boot_option,
)
from conduit.ipmi.commands.parameters import SetProgress


@pytest.mark.parametrize(
    ("flags", "data"),
    [
        (BootFlags(), "00 00 00 00 00"),
        (BootFlags(valid=True), "80 00 00 00 00"),
        (BootFlags(persistent=True), "40 00 00 00 00"),
        (BootFlags(efi=True), "20 00 00 00 00"),
        (BootFlags(clear_cmos=True), "00 80 00 00 00"),
        (BootFlags(lock_keyboard=True), "00 40 00 00 00"),
        (BootFlags(device=BootDevice.PXE), "00 04 00 00 00"),
        (BootFlags(device=BootDevice.FLOPPY), "00 3c 00 00 00"),
        (BootFlags(blank_screen=True), "00 02 00 00 00"),
        (BootFlags(lock_reset_buttons=True), "00 01 00 00 00"),
        (BootFlags(lock_power_button=True), "00 00 80 00 00"),
        (BootFlags(verbosity=Verbosity.QUIET), "00 00 20 00 00"),
        (BootFlags(verbosity=Verbosity.VERBOSE), "00 00 40 00 00"),
        (BootFlags(force_progress_traps=True), "00 00 10 00 00"),
        (BootFlags(bypass_password=True), "00 00 08 00 00"),
        (BootFlags(lock_sleep_button=True), "00 00 04 00 00"),
        (BootFlags(console_redirection=ConsoleRedirection.SUPPRESS), "00 00 01 00 00"),
        (BootFlags(console_redirection=ConsoleRedirection.ENABLE), "00 00 02 00 00"),
        (BootFlags(shared_mode=True), "00 00 00 08 00"),
        (BootFlags(mux=MuxOverride.SYSTEM), "00 00 00 02 00"),
        (BootFlags(device_instance=0x11), "00 00 00 00 11"),
    ],
)
def test_every_boot_flag_has_its_place(flags: BootFlags, data: str) -> None:
    assert flags.encode() == bytes.fromhex(data)
    assert BootFlags.decode(bytes.fromhex(data)) == flags


def test_a_persistent_efi_network_boot_is_e0_04() -> None:
    flags = BootFlags(valid=True, persistent=True, efi=True, device=BootDevice.PXE)
    assert flags.encode() == bytes.fromhex("e0 04 00 00 00")
    assert (flags.device_name, flags.boot_type) == ("pxe", "EFI")
    assert BootFlags().boot_type == "legacy"


def test_a_reserved_device_keeps_its_number() -> None:
    flags = BootFlags.decode(bytes.fromhex("80 30 00 00 00"))
    assert flags.device == 0x0C
    assert flags.device_name == "unknown (0x0c)"


def test_every_device_has_a_name_that_finds_it() -> None:
    assert {boot_device(name) for name in BOOT_DEVICE_NAMES.values()} == set(BootDevice)


def test_a_name_of_no_device_is_refused_with_those_there_are() -> None:
    with pytest.raises(LocalProtocolError, match="'tape', only none, pxe, hdd"):
        boot_device("tape")


def test_a_device_has_four_bits() -> None:
    with pytest.raises(LocalProtocolError, match="boot device is 16"):
        BootFlags(device=16)


@pytest.mark.parametrize(
    ("clearing", "data"),
    [
        (ValidBitClearing(keep_on_power_button=True), 0x01),
        (ValidBitClearing(keep_on_reset_button=True), 0x02),
        (ValidBitClearing(keep_on_watchdog=True), 0x04),
        (ValidBitClearing(keep_on_timeout=True), 0x08),
        (ValidBitClearing(keep_on_pef=True), 0x10),
    ],
)
def test_every_restart_has_its_clearing_bit(clearing: ValidBitClearing, data: int) -> None:
    assert clearing.encode() == bytes((data,))
    assert ValidBitClearing.decode(bytes((data,))) == clearing


@pytest.mark.parametrize(
    ("acknowledge", "data"),
    [
        (BootInfoAcknowledge(write_mask=0x1F), "1f 00"),
        (BootInfoAcknowledge(bios=True), "00 01"),
        (BootInfoAcknowledge(os_loader=True), "00 02"),
        (BootInfoAcknowledge(service_partition=True), "00 04"),
        (BootInfoAcknowledge(sms=True), "00 08"),
        (BootInfoAcknowledge(oem=True), "00 10"),
    ],
)
def test_every_reader_has_its_acknowledge_bit(acknowledge: BootInfoAcknowledge, data: str) -> None:
    assert acknowledge.encode() == bytes.fromhex(data)
    assert BootInfoAcknowledge.decode(bytes.fromhex(data)) == acknowledge


def test_set_in_progress_has_two_bits() -> None:
    assert SetInProgress(state=SetProgress.IN_PROGRESS).encode() == b"\x01"
    assert SetInProgress.decode(b"\xfe").state is SetProgress.COMMIT_WRITE
    with pytest.raises(LocalProtocolError):
        SetInProgress(state=4)


def test_options_are_found_by_their_selector() -> None:
    assert set(BOOT_OPTIONS) == {0, 3, 4, 5}
    assert decode_boot_option(BootParameter.BOOT_FLAGS, bytes(5)) == BootFlags()


def test_an_option_without_a_class_stays_bytes() -> None:
    assert decode_boot_option(BootParameter.INITIATOR_MAILBOX, b"\x00\x01") == b"\x00\x01"


@pytest.mark.parametrize("parameter", [0, 3, 4, 5])
def test_an_option_cut_short_is_an_error(parameter: int) -> None:
    size = len(BOOT_OPTIONS[parameter]().encode())
    with pytest.raises(DecodeError, match="truncated"):
        decode_boot_option(parameter, bytes(size - 1))
