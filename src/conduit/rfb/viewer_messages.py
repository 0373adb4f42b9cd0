"""What a viewer says after its handshake, message by message; lengths are looked at before anything is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.messages import (
    EXTENDED_BUTTONS,
    MAX_ENCODINGS,
    MAX_FENCE,
    AudioRequest,
    ClientMessage,
    CutText,
    EnableContinuousUpdates,
    ExtendedKeyEvent,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    Xvp,
)
from conduit.rfb.names import AudioOperation, ClientKind, QemuKind

MAX_CLIPBOARD: Final = 1 << 18  # bytes that a viewer may put into a clipboard at once

# How long a message is, as far as its beginning says; a number larger than what is there asks for more.
Measure = Callable[[bytearray], int]


def _measure_encodings(data: bytearray) -> int:
    count = int.from_bytes(data[2:4])
    if count > MAX_ENCODINGS:
        raise DecodeError(f"a viewer that knows {count} encodings", offset=2)
    return SetEncodings.HEAD.size + 4 * count


def _measure_pointer(data: bytearray) -> int:
    return PointerEvent.EXTENDED.size if data[1] & EXTENDED_BUTTONS else PointerEvent.STRUCT.size


def _measure_text(data: bytearray) -> int:
    length = abs(int.from_bytes(data[4:8], signed=True))
    if length > MAX_CLIPBOARD:
        raise DecodeError(f"a clipboard of {length} bytes, where {MAX_CLIPBOARD} are allowed", offset=4)
    return CutText.HEAD.size + length


def _measure_fence(data: bytearray) -> int:
    if data[8] > MAX_FENCE:
        raise DecodeError(f"a fence of {data[8]} bytes, where {MAX_FENCE} are allowed", offset=8)
    return FenceMessage.HEAD.size + data[8]


def _measure_screens(data: bytearray) -> int:
    return SetDesktopSize.HEAD.size + 16 * data[6]


def _measure_qemu(data: bytearray) -> int:
    if data[1] == QemuKind.EXTENDED_KEY:
        return ExtendedKeyEvent.STRUCT.size
    if data[1] == QemuKind.AUDIO:
        is_long = int.from_bytes(data[2:4]) == AudioOperation.SET_FORMAT
        return AudioRequest.LONG.size if is_long else AudioRequest.SHORT.size
    raise DecodeError(f"message {data[1]} of QEMU, which nobody knows", offset=1)


def _decode_qemu(data: bytes) -> ClientMessage:
    return ExtendedKeyEvent.decode(data) if data[1] == QemuKind.EXTENDED_KEY else AudioRequest.decode(data)


def _always(size: int) -> Measure:
    return lambda _: size


# Kind: bytes that tell how long a message is | how long that is | what it is.
_KINDS: Final[Mapping[int, tuple[int, Measure, Callable[[bytes], ClientMessage]]]] = {
    ClientKind.SET_PIXEL_FORMAT: (1, _always(SetPixelFormat.SIZE), SetPixelFormat.decode),
    ClientKind.SET_ENCODINGS: (4, _measure_encodings, SetEncodings.decode),
    ClientKind.FRAMEBUFFER_UPDATE_REQUEST: (1, _always(10), FramebufferUpdateRequest.decode),
    ClientKind.KEY_EVENT: (1, _always(8), KeyEvent.decode),
    ClientKind.POINTER_EVENT: (1, _always(6), PointerEvent.decode),
    ClientKind.CUT_TEXT: (8, _measure_text, CutText.decode),
    ClientKind.ENABLE_CONTINUOUS_UPDATES: (1, _always(10), EnableContinuousUpdates.decode),
    ClientKind.FENCE: (9, _measure_fence, FenceMessage.decode),
    ClientKind.XVP: (1, _always(4), Xvp.decode),
    ClientKind.SET_DESKTOP_SIZE: (8, _measure_screens, SetDesktopSize.decode),
    ClientKind.QEMU: (4, _measure_qemu, _decode_qemu),
}


class ViewerMessages:
    """Bytes in, messages out; no more is kept than a part of one.

    :param extended_buttons: whether the viewer was told that it may name more than seven buttons.
    """

    __slots__ = ("_buffer", "extended_buttons")

    def __init__(self, *, extended_buttons: bool = False) -> None:
        self._buffer = bytearray()
        self.extended_buttons = extended_buttons

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[ClientMessage]:
        """The messages that *data* completes.

        :raises DecodeError: it is none, or longer than may be.
        """
        buffer = self._buffer
        buffer += data
        messages: list[ClientMessage] = []
        while buffer and (size := self._measure()) is not None and len(buffer) >= size:
            decode = _KINDS[buffer[0]][2]
            messages.append(decode(bytes(buffer[:size])))
            del buffer[:size]
        return messages

    def _measure(self) -> int | None:
        """Bytes of the message at the front, or None as long as it does not say."""
        kind = self._buffer[0]
        if kind not in _KINDS:
            raise DecodeError(f"message {kind} of a viewer, which nobody knows")
        needed, measure, _ = _KINDS[kind]
        if kind == ClientKind.POINTER_EVENT and self.extended_buttons:
            needed, measure = 2, _measure_pointer
        return measure(self._buffer) if len(self._buffer) >= needed else None
