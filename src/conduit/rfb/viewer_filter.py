"""What of a viewer's bytes reaches the server (sans-IO): whole messages, and only those that the viewer may send.

A page that hides its keyboard protects nothing, as whoever has the page has its connection: view-only is decided here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.client_messages import CLIPBOARD
from conduit.rfb.client_sizes import UNKNOWN, measure
from conduit.rfb.messages import SetEncodings
from conduit.rfb.names import ClientKind, Encoding, QemuKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_filter import KNOWN

Piece = bytes | memoryview

HIDDEN: Final = frozenset({Encoding.GII, Encoding.EXTENDED_MOUSE_BUTTONS, Encoding.QEMU_AUDIO})
"""Never asked for: with the first a viewer may send messages of a type that is not known here, with the second pointer
messages have a length that depends on what the server has answered, and with the third see ``_AUDIO``."""
_QEMU_KEY: Final = 256 + QemuKind.EXTENDED_KEY
_AUDIO: Final = 256 + QemuKind.AUDIO
"""Never passes: its length depends on what is in it, and a server may know QEMU's keys and not its sound. TigerVNC 1.12
then closes the connection; one that read on after fewer bytes than we count would give who may only look a way to type.
"""
_INPUT: Final = frozenset(
    {
        _AUDIO,
        ClientKind.KEY_EVENT,
        ClientKind.POINTER_EVENT,
        ClientKind.CUT_TEXT,
        ClientKind.XVP,
        ClientKind.SET_DESKTOP_SIZE,
        _QEMU_KEY,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerRules:
    """What a viewer may do."""

    view_only: bool = False
    "No keys, no pointer, no clipboard, no power, no other size; only what makes the server show something."
    clipboard: int = CLIPBOARD
    "Bytes of a clipboard that reach the server; longer ones do not, and with 0 none does."
    clipboard_down: int | None = None
    """Bytes of the server's clipboard that reach the viewer; with 0 none does. None is all, without looking: otherwise
    the server's bytes are counted, and the viewer cannot change its pixel format once it has asked for pixels."""
    power: bool = True
    "Whether it may switch off or reset what it sees, where the server lets it."
    resize: bool = True
    "Whether it may choose another size of the screen."
    hidden: frozenset[int] = frozenset()
    "Encodings that the server is never asked for, beside those that no server is."
    only: frozenset[int] | None = None
    "Encodings that the server may be asked for; None is all."

    @property
    def dropped(self) -> frozenset[int]:
        """Types of messages that do not pass; from 256 on those of QEMU."""
        if self.view_only:
            return _INPUT
        dropped = {_AUDIO}
        if not self.power:
            dropped.add(ClientKind.XVP)
        if not self.resize:
            dropped.add(ClientKind.SET_DESKTOP_SIZE)
        return frozenset(dropped)


class ViewerFilter:
    """The machine. It keeps less than one message, and of a clipboard nothing."""

    def __init__(self, rules: ViewerRules) -> None:
        self._rules = rules
        self._dropped = rules.dropped
        self._hidden = HIDDEN | rules.hidden
        if rules.view_only or not rules.clipboard or rules.clipboard_down == 0:
            self._hidden |= {Encoding.EXTENDED_CLIPBOARD}  # the server would offer what nobody may fetch
        self._only = rules.only
        if rules.clipboard_down is not None:
            self._only = KNOWN if rules.only is None else KNOWN & rules.only
        self._has_asked = False  # for pixels
        self._held = b""
        self._left = 0  # bytes to come of a message that has begun to pass, or not to
        self._passes = False
        self.dropped: Counter[int] = Counter()
        "Messages that did not pass, by type."
        self.pixel_format: PixelFormat | None = None
        "What the viewer wants its pixels to be."

    @property
    def held_bytes(self) -> int:
        """Kept of a message that is not whole."""
        return len(self._held)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Piece]:
        """What the server gets of it, in slices of *data* as far as that goes.

        :raises DecodeError: a type that nobody knows, or a message that is longer than it may be.
        """
        view = memoryview(self._held + data if self._held else data)
        self._held = b""
        pieces: list[Piece] = []
        end = len(view)
        at = self._go_on(end)
        start = 0 if self._passes else at  # from here on nothing is on its way yet
        while at < end:
            size = measure(view[at:])
            kind = view[at]
            is_long = kind == ClientKind.CUT_TEXT and size != UNKNOWN
            if size == UNKNOWN or (at + size > end and not is_long):
                self._held = bytes(view[at:])
                break
            passes = self._judge(view[at : at + size], size)
            if not passes or kind == ClientKind.SET_ENCODINGS:
                pieces.append(view[start:at])
                if passes:
                    pieces.append(self._rewrite(view[at : at + size]))
                start = at + size
            self._passes = passes
            self._left = max(at + size - end, 0)
            at += size
        at = min(at, end)
        pieces.append(view[start:at])
        return [piece for piece in pieces if piece]

    def _go_on(self, end: int) -> int:
        """How much belongs to a message that has begun before."""
        count = min(self._left, end)
        self._left -= count
        return count

    def _judge(self, message: memoryview, size: int) -> bool:
        """Whether it passes; of a clipboard the beginning is there."""
        kind = message[0]
        key = 256 + message[1] if kind == ClientKind.QEMU else kind
        if key in self._dropped or (kind == ClientKind.CUT_TEXT and size - 8 > (self._rules.clipboard or -1)):
            self.dropped[kind] += 1
            return False
        if kind == ClientKind.SET_PIXEL_FORMAT:
            self._note_pixel_format(PixelFormat.decode(message[4:]))
        elif kind in (ClientKind.FRAMEBUFFER_UPDATE_REQUEST, ClientKind.ENABLE_CONTINUOUS_UPDATES):
            self._has_asked = True
        return True

    def _note_pixel_format(self, wanted: PixelFormat) -> None:
        """:raises DecodeError: nobody could tell which pixels on their way have which format."""
        if self._rules.clipboard_down is not None and self._has_asked and wanted != self.pixel_format:
            raise DecodeError("another pixel format after the first request, where clipboards are kept back")
        self.pixel_format = wanted

    def _rewrite(self, message: memoryview) -> bytes:
        only, hidden = self._only, self._hidden
        wanted = SetEncodings.decode(message).encodings
        return SetEncodings(
            tuple(each for each in wanted if each not in hidden and (only is None or each in only))
        ).encode()
