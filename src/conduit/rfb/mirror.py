"""A display of which we are one client, as a picture that any number of viewers may see (sans-IO).

As long as nobody looks, nothing is asked for. What viewers do goes on to the machine, as the server understands it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    CutText,
    ExtendedKeyEvent,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetEncodings,
    SetPixelFormat,
)
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.server_messages import (
    FramebufferUpdated,
    Renamed,
    Resized,
    ScanCodesUnderstood,
    ServerEvent,
    ServerMessageReader,
)
from conduit.rfb.viewing import Input

PACE: Final = 1 / 30  # seconds from one request to the next, at least
MAX_INPUTS: Final = 1024  # that wait to be sent; a server that takes none gets no more

# Best first. No pointer among them: the server draws it, so that all viewers see it.
ENCODINGS: Final = (
    Encoding.TIGHT,
    Encoding.ZRLE,
    Encoding.HEXTILE,
    Encoding.ZLIB,
    Encoding.RRE,
    Encoding.COPY_RECT,
    Encoding.RAW,
    Encoding.DESKTOP_SIZE,
    Encoding.EXTENDED_DESKTOP_SIZE,
    Encoding.DESKTOP_NAME,
    Encoding.LAST_RECT,
    Encoding.QEMU_EXTENDED_KEY,
)


class Mirror:
    """The machine; also a :class:`~conduit.rfb.audience.Source`.

    :param name: what viewers see; by default what the server calls itself.
    """

    def __init__(self, init: ServerInit, *, name: str = "") -> None:
        self._reader = ServerMessageReader(Framebuffer(init.width, init.height))
        self._changed: list[Area] = []
        self._inputs: list[Input] = []
        self._greeting = SetPixelFormat(PixelFormat.BGRX).encode() + SetEncodings(ENCODINGS).encode()
        self._has_asked = False  # a request is on its way
        self._asks_for_all = True
        self._size = (init.width, init.height)
        self._missing = self.picture.whole.size  # pixels not seen
        self._not_before = 0.0
        self._follows_name = not name
        self.name = name or init.name
        self.is_watched = False
        "Whether somebody looks."
        self.takes_scan_codes = False
        "Whether the server does; it says so with its first picture."
        self.dropped_inputs = 0

    @property
    def picture(self) -> Framebuffer:
        """What the server has shown so far."""
        return self._reader.picture

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been seen."""
        return self._missing <= 0

    def forget(self) -> None:
        """What was seen is old: all of it is asked for again, also while a server waits for something to change."""
        self._missing = self.picture.whole.size
        self._asks_for_all = True
        self._has_asked = False

    def refresh(self) -> list[Area]:
        """Where it has changed since this was last asked."""
        changed, self._changed = self._changed, []
        return changed

    # --- the server ---

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[ServerEvent]:
        """Bytes of the server; what they say.

        :raises DecodeError: they are not RFB.
        """
        events = self._reader.receive_data(data)
        for event in events:
            self._take(event)
        return events

    def receive_eof(self) -> None:
        """There is no more. :raises DecodeError: it ends in the middle of a message."""
        self._reader.receive_eof()

    def _take(self, event: ServerEvent) -> None:
        if isinstance(event, FramebufferUpdated):
            self._has_asked = False
            self._note(event.areas)
        elif isinstance(event, Resized):
            self._take_size((event.width, event.height))
        elif isinstance(event, ScanCodesUnderstood):
            self.takes_scan_codes = True
        elif isinstance(event, Renamed) and self._follows_name:
            self.name = event.name

    def _take_size(self, size: tuple[int, int]) -> None:
        if size != self._size and size == (self.picture.width, self.picture.height):  # QEMU repeats it now and then
            self._size = size
            self._changed.clear()
            self.forget()

    def _note(self, areas: Iterable[Area]) -> None:
        for area in areas:
            self._missing -= area.size
            if self.is_watched:
                self._changed.append(area)

    def data_to_send(self, now: float) -> bytes:
        """For the server: what viewers did, and a request if somebody looks."""
        data = self._greeting + b"".join(map(self._encode, self._inputs))
        self._greeting = b""
        self._inputs.clear()
        if self.is_watched and not self._has_asked and now >= self._not_before:
            self._has_asked = True
            self._not_before = now + PACE
            asks_for_all, self._asks_for_all = self._asks_for_all, False
            data += FramebufferUpdateRequest(self.picture.whole, incremental=not asks_for_all).encode()
        return data

    def next_deadline(self) -> float | None:
        """When the next request may be sent, if one is due."""
        return self._not_before if self.is_watched and not self._has_asked else None

    # --- viewers ---

    def do(self, done: Input) -> None:
        """A viewer did this; pointers that only move are told by where they are in the end."""
        last = self._inputs[-1] if self._inputs else None
        if isinstance(done, PointerEvent) and isinstance(last, PointerEvent) and last.buttons == done.buttons:
            self._inputs[-1] = done
        elif len(self._inputs) < MAX_INPUTS:
            self._inputs.append(done)
        else:
            self.dropped_inputs += 1

    def _encode(self, done: Input) -> bytes:
        """As the server understands it."""
        if isinstance(done, ExtendedKeyEvent) and not self.takes_scan_codes:
            return KeyEvent(done.keysym, down=done.down).encode() if done.keysym else b""
        if isinstance(done, CutText) and done.extended:
            return b""  # it was offered to nobody
        return done.encode()
