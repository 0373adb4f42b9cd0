from __future__ import annotations

import io
import struct

import pytest

from conduit.errors import DecodeError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area, KeyEvent
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.recording import ENTRY, HEAD, MAX_RECORD, RECORD, TRAILER, Kind, Recording, RecordingWriter
from conduit.rfb.server_heads import ServerInit
from tests.fakes.rfb_bytes import BLUE, GREEN, RED, chequered


class Recorder:
    """A file that is being written, and the picture that it is about."""

    def __init__(self, picture: Framebuffer | None = None) -> None:
        self.file = io.BytesIO()
        self.picture = picture or Framebuffer(4, 4)
        self.writer = RecordingWriter(self.file, self.picture, started=1_800_000_000_000, now=100.0, name="box")

    def paint(self, colour: bytes, now: float) -> None:
        self.picture.fill(self.picture.whole, colour)
        self.writer.updated([self.picture.whole], now)


def test_frames_come_back_with_their_times() -> None:
    recorder = Recorder()
    recorder.paint(RED, 101.0)
    recorder.paint(BLUE, 102.5)
    recorder.writer.close(103.0)
    recording = Recording(recorder.file)
    assert (recording.started, recording.duration) == (1_800_000_000_000, 3.0)
    assert recorder.writer.size == len(recorder.file.getvalue())
    frames = [(frame.seconds, frame.picture.crop(Area(0, 0, 1, 1))) for frame in recording.frames()]
    assert frames == [(0.0, bytes(4)), (1.0, RED), (2.5, BLUE)]
    assert [recording.frame_at(at).pixels[:4] for at in (0.0, 0.9, 1.0, 2.0, 99.0)] == [bytes(4)] * 2 + [RED] * 2 + [
        BLUE
    ]


def test_frames_from_a_time_on_begin_with_what_was_to_be_seen_then() -> None:
    recorder = Recorder()
    for second in range(1, 5):
        recorder.paint(bytes((second, 0, 0, 0)), 100.0 + second)
    recorder.writer.close(105.0)
    frames = [(frame.seconds, frame.picture.pixels[0]) for frame in Recording(recorder.file).frames(2.5)]
    assert frames == [(2.5, 2), (3.0, 3), (4.0, 4)]


def test_what_has_changed_in_a_picture_that_has_shrunk_since_is_what_is_left_of_it() -> None:
    recorder = Recorder(Framebuffer(40, 40))
    recorder.picture.resize(10, 20)
    recorder.picture.fill(recorder.picture.whole, RED)
    recorder.writer.updated([Area(0, 0, 40, 40), Area(20, 0, 5, 5), Area(5, 30, 2, 2)], 101.0)
    recorder.writer.resized(101.5)
    recorder.writer.close(102.0)
    recording = Recording(recorder.file)
    assert [frame.seconds for frame in recording.frames()] == [0.0, 1.0, 1.5]
    assert recording.frame_at(1.0).crop(Area(0, 0, 10, 20)) == recording.frame_at(1.5).pixels == recorder.picture.pixels


def test_a_size_that_is_said_again_begins_no_segment() -> None:
    recorder = Recorder()
    for second in range(5):
        recorder.writer.resized(101.0 + second)
    recorder.picture.resize(8, 4)
    recorder.writer.resized(106.0)
    recorder.writer.close(107.0)
    assert Recording(recorder.file).segments == [0.0, 6.0]


def test_long_recordings_have_several_segments_and_are_entered_at_any() -> None:
    recorder = Recorder(chequered(64, 64, 9))
    for second in range(1, 61):
        recorder.picture.blit(recorder.picture.whole, chequered(64, 64, 9 + second).pixels)
        recorder.writer.updated([recorder.picture.whole], 100.0 + second)
    recorder.writer.close(160.0)
    recording = Recording(recorder.file)
    assert recording.segments == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert recording.frame_at(35.5) == chequered(64, 64, 44)
    assert next(recording.records(35.5)).seconds == 30.0


def test_another_size_begins_a_segment() -> None:
    recorder = Recorder()
    recorder.picture.resize(8, 2)
    recorder.writer.resized(101.0)
    recorder.writer.close(101.0)
    recording = Recording(recorder.file)
    assert recording.segments == [0.0, 1.0]
    assert recording.frame_at(1.0) == Framebuffer(8, 2)


def test_bells_and_keys_are_records_but_no_frames() -> None:
    recorder = Recorder()
    recorder.writer.belled(101.0)
    recorder.writer.typed(KeyEvent(0x61, down=True).encode(), 102.0)
    recorder.writer.close(103.0)
    recording = Recording(recorder.file)
    kinds = [(record.kind, record.seconds) for record in recording.records()]
    assert kinds == [(Kind.SEGMENT, 0.0), (Kind.SERVER, 0.0), (Kind.SERVER, 1.0), (Kind.CLIENT, 2.0), (Kind.INDEX, 3.0)]
    assert len(list(recording.frames())) == 1


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    recorder = Recorder()
    recorder.paint(RED, 101.0)
    whole = recorder.writer.size
    recorder.paint(GREEN, 102.0)
    recorder.writer.close(103.0)
    data = recorder.file.getvalue()
    for cut in range(whole, len(data)):
        recording = Recording(io.BytesIO(data[:cut]))
        assert recording.frame_at(1.0).pixels[:4] == RED
        assert recording.duration >= 1.0


def test_records_of_the_future_are_passed_over() -> None:
    recorder = Recorder()
    recorder.writer._record(99, b"?", 101.0)  # type: ignore[arg-type]  # no such kind
    assert len(list(Recording(recorder.file).frames())) == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"\x89PNG" + bytes(20), "no recording of a display"),
        (HEAD.pack(b"CNDTRFB1", 0), "has no picture"),
        (HEAD.pack(b"CNDTRFB1", 0) + RECORD.pack(Kind.SEGMENT, MAX_RECORD + 1, 0), "has no picture"),
    ],
)
def test_what_is_no_recording_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        Recording(io.BytesIO(data))


@pytest.mark.parametrize("index", [b"\0" * 15, ENTRY.pack(0, 1 << 60), ENTRY.pack(0, 0)])
def test_a_damaged_index_does_no_harm(index: bytes) -> None:
    recorder = Recorder()
    at = recorder.writer.size
    recorder.writer._record(Kind.INDEX, index, 100.0)
    recorder.writer._write(TRAILER.pack(b"CNDTRFBE", at))
    assert Recording(recorder.file).frame_at(0.0) == recorder.picture


def test_a_trailer_that_leads_astray_does_no_harm() -> None:
    recorder = Recorder()
    recorder.writer.close(100.0)
    for astray in (HEAD.size, recorder.writer.size + 100, recorder.writer.size + 10):
        recorder.writer._write(TRAILER.pack(b"CNDTRFBE", astray))
        assert Recording(recorder.file).frame_at(0.0) == recorder.picture


def test_a_record_that_ends_in_a_message_is_refused() -> None:
    recorder = Recorder()
    recorder.writer._record(Kind.SERVER, struct.pack(">BxH", 0, 1), 101.0)
    recorder.writer.close(101.0)
    with pytest.raises(DecodeError, match="middle of a message"):
        list(Recording(recorder.file).frames())


def test_a_segment_without_a_picture_is_refused() -> None:
    file = io.BytesIO(HEAD.pack(b"CNDTRFB1", 0) + RECORD.pack(Kind.SEGMENT, 0, 0))
    with pytest.raises(DecodeError, match="ServerInit"):
        Recording(file).frame_at(0.0)
    init = ServerInit(1, 1, PixelFormat.BGRX, "").encode()
    file = io.BytesIO(HEAD.pack(b"CNDTRFB1", 0) + RECORD.pack(Kind.SEGMENT, len(init), 0) + init)
    with pytest.raises(DecodeError, match="has no picture"):
        Recording(file).frame_at(0.0)


def test_messages_before_any_segment_are_passed_over() -> None:
    file = io.BytesIO(HEAD.pack(b"CNDTRFB1", 0) + RECORD.pack(Kind.SERVER, 1, 0) + b"\x02")
    with pytest.raises(DecodeError, match="has no picture"):
        Recording(file)
