"""A display's session in a file, which can be entered at any of its segments (docs/protocol/rfb-recording.md).

A segment begins with the size of the picture and all of it, and needs nothing that comes before: what servers send is
encoded again, because zlib's streams cannot be entered in the middle.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import BinaryIO, Final, NamedTuple

from conduit.errors import DecodeError
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import BELL, ServerInit
from conduit.rfb.server_messages import FramebufferUpdated, ServerMessageReader

MAGIC: Final = b"CNDTRFB1"
END_MAGIC: Final = b"CNDTRFBE"
HEAD: Final = struct.Struct(">8sQ")  # magic | milliseconds since 1970
RECORD: Final = struct.Struct(">B3xIQ")  # kind | bytes that follow | microseconds since the beginning
ENTRY: Final = struct.Struct(">QQ")  # of the index: microseconds | where the segment begins in the file
TRAILER: Final = struct.Struct(">8sQ")  # magic | where the index begins in the file
MAX_RECORD: Final = 1 << 28  # bytes
SEGMENT: Final = 10.0  # seconds, at least, from one whole picture to the next


class Kind(IntEnum):
    """What a record holds."""

    SEGMENT = 1
    "ServerInit: a new picture, and new zlib streams."
    SERVER = 2
    "Whole messages of the server."
    CLIENT = 3
    "A whole message of the viewer."
    INDEX = 4
    "Where the segments are; the last record."


class Record(NamedTuple):
    """One of them."""

    kind: int
    seconds: float
    data: bytes


class RecordingWriter:
    """Writes a file as the session goes on.

    :param file: may be a pipe; nothing is ever written twice.
    :param picture: what is updated; its state begins the recording.
    :param started: milliseconds since 1970.
    :param now: the caller's monotonic clock, in seconds.
    """

    def __init__(self, file: BinaryIO, picture: Framebuffer, *, started: int, now: float, name: str = "") -> None:
        self._file = file
        self._picture = picture
        self._name = name
        self._began = now
        self._index: list[tuple[int, int]] = []
        self.size = 0
        "Bytes written."
        self._write(HEAD.pack(MAGIC, started))
        self._begin_segment(now)

    def updated(self, areas: Iterable[Area], now: float) -> None:
        """The picture has changed there; it may have become smaller since."""
        in_segment = self.size - self._segment_at
        if now - self._segment_began >= SEGMENT and in_segment >= 2 * self._whole_size:
            self._begin_segment(now)
        else:
            self._record(Kind.SERVER, self._encoder.encode(self._picture, self._picture.inside(areas)), now)

    def resized(self, now: float) -> None:
        """It may have another size; some servers say the same again and again."""
        if (self._picture.width, self._picture.height) != self._segment_size:
            self._begin_segment(now)

    def belled(self, now: float) -> None:
        """The bell rang."""
        self._record(Kind.SERVER, BELL, now)

    def typed(self, message: bytes, now: float) -> None:
        """The viewer said something; passwords are among it."""
        self._record(Kind.CLIENT, message, now)

    def close(self, now: float) -> None:
        """Write the index; without it a recording can be read, but is searched through for its segments."""
        at = self.size
        self._record(Kind.INDEX, b"".join(ENTRY.pack(*each) for each in self._index), now)
        self._write(TRAILER.pack(END_MAGIC, at))

    def _begin_segment(self, now: float) -> None:
        picture = self._picture
        self._index.append((self._microseconds(now), self.size))
        self._segment_at, self._segment_began = self.size, now
        self._segment_size = (picture.width, picture.height)
        self._encoder = UpdateEncoder()
        self._encoder.set_encodings([Encoding.ZRLE])
        init = ServerInit(picture.width, picture.height, PixelFormat.BGRX, self._name)
        self._record(Kind.SEGMENT, init.encode(), now)
        self._record(Kind.SERVER, self._encoder.encode(picture, [picture.whole]), now)
        self._whole_size = self.size - self._segment_at

    def _record(self, kind: Kind, data: bytes, now: float) -> None:
        self._write(RECORD.pack(kind, len(data), self._microseconds(now)) + data)
        self._file.flush()  # who is stopped has recorded until then

    def _microseconds(self, now: float) -> int:
        return round((now - self._began) * 1e6)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)


@dataclass(slots=True)
class Frame:
    """What was to be seen from then on; the picture is changed when the next frame is asked for."""

    seconds: float
    picture: Framebuffer = field(repr=False)
    areas: tuple[Area, ...]


class Recording:
    """Reads one.

    :param file: can be entered anywhere.
    :raises DecodeError: it is none.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        head = self._read_at(0, HEAD.size)
        if head[:8] != MAGIC:
            raise DecodeError("this is no recording of a display")
        self.started: int = HEAD.unpack(head)[1]
        "Milliseconds since 1970."
        self.duration = 0.0
        "Seconds."
        self._segments = self._find_index() or self._search()
        if not self._segments:
            raise DecodeError("the recording has no picture", offset=HEAD.size)

    @property
    def segments(self) -> list[float]:
        """Seconds at which there is a whole picture."""
        return [seconds for seconds, _ in self._segments]

    def records(self, start: float = 0.0) -> Iterator[Record]:
        """All from the beginning of the segment in which *start* is.

        :raises DecodeError: the file is damaged.
        """
        at = max((offset for seconds, offset in self._segments if seconds <= start), default=self._segments[0][1])
        for record, _ in self._walk(at):
            yield record

    def frames(self, start: float = 0.0) -> Iterator[Frame]:
        """All pictures that were to be seen at *start* and later.

        :raises DecodeError: the file is damaged.
        """
        reader: ServerMessageReader | None = None
        last: Frame | None = None
        for record in self.records(start):
            if record.kind == Kind.SEGMENT:
                init = ServerInit.decode(record.data)
                reader = ServerMessageReader(Framebuffer(init.width, init.height))
            elif record.kind == Kind.SERVER and reader is not None:
                if last is not None and record.seconds > start:
                    yield last
                    last = None
                areas = [area for event in reader.receive_data(record.data)
                         if isinstance(event, FramebufferUpdated) for area in event.areas]  # fmt: skip
                reader.receive_eof()
                if areas:
                    last = Frame(max(record.seconds, start), reader.picture, tuple(areas))
        if last is not None:
            yield last

    def frame_at(self, seconds: float) -> Framebuffer:
        """What was to be seen then."""
        for frame in self.frames(seconds):
            return frame.picture
        raise DecodeError("the recording has no picture")

    # --- the file ---

    def _find_index(self) -> list[tuple[float, int]]:
        """By the trailer, or nothing."""
        with suppress(DecodeError):
            magic, at = TRAILER.unpack(self._read_at(self._size - TRAILER.size, TRAILER.size))
            record, _ = next(self._walk(at), (None, 0)) if magic == END_MAGIC else (None, 0)
            if record is not None and record.kind == Kind.INDEX:
                self.duration = record.seconds
                return self._decode_index(record.data)
        return []

    def _decode_index(self, data: bytes) -> list[tuple[float, int]]:
        if len(data) % ENTRY.size:
            raise DecodeError("a damaged index")
        entries = list(ENTRY.iter_unpack(data))
        if any(self._read_at(at, 1)[0] != Kind.SEGMENT for _, at in entries):
            raise DecodeError("an index that leads astray")
        return [(time / 1e6, at) for time, at in entries]

    def _search(self) -> list[tuple[float, int]]:
        """Through the whole file, as far as it is whole."""
        found = []
        with suppress(DecodeError):
            for record, at in self._walk(HEAD.size):
                self.duration = record.seconds
                if record.kind == Kind.SEGMENT:
                    found.append((record.seconds, at))
        return found

    def _walk(self, at: int) -> Iterator[tuple[Record, int]]:
        """Records from there on, each with its place."""
        while at + RECORD.size <= self._size:
            kind, length, time = RECORD.unpack(self._read_at(at, RECORD.size))
            if length > MAX_RECORD:
                raise DecodeError(f"a record of {length} bytes, {MAX_RECORD} are allowed", offset=at)
            if at + RECORD.size + length > self._size:
                return  # who recorded was stopped while it wrote
            yield Record(kind, time / 1e6, self._read_at(at + RECORD.size, length)), at
            if kind == Kind.INDEX:
                return
            at += RECORD.size + length

    def _read_at(self, at: int, count: int) -> bytes:
        if not 0 <= at <= self._size - count:
            raise DecodeError("the recording is cut off", offset=max(at, 0))
        self._file.seek(at)
        return self._file.read(count)
