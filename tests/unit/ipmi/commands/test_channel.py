from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.channel import (
    AccessMode,
    ChannelAccess,
    ChannelInfo,
    ChannelMedium,
    ChannelProtocol,
    GetChannelAccess,
    GetChannelInfo,
    SessionSupport,
    SetChannelAccess,
    Store,
)
from conduit.ipmi.messages import PrivilegeLimit

LAN = ChannelInfo(
    channel=1,
    medium=ChannelMedium.LAN,
    protocol=ChannelProtocol.IPMB,
    session_support=SessionSupport.MULTI_SESSION,
    active_sessions=3,
)
LAN_BYTES = bytes.fromhex("01 04 01 83 f2 1b 00 00 00")


def test_a_lan_channel_is_decoded_field_by_field() -> None:
    assert GetChannelInfo(channel=1).decode_response(LAN_BYTES) == LAN
    assert LAN.encode() == LAN_BYTES


def test_a_channel_is_told_in_words() -> None:
    assert (LAN.medium_text, LAN.protocol_text, LAN.session_support_text) == ("802.3 LAN", "IPMB-1.0", "multi session")


def test_oem_and_reserved_media_say_so() -> None:
    other = ChannelInfo(channel=2, medium=0x60, protocol=0x1C, session_support=0)
    assert (other.medium_text, other.protocol_text) == ("OEM (0x60)", "OEM (0x1c)")
    reserved = ChannelInfo(channel=2, medium=0x0D, protocol=0x03, session_support=0)
    assert (reserved.medium_text, reserved.protocol_text) == ("unknown (0x0d)", "unknown (0x03)")


def test_reserved_bits_of_channel_info_are_ignored() -> None:
    assert ChannelInfo.decode(bytes.fromhex("f1 84 e1 83 f2 1b 00 00 00")) == LAN


def test_auxiliary_info_has_two_bytes() -> None:
    with pytest.raises(LocalProtocolError, match="two bytes"):
        ChannelInfo(channel=0, medium=1, protocol=1, session_support=0, aux_info=b"\x00")


def test_the_present_channel_is_asked_about_by_default() -> None:
    assert GetChannelInfo().encode() == b"\x0e"
    assert GetChannelInfo.decode(b"\xf1") == GetChannelInfo(channel=1)
    with pytest.raises(LocalProtocolError, match="channel is 16"):
        GetChannelInfo(channel=16)


def test_channel_access_inverts_its_disable_bits() -> None:
    access = GetChannelAccess().decode_response(b"\x2a\x04")
    assert access == ChannelAccess(
        access_mode=AccessMode.ALWAYS_AVAILABLE,
        pef_alerting=False,
        per_message_authentication=True,
        user_level_authentication=False,
        privilege_limit=PrivilegeLimit.ADMINISTRATOR,
    )
    assert access.encode() == b"\x2a\x04"


def test_channel_access_can_switch_per_message_authentication_off() -> None:
    assert ChannelAccess(per_message_authentication=False).encode() == b"\x12\x04"
    assert not ChannelAccess.decode(b"\x12\x04").per_message_authentication


@pytest.mark.parametrize(("store", "data"), [(Store.VOLATILE, b"\x01\x80"), (Store.NON_VOLATILE, b"\x01\x40")])
def test_either_copy_of_the_access_settings_can_be_read(store: Store, data: bytes) -> None:
    request = GetChannelAccess(channel=1, store=store)
    assert request.encode() == data
    assert GetChannelAccess.decode(data) == request


def test_settings_and_limit_are_stored_separately() -> None:
    access = ChannelAccess(access_mode=AccessMode.SHARED, privilege_limit=PrivilegeLimit.OPERATOR)
    request = SetChannelAccess(channel=1, access=access, settings_store=Store.NON_VOLATILE, limit_store=Store.NO_CHANGE)
    assert request.encode() == b"\x01\x43\x03"
    assert SetChannelAccess.decode(b"\x01\x43\x03") == request
