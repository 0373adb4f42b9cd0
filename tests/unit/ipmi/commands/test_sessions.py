from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands.sessions import (
    ActiveSession,
    GetSessionInfo,
    LanPeer,
    SerialActivity,
    SerialPeer,
    SessionInfo,
    SessionProtocol,
)
from conduit.rmcp.privilege import Privilege

HEAD = bytes.fromhex("05 0f 02")
LAN = bytes.fromhex("02 04 11 0a 00 00 07 52 54 00 12 34 56 6f 02")


def test_a_lan_session_is_decoded_field_by_field() -> None:
    info = GetSessionInfo().decode_response(HEAD + LAN)
    peer = LanPeer(address=IPv4Address("10.0.0.7"), mac=bytes.fromhex("525400123456"), port=623)
    session = ActiveSession(
        user_id=2, privilege=Privilege.ADMINISTRATOR, protocol=SessionProtocol.RMCP_PLUS, channel=1, peer=peer
    )
    assert info == SessionInfo(handle=5, slots=15, active_sessions=2, session=session)
    assert info.encode() == HEAD + LAN
    assert peer.mac_text == "52:54:00:12:34:56"


def test_an_empty_place_has_only_the_tables_size() -> None:
    info = SessionInfo.decode(b"\x00\x0f\x02")
    assert info.session is None
    assert info.encode() == b"\x00\x0f\x02"


def test_a_session_may_come_without_its_peer() -> None:
    info = SessionInfo.decode(HEAD + LAN[:3])
    assert info.session is not None
    assert info.session.peer is None
    assert info.encode() == HEAD + LAN[:3]


@pytest.mark.parametrize(("tail", "port"), [("", None), ("6f 02", 623)])
def test_a_serial_session_may_have_a_port(tail: str, port: int | None) -> None:
    data = HEAD + bytes.fromhex("02 03 04 01 03 c0 00 02 01" + tail)
    info = SessionInfo.decode(data)
    assert info.session is not None
    assert info.session.peer == SerialPeer(
        activity=SerialActivity.IPMI_SESSION, destination=3, address=IPv4Address("192.0.2.1"), port=port
    )
    assert info.encode() == data


@pytest.mark.parametrize("size", [4, 5, 7, 11, 13])
def test_part_of_a_session_or_a_peer_is_an_error(size: int) -> None:
    with pytest.raises(DecodeError, match="truncated"):
        SessionInfo.decode((HEAD + LAN)[:size])


def test_bytes_after_a_lan_peer_are_ignored() -> None:
    assert SessionInfo.decode(HEAD + LAN + b"\x00") == SessionInfo.decode(HEAD + LAN)


@pytest.mark.parametrize(
    ("request_", "data"),
    [
        (GetSessionInfo(), "00"),
        (GetSessionInfo(index=3), "03"),
        (GetSessionInfo(handle=5), "fe 05"),
        (GetSessionInfo(session_id=0x01020304), "ff 04 03 02 01"),
    ],
)
def test_a_session_is_looked_up_in_four_ways(request_: GetSessionInfo, data: str) -> None:
    assert request_.encode() == bytes.fromhex(data)
    assert GetSessionInfo.decode(bytes.fromhex(data)) == request_


@pytest.mark.parametrize("data", ["fe", "ff 04 03 02"])
def test_a_lookup_without_its_key_is_an_error(data: str) -> None:
    with pytest.raises(DecodeError, match="truncated"):
        GetSessionInfo.decode(bytes.fromhex(data))


def test_a_session_is_not_looked_up_in_two_ways_at_once() -> None:
    with pytest.raises(LocalProtocolError, match="not by two"):
        GetSessionInfo(handle=0, session_id=0)
    with pytest.raises(LocalProtocolError, match="session index is 254"):
        GetSessionInfo(index=0xFE)


def test_a_mac_address_has_six_bytes() -> None:
    with pytest.raises(LocalProtocolError, match="six bytes"):
        LanPeer(address=IPv4Address(0), mac=b"", port=0)
