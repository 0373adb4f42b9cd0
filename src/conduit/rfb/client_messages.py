"""Reads what a client says as messages (sans-IO), for servers; what is too long is passed over and never kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from conduit.rfb.client_sizes import MAX_HELD, measure
from conduit.rfb.messages import (
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
from conduit.rfb.names import ClientKind, QemuKind

CLIPBOARD: Final = 256 << 10  # bytes of a clipboard that are taken
_DECODERS: Final[Mapping[int, Callable[[bytes], ClientMessage]]] = {
    ClientKind.SET_PIXEL_FORMAT: SetPixelFormat.decode,
    ClientKind.SET_ENCODINGS: SetEncodings.decode,
    ClientKind.FRAMEBUFFER_UPDATE_REQUEST: FramebufferUpdateRequest.decode,
    ClientKind.KEY_EVENT: KeyEvent.decode,
    ClientKind.POINTER_EVENT: PointerEvent.decode,
    ClientKind.CUT_TEXT: CutText.decode,
    ClientKind.ENABLE_CONTINUOUS_UPDATES: EnableContinuousUpdates.decode,
    ClientKind.FENCE: FenceMessage.decode,
    ClientKind.XVP: Xvp.decode,
    ClientKind.SET_DESKTOP_SIZE: SetDesktopSize.decode,
}


def decode(data: bytes) -> ClientMessage:
    """One whole message, of a type that is known."""
    if data[0] == ClientKind.QEMU:
        return (ExtendedKeyEvent if data[1] == QemuKind.EXTENDED_KEY else AudioRequest).decode(data)
    return _DECODERS[data[0]](data)


class ClientMessageReader:
    """The machine.

    :param clipboard: bytes of a clipboard that are taken; a longer one is dropped.
    """

    def __init__(self, *, clipboard: int = CLIPBOARD) -> None:
        self._clipboard = clipboard
        self._buffer = bytearray()
        self._skip = 0  # bytes of a message that is too long which are still to come
        self.extended_pointer = False
        "Whether the client has been told of ExtendedMouseButtons; set it when it is told."
        self.dropped_clipboards = 0

    @property
    def held_bytes(self) -> int:
        """Kept of a message that is not whole."""
        return len(self._buffer)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[ClientMessage]:
        """The messages that *data* completes.

        :raises DecodeError: a type that nobody knows, or a message that is longer than it may be.
        """
        buffer, messages, at = self._buffer, [], 0
        buffer += data
        at = self._pass_over(0)
        while at < len(buffer):
            with memoryview(buffer) as view, view[at : at + MAX_HELD] as message:
                size = measure(message, extended_pointer=self.extended_pointer)
            if size - 8 > self._clipboard and buffer[at] == ClientKind.CUT_TEXT:
                self.dropped_clipboards += 1
                self._skip = size
                at = self._pass_over(at)
                continue
            if not size or at + size > len(buffer):
                break
            messages.append(decode(bytes(buffer[at : at + size])))
            at += size
        del buffer[:at]
        return messages

    def _pass_over(self, at: int) -> int:
        count = min(self._skip, len(self._buffer) - at)
        self._skip -= count
        return at + count
