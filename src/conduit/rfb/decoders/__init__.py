"""Decoders, one for each encoding; how they read is in :mod:`conduit.rfb.decoders.pulling`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from conduit.rfb.decoders.hextile import HextileDecoder
from conduit.rfb.decoders.plain import CopyRectDecoder, RawDecoder, RreDecoder
from conduit.rfb.decoders.pseudo import PointerShape
from conduit.rfb.decoders.pulling import Decoder, Pulling
from conduit.rfb.decoders.tight import TightDecoder
from conduit.rfb.decoders.zlibs import ZlibDecoder, ZrleDecoder
from conduit.rfb.names import Encoding
from conduit.rfb.pixels import PixelReader

__all__ = ["Decoder", "PointerShape", "Pulling", "lose_streams", "new_decoders"]


def new_decoders(pixels: PixelReader) -> dict[int, Decoder]:
    """Those of one connection.

    :param pixels: how its pixels are read, now and later.
    """
    return {
        Encoding.RAW: RawDecoder(pixels),
        Encoding.COPY_RECT: CopyRectDecoder(),
        Encoding.RRE: RreDecoder(pixels),
        Encoding.HEXTILE: HextileDecoder(pixels),
        Encoding.ZLIB: ZlibDecoder(pixels),
        Encoding.TIGHT: TightDecoder(),
        Encoding.ZRLE: ZrleDecoder(pixels),
    }


def lose_streams(decoders: Mapping[int, Decoder], encodings: Iterable[int]) -> None:
    """Part of what was compressed in these went elsewhere: it is passed over, and the picture loses it."""
    for number in encodings:
        decoder = decoders.get(number)
        if isinstance(decoder, ZlibDecoder | TightDecoder | ZrleDecoder):
            decoder.lose()
