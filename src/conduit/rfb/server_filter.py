"""What of a server's bytes reaches a viewer (sans-IO): all but clipboards that are too long, or that nobody may have.

Only where that is wanted are the server's bytes looked at, and then they are counted and not decoded: pixels pass as
slices of what came. To know where they end, the viewer's pixel format must stand before it asks for the first of them,
and the server must not be asked for encodings whose lengths are not known here: :data:`KNOWN` has those that are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Final, NamedTuple

from conduit.errors import DecodeError
from conduit.rfb.messages import MAX_FENCE, SCREEN, CutText
from conduit.rfb.names import COMPRESSIONS, FINE_QUALITIES, QUALITIES, SUBSAMPLINGS, Encoding, ServerKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import COLOUR, RectangleHeader

Piece = bytes | memoryview
Steps = Generator[int, bytes, None]
"""Yields how many bytes it wants to see; or, negative, how many pass unseen."""

TILE: Final = 16  # pixels of Hextile
SMALLEST_COMPRESSED: Final = 12  # bytes; what is less travels as it is, in Tight
_RAW, _BACKGROUND, _FOREGROUND, _PARTS, _COLOURED = 1, 2, 4, 8, 16  # bits of a tile of Hextile
_FILL, _JPEG, _PNG = 8, 9, 10  # kinds of Tight
_HAS_FILTER, _PALETTE = 4, 1
PIXELS: Final = frozenset(
    {
        Encoding.RAW,
        Encoding.COPY_RECT,
        Encoding.RRE,
        Encoding.HEXTILE,
        Encoding.ZLIB,
        Encoding.TIGHT,
        Encoding.TIGHT_PNG,
        Encoding.ZRLE,
    }
)
"""Encodings that show something."""


class Walked(NamedTuple):
    """What of some bytes passes."""

    pieces: list[Piece]
    ended: int
    "How many of the pieces are whole messages, or the end of one; what follows belongs to one that goes on."
    rest: memoryview
    "What was not looked at, as a message had ended."


class ServerFilter:
    """The machine.

    :param clipboard: bytes of a clipboard that reach the viewer; longer ones do not, and with 0 none does.
    :param pixel_format: what pixels are at that moment.
    """

    def __init__(self, clipboard: int, pixel_format: Callable[[], PixelFormat]) -> None:
        self._clipboard = clipboard
        self._pixel_format = pixel_format
        self._held = bytearray()  # part of what the step wants to see
        self._view = memoryview(b"")  # what came
        self._start = 0  # from where on it is in no piece
        self._at = 0  # how far it was looked at
        self._out: list[Piece] = []
        self._ended = 0
        self._passes = True
        self._steps = self._read_messages()
        self._wanted = next(self._steps)
        self.is_between_messages = True
        "Whether the last message has ended."
        self.encodings: set[int] = set()
        "Of all rectangles so far."
        self.updates = 0
        "FramebufferUpdates so far."
        self.shown = 0
        "Those of them that had pixels."
        self.size: tuple[int, int] | None = None
        "Of the screen, once the server has told another one."
        self.dropped_clipboards = 0

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Piece]:
        """What the viewer gets of it.

        :raises DecodeError: nobody knows how long it is.
        """
        return self.walk(data).pieces

    def walk(self, data: bytes | bytearray | memoryview, *, stop: bool = False) -> Walked:
        """The same, and where messages end in it.

        :param stop: go no further than to the end of the message at hand.
        :raises DecodeError: nobody knows how long it is.
        """
        self._view, self._start, self._at, self._ended = memoryview(data), 0, 0, 0
        end = len(data)
        while self._at < end and not (stop and self.is_between_messages):
            if self._wanted < 0:
                count = min(-self._wanted, end - self._at)
                self._at += count
                self._wanted += count
                done = not self._wanted
            else:
                count = min(self._wanted - len(self._held), end - self._at)
                self._held += self._view[self._at : self._at + count]
                self._at += count
                done = len(self._held) == self._wanted
            if done:
                self._go_on()
        self._cut(self._at)
        out, self._out = self._out, []
        return Walked(out, self._ended, self._view[self._at :])

    def _go_on(self) -> None:
        """The next step that is not about nothing."""
        seen = bytes(self._held)
        self._held.clear()
        self._wanted = self._steps.send(seen)
        while not self._wanted:
            self._wanted = self._steps.send(b"")

    def _cut(self, at: int) -> None:
        """What has been looked at is a piece, if it passes."""
        if self._passes and at > self._start:
            self._out.append(self._view[self._start : at])
        self._start = at

    # --- messages ---

    def _read_messages(self) -> Steps:
        while True:
            self.is_between_messages = True
            self._cut(self._at)
            self._ended = len(self._out)
            kind = (yield 1)[0]
            self.is_between_messages = False
            if kind == ServerKind.CUT_TEXT:
                yield from self._read_cut_text()
                continue
            reader = _MESSAGES.get(kind)
            if reader is None:
                raise DecodeError(f"a message of type {kind}, which nobody knows")
            yield from reader(self)

    def _read_cut_text(self) -> Steps:
        self._cut(self._at - 1)
        self._passes = False
        head = bytes((ServerKind.CUT_TEXT,)) + (yield CutText.HEAD.size - 1)
        self._start = self._at
        length = abs(CutText.HEAD.unpack(head)[1])
        self._passes = 0 < self._clipboard >= length
        if self._passes:
            self._out.append(head)
        else:
            self.dropped_clipboards += 1
        yield -length
        self._cut(self._at)
        self._passes = True

    def _read_colour_map(self) -> Steps:
        head = yield 5
        yield -int.from_bytes(head[3:]) * COLOUR.size

    def _read_fence(self) -> Steps:
        length = (yield 8)[7]
        if length > MAX_FENCE:
            raise DecodeError(f"a fence of {length} bytes, where {MAX_FENCE} are allowed")
        yield -length

    def _read_update(self) -> Steps:
        count = int.from_bytes((yield 3)[1:])
        has_pixels = False
        for _ in range(count):
            head = RectangleHeader.decode((yield 12))
            if head.encoding == Encoding.LAST_RECT:
                break
            reader = _RECTANGLES.get(head.encoding)
            if reader is None:
                raise DecodeError(f"a rectangle in the encoding {head.encoding}, for which nobody asked")
            self.encodings.add(head.encoding)
            has_pixels |= head.encoding in PIXELS
            yield from reader(self, head, self._pixel_format())
        self.updates += 1
        self.shown += has_pixels

    # --- rectangles ---

    def _read_raw(self, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        yield -head.width * head.height * pixels.bytes_per_pixel

    def _read_rre(self, _: RectangleHeader, pixels: PixelFormat) -> Steps:
        count = yield from _number()
        yield -(pixels.bytes_per_pixel + count * (pixels.bytes_per_pixel + 8))

    def _read_hextile(self, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        size = pixels.bytes_per_pixel
        for y in range(0, head.height, TILE):
            for x in range(0, head.width, TILE):
                kind = (yield 1)[0]
                if kind & _RAW:
                    yield -min(TILE, head.width - x) * min(TILE, head.height - y) * size
                    continue
                yield -size * (bool(kind & _BACKGROUND) + bool(kind & _FOREGROUND))
                if kind & _PARTS:
                    count = (yield 1)[0]
                    yield -count * (2 + (size if kind & _COLOURED else 0))

    def _read_counted(self, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        """Zlib, ZRLE, and the desktop's name."""
        length = yield from _number()
        yield -length

    def _read_tight(self, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        size = _tight_pixel(pixels)
        kind = (yield 1)[0] >> 4
        if kind == _FILL:
            yield -size
        elif kind in (_JPEG, _PNG):
            yield from self._read_compact()
        elif kind < _FILL:
            row = head.width * size
            if kind & _HAS_FILTER and (yield 1)[0] == _PALETTE:
                colours = (yield 1)[0] + 1
                yield -colours * size
                row = -(-head.width // 8) if colours == 2 else head.width
            if row * head.height < SMALLEST_COMPRESSED:
                yield -row * head.height
            else:
                yield from self._read_compact()
        else:
            raise DecodeError(f"a rectangle of Tight of the unknown kind {kind}")

    def _read_compact(self) -> Steps:
        """A length in one to three bytes, of which the last one has all its bits."""
        length = 0
        for shift in (0, 7, 14):
            byte = (yield 1)[0]
            length |= (byte if shift == 14 else byte & 0x7F) << shift
            if byte < 0x80:
                break
        yield -length

    def _read_cursor(self, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        yield -(head.width * pixels.bytes_per_pixel + -(-head.width // 8)) * head.height

    def _read_size(self, head: RectangleHeader, _: PixelFormat) -> Steps:
        self.size = (head.width, head.height)
        yield 0

    def _read_screens(self, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        if not head.y:  # it is no refusal
            self.size = (head.width, head.height)
        count = (yield 4)[0]
        yield -count * SCREEN.size


def _number() -> Generator[int, bytes, int]:
    return int.from_bytes((yield 4))


def _tight_pixel(pixels: PixelFormat) -> int:
    """Bytes of a pixel in Tight, which leaves out the one that means nothing."""
    is_true = (pixels.bits_per_pixel, pixels.depth, pixels.true_colour) == (32, 24, True)
    return 3 if is_true and pixels.red_max == pixels.green_max == pixels.blue_max == 255 else pixels.bytes_per_pixel


def _passing(count: int) -> Callable[[ServerFilter], Steps]:
    def read(_: ServerFilter) -> Steps:
        yield -count

    return read


def _passing_rectangle(count: int) -> Callable[[ServerFilter, RectangleHeader, PixelFormat], Steps]:
    def read(_: ServerFilter, head: RectangleHeader, pixels: PixelFormat) -> Steps:
        yield -count

    return read


_MESSAGES: Final[Mapping[int, Callable[[ServerFilter], Steps]]] = {
    ServerKind.FRAMEBUFFER_UPDATE: ServerFilter._read_update,  # noqa: SLF001
    ServerKind.SET_COLOUR_MAP_ENTRIES: ServerFilter._read_colour_map,  # noqa: SLF001
    ServerKind.BELL: _passing(0),
    ServerKind.END_OF_CONTINUOUS_UPDATES: _passing(0),
    ServerKind.FENCE: ServerFilter._read_fence,  # noqa: SLF001
    ServerKind.XVP: _passing(3),
}
_RECTANGLES: Final[Mapping[int, Callable[[ServerFilter, RectangleHeader, PixelFormat], Steps]]] = {
    Encoding.RAW: ServerFilter._read_raw,  # noqa: SLF001
    Encoding.COPY_RECT: _passing_rectangle(4),
    Encoding.RRE: ServerFilter._read_rre,  # noqa: SLF001
    Encoding.HEXTILE: ServerFilter._read_hextile,  # noqa: SLF001
    Encoding.ZLIB: ServerFilter._read_counted,  # noqa: SLF001
    Encoding.TIGHT: ServerFilter._read_tight,  # noqa: SLF001
    Encoding.TIGHT_PNG: ServerFilter._read_tight,  # noqa: SLF001
    Encoding.ZRLE: ServerFilter._read_counted,  # noqa: SLF001
    Encoding.CURSOR: ServerFilter._read_cursor,  # noqa: SLF001
    Encoding.DESKTOP_SIZE: ServerFilter._read_size,  # noqa: SLF001
    Encoding.EXTENDED_DESKTOP_SIZE: ServerFilter._read_screens,  # noqa: SLF001
    Encoding.DESKTOP_NAME: ServerFilter._read_counted,  # noqa: SLF001
    Encoding.POINTER_POSITION: _passing_rectangle(0),
    Encoding.QEMU_POINTER_MOTION: _passing_rectangle(0),
    Encoding.QEMU_EXTENDED_KEY: _passing_rectangle(0),
    Encoding.QEMU_LED_STATE: _passing_rectangle(1),
}
KNOWN: Final[frozenset[int]] = frozenset(
    {
        *_RECTANGLES,
        Encoding.LAST_RECT,
        Encoding.FENCE,
        Encoding.CONTINUOUS_UPDATES,
        Encoding.XVP,
        Encoding.EXTENDED_CLIPBOARD,
        *QUALITIES,
        *COMPRESSIONS,
        *FINE_QUALITIES,
        *SUBSAMPLINGS,
    }
)
"""What a server may be asked for whose bytes are counted."""
