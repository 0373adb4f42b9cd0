"""However much a peer says that it will send, or makes of little, what we take for it stays under a cap."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Final

import pytest

from conduit.errors import DecodeError
from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_filter import ServerFilter
from conduit.rfb.server_heads import RectangleHeader, encode_update
from conduit.rfb.server_messages import ServerMessageReader
from conduit.rfb.viewer_filter import ViewerFilter, ViewerRules

pytestmark = pytest.mark.slow
WIDTH, HEIGHT = 640, 400
CAP: Final = 4 << 20  # bytes, for whatever a peer does: the picture itself has 1 MB
CHUNK: Final = b"\xaa" * (64 << 10)  # no message begins so
PATIENCE: Final = 64 << 20  # bytes that a peer may go on with
BOMB: Final = 64 << 20  # bytes that a small rectangle inflates to
Take = Callable[[bytes], object]


def rectangle(encoding: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return encode_update(1) + RectangleHeader(0, 0, width, height, encoding).encode()


def deflated() -> bytes:
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(len(CHUNK))) for _ in range(BOMB // len(CHUNK))]
    return b"".join(pieces) + packer.flush(zlib.Z_SYNC_FLUSH)


PACKED: Final = deflated()
LENGTH: Final = len(PACKED).to_bytes(4)
COMPACT: Final = bytes((len(PACKED) & 127 | 128, len(PACKED) >> 7 & 127 | 128, len(PACKED) >> 14 & 255))
FROM_SERVERS: Final = {
    "a clipboard of 4 GiB": b"\3\0\0\0\xff\xff\xff\xff",
    "a clipboard of 2 GiB": b"\3\0\0\0\x7f\xff\xff\xff",
    "a screen of 65,535 by 65,535": rectangle(Encoding.DESKTOP_SIZE, 65535, 65535),
    "a pointer of 65,535 by 65,535": rectangle(Encoding.CURSOR, 65535, 65535),
    "a rectangle outside": rectangle(Encoding.RAW, 65535, 65535),
    "65,535 rectangles": encode_update(65535),
    "a bomb of Zlib": rectangle(Encoding.ZLIB) + LENGTH + PACKED,
    "a bomb of ZRLE": rectangle(Encoding.ZRLE) + LENGTH + PACKED,
    "a bomb of Tight": rectangle(Encoding.TIGHT, 64, 64) + b"\0" + COMPACT + PACKED,
    "a bomb of Tight's gradient": rectangle(Encoding.TIGHT, 64, 64) + b"\x40\2" + COMPACT + PACKED,
    "4 GiB of Zlib": rectangle(Encoding.ZLIB) + b"\xff\xff\xff\xff",
    "4 GiB of ZRLE": rectangle(Encoding.ZRLE) + b"\xff\xff\xff\xff",
    "4 Gi of RRE": rectangle(Encoding.RRE) + b"\xff\xff\xff\xff\0\0\0\0",
    "sound": b"\xff\1\0\2\xff\xff\xff\xff",
    "colours": b"\1\0\0\0\xff\xff",
    "a name": rectangle(Encoding.DESKTOP_NAME, 0, 0) + b"\xff\xff\xff\xff",
}
FROM_VIEWERS: Final = {
    "a clipboard of 4 GiB": b"\6\0\0\0\xff\xff\xff\xff",
    "a clipboard of 2 GiB": b"\6\0\0\0\x7f\xff\xff\xff",
    "65,535 encodings": b"\2\0\xff\xff",
    "a screen of 255 parts": b"\xfb\0\xff\xff\xff\xff\xff\0",
    "a fence of 255 bytes": b"\xf8\0\0\0\0\0\0\0\xff",
    "encodings without end": b"\2\0\4\0" + bytes(4096),
}


def stream(first: bytes) -> Iterator[bytes]:
    """What it says first in pieces, then whatever."""
    for at in range(0, len(first), len(CHUNK)):
        yield first[at : at + len(CHUNK)]
    yield from repeat(CHUNK, PATIENCE // len(CHUNK))


def peak(take: Take, first: bytes) -> int:
    """Bytes that were taken at once."""
    pieces = stream(first)
    tracemalloc.start()
    try:
        for piece in pieces:
            take(piece)
    except DecodeError:
        pass
    finally:
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return found


@pytest.mark.parametrize("what", FROM_SERVERS)
def test_a_server_makes_a_client_take_no_more_than_it_may(what: str) -> None:
    reader = ServerMessageReader(Framebuffer(WIDTH, HEIGHT))
    assert peak(reader.receive_data, FROM_SERVERS[what]) < CAP


@pytest.mark.parametrize("what", FROM_SERVERS)
def test_a_server_makes_a_relay_take_no_more_than_it_may(what: str) -> None:
    passing = ServerFilter(0, lambda: PixelFormat.BGRX)
    assert peak(passing.receive_data, FROM_SERVERS[what]) < CAP


@pytest.mark.parametrize("what", FROM_VIEWERS)
def test_a_viewer_makes_a_server_take_no_more_than_it_may(what: str) -> None:
    assert peak(ClientMessageReader().receive_data, FROM_VIEWERS[what]) < CAP


@pytest.mark.parametrize("what", FROM_VIEWERS)
@pytest.mark.parametrize("rules", [ViewerRules(), ViewerRules(view_only=True)], ids=["all", "view-only"])
def test_a_viewer_makes_a_relay_take_no_more_than_it_may(what: str, rules: ViewerRules) -> None:
    assert peak(ViewerFilter(rules).receive_data, FROM_VIEWERS[what]) < CAP
