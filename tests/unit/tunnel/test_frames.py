"""Frames that the tunnel reads and writes for itself."""

from __future__ import annotations

import pytest
from hyperframe.frame import Frame, GoAwayFrame, PingFrame, WindowUpdateFrame

from conduit.errors import DecodeError
from conduit.tunnel.frames import (
    ACK,
    MAX_CONTROL,
    MAX_DATA,
    ErrorCode,
    FrameType,
    GoAway,
    Violation,
    check_header,
    decode_goaway,
    decode_increment,
    error_name,
    ping,
    strip_padding,
    window_update,
)


def parsed(data: bytes) -> Frame:
    frame, length = Frame.parse_frame_header(memoryview(data[:9]))
    assert length == len(data) - 9
    frame.parse_body(memoryview(data[9:]))
    return frame


def test_another_implementation_reads_window_update() -> None:
    frame = parsed(window_update(7, 0x7FFFFFFF))
    assert isinstance(frame, WindowUpdateFrame)
    assert (frame.stream_id, frame.window_increment) == (7, 0x7FFFFFFF)


def test_another_implementation_reads_ping() -> None:
    asked, answered = parsed(ping(b"12345678")), parsed(ping(b"12345678", ack=True))
    assert isinstance(asked, PingFrame)
    assert (asked.opaque_data, list(asked.flags)) == (b"12345678", [])
    assert list(answered.flags) == ["ACK"]


def test_another_implementation_reads_goaway() -> None:
    frame = parsed(GoAway(5, ErrorCode.ENHANCE_YOUR_CALM, b"why").encode())
    assert isinstance(frame, GoAwayFrame)
    assert (frame.last_stream_id, frame.error_code, frame.additional_data) == (5, 11, b"why")


def test_goaway_survives_the_round_trip() -> None:
    goaway = GoAway(5, 2, b"why")
    assert decode_goaway(goaway.encode()[9:]) == goaway


@pytest.mark.parametrize("length", range(8))
def test_a_truncated_goaway_is_an_error(length: int) -> None:
    with pytest.raises(DecodeError, match="truncated GOAWAY"):
        decode_goaway(bytes(length))


def test_the_reserved_bit_of_an_increment_means_nothing() -> None:
    assert decode_increment(b"\x80\x00\x00\x01") == 1


@pytest.mark.parametrize("payload", [b"", b"\0\0\1", b"\0\0\0\0", b"\x80\0\0\0", b"\0\0\0\0\1"])
def test_an_increment_is_four_bytes_and_not_zero(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_increment(payload)


def test_padding_is_stripped() -> None:
    assert strip_padding(b"\x02data\0\0") == b"data"
    assert strip_padding(b"\x00") == b""
    assert strip_padding(b"\x03\0\0\0") == b""


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x05data"])
def test_padding_fits_its_frame(payload: bytes) -> None:
    with pytest.raises(DecodeError, match="padding"):
        strip_padding(payload)


def test_codes_have_names() -> None:
    assert error_name(8) == "cancel"
    assert error_name(99) == "unknown code 0x63"


@pytest.mark.parametrize(
    ("kind", "length", "flags", "stream_id"),
    [
        (FrameType.DATA, MAX_DATA + 1, 0, 1),
        (FrameType.HEADERS, MAX_CONTROL + 1, 0, 1),
        (0xEE, MAX_CONTROL + 1, 0, 0),
        (FrameType.PING, 7, 0, 0),
        (FrameType.WINDOW_UPDATE, 5, 0, 0),
        (FrameType.RST_STREAM, 3, 0, 1),
        (FrameType.PRIORITY, 4, 0, 1),
        (FrameType.SETTINGS, 5, 0, 0),
        (FrameType.SETTINGS, 6, ACK, 0),
        (FrameType.GOAWAY, 7, 0, 0),
    ],
)
def test_a_frame_of_the_wrong_size_is_a_frame_size_error(kind: int, length: int, flags: int, stream_id: int) -> None:
    with pytest.raises(Violation) as caught:
        check_header(kind, length, flags, stream_id)
    assert caught.value.code == ErrorCode.FRAME_SIZE_ERROR


@pytest.mark.parametrize(
    ("kind", "length", "stream_id"),
    [
        (FrameType.DATA, 0, 0),
        (FrameType.HEADERS, 0, 0),
        (FrameType.PRIORITY, 5, 0),
        (FrameType.RST_STREAM, 4, 0),
        (FrameType.CONTINUATION, 0, 0),
        (FrameType.SETTINGS, 0, 1),
        (FrameType.PING, 8, 1),
        (FrameType.GOAWAY, 8, 1),
        (FrameType.PUSH_PROMISE, 4, 1),
    ],
)
def test_a_frame_that_does_not_belong_there_is_a_protocol_error(kind: int, length: int, stream_id: int) -> None:
    with pytest.raises(Violation) as caught:
        check_header(kind, length, 0, stream_id)
    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("kind", "length", "flags", "stream_id"),
    [
        (FrameType.DATA, MAX_DATA, 0, 1),
        (FrameType.SETTINGS, 12, 0, 0),
        (FrameType.SETTINGS, 0, ACK, 0),
        (FrameType.WINDOW_UPDATE, 4, 0, 0),
        (FrameType.WINDOW_UPDATE, 4, 0, 3),
        (0xEE, 3, 0xFF, 0),
        (0xEE, 3, 0xFF, 9),
    ],
)
def test_other_frames_may_come(kind: int, length: int, flags: int, stream_id: int) -> None:
    check_header(kind, length, flags, stream_id)
