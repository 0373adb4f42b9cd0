from __future__ import annotations

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands.boot import GetSystemBootOptions, SetSystemBootOptions, SystemBootOptions
from conduit.ipmi.commands.boot_options import BootDevice, BootFlags, BootParameter

FLAGS = BootFlags(valid=True, device=BootDevice.CDROM)


def test_an_option_is_set_behind_its_selector() -> None:
    request = SetSystemBootOptions.of(FLAGS)
    assert request.encode() == bytes.fromhex("05 80 14 00 00 00")
    assert SetSystemBootOptions.decode(request.encode()) == request
    assert request.option == FLAGS


def test_a_parameter_can_be_marked_invalid_without_data() -> None:
    request = SetSystemBootOptions(parameter=BootParameter.BOOT_FLAGS, invalid=True)
    assert request.encode() == b"\x85"
    assert SetSystemBootOptions.decode(b"\x85") == request


def test_the_boot_flags_are_asked_for_by_default() -> None:
    assert GetSystemBootOptions().encode() == b"\x05\x00\x00"
    request = GetSystemBootOptions(parameter=BootParameter.INITIATOR_MAILBOX, set_selector=2, block_selector=1)
    assert request.encode() == b"\x07\x02\x01"
    assert GetSystemBootOptions.decode(b"\x87\x02\x01") == request


def test_an_option_is_read_behind_version_and_selector() -> None:
    data = bytes.fromhex("01 05 80 14 00 00 00")
    options = GetSystemBootOptions().decode_response(data)
    assert options == SystemBootOptions.of(FLAGS)
    assert options.option == FLAGS
    assert options.encode() == data


def test_an_invalid_parameter_says_so() -> None:
    options = SystemBootOptions.decode(bytes.fromhex("01 85 00 00 00 00 00"))
    assert options == SystemBootOptions.of(BootFlags(), invalid=True)


def test_a_response_with_too_few_flags_is_an_error_only_for_who_wants_them() -> None:
    options = SystemBootOptions.decode(b"\x01\x05\x80")
    assert options.data == b"\x80"
    with pytest.raises(DecodeError, match="truncated boot flags"):
        _ = options.option


def test_a_selector_has_seven_bits() -> None:
    with pytest.raises(LocalProtocolError, match="boot parameter is 128"):
        GetSystemBootOptions(parameter=128)
