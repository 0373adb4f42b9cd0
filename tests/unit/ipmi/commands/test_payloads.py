"""Payload commands, byte by byte (tables 24-2 to 24-11)."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands import (
    ActivatePayload,
    ChannelPayloadSupport,
    ChannelPayloadVersion,
    DeactivatePayload,
    EncryptionOperation,
    PayloadAccessOperation,
    PayloadActivation,
    PayloadActivationStatus,
    PayloadInstanceInfo,
    SerialAlerts,
    SetPayloadEncryption,
    SetUserPayloadAccess,
    UserPayloadAccess,
)


def test_activation_of_sol_is_table_24_2() -> None:
    assert ActivatePayload.sol().encode() == bytes.fromhex("01 01 c4 00 00 00")
    request = ActivatePayload.sol(
        instance=2, encrypt=False, authenticate=False, test_mode=True, alerts=SerialAlerts.SUCCEED, deassert=True
    )
    assert request.encode() == bytes.fromhex("01 02 2a 00 00 00")
    assert DeactivatePayload().encode() == bytes.fromhex("01 01 00 00 00 00")


def test_the_activations_answer_is_little_endian_and_the_vlan_may_be_missing() -> None:
    data = bytes.fromhex("00 00 00 00 03 01 03 01 6f 02 ff ff")
    expected = PayloadActivation(inbound_size=259, outbound_size=259, port=623)
    assert PayloadActivation.decode(data) == PayloadActivation.decode(data[:10]) == expected
    assert expected.encode() == data


def test_instances_are_bits_from_the_first_up() -> None:
    status = PayloadActivationStatus.decode(bytes.fromhex("02 01 80"))
    assert status == PayloadActivationStatus(capacity=2, active=frozenset({1, 16}))


def test_instance_info_names_the_session() -> None:
    info = PayloadInstanceInfo.decode(bytes.fromhex("78 56 34 12 01"))
    assert (info.session_id, info.info) == (0x12345678, b"\1" + bytes(7))


def test_access_is_a_bit_for_each_payload_type() -> None:
    request = SetUserPayloadAccess(user_id=3, operation=PayloadAccessOperation.DISABLE)
    assert request.encode() == bytes.fromhex("0e 43 02 00 00 00")
    assert UserPayloadAccess.decode(bytes.fromhex("02 00 01 00")).sol
    assert not UserPayloadAccess(standard=1).sol


def test_channel_payloads() -> None:
    assert ChannelPayloadSupport.decode(bytes.fromhex("03 00 3f 00 01 00 00 00")).types == {0, 1, *range(16, 22), 32}
    assert ChannelPayloadVersion.decode(b"\x12") == ChannelPayloadVersion(major=1, minor=2)
    assert SetPayloadEncryption(operation=EncryptionOperation.RESUME).encode() == bytes.fromhex("01 01 01")


def test_what_the_caller_may_not_give() -> None:
    with pytest.raises(LocalProtocolError):
        ActivatePayload(instance=16)
    with pytest.raises(LocalProtocolError):
        ActivatePayload(aux=b"")
    with pytest.raises(DecodeError):
        SetUserPayloadAccess.decode(bytes(6))  # there is no user 0
