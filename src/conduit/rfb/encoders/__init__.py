"""Encoders, and what chooses among them for one viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from conduit.rfb.encoders.encoder import LEVEL, Encoder, RawEncoder
from conduit.rfb.encoders.hextile import HextileEncoder
from conduit.rfb.encoders.tight import TightEncoder
from conduit.rfb.encoders.update import Update
from conduit.rfb.encoders.zrle import ZrleEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.names import COMPRESSIONS, FINE_QUALITIES, QUALITIES, Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.translation import PixelWriter

__all__ = [
    "Encoder",
    "HextileEncoder",
    "RawEncoder",
    "TightEncoder",
    "Update",
    "UpdateEncoder",
    "ZrleEncoder",
    "jpeg_quality",
]

ENCODERS: Final[Mapping[int, Callable[[], Encoder]]] = {
    Encoding.TIGHT: TightEncoder,
    Encoding.ZRLE: ZrleEncoder,
    Encoding.HEXTILE: HextileEncoder,
    Encoding.RAW: RawEncoder,
}


def jpeg_quality(encodings: Iterable[int]) -> int | None:
    """What a viewer wishes, 5 to 95, or None when it wants no JPEG; the first wish counts."""
    for number in encodings:
        if number in QUALITIES:
            return 5 + 10 * (number - Encoding.QUALITY_0)
        if number in FINE_QUALITIES:
            return min(max(number - FINE_QUALITIES.start, 5), 95)
    return None


def compression(encodings: Iterable[int]) -> int:
    """Zlib's level that a viewer wishes, 0 to 9, or what serves most; the first wish counts."""
    return next((number - COMPRESSIONS.start for number in encodings if number in COMPRESSIONS), LEVEL)


class UpdateEncoder:
    """Makes FramebufferUpdates for one viewer.

    :param pixel_format: what ServerInit said, until the viewer asks for another.
    """

    def __init__(self, pixel_format: PixelFormat = PixelFormat.BGRX) -> None:
        self._writer = PixelWriter(pixel_format)
        self._made: dict[int, Encoder] = {}  # zlib's streams go on when a viewer changes its mind
        self._encoder: Encoder = RawEncoder()
        self._barred: frozenset[int] = frozenset()
        self._follows = False
        self.encoding: int = Encoding.RAW

    def set_pixel_format(self, pixel_format: PixelFormat) -> None:
        """The viewer wants its pixels so.

        :raises DecodeError: nobody can.
        """
        self._writer = PixelWriter(pixel_format)

    def follow(self, encodings: Iterable[int]) -> None:
        """The viewer has had rectangles in these from somebody else: a zlib stream that was begun is not begun again.

        Tight's can be. Tell the encodings again afterwards.
        """
        used = frozenset(encodings)
        self._barred = used & {Encoding.ZRLE}
        self._follows = Encoding.TIGHT in used
        self._made.pop(Encoding.TIGHT, None)

    def set_encodings(self, encodings: Sequence[int], *, jpeg: bool = True) -> None:
        """The viewer understands these, best first.

        :param jpeg: whether it may get JPEG if it wishes.
        """
        usable = ENCODERS.keys() - self._barred
        self.encoding = next((number for number in encodings if number in usable), Encoding.RAW)
        if self.encoding not in self._made:
            self._made[self.encoding] = self._make()
        self._encoder = self._made[self.encoding]
        if isinstance(self._encoder, (TightEncoder, ZrleEncoder)):
            self._encoder.set_level(compression(encodings))
        if isinstance(self._encoder, TightEncoder):
            self._encoder.quality = jpeg_quality(encodings) if jpeg else None

    def _make(self) -> Encoder:
        made = ENCODERS[self.encoding]()
        if self._follows and isinstance(made, TightEncoder):
            made.follow()
        return made

    def encode(self, picture: Framebuffer, areas: Iterable[Area], before: Sequence[bytes] = ()) -> bytes:
        """A whole FramebufferUpdate, or several when it has more rectangles than one can have.

        :param before: rectangles that are no pixels, each with its header.
        """
        update, parts = self.begin(picture, areas, before), []
        while not update.is_over:
            parts.append(update.take())
        return b"".join(parts)

    def begin(self, picture: Framebuffer, areas: Iterable[Area], before: Sequence[bytes] = ()) -> Update:
        """The same, to be taken in parts: all of them before the next.

        What the viewer says meanwhile about encodings and pixels is true of what is begun afterwards.
        """
        rectangles: list[bytes | Area] = list(before)
        for area in areas:
            rectangles += self._encoder.split(area)
        return Update(self._encoder, self._writer, picture, rectangles)
