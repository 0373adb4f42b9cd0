from __future__ import annotations

from conduit.ipmi.commands.system_info import GetSystemInfo, SetSystemInfo, SystemInfo, SystemInfoParameter


def test_a_block_of_a_string_is_asked_for_by_its_number() -> None:
    request = GetSystemInfo(parameter=SystemInfoParameter.SYSTEM_NAME, set_selector=1)
    assert request.encode() == b"\x00\x02\x01\x00"
    assert GetSystemInfo.decode(b"\x00\x02\x01\x00") == request


def test_the_revision_alone_can_be_asked_for() -> None:
    request = GetSystemInfo(parameter=0xC0, revision_only=True)
    assert request.encode() == b"\x80\xc0\x00\x00"
    assert GetSystemInfo.decode(b"\x80\xc0\x00\x00") == request
    assert request.decode_response(b"\x11") == SystemInfo(revision=0x11)


def test_a_parameter_is_carried_as_bytes() -> None:
    info = SystemInfo.decode(b"\x11\x00\x00\x04name")
    assert info.data == b"\x00\x00\x04name"
    assert info.encode() == b"\x11\x00\x00\x04name"


def test_a_parameter_is_set_by_its_number() -> None:
    request = SetSystemInfo(parameter=SystemInfoParameter.OS_NAME, data=b"\x00\x00\x02os")
    assert request.encode() == b"\x04\x00\x00\x02os"
    assert SetSystemInfo.decode(request.encode()) == request
