"""Oracles for what RFB servers show: each decoder, the reader of all messages, recordings, and encoders."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.names import Encoding
from conduit.rfb.recording import Recording, RecordingWriter
from conduit.rfb.server_heads import RectangleHeader, encode_update
from conduit.rfb.server_messages import ServerEvent, ServerMessageReader

Oracle = Callable[[bytes], None]
WIDTH, HEIGHT = 70, 5  # two tiles of ZRLE, five of Hextile
LOSSLESS: Final = (Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT)


def read(data: bytes, step: int) -> tuple[list[ServerEvent], Framebuffer, bool]:
    """Events, picture, and whether it was all well."""
    picture = Framebuffer(WIDTH, HEIGHT)
    reader = ServerMessageReader(picture)
    events: list[ServerEvent] = []
    try:
        for start in range(0, len(data), step):
            events += reader.receive_data(data[start : start + step])
    except DecodeError:
        return events, picture, False
    return events, picture, True


def server_messages(data: bytes) -> None:
    """However the bytes come, the same picture is drawn; it has the size that it says."""
    _, picture, well = read(data, len(data) or 1)
    assert len(picture.pixels) == 4 * picture.width * picture.height
    assert not any(picture.pixels[3::4])
    if len(data) < 2000:
        _, again, well_again = read(data, 7)
        assert (well, picture) == (well_again, again)


def rectangle(encoding: Encoding) -> Oracle:
    """The same for what follows the head of a rectangle."""
    head = encode_update(1) + RectangleHeader(0, 0, WIDTH, HEIGHT, encoding).encode()
    return lambda data: server_messages(head + data)


def compressed(encoding: Encoding, before: bytes = b"", lengths: int = 4) -> Oracle:
    """The same for what zlib has compressed."""

    def oracle(data: bytes) -> None:
        stream = zlib.compressobj(1)
        packed = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
        if lengths == 4:
            length = len(packed).to_bytes(4, "big")
        else:
            length = bytes((len(packed) & 127 | 128, len(packed) >> 7 & 127 | 128, len(packed) >> 14 & 255))
        rectangle(encoding)(before + length + packed)

    return oracle


def encoders(data: bytes) -> None:
    """Any picture comes back from every encoder."""
    indices = data.ljust(WIDTH * HEIGHT, data[:1] or b"\0")[: WIDTH * HEIGHT]
    pixels = bytearray(4 * len(indices))
    pixels[0::4], pixels[1::4], pixels[2::4] = indices, indices[::-1], bytes(len(indices))
    picture = Framebuffer(WIDTH, HEIGHT, pixels)
    for encoding in LOSSLESS:
        encoder = UpdateEncoder()
        encoder.set_encodings([encoding])
        _, seen, well = read(encoder.encode(picture, [picture.whole]), 1 << 20)
        assert well
        assert seen == picture


def recording(data: bytes) -> None:
    """A file is read to its end, or is damaged."""
    with suppress(DecodeError):
        opened = Recording(io.BytesIO(data))
        for start in (0.0, opened.duration / 2):
            for frame in opened.frames(start):
                assert frame.seconds >= start


def small_recording() -> bytes:
    """Two pictures, a bell and an index."""
    file, picture = io.BytesIO(), Framebuffer(2, 2)
    writer = RecordingWriter(file, picture, started=0, now=0.0)
    picture.fill(picture.whole, b"abc\0")
    writer.updated([picture.whole], 1.0)
    writer.belled(2.0)
    writer.close(3.0)
    return file.getvalue()


def seed(encoding: Encoding) -> bytes:
    """A rectangle's data, from our encoder."""
    picture = Framebuffer(WIDTH, HEIGHT)
    for at in range(0, len(picture.pixels), 12):
        picture.pixels[at] = at * 7 & 0xF0
    encoder = UpdateEncoder()
    encoder.set_encodings([encoding])
    return encoder.encode(picture, [picture.whole])[16:]


def deflated(data: bytes) -> bytes:
    """Of Zlib, with its length."""
    packed = zlib.compress(data)
    return len(packed).to_bytes(4) + packed


AREA: Final = WIDTH * HEIGHT
PICTURE_TARGETS: Final[Mapping[str, Oracle]] = {
    "rfb_server_messages": server_messages,
    "rfb_raw": rectangle(Encoding.RAW),
    "rfb_copy_rect": rectangle(Encoding.COPY_RECT),
    "rfb_rre": rectangle(Encoding.RRE),
    "rfb_hextile": rectangle(Encoding.HEXTILE),
    "rfb_zlib": rectangle(Encoding.ZLIB),
    "rfb_zrle": rectangle(Encoding.ZRLE),
    "rfb_zrle_tiles": compressed(Encoding.ZRLE),
    "rfb_tight": rectangle(Encoding.TIGHT),
    "rfb_tight_palette": compressed(Encoding.TIGHT, b"\x40\x01\x03" + bytes(range(12)), 3),
    "rfb_tight_gradient": compressed(Encoding.TIGHT, b"\x40\x02", 3),
    "rfb_cursor": rectangle(Encoding.CURSOR),
    "rfb_screens": rectangle(Encoding.EXTENDED_DESKTOP_SIZE),
    "rfb_encoders": encoders,
    "rfb_recording": recording,
}
PICTURE_SEEDS: Final[Mapping[str, list[bytes]]] = {
    "rfb_server_messages": [
        encode_update(2)
        + RectangleHeader(0, 0, 2, 1, Encoding.DESKTOP_SIZE).encode()
        + RectangleHeader(1, 0, 1, 1, Encoding.RAW).encode()
        + b"abcd",
        b"\x02\x03\0\0\0\0\0\0\x02hi\x96\xf8\0\0\0\x80\0\0\1\1a\xfa\0\1\1",
        b"\xff\x01\0\x02\0\0\0\x01a\x01\0\0\0\0\1\0\0\0\0\0\0",
    ],
    "rfb_raw": [bytes(range(200)) * 7, bytes(4 * AREA - 1)],
    "rfb_zlib": [deflated(bytes(4 * AREA)), deflated(b"abc\0" * AREA) + deflated(b"")],
    "rfb_cursor": [b"abc\0" * AREA + b"\xf0" * 9 * HEIGHT],
    "rfb_rre": [b"\0\0\0\1aaaabbbb\0\1\0\1\0\2\0\2"],
    "rfb_hextile": [seed(Encoding.HEXTILE), b"\x1aaaaa\1bbbb\0\0" + b"\x08\1\0\0" + b"\0\0\0"],
    "rfb_zrle": [seed(Encoding.ZRLE)],
    "rfb_zrle_tiles": [
        b"\x01abc\x02abcdef" + b"\x40" * 5,
        b"\x80abc\xff\x40\x82abcdef\x80\x1d",
        b"\x05" + bytes(15) + b"\x12" * 160 + b"\x00" + b"abc" * 30,
    ],
    "rfb_tight": [seed(Encoding.TIGHT), b"\x80abc", b"\x90\x02\xff\xd8"],
    "rfb_tight_palette": [bytes(index & 3 for index in range(AREA))],
    "rfb_tight_gradient": [bytes(index & 255 for index in range(AREA * 3))],
    "rfb_encoders": [b"\0", b"ab" * 170, bytes(range(256))],
    "rfb_recording": [small_recording()],
    "rfb_screens": [b"\1\0\0\0" + bytes(16)],
    "rfb_copy_rect": [bytes(4)],
}
