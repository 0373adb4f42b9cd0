from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands.messaging import (
    GetBmcGlobalEnables,
    GetMessage,
    GlobalEnables,
    MasterWriteRead,
    ReceivedMessage,
    SendMessage,
    SetBmcGlobalEnables,
    Tracking,
)
from conduit.ipmi.messages import RawData
from conduit.rmcp.privilege import Privilege


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        (SendMessage(message=b"hi"), 0x00),
        (SendMessage(channel=7, tracking=Tracking.REQUEST, message=b"hi"), 0x47),
        (SendMessage(tracking=Tracking.RAW, encrypted=True, message=b"hi"), 0xA0),
        (SendMessage(authenticated=True, message=b"hi"), 0x10),
    ],
)
def test_a_message_follows_its_channel_and_flags(request_: SendMessage, head: int) -> None:
    assert request_.encode() == bytes((head,)) + b"hi"
    assert SendMessage.decode(request_.encode()) == request_


def test_what_a_bridged_device_answers_is_left_alone() -> None:
    assert SendMessage(message=b"").decode_response(b"\x01\x02") == RawData(data=b"\x01\x02")


def test_a_received_message_has_a_channel_and_a_privilege() -> None:
    message = GetMessage().decode_response(b"\x41hi")
    assert message == ReceivedMessage(channel=1, privilege=Privilege.ADMINISTRATOR, message=b"hi")
    assert message.encode() == b"\x41hi"


def test_an_i2c_transfer_names_bus_device_and_count() -> None:
    request = MasterWriteRead(channel=1, bus=2, private=True, address=0xA0, read_count=16, data=b"\x00\x01")
    assert request.encode() == b"\x15\xa0\x10\x00\x01"
    assert MasterWriteRead.decode(request.encode()) == request


def test_an_i2c_address_is_even() -> None:
    with pytest.raises(LocalProtocolError, match="device address"):
        MasterWriteRead(address=0xA1)


def test_an_i2c_write_fits_into_a_request() -> None:
    with pytest.raises(LocalProtocolError, match="253 bytes"):
        MasterWriteRead(address=0xA0, data=bytes(253))


@pytest.mark.parametrize(
    ("enables", "data"),
    [
        (GlobalEnables(receive_queue_interrupt=True), 0x01),
        (GlobalEnables(event_buffer_interrupt=True), 0x02),
        (GlobalEnables(event_buffer=True), 0x04),
        (GlobalEnables(event_logging=True), 0x08),
        (GlobalEnables(oem=0b101), 0xA0),
    ],
)
def test_every_enable_has_its_bit(enables: GlobalEnables, data: int) -> None:
    assert SetBmcGlobalEnables(enables=enables).encode() == bytes((data,))
    assert SetBmcGlobalEnables.decode(bytes((data,))).enables == enables
    assert GetBmcGlobalEnables().decode_response(bytes((data,))) == enables
