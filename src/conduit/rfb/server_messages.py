"""What a server says after ServerInit, as events; the picture is drawn on the way.

The reader keeps no more than a part of a message: what a decoder asks for at once, and what came with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.decoders import PointerShape, Pulling, lose_streams, new_decoders
from conduit.rfb.decoders.pseudo import pull_name, pull_pointer, pull_screens
from conduit.rfb.decoders.pulling import Look, pull_all, pull_u8, pull_u32
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import MAX_FENCE, Area, CutText, FenceMessage, Screen
from conduit.rfb.names import Encoding, QemuKind, ServerKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.pixels import PixelReader
from conduit.rfb.server_heads import AUDIO_DATA, COLOUR, UNKNOWN_COUNT, RectangleHeader

MAX_CUT_TEXT: Final = 1 << 20  # bytes of a clipboard that is kept
MAX_AUDIO: Final = 1 << 20  # bytes of sound in one message; none is kept


@dataclass(frozen=True, slots=True)
class FramebufferUpdated:
    """The picture has changed, if *areas* is not empty; the server is ready for the next request."""

    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resized:
    """The display has another size, or a client's wish for one was refused."""

    width: int
    height: int
    screens: tuple[Screen, ...] = ()
    reason: int = 0
    "Who wanted it: 0 the server, 1 this client, 2 another client."
    status: int = 0
    "0, or why this client's wish was refused; the size is then as it was."


@dataclass(frozen=True, slots=True)
class PointerChanged:
    """The pointer looks different."""

    shape: PointerShape


@dataclass(frozen=True, slots=True)
class Renamed:
    """The desktop has another name."""

    name: str


@dataclass(frozen=True, slots=True)
class LampsChanged:
    """The keyboard's: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock."""

    lamps: int


@dataclass(frozen=True, slots=True)
class ScanCodesUnderstood:
    """The server takes keys with their scan codes (QEMU's extension)."""


@dataclass(frozen=True, slots=True)
class Belled:
    """The bell rang."""


@dataclass(frozen=True, slots=True)
class TextCut:
    """The clipboard holds something; *extended* is for :mod:`conduit.rfb.clipboard`."""

    data: bytes = field(repr=False)
    extended: bool = False


@dataclass(frozen=True, slots=True)
class FenceReached:
    """The server wants an answer, or gives one."""

    flags: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class ContinuousUpdatesEnded:
    """Updates come when they are asked for; the first one says that there could be others."""


@dataclass(frozen=True, slots=True)
class PowerAnswered:
    """XVP: what the server can do, or could not."""

    version: int
    code: int


ServerEvent = (
    FramebufferUpdated
    | Resized
    | PointerChanged
    | Renamed
    | LampsChanged
    | ScanCodesUnderstood
    | Belled
    | TextCut
    | FenceReached
    | ContinuousUpdatesEnded
    | PowerAnswered
)


def _never() -> bool:
    return False


class ServerMessageReader:
    """Takes bytes as they come.

    :param picture: what updates are drawn on, of the size that ServerInit said, in the pixel format ``BGRX``.
    """

    def __init__(self, picture: Framebuffer) -> None:
        self.picture = picture
        self._pixels = PixelReader()
        self._decoders = new_decoders(self._pixels)
        self.encodings: set[int] = set()
        "Of all that was drawn so far."
        self._events: list[ServerEvent] = []
        self._unread = bytearray()
        self._steps = self._read_messages()
        self._wanted = next(self._steps)
        self._is_between_messages = True

    def set_pixel_format(self, pixel_format: PixelFormat) -> None:
        """Pixels come in another format from now on.

        :raises LocalProtocolError: that is not read here.
        """
        self._pixels.set_format(pixel_format)

    def lose_streams(self, encodings: Iterable[int]) -> None:
        """Rectangles in these went elsewhere: what zlib has compressed there is passed over from now on."""
        lose_streams(self._decoders, encodings)

    def receive_data(
        self, data: bytes | bytearray | memoryview, *, is_enough: Callable[[], bool] = _never
    ) -> list[ServerEvent]:
        """Draw and tell what has happened, perhaps nothing.

        :param is_enough: asked after each step, of some milliseconds at most; once it says so, :attr:`is_behind` is
            true, and the next call goes on, with more data or none.
        :raises DecodeError: the server broke the rules; the connection is of no use any more.
        """
        self._unread += data
        while (taken := self._take()) is not None:
            self._wanted = self._steps.send(taken)
            if is_enough():
                break
        events, self._events = self._events, []
        return events

    @property
    def is_behind(self) -> bool:
        """Whether it stopped before all was drawn that has come."""
        wanted = self._wanted
        return len(self._unread) >= (wanted.least if isinstance(wanted, Look) else wanted)

    def _take(self) -> bytes | None:
        """What is wanted, if it is there."""
        wanted, unread = self._wanted, self._unread
        if not self.is_behind:
            return None
        if isinstance(wanted, Look):
            return bytes(unread[: wanted.most])
        taken = bytes(unread[:wanted])
        del unread[:wanted]
        return taken

    def receive_eof(self) -> None:
        """The server has closed the connection.

        :raises DecodeError: in the middle of a message.
        """
        if not self.is_between_messages:
            raise DecodeError("the connection ended in the middle of a message")

    @property
    def is_between_messages(self) -> bool:
        """Whether the last message has ended."""
        return self._is_between_messages and not self._unread

    def _read_messages(self) -> Pulling[None]:
        while True:
            self._is_between_messages = True
            kind = yield from pull_u8()
            self._is_between_messages = False
            reader = _READERS.get(kind)
            if reader is None:
                raise DecodeError(f"a message of the unknown kind {kind}")
            yield from reader(self)

    # --- messages ---

    def _read_update(self) -> Pulling[None]:
        count = int.from_bytes((yield 3)[1:], "big")
        areas: list[Area] = []
        for number in range(count):
            head = RectangleHeader.decode((yield 12))
            if head.encoding == Encoding.LAST_RECT:
                break
            yield from self._read_rectangle(head, areas)
            if count == UNKNOWN_COUNT and number == count - 1:
                raise DecodeError("an update without an end")
        self._events.append(FramebufferUpdated(tuple(areas)))

    def _read_rectangle(self, head: RectangleHeader, areas: list[Area]) -> Pulling[None]:
        decoder = self._decoders.get(head.encoding)
        if decoder is not None:
            area = Area(*head[:4])
            self.picture.check(area)
            self.encodings.add(head.encoding)
            yield from decoder.decode(self.picture, area)
            areas.append(area)
            return
        pseudo = _PSEUDO.get(head.encoding)
        if pseudo is None:
            raise DecodeError(f"a rectangle in the encoding {head.encoding}, for which nobody asked")
        size = self.picture.whole
        yield from pseudo(self, head)
        if self.picture.whole != size:
            areas.clear()  # they were on the old picture

    def _read_colours(self) -> Pulling[None]:
        """Pixels of ours are no indices, so colours are of no use."""
        _, _, _, high, low = yield 5
        yield from pull_all((high << 8 | low) * COLOUR.size)

    def _read_bell(self) -> Pulling[None]:
        yield 0
        self._events.append(Belled())

    def _read_cut_text(self) -> Pulling[None]:
        head = bytes((ServerKind.CUT_TEXT,)) + (yield 7)
        _, length = CutText.HEAD.unpack(head)
        if abs(length) > MAX_CUT_TEXT:
            raise DecodeError(f"a clipboard of {abs(length)} bytes, {MAX_CUT_TEXT} are allowed")
        data = yield from pull_all(abs(length))
        self._events.append(TextCut(bytes(data), length < 0))

    def _read_end_of_continuous_updates(self) -> Pulling[None]:
        yield 0
        self._events.append(ContinuousUpdatesEnded())

    def _read_fence(self) -> Pulling[None]:
        head = yield 8
        if head[7] > MAX_FENCE:
            raise DecodeError(f"a fence of {head[7]} bytes, {MAX_FENCE} are allowed")
        message = FenceMessage.decode(bytes((ServerKind.FENCE,)) + head + (yield head[7]))
        self._events.append(FenceReached(message.flags, message.payload))

    def _read_xvp(self) -> Pulling[None]:
        _, version, code = yield 3
        self._events.append(PowerAnswered(version, code))

    def _read_qemu(self) -> Pulling[None]:
        """Sound, which nobody hears."""
        kind, high, low = yield 3
        if kind != QemuKind.AUDIO:
            raise DecodeError(f"message {kind} of QEMU")
        if high << 8 | low == AUDIO_DATA:
            length = yield from pull_u32()
            if length > MAX_AUDIO:
                raise DecodeError(f"{length} bytes of sound, {MAX_AUDIO} are allowed")
            yield from pull_all(length)

    # --- rectangles that are no pixels ---

    def _read_size(self, head: RectangleHeader) -> Pulling[None]:
        yield 0
        self._resize(Resized(width=head.width, height=head.height))

    def _read_screens(self, head: RectangleHeader) -> Pulling[None]:
        screens = yield from pull_screens()
        width, height = (self.picture.width, self.picture.height) if head.y else (head.width, head.height)
        self._resize(Resized(width=width, height=height, screens=screens, reason=head.x, status=head.y))

    def _resize(self, event: Resized) -> None:
        if (event.width, event.height) != (self.picture.width, self.picture.height):
            self.picture.resize(event.width, event.height)
        self._events.append(event)

    def _read_pointer(self, head: RectangleHeader) -> Pulling[None]:
        self._events.append(PointerChanged((yield from pull_pointer(head, self._pixels))))

    def _read_name(self, _: RectangleHeader) -> Pulling[None]:
        self._events.append(Renamed((yield from pull_name())))

    def _read_lamps(self, _: RectangleHeader) -> Pulling[None]:
        self._events.append(LampsChanged((yield from pull_u8())))

    def _read_scan_codes(self, _: RectangleHeader) -> Pulling[None]:
        yield 0
        self._events.append(ScanCodesUnderstood())


_READERS: Final[Mapping[int, Callable[[ServerMessageReader], Pulling[None]]]] = {
    ServerKind.FRAMEBUFFER_UPDATE: ServerMessageReader._read_update,  # noqa: SLF001
    ServerKind.SET_COLOUR_MAP_ENTRIES: ServerMessageReader._read_colours,  # noqa: SLF001
    ServerKind.BELL: ServerMessageReader._read_bell,  # noqa: SLF001
    ServerKind.CUT_TEXT: ServerMessageReader._read_cut_text,  # noqa: SLF001
    ServerKind.END_OF_CONTINUOUS_UPDATES: ServerMessageReader._read_end_of_continuous_updates,  # noqa: SLF001
    ServerKind.FENCE: ServerMessageReader._read_fence,  # noqa: SLF001
    ServerKind.XVP: ServerMessageReader._read_xvp,  # noqa: SLF001
    ServerKind.QEMU: ServerMessageReader._read_qemu,  # noqa: SLF001
}
_PSEUDO: Final[Mapping[int, Callable[[ServerMessageReader, RectangleHeader], Pulling[None]]]] = {
    Encoding.DESKTOP_SIZE: ServerMessageReader._read_size,  # noqa: SLF001
    Encoding.EXTENDED_DESKTOP_SIZE: ServerMessageReader._read_screens,  # noqa: SLF001
    Encoding.CURSOR: ServerMessageReader._read_pointer,  # noqa: SLF001
    Encoding.DESKTOP_NAME: ServerMessageReader._read_name,  # noqa: SLF001
    Encoding.QEMU_LED_STATE: ServerMessageReader._read_lamps,  # noqa: SLF001
    Encoding.QEMU_EXTENDED_KEY: ServerMessageReader._read_scan_codes,  # noqa: SLF001
}
