"""Where a client's messages end: RFB has no lengths of its own, so every type must be known."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.messages import EXTENDED_BUTTONS, MAX_ENCODINGS, MAX_FENCE, SCREEN, Data
from conduit.rfb.names import AudioOperation, ClientKind, QemuKind

MAX_CLIPBOARD: Final = 16 << 20  # bytes that a clipboard may say it has; more is no clipboard but an attack
MAX_HELD: Final = 4 + 4 * MAX_ENCODINGS  # bytes of a message that is awaited as a whole, whatever it is
UNKNOWN: Final = 0  # a size that needs more bytes to tell
_S32: Final = struct.Struct(">i")
_CUT_TEXT: Final = 8
_FENCE: Final = 9
_DESKTOP_SIZE: Final = 8

FIXED: Final[dict[int, int]] = {
    ClientKind.SET_PIXEL_FORMAT: 20,
    ClientKind.FRAMEBUFFER_UPDATE_REQUEST: 10,
    ClientKind.KEY_EVENT: 8,
    ClientKind.POINTER_EVENT: 6,
    ClientKind.ENABLE_CONTINUOUS_UPDATES: 10,
    ClientKind.XVP: 4,
}


def measure(data: Data, *, extended_pointer: bool = False) -> int:
    """Bytes of the message that *data*, which is not empty, starts with; :data:`UNKNOWN` while that cannot be told.

    :param extended_pointer: the client was told that the server understands ExtendedMouseButtons. Without that the
        highest button is just a button, and no byte follows.
    :raises DecodeError: nobody knows such a message, or it is longer than it may be.
    """
    kind = data[0]
    if kind == ClientKind.POINTER_EVENT and extended_pointer:
        return UNKNOWN if len(data) < 2 else 7 if data[1] & EXTENDED_BUTTONS else 6
    size = FIXED.get(kind)
    if size is not None:
        return size
    measurer = _MEASURERS.get(kind)
    if measurer is None:
        raise DecodeError(f"a message of type {kind}, which nobody knows")
    return measurer(data)


def _encodings(data: Data) -> int:
    if len(data) < 4:
        return UNKNOWN
    count = data[2] << 8 | data[3]
    if count > MAX_ENCODINGS:
        raise DecodeError(f"{count} encodings, where {MAX_ENCODINGS} are allowed", offset=2)
    return 4 + 4 * count


def _cut_text(data: Data) -> int:
    if len(data) < _CUT_TEXT:
        return UNKNOWN
    length = abs(_S32.unpack_from(data, 4)[0])
    if length > MAX_CLIPBOARD:
        raise DecodeError(f"a clipboard of {length} bytes, where {MAX_CLIPBOARD} are allowed", offset=4)
    return _CUT_TEXT + int(length)


def _fence(data: Data) -> int:
    if len(data) < _FENCE:
        return UNKNOWN
    if data[8] > MAX_FENCE:
        raise DecodeError(f"a fence of {data[8]} bytes, where {MAX_FENCE} are allowed", offset=8)
    return _FENCE + data[8]


def _desktop_size(data: Data) -> int:
    return UNKNOWN if len(data) < _DESKTOP_SIZE else _DESKTOP_SIZE + SCREEN.size * data[6]


def _qemu(data: Data) -> int:
    if len(data) < 2:
        return UNKNOWN
    if data[1] == QemuKind.EXTENDED_KEY:
        return 12
    if data[1] != QemuKind.AUDIO:
        raise DecodeError(f"message {data[1]} of QEMU, which nobody knows", offset=1)
    if len(data) < 4:
        return UNKNOWN
    return 10 if data[2] << 8 | data[3] == AudioOperation.SET_FORMAT else 4


_MEASURERS: Final[Mapping[int, Callable[[Data], int]]] = {
    ClientKind.SET_ENCODINGS: _encodings,
    ClientKind.CUT_TEXT: _cut_text,
    ClientKind.FENCE: _fence,
    ClientKind.SET_DESKTOP_SIZE: _desktop_size,
    ClientKind.QEMU: _qemu,
}
