"""The HTTP/2 frames that the tunnel reads and writes for itself (RFC 9113, section 4.1 and 6).

Every frame starts with nine bytes: length (24 bits) | type | flags | reserved bit, stream ID (31 bits).
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from conduit.errors import DecodeError, RemoteProtocolError

HEADER: Final = struct.Struct(">HBBBI")  # length, high 16 bits and low 8 | type | flags | stream ID
_INCREMENT: Final = struct.Struct(">HBBBII")
_GOAWAY: Final = struct.Struct(">II")
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # section 3.4
MAX_WINDOW: Final = (1 << 31) - 1  # bytes (section 6.9.1)
STREAM_ID_MASK: Final = 0x7FFFFFFF
PING_LENGTH: Final = 8  # bytes
MAX_DATA: Final = 1 << 20  # bytes of one DATA frame, both ways (SETTINGS_MAX_FRAME_SIZE)
MAX_CONTROL: Final = 64 << 10  # bytes of one frame of any other kind, and of a block of headers


class FrameType(IntEnum):
    """Frame types (section 6)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


END_STREAM: Final = 0x01  # flag of DATA and HEADERS
END_HEADERS: Final = 0x04  # flag of HEADERS and CONTINUATION
ACK: Final = 0x01  # flag of SETTINGS and PING
PADDED: Final = 0x08  # flag of DATA and HEADERS


class ErrorCode(IntEnum):
    """Why a stream or a connection ended (section 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    "Nothing was done: safe to try again."
    CANCEL = 0x8
    "Nobody wants it any more."
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    "What the stream was to reach cannot be reached."
    ENHANCE_YOUR_CALM = 0xB
    "A limit was exceeded."
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Violation(RemoteProtocolError):
    """The peer broke the rules of HTTP/2.

    :param code: what GOAWAY tells it.
    """

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"the peer broke the rules of HTTP/2: {what}")
        self.code = code


_SIZES: Final[dict[int, int]] = {
    FrameType.PRIORITY: 5,
    FrameType.RST_STREAM: 4,
    FrameType.PING: PING_LENGTH,
    FrameType.WINDOW_UPDATE: 4,
}
_CONNECTION: Final = frozenset({FrameType.SETTINGS, FrameType.PING, FrameType.GOAWAY})
_EITHER: Final = frozenset({FrameType.WINDOW_UPDATE})


def check_header(kind: int, length: int, flags: int, stream_id: int) -> None:
    """What a frame's nine bytes alone say against it, before any of the others is kept.

    :raises Violation: it is too long, not of its type's size, or not where its type belongs.
    """
    most = MAX_DATA if kind == FrameType.DATA else MAX_CONTROL
    if length > most:
        raise Violation(f"a frame of {length} bytes, where {most} are allowed", ErrorCode.FRAME_SIZE_ERROR)
    if not _is_size(kind, length, flags):
        raise Violation(f"a frame of type {kind} with {length} bytes", ErrorCode.FRAME_SIZE_ERROR)
    if kind == FrameType.PUSH_PROMISE:
        raise Violation("a pushed stream, which nobody may open", ErrorCode.PROTOCOL_ERROR)
    if kind <= FrameType.CONTINUATION and kind not in _EITHER and (kind in _CONNECTION) == bool(stream_id):
        raise Violation(f"a frame of type {kind} on stream {stream_id}", ErrorCode.PROTOCOL_ERROR)


def _is_size(kind: int, length: int, flags: int) -> bool:
    if kind == FrameType.SETTINGS:
        return length % 6 == 0 and not (length and flags & ACK)
    if kind == FrameType.GOAWAY:
        return length >= _GOAWAY.size
    return length == _SIZES.get(kind, length)


def error_name(code: int) -> str:
    """The code in words."""
    try:
        return ErrorCode(code).name.lower().replace("_", " ")
    except ValueError:
        return f"unknown code {code:#x}"


def frame_header(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Nine bytes."""
    return HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def window_update(stream_id: int, increment: int) -> bytes:
    """The WINDOW_UPDATE frame (section 6.9), 13 bytes; stream 0 is the connection."""
    return _INCREMENT.pack(0, 4, FrameType.WINDOW_UPDATE, 0, stream_id, increment)


def ping(opaque: bytes, *, ack: bool = False) -> bytes:
    """The PING frame (section 6.7), 17 bytes."""
    return frame_header(PING_LENGTH, FrameType.PING, ACK if ack else 0, 0) + opaque


class GoAway(NamedTuple):
    """The payload of GOAWAY (section 6.8): no new streams, please."""

    last_stream_id: int
    "Streams above this were not and will not be looked at."
    code: int
    debug: bytes

    def encode(self) -> bytes:
        """The whole frame."""
        payload = _GOAWAY.pack(self.last_stream_id, self.code) + self.debug
        return frame_header(len(payload), FrameType.GOAWAY, 0, 0) + payload


def decode_goaway(payload: bytes) -> GoAway:
    """:raises DecodeError: truncated."""
    if len(payload) < _GOAWAY.size:
        raise DecodeError("truncated GOAWAY", offset=len(payload))
    last, code = _GOAWAY.unpack_from(payload)
    return GoAway(last & STREAM_ID_MASK, code, payload[_GOAWAY.size :])


def decode_increment(payload: bytes) -> int:
    """The increment in a WINDOW_UPDATE.

    :raises DecodeError: not four bytes, or an increment of 0.
    """
    if len(payload) != 4:
        raise DecodeError(f"WINDOW_UPDATE of {len(payload)} bytes instead of 4")
    increment = int.from_bytes(payload, "big") & STREAM_ID_MASK
    if not increment:
        raise DecodeError("WINDOW_UPDATE by 0")
    return increment


def strip_padding(payload: bytes) -> bytes:
    """The data in a padded DATA payload: pad length | data | padding (section 6.1).

    :raises DecodeError: more padding than payload.
    """
    if not payload or payload[0] >= len(payload):
        raise DecodeError("DATA with more padding than payload")
    return payload[1 : len(payload) - payload[0]]
