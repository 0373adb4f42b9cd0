"""The frame reader."""

from __future__ import annotations

import pytest

from conduit.tunnel.frames import END_HEADERS, MAX_CONTROL, PADDED, PREFACE, ErrorCode, FrameType, Violation
from conduit.tunnel.reader import MAX_CONTINUATIONS, FrameReader
from tests.fakes.mux_pair import data, frame

SETTINGS = frame(FrameType.SETTINGS)
PING = frame(FrameType.PING, payload=b"12345678")


class Heard:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        self.calls.append(("data", stream_id, length, flags))

    def body(self, data: memoryview, *, last: bool) -> None:
        self.calls.append(("body", bytes(data), last))

    def whole_data(self, stream_id: int, data: memoryview) -> None:
        self.begin_data(stream_id, len(data), 0)
        self.body(data, last=True)

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        self.calls.append((bytes(frame), kind, flags, stream_id))


def settled() -> tuple[FrameReader, Heard]:
    heard = Heard()
    reader = FrameReader(heard)
    reader.receive(memoryview(SETTINGS))
    heard.calls.clear()
    return reader, heard


def test_data_comes_in_pieces_without_waiting_for_the_frame() -> None:
    reader, heard = settled()
    sent = data(3, b"0123456789", end=True)
    for piece in (sent[:4], sent[4:12], sent[12:]):
        reader.receive(memoryview(piece))
    assert heard.calls == [("data", 3, 10, 1), ("body", b"012", False), ("body", b"3456789", True)]


def test_empty_data_has_no_body() -> None:
    reader, heard = settled()
    reader.receive(memoryview(data(3, b"") + data(5, b"x")))
    assert heard.calls == [("data", 3, 0, 0), ("data", 5, 1, 0), ("body", b"x", True)]


@pytest.mark.parametrize("size", [1, 2, 5, 9, 10, 100])
def test_other_frames_come_as_a_whole_however_they_are_cut(size: int) -> None:
    reader, heard = settled()
    padded = frame(FrameType.DATA, PADDED, 7, b"\x01x\0")
    sent = PING + frame(FrameType.SETTINGS, 1) + padded + PING
    for at in range(0, len(sent), size):
        reader.receive(memoryview(sent[at : at + size]))
    assert heard.calls == [
        (PING, FrameType.PING, 0, 0),
        (frame(FrameType.SETTINGS, 1), FrameType.SETTINGS, 1, 0),
        (padded, FrameType.DATA, PADDED, 7),
        (PING, FrameType.PING, 0, 0),
    ]


@pytest.mark.parametrize("size", [1, 7, 24, 25, 200])
def test_the_preface_comes_first(size: int) -> None:
    heard = Heard()
    reader = FrameReader(heard, PREFACE)
    sent = PREFACE + SETTINGS
    for at in range(0, len(sent), size):
        assert not reader.is_settled
        reader.receive(memoryview(sent[at : at + size]))
    assert reader.is_settled
    assert heard.calls == [(SETTINGS, FrameType.SETTINGS, 0, 0)]


def test_another_preface_is_an_error_at_its_first_wrong_byte() -> None:
    reader = FrameReader(Heard(), PREFACE)
    reader.receive(memoryview(b"P"))
    with pytest.raises(Violation, match="preface"):
        reader.receive(memoryview(b"O"))


@pytest.mark.parametrize("first", [PING, frame(FrameType.SETTINGS, 1), data(1, b"x"), data(1, b"")])
def test_the_first_frame_is_settings(first: bytes) -> None:
    with pytest.raises(Violation, match="not SETTINGS") as caught:
        FrameReader(Heard()).receive(memoryview(first))
    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "second",
    [
        PING,
        data(1, b"x"),
        data(1, b""),
        frame(FrameType.DATA, PADDED, 1, b"\0x"),
        frame(FrameType.WINDOW_UPDATE, payload=b"\0\0\0\1"),
        frame(FrameType.HEADERS, 0, 1),
        frame(FrameType.CONTINUATION, END_HEADERS, 3),
        frame(0xEE, 0, 1),
    ],
)
def test_nothing_interrupts_a_block_of_headers(second: bytes) -> None:
    reader, _ = settled()
    reader.receive(memoryview(frame(FrameType.HEADERS, 0, 1, b"x")))
    with pytest.raises(Violation, match="block of headers is interrupted") as caught:
        reader.receive(memoryview(second))
    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


def test_continuation_needs_headers() -> None:
    reader, _ = settled()
    with pytest.raises(Violation, match="continued from nowhere"):
        reader.receive(memoryview(frame(FrameType.CONTINUATION, END_HEADERS, 1)))


def test_a_block_ends_with_end_headers() -> None:
    reader, heard = settled()
    reader.receive(memoryview(frame(FrameType.HEADERS, 0, 1) + frame(FrameType.CONTINUATION, 0, 1)))
    reader.receive(memoryview(frame(FrameType.CONTINUATION, END_HEADERS, 1) + PING))
    assert [call[1] for call in heard.calls] == [1, 9, 9, 6]


def test_a_block_of_many_frames_is_a_flood() -> None:
    reader, _ = settled()
    reader.receive(memoryview(frame(FrameType.HEADERS, 0, 1)))
    reader.receive(memoryview(frame(FrameType.CONTINUATION, 0, 1) * MAX_CONTINUATIONS))
    with pytest.raises(Violation, match="without end") as caught:
        reader.receive(memoryview(frame(FrameType.CONTINUATION, 0, 1)))
    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


def test_a_block_of_many_bytes_is_a_flood() -> None:
    reader, _ = settled()
    reader.receive(memoryview(frame(FrameType.HEADERS, 0, 1, bytes(MAX_CONTROL))))
    with pytest.raises(Violation, match="without end") as caught:
        reader.receive(memoryview(frame(FrameType.CONTINUATION, 0, 1, b"x")))
    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


def test_a_frame_that_is_too_long_is_not_waited_for() -> None:
    reader, _ = settled()
    with pytest.raises(Violation, match="16777215 bytes") as caught:
        reader.receive(memoryview(b"\xff\xff\xff\x01\0\0\0\0\1"))
    assert caught.value.code == ErrorCode.FRAME_SIZE_ERROR


@pytest.mark.parametrize("start", [b"\xff\xff\xff\0\0\0\0\0\1", b"\0\0\1\0\0\0\0\0\0"])
def test_data_is_neither_too_long_nor_on_stream_0(start: bytes) -> None:
    reader, _ = settled()
    with pytest.raises(Violation):
        reader.receive(memoryview(start))
