from __future__ import annotations

from uuid import UUID

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.guid import GetDeviceGuid, GetSystemGuid, Guid, GuidOrder

# Version 4; its bytes are all different, so that every order gives another UUID.
VALUE = UUID("00112233-4455-4677-8899-aabbccddeeff")
IPMI = bytes.fromhex("ffeeddccbbaa9988 7746 5544 33221100")
SMBIOS = bytes.fromhex("33221100 5544 7746 8899aabbccddeeff")
READING = VALUE.bytes


@pytest.mark.parametrize(
    ("raw", "order"), [(IPMI, GuidOrder.IPMI), (SMBIOS, GuidOrder.SMBIOS), (READING, GuidOrder.RFC4122)]
)
def test_each_order_gives_the_same_uuid_from_its_own_bytes(raw: bytes, order: GuidOrder) -> None:
    assert Guid(raw=raw).uuid(order) == VALUE
    assert Guid.from_uuid(VALUE, order) == Guid(raw=raw)


def test_the_order_is_recognised_where_the_bytes_allow_it() -> None:
    assert Guid(raw=IPMI).likely_order is GuidOrder.IPMI
    assert Guid(raw=SMBIOS).likely_order is GuidOrder.SMBIOS
    # 22h at the place of SMBIOS's version nibble gives version 2 there, so reading order needs another example.
    assert Guid(raw=bytes.fromhex("00112233445546f78899aabbccddeeff")).likely_order is GuidOrder.RFC4122


def test_the_uuid_is_read_in_the_likely_order_unless_told_otherwise() -> None:
    assert Guid(raw=IPMI).uuid() == Guid(raw=SMBIOS).uuid() == VALUE


def test_bytes_that_are_no_uuid_are_read_as_the_specification_says() -> None:
    assert Guid(raw=bytes(16)).likely_order is GuidOrder.IPMI
    assert Guid(raw=bytes(range(0, 0x10, 1))).uuid(GuidOrder.IPMI).bytes == bytes(range(0x0F, -1, -1))


def test_a_guid_has_sixteen_bytes() -> None:
    with pytest.raises(LocalProtocolError, match="sixteen"):
        Guid(raw=bytes(15))


def test_both_commands_answer_with_a_guid() -> None:
    assert GetDeviceGuid().decode_response(IPMI) == GetSystemGuid().decode_response(IPMI) == Guid(raw=IPMI)
    assert Guid(raw=IPMI).encode() == IPMI
