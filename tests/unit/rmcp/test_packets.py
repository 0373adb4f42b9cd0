"""RMCP, ASF and the two session headers: known bytes, and every way to be cut short or foreign."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError
from conduit.rmcp.packets import (
    AuthType,
    LanPacket,
    PlusPacket,
    PresencePing,
    PresencePong,
    RmcpHeader,
    decode_lan_packet,
    decode_plus_packet,
    decode_rmcp_header,
    encode_ack,
    encode_lan_packet,
    encode_plus_packet,
    require_ipmi,
)

PING = bytes.fromhex("0600ff06 000011be 80 2a 00 00")
PONG = bytes.fromhex("0600ff06 000011be 40 2a 00 10 000011be 00000000 81 00 000000000000")
LAN = bytes.fromhex("0600ff07 02 44332211 88776655 000102030405060708090a0b0c0d0e0f 03 aabbcc")
LAN_NONE = bytes.fromhex("0600ff07 00 00000000 00000000 02 aabb")
PLUS = bytes.fromhex("0600ff07 06 12 00000000 00000000 0300 aabbcc")


def test_rmcp_header_is_decoded() -> None:
    assert decode_rmcp_header(bytes.fromhex("06000a87ff")) == RmcpHeader(0x0A, 0x07, is_ack=True)
    assert decode_rmcp_header(bytes.fromhex("0600ff06")) == RmcpHeader(0xFF, 0x06, is_ack=False)


@pytest.mark.parametrize("length", range(4))
def test_rmcp_header_cut_short_is_a_decode_error(length: int) -> None:
    with pytest.raises(DecodeError, match="truncated RMCP header"):
        decode_rmcp_header(b"\x06\x00\xff\x07"[:length])


def test_other_rmcp_version_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="RMCP version 0x05 instead of 0x06"):
        decode_rmcp_header(b"\x05\x00\xff\x07")


def test_acknowledge_repeats_sequence_and_class() -> None:
    assert encode_ack(RmcpHeader(0x21, 0x07, is_ack=False)) == bytes.fromhex("06002187")


@pytest.mark.parametrize("header", ["0600ff06", "0600ff87", "0600ff08"])
def test_only_ipmi_passes_for_ipmi(header: str) -> None:
    with pytest.raises(DecodeError, match="not an IPMI message"):
        require_ipmi(bytes.fromhex(header))
    require_ipmi(bytes.fromhex("0600ff07"))


def test_ping_has_the_bytes_of_the_specification() -> None:
    assert PresencePing(tag=0x2A).encode() == PING
    assert PresencePing.decode(PING) == PresencePing(tag=0x2A)


def test_pong_has_the_bytes_of_the_specification() -> None:
    assert PresencePong(tag=0x2A).encode() == PONG
    assert PresencePong.decode(PONG) == PresencePong(tag=0x2A)


def test_pong_tells_who_defines_its_oem_field_and_what_is_served() -> None:
    pong = PresencePong(tag=1, enterprise=674, oem=0xDEADBEEF, ipmi=False, security_extensions=True)
    assert PresencePong.decode(pong.encode()) == pong


def test_pong_is_not_missed_its_last_reserved_bytes() -> None:
    short = bytearray(PONG[:22])
    short[11] = 10
    assert PresencePong.decode(bytes(short)) == PresencePong(tag=0x2A)


@pytest.mark.parametrize("length", range(len(PONG)))
def test_pong_cut_short_is_a_decode_error(length: int) -> None:
    with pytest.raises(DecodeError):
        PresencePong.decode(PONG[:length])


def test_pong_that_owns_up_to_too_little_data_is_a_decode_error() -> None:
    short = bytearray(PONG)
    short[11] = 9
    with pytest.raises(DecodeError, match="truncated presence pong"):
        PresencePong.decode(bytes(short))


@pytest.mark.parametrize("length", range(len(PING)))
def test_ping_cut_short_is_a_decode_error(length: int) -> None:
    with pytest.raises(DecodeError):
        PresencePing.decode(PING[:length])


@pytest.mark.parametrize(
    ("place", "byte"), [(3, 0x07), (3, 0x86), (7, 0xBF), (8, 0x40)], ids=["class", "ack", "enterprise", "type"]
)
def test_asf_message_of_another_kind_is_not_a_ping(place: int, byte: int) -> None:
    other = bytearray(PING)
    other[place] = byte
    with pytest.raises(DecodeError):
        PresencePing.decode(bytes(other))


def test_lan_packet_has_the_bytes_of_the_specification() -> None:
    packet = LanPacket(AuthType.MD5, 0x11223344, 0x55667788, bytes(range(16)), b"\xaa\xbb\xcc")
    assert decode_lan_packet(LAN) == packet
    sent = encode_lan_packet(
        packet.payload, auth_type=2, sequence=0x11223344, session_id=0x55667788, auth_code=packet.auth_code
    )
    assert sent == LAN


def test_lan_packet_without_authentication_has_no_code() -> None:
    assert decode_lan_packet(LAN_NONE) == LanPacket(AuthType.NONE, 0, 0, b"", b"\xaa\xbb")
    assert encode_lan_packet(b"\xaa\xbb") == LAN_NONE


def test_legacy_pad_after_a_lan_packet_is_read_past() -> None:
    assert decode_lan_packet(LAN_NONE + b"\0") == decode_lan_packet(LAN_NONE)


@pytest.mark.parametrize("packet", [LAN, LAN_NONE])
def test_lan_packet_cut_short_anywhere_is_a_decode_error(packet: bytes) -> None:
    for length in range(len(packet)):
        with pytest.raises(DecodeError):
            decode_lan_packet(packet[:length])


def test_rmcp_plus_is_not_taken_for_lan_nor_lan_for_rmcp_plus() -> None:
    with pytest.raises(DecodeError, match=r"RMCP\+ packet instead of an IPMI 1\.5 one"):
        decode_lan_packet(PLUS)
    with pytest.raises(DecodeError, match=r"auth type 0x02 instead of RMCP\+"):
        decode_plus_packet(LAN)


def test_plus_packet_outside_a_session_has_the_bytes_of_the_specification() -> None:
    assert decode_plus_packet(PLUS) == PlusPacket(0x12, b"\xaa\xbb\xcc")
    assert encode_plus_packet(0x12, b"\xaa\xbb\xcc") == PLUS


@pytest.mark.parametrize("length", range(len(PLUS)))
def test_plus_packet_cut_short_anywhere_is_a_decode_error(length: int) -> None:
    with pytest.raises(DecodeError):
        decode_plus_packet(PLUS[:length])


@pytest.mark.parametrize(
    ("place", "byte"), [(5, 0x92), (5, 0x52), (6, 1)], ids=["encrypted", "authenticated", "session ID"]
)
def test_packet_of_a_session_is_not_one_outside(place: int, byte: int) -> None:
    inside = bytearray(PLUS)
    inside[place] = byte
    with pytest.raises(DecodeError, match="a packet of a session"):
        decode_plus_packet(bytes(inside))


def test_repr_of_a_lan_packet_keeps_the_straight_password_to_itself() -> None:
    packet = decode_lan_packet(
        encode_lan_packet(b"x", auth_type=AuthType.STRAIGHT_PASSWORD, auth_code=b"sixteen bytes ok")
    )
    assert packet.auth_code == b"sixteen bytes ok"
    assert "sixteen" not in repr(packet)
    assert "payload=b'x'" in repr(packet)
