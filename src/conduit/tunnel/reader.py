"""Finds frames in a stream of bytes that comes in pieces of any size (RFC 9113, section 4.1).

DATA is given on as it comes, piece by piece and without waiting for the end of its frame; every other frame is
collected first.
"""

from __future__ import annotations

from typing import Final, Protocol

from conduit.tunnel.frames import HEADER, MAX_CONTROL, MAX_DATA, PADDED, STREAM_ID_MASK, ErrorCode, FrameType, Violation

_DATA: Final = int(FrameType.DATA)
_HEADERS: Final = int(FrameType.HEADERS)
_CONTINUATION: Final = int(FrameType.CONTINUATION)
_END_HEADERS: Final = 0x04
_HEADER_SIZE: Final = HEADER.size


class FrameHandler(Protocol):
    """Who hears of frames."""

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        """A DATA frame without padding starts; :meth:`body` brings its *length* bytes, if there are any."""
        ...

    def body(self, data: memoryview, *, last: bool) -> None:
        """Bytes of that frame, which are only lent; *last* says whether they complete it."""
        ...

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        """Any other frame, header and all; it is only lent."""
        ...


class FrameReader:
    """Splits the bytes of one connection. Between HEADERS and END_HEADERS only CONTINUATION may come (section 6.10)."""

    __slots__ = ("_data_left", "_handler", "_in_headers", "_partial")

    def __init__(self, handler: FrameHandler) -> None:
        self._handler = handler
        self._partial = bytearray()  # of a frame that has not come as a whole
        self._data_left = 0
        self._in_headers = False

    def receive(self, data: memoryview) -> None:
        """Take bytes.

        :raises Violation: a frame is too long, or DATA interrupts a block of headers.
        """
        at, end = 0, len(data)
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
                    self._begin_data(stream_id & STREAM_ID_MASK, length, flags)
                elif end - at >= _HEADER_SIZE + length:
                    stop = at + _HEADER_SIZE + length
                    self._receive_frame(data[at:stop], kind, flags, stream_id & STREAM_ID_MASK)
                    at = stop
                else:
                    at += self._receive_part(data[at:])

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
            self._begin_data(stream_id, length, flags)
            return taken
        _check_length(kind, length)
        more = min(_HEADER_SIZE + length - len(partial), len(data) - taken)
        partial += data[taken : taken + more]
        if len(partial) == _HEADER_SIZE + length:
            frame = bytes(partial)
            partial.clear()
            self._receive_frame(memoryview(frame), kind, flags, stream_id)
        return taken + int(more)

    def _begin_data(self, stream_id: int, length: int, flags: int) -> None:
        _check_length(_DATA, length)
        if self._in_headers:
            raise Violation("DATA inside a block of headers", ErrorCode.PROTOCOL_ERROR)
        self._data_left = length
        self._handler.begin_data(stream_id, length, flags)

    def _receive_body(self, data: memoryview) -> int:
        count = len(data)
        self._data_left -= count
        self._handler.body(data, last=not self._data_left)
        return count

    def _receive_frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        _check_length(kind, len(frame) - _HEADER_SIZE)
        if self._in_headers or kind == _HEADERS:
            self._in_headers = not (flags & _END_HEADERS and kind in (_HEADERS, _CONTINUATION))
        self._handler.frame(frame, kind, flags, stream_id)


def _check_length(kind: int, length: int) -> None:
    most = MAX_DATA if kind == _DATA else MAX_CONTROL
    if length > most:
        raise Violation(f"a frame of {length} bytes, where {most} are allowed", ErrorCode.FRAME_SIZE_ERROR)
