"""Finds frames in a stream of bytes that comes in pieces of any size (RFC 9113, section 4.1).

DATA is given on as it comes, piece by piece and without waiting for the end of its frame; every other frame is
collected first. What a frame's header alone makes wrong is found before anything is collected. Before all frames comes
the preface, and the first frame is SETTINGS (section 3.4).
"""

from __future__ import annotations

from typing import Final, Protocol

from conduit.tunnel.frames import (
    ACK,
    END_HEADERS,
    HEADER,
    MAX_CONTROL,
    MAX_DATA,
    PADDED,
    STREAM_ID_MASK,
    ErrorCode,
    FrameType,
    Violation,
    check_header,
)

MAX_CONTINUATIONS: Final = 16  # frames after HEADERS that one block of headers may have
_DATA: Final = int(FrameType.DATA)
_HEADERS: Final = int(FrameType.HEADERS)
_CONTINUATION: Final = int(FrameType.CONTINUATION)
_HEADER_SIZE: Final = HEADER.size


class FrameHandler(Protocol):
    """Who hears of frames."""

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        """A DATA frame without padding starts; :meth:`body` brings its *length* bytes, if there are any."""
        ...

    def body(self, data: memoryview, *, last: bool) -> None:
        """Bytes of that frame, which are only lent; *last* says whether they complete it."""
        ...

    def whole_data(self, stream_id: int, data: memoryview) -> None:
        """All of a DATA frame without flags, in place of the other two; it is only lent, and is not empty."""
        ...

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        """Any other frame, header and all; it is only lent."""
        ...


class FrameReader:
    """Splits the bytes of one connection. Between HEADERS and END_HEADERS only CONTINUATION may come (section 6.10).

    :param preface: what comes before the first frame.
    """

    __slots__ = (
        "_block_frames",
        "_block_size",
        "_block_stream",
        "_data_left",
        "_handler",
        "_partial",
        "_preface",
        "is_settled",
    )

    def __init__(self, handler: FrameHandler, preface: bytes = b"") -> None:
        self._handler = handler
        self._preface = preface  # what must still come of it
        self.is_settled = False
        "Whether the preface and SETTINGS have come."
        self._partial = bytearray()  # of a frame that has not come as a whole
        self._data_left = 0
        self._block_stream = 0  # whose block of headers is not complete; 0 when there is none
        self._block_size = 0
        self._block_frames = 0

    def receive(self, data: memoryview) -> None:
        """Take bytes.

        :raises Violation: a frame cannot be what its header says, or interrupts a block of headers.
        """
        at, end = self._receive_preface(data) if self._preface else 0, len(data)
        while at < end:
            if self._data_left:
                at += self._receive_body(data[at : at + self._data_left])
            elif self._partial or end - at < _HEADER_SIZE:
                at += self._receive_part(data[at:])
            else:
                high, low, kind, flags, stream_id = HEADER.unpack_from(data, at)
                length = high << 8 | low
                if kind == _DATA and not flags & PADDED:
                    at += _HEADER_SIZE
                    at += self._begin_data(data[at : at + length], stream_id & STREAM_ID_MASK, length, flags)
                elif end - at >= _HEADER_SIZE + length:
                    stop = at + _HEADER_SIZE + length
                    self._check(kind, length, flags, stream_id & STREAM_ID_MASK)
                    self._receive_frame(data[at:stop], kind, flags, stream_id & STREAM_ID_MASK)
                    at = stop
                else:
                    at += self._receive_part(data[at:])

    def _receive_preface(self, data: memoryview) -> int:
        count = min(len(self._preface), len(data))
        if data[:count] != self._preface[:count]:
            raise Violation("not its preface", ErrorCode.PROTOCOL_ERROR)
        self._preface = self._preface[count:]
        return count

    def _receive_part(self, data: memoryview) -> int:
        """Collect a frame that comes in pieces; the bytes taken."""
        partial = self._partial
        taken = min(max(_HEADER_SIZE - len(partial), 0), len(data))
        partial += data[:taken]
        if len(partial) < _HEADER_SIZE:
            return taken
        high, low, kind, flags, stream_id = HEADER.unpack_from(partial)
        length = high << 8 | low
        stream_id &= STREAM_ID_MASK
        if kind == _DATA and not flags & PADDED:
            partial.clear()
            self._begin_data(data[:0], stream_id, length, flags)
            return taken
        if taken:
            self._check(kind, length, flags, stream_id)
        more = min(_HEADER_SIZE + length - len(partial), len(data) - taken)
        partial += data[taken : taken + more]
        if len(partial) == _HEADER_SIZE + length:
            frame = bytes(partial)
            partial.clear()
            self._receive_frame(memoryview(frame), kind, flags, stream_id)
        return taken + int(more)

    def _begin_data(self, data: memoryview, stream_id: int, length: int, flags: int) -> int:
        """A DATA frame starts, of which *data* is here; the bytes taken."""
        if length > MAX_DATA or self._block_stream or not stream_id or not self.is_settled:
            self._check(_DATA, length, flags, stream_id)  # which fails
        if not flags and 0 < length == len(data):
            self._handler.whole_data(stream_id, data)
            return length
        self._data_left = length
        self._handler.begin_data(stream_id, length, flags)
        return 0

    def _receive_body(self, data: memoryview) -> int:
        count = len(data)
        self._data_left -= count
        self._handler.body(data, last=not self._data_left)
        return count

    def _check(self, kind: int, length: int, flags: int, stream_id: int) -> None:
        """Whether a frame with this header may come now."""
        check_header(kind, length, flags, stream_id)
        if not self.is_settled and (kind != FrameType.SETTINGS or flags & ACK):
            raise Violation("its first frame is not SETTINGS", ErrorCode.PROTOCOL_ERROR)
        if bool(self._block_stream) != (kind == _CONTINUATION) or (self._block_stream or stream_id) != stream_id:
            raise Violation("a block of headers is interrupted, or continued from nowhere", ErrorCode.PROTOCOL_ERROR)

    def _receive_frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        self.is_settled = True  # or it would not have come so far
        if kind in (_HEADERS, _CONTINUATION):
            self._count_block(len(frame), kind)
            self._block_stream = 0 if flags & END_HEADERS else stream_id
        self._handler.frame(frame, kind, flags, stream_id)

    def _count_block(self, size: int, kind: int) -> None:
        if kind == _HEADERS:
            self._block_size = self._block_frames = 0
        else:
            self._block_frames += 1
        self._block_size += size
        if self._block_size > MAX_CONTROL + _HEADER_SIZE or self._block_frames > MAX_CONTINUATIONS:
            raise Violation("a block of headers without end", ErrorCode.ENHANCE_YOUR_CALM)
