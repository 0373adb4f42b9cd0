"""Decoders, one for each encoding; how they read is in :mod:`conduit.rfb.decoders.pulling`."""

from __future__ import annotations

from conduit.rfb.decoders.hextile import HextileDecoder
from conduit.rfb.decoders.plain import CopyRectDecoder, RawDecoder, RreDecoder
from conduit.rfb.decoders.pseudo import PointerShape
from conduit.rfb.decoders.pulling import Decoder, Pulling
from conduit.rfb.decoders.tight import TightDecoder
from conduit.rfb.decoders.zlibs import ZlibDecoder, ZrleDecoder
from conduit.rfb.names import Encoding

__all__ = ["Decoder", "PointerShape", "Pulling", "new_decoders"]


def new_decoders() -> dict[int, Decoder]:
    """Those of one connection."""
    return {
        Encoding.RAW: RawDecoder(),
        Encoding.COPY_RECT: CopyRectDecoder(),
        Encoding.RRE: RreDecoder(),
        Encoding.HEXTILE: HextileDecoder(),
        Encoding.ZLIB: ZlibDecoder(),
        Encoding.TIGHT: TightDecoder(),
        Encoding.ZRLE: ZrleDecoder(),
    }
