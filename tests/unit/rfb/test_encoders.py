from __future__ import annotations

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rfb.encoders import UpdateEncoder, jpeg_quality
from conduit.rfb.encoders.encoder import MOST_PIXELS, bands
from conduit.rfb.encoders.palette import find_palette
from conduit.rfb.encoders.tight import encode_compact
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.pixels import pack, unpack
from conduit.rfb.server_messages import ServerMessageReader
from conduit.rfb.translation import PixelWriter
from tests.fakes.rfb_bytes import BLUE, GREEN, RED, chequered, many_coloured

RGBX = dataclasses.replace(PixelFormat.BGRX, red_shift=0, blue_shift=16)
UPPER = dataclasses.replace(PixelFormat.BGRX, red_shift=24, green_shift=16, blue_shift=8)
RGB565 = PixelFormat(
    bits_per_pixel=16, depth=16, big_endian=False, true_colour=True,
    red_max=31, green_max=63, blue_max=31, red_shift=11, green_shift=5, blue_shift=0,
)  # fmt: skip
BGR233 = PixelFormat(
    bits_per_pixel=8, depth=8, big_endian=False, true_colour=True,
    red_max=7, green_max=7, blue_max=3, red_shift=0, green_shift=3, blue_shift=6,
)  # fmt: skip
LOSSLESS = (Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT)


def seen(data: bytes, width: int, height: int) -> Framebuffer:
    reader = ServerMessageReader(Framebuffer(width, height))
    reader.receive_data(data)
    reader.receive_eof()
    return reader.picture


@pytest.mark.parametrize("encoding", LOSSLESS)
@pytest.mark.parametrize("colours", [1, 2, 3, 5, 17, 130, 256])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (17, 16), (64, 64), (65, 130), (2050, 3)])
def test_a_viewer_sees_the_picture(encoding: Encoding, colours: int, size: tuple[int, int]) -> None:
    picture = chequered(*size, colours)
    encoder = UpdateEncoder()
    encoder.set_encodings([Encoding.COPY_RECT, encoding, Encoding.RAW])
    assert encoder.encoding == encoding
    reader = ServerMessageReader(Framebuffer(*size))
    for _ in range(2):  # zlib's streams go on
        reader.receive_data(encoder.encode(picture, [picture.whole]))
        assert reader.picture == picture


@pytest.mark.property
@pytest.mark.parametrize("encoding", LOSSLESS)
@given(data=st.data())
def test_any_part_of_any_picture_arrives(encoding: Encoding, data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    colours = data.draw(st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=6))
    choices = data.draw(st.binary(min_size=width * height, max_size=width * height))
    picture = Framebuffer(width, height, b"".join(colours[each % len(colours)] + b"\0" for each in choices))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    area = Area(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    encoder = UpdateEncoder()
    encoder.set_encodings([encoding])
    assert seen(encoder.encode(picture, [area]), width, height).crop(area) == picture.crop(area)


def test_many_colours_are_pixels_as_they_are() -> None:
    picture = Framebuffer(64, 64, b"".join(bytes((n % 251, n // 251, n % 7, 0)) for n in range(4096)))
    for encoding in LOSSLESS:
        encoder = UpdateEncoder()
        encoder.set_encodings([encoding])
        assert seen(encoder.encode(picture, [picture.whole]), 64, 64) == picture


def test_jpeg_is_for_who_wishes_it_and_for_photographs() -> None:
    photo = Framebuffer(64, 64, b"".join(bytes((n % 251, n // 17 % 256, n % 7, 0)) for n in range(4096)))
    encoder = UpdateEncoder()
    encoder.set_encodings([Encoding.TIGHT, -28])
    data = encoder.encode(photo, [photo.whole])
    assert b"JFIF" in data
    assert seen(data, 64, 64) != photo
    text = chequered(64, 64)
    assert seen(encoder.encode(text, [text.whole]), 64, 64) == text
    encoder.set_encodings([Encoding.TIGHT, -28], jpeg=False)
    assert b"JFIF" not in encoder.encode(photo, [photo.whole])
    encoder.set_encodings([Encoding.TIGHT, -28])
    encoder.set_pixel_format(BGR233)
    assert b"JFIF" not in encoder.encode(photo, [photo.whole])


@pytest.mark.parametrize(
    ("encodings", "quality"), [([7], None), ([7, -32], 5), ([-23, -32], 95), ([-512], 5), ([-437], 75), ([-412], 95)]
)
def test_the_first_wish_for_quality_counts(encodings: list[int], quality: int | None) -> None:
    assert jpeg_quality(encodings) == quality


def test_a_viewer_who_knows_nothing_gets_raw_pixels() -> None:
    encoder = UpdateEncoder()
    encoder.set_encodings([Encoding.TIGHT])
    encoder.set_encodings([99, Encoding.CURSOR])
    assert encoder.encoding == Encoding.RAW
    encoder.set_encodings([Encoding.TIGHT, -247])
    assert encoder.encoding == Encoding.TIGHT


def test_a_wish_for_compression_is_heard() -> None:
    picture = chequered(300, 300, 200)
    sizes = []
    for wish in (-256, -247):
        encoder = UpdateEncoder()
        encoder.set_encodings([Encoding.ZRLE, wish])
        sizes.append(len(encoder.encode(picture, [picture.whole])))
    assert sizes[0] > 10 * sizes[1]


@pytest.mark.parametrize("encoding", [Encoding.ZRLE, Encoding.TIGHT])
def test_another_wish_for_compression_is_heard_in_the_middle_of_a_stream(encoding: Encoding) -> None:
    picture = chequered(300, 300, 200)
    encoder, reader = UpdateEncoder(), ServerMessageReader(Framebuffer(300, 300))
    sizes = []
    for wish in (0, 9, 9, 1, 0, None):
        wishes = [] if wish is None else [Encoding.COMPRESSION_0 + wish]
        encoder.set_encodings([encoding, *wishes])
        update = encoder.encode(picture, [picture.whole])
        sizes.append(len(update))
        reader.receive_data(update)
        assert reader.picture == picture
    stored, deflated = (sizes[0], sizes[4]), (*sizes[1:4], sizes[5])
    assert min(stored) > 10 * max(deflated)


def test_a_wish_before_the_first_rectangle_is_the_streams() -> None:
    picture = many_coloured(64, 64)
    encoder = UpdateEncoder()
    for wish in (1, 9):
        encoder.set_encodings([Encoding.TIGHT, Encoding.COMPRESSION_0 + wish])
    assert zlib.decompressobj().decompress(compressed(encoder.encode(picture, [picture.whole])))


def test_more_rectangles_than_an_update_can_have_are_two_updates() -> None:
    picture = Framebuffer(1, 1, RED)
    data = UpdateEncoder().encode(picture, [picture.whole] * 70_000)
    assert struct.unpack_from(">BxH", data) == (0, 65534)
    assert struct.unpack_from(">BxH", data, 4 + 65534 * 16) == (0, 70_000 - 65534)
    assert UpdateEncoder().encode(picture, []) == bytes(4)
    assert UpdateEncoder().encode(picture, [], [b"pseudo"]) == b"\0\0\0\1pseudo"


# --- pixel formats ---


@pytest.mark.parametrize(
    ("wanted", "full", "compressed", "tight"),
    [
        (PixelFormat.BGRX, "0102ff00", "0102ff", "ff0201"),
        (RGBX, "ff020100", "ff0201", "ff0201"),
        (UPPER, "000102ff", "0102ff", "ff0201"),
        (dataclasses.replace(UPPER, big_endian=True), "ff020100", "ff0201", "ff0201"),
        (dataclasses.replace(PixelFormat.BGRX, big_endian=True), "00ff0201", "ff0201", "ff0201"),
        (dataclasses.replace(PixelFormat.BGRX, depth=32), "0102ff00", "0102ff00", "0102ff00"),
        (dataclasses.replace(PixelFormat.BGRX, red_shift=24), "010200ff", "010200ff", "ff0201"),
        (RGB565, "00f8", "00f8", "00f8"),
        (dataclasses.replace(RGB565, big_endian=True), "f800", "f800", "f800"),
        (BGR233, "07", "07", "07"),
    ],
)
def test_pixels_are_written_as_a_viewer_wants_them(wanted: PixelFormat, full: str, compressed: str, tight: str) -> None:
    writer = PixelWriter(wanted)
    pixels = b"\x01\x02\xff\0" * 2
    assert [writer.full(pixels).hex(), writer.compressed(pixels).hex(), writer.tight(pixels).hex()] == [
        full * 2, compressed * 2, tight * 2,
    ]  # fmt: skip
    assert (writer.size, writer.compressed_size, writer.tight_size) == tuple(
        len(each) // 2 for each in (full, compressed, tight)
    )


def test_white_is_white_in_every_format() -> None:
    assert PixelWriter(RGB565).full(b"\xff\xff\xff\0") == b"\xff\xff"
    assert PixelWriter(BGR233).full(b"\xff\xff\xff\0") == b"\xff"


@pytest.mark.parametrize("wrong", [{"true_colour": False}, {"bits_per_pixel": 24}, {"red_max": 254}])
def test_formats_that_nobody_can_draw_in_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(DecodeError):
        UpdateEncoder().set_pixel_format(dataclasses.replace(PixelFormat.BGRX, **wrong))  # type: ignore[arg-type]  # one of several


# --- pieces ---


def test_colours_that_no_plane_tells_apart_are_found_nevertheless() -> None:
    pixels = RED + GREEN + BLUE + bytes(4) + RED
    palette = find_palette(pixels, 4)
    assert palette is not None
    assert palette.size == 4
    assert b"".join(palette.colours[4 * index : 4 * index + 4] for index in palette.indices) == pixels


def test_too_many_colours_are_no_palette() -> None:
    assert find_palette(RED + GREEN + BLUE, 2) is None
    assert find_palette((RED + GREEN + BLUE) * 1000, 2) is None


@pytest.mark.property
@given(st.data())
def test_packed_pixels_unpack(data: st.DataObject) -> None:
    bits, width, height = (
        data.draw(each) for each in (st.sampled_from((1, 2, 4)), st.integers(1, 20), st.integers(1, 9))
    )
    pixels = st.lists(st.integers(0, (1 << bits) - 1), min_size=width * height, max_size=width * height)
    indices = bytes(data.draw(pixels))
    assert unpack(pack(indices, width, bits), width, bits) == indices


@pytest.mark.parametrize(
    ("length", "data"), [(127, "7f"), (128, "8001"), (16383, "ff7f"), (16384, "808001"), (4194303, "ffffff")]
)
def test_lengths_are_compact(length: int, data: str) -> None:
    assert encode_compact(length).hex() == data


def test_bands_cover_an_area() -> None:
    left_and_right = [Area(1, 1, 2048, 32), Area(1, 33, 2048, 1), Area(2049, 1, 1, 33)]
    assert bands(Area(1, 1, 2049, 33), max_width=2048) == left_and_right
    assert bands(Area(0, 5, 1000, 130), 64) == [Area(0, 5, 1000, 64), Area(0, 69, 1000, 64), Area(0, 133, 1000, 2)]
    assert max(band.size for band in bands(Area(0, 0, 7680, 4320), 64)) == MOST_PIXELS
    assert bands(Area(0, 0, 65535, 3)) == [Area(0, row, 65535, 1) for row in range(3)]


def test_who_has_had_another_stream_of_zrle_gets_none_and_those_of_tight_begin_anew() -> None:
    encoder = UpdateEncoder()
    encoder.follow([Encoding.ZRLE, Encoding.TIGHT, Encoding.RAW])
    encoder.set_encodings([Encoding.ZRLE, Encoding.HEXTILE])
    assert encoder.encoding == Encoding.HEXTILE
    encoder.set_encodings([Encoding.ZRLE])
    assert encoder.encoding == Encoding.RAW
    encoder.set_encodings([Encoding.ZRLE, Encoding.TIGHT])
    first, second = (encoder.encode(shown, [shown.whole])[16] for shown in [many_coloured(40, 20)] * 2)
    assert (first, second) == (0x01, 0x00)
    first, second = (encoder.encode(shown, [shown.whole])[16] for shown in [chequered(40, 20, 2)] * 2)
    assert (first, second) == (0x52, 0x50)
    encoder.follow([])
    encoder.set_encodings([Encoding.ZRLE])
    assert encoder.encoding == Encoding.ZRLE
    encoder.set_encodings([Encoding.TIGHT])
    assert encoder.encode(many_coloured(40, 20), [Area(0, 0, 40, 20)])[16] == 0x00


def test_after_tight_from_somebody_else_no_rectangle_needs_the_window_which_pako_has_lost() -> None:
    """noVNC forgets for good, when a stream begins anew, what it would have to remember from rectangle to rectangle."""
    shown = many_coloured(40, 20)
    needs = {}
    for is_second in (False, True):
        encoder = UpdateEncoder()
        encoder.follow([Encoding.TIGHT] if is_second else [])
        encoder.set_encodings([Encoding.TIGHT])
        sent = [compressed(encoder.encode(shown, [shown.whole])) for _ in range(3)]
        raw = sent[0][2:], *sent[1:]  # without zlib's head
        needs[is_second] = [_inflates_alone(each) for each in raw]
    assert needs == {False: [True, False, False], True: [True, True, True]}


def compressed(update: bytes) -> bytes:
    """Of the one rectangle of Tight in an update, that has no filter, what zlib has made."""
    at = 17
    while update[at] & 0x80:
        at += 1
    return update[at + 1 :]


def _inflates_alone(data: bytes) -> bool:
    """Whether it refers to nothing before it."""
    try:
        return bool(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data))
    except zlib.error:
        return False
