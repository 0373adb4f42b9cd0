from __future__ import annotations

import io
import struct
import sys
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rfb.decoders.pulling import BREATH
from conduit.rfb.decoders.tight import undo_gradient
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import decode_png, encode_png
from conduit.rfb.messages import Area
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_messages import FramebufferUpdated, ServerMessageReader
from tests.fakes.rfb_bytes import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    chequered,
    deflated,
    many_coloured,
    rectangle,
    update,
    with_length,
    zlib_stream,
    zrle,
)


def draw(*messages: bytes, width: int = 2, height: int = 2) -> Framebuffer:
    """The picture, byte by byte: nothing depends on how the bytes come."""
    picture = Framebuffer(width, height)
    reader = ServerMessageReader(picture)
    events = [event for byte in b"".join(messages) for event in reader.receive_data(bytes((byte,)))]
    assert len(events) == len(messages)
    reader.receive_eof()
    at_once = Framebuffer(width, height)
    ServerMessageReader(at_once).receive_data(b"".join(messages))
    assert at_once == picture
    return picture


def refuse(message: bytes, why: str, *, width: int = 2, height: int = 2) -> None:
    with pytest.raises(DecodeError, match=why):
        ServerMessageReader(Framebuffer(width, height)).receive_data(message)


def test_raw_pixels_lose_their_fourth_byte() -> None:
    data = b"\x00\x00\xff\x99" * 4
    assert draw(update(rectangle(0, 0, 2, 2, Encoding.RAW, data))).pixels == RED * 4


def test_raw_pixels_of_no_area_are_nothing() -> None:
    assert draw(update(rectangle(0, 0, 0, 2, Encoding.RAW))).pixels == bytes(16)


def test_a_large_raw_rectangle_is_drawn_while_it_comes() -> None:
    picture = Framebuffer(100, 400)
    reader = ServerMessageReader(picture)
    message = update(rectangle(0, 0, 100, 400, Encoding.RAW, RED * 40_000))
    assert reader.receive_data(message[:100_000]) == []
    assert picture.crop(Area(0, 0, 100, 100)) == RED * 10_000
    assert reader.receive_data(message[100_000:]) == [FramebufferUpdated((picture.whole,))]


def test_a_copied_rectangle_comes_from_the_picture() -> None:
    raw = update(rectangle(0, 0, 2, 1, Encoding.RAW, RED + GREEN))
    assert draw(raw, update(rectangle(0, 1, 2, 1, Encoding.COPY_RECT, bytes(4)))).pixels == (RED + GREEN) * 2


def test_a_copy_from_outside_is_refused() -> None:
    refuse(update(rectangle(0, 1, 2, 1, Encoding.COPY_RECT, b"\x00\x01\x00\x00")), "not inside a display")


def test_a_rectangle_outside_is_refused() -> None:
    refuse(update(rectangle(1, 1, 2, 1, Encoding.RAW)), "2x1 at 1,1 is not inside a display of 2x2")


def test_rre_is_a_background_with_rectangles() -> None:
    data = struct.pack(">I4s4sHHHH", 1, RED, BLUE, 1, 0, 1, 2)
    assert draw(update(rectangle(0, 0, 2, 2, Encoding.RRE, data))).pixels == (RED + BLUE) * 2


def test_rre_with_more_rectangles_than_pixels_is_refused() -> None:
    refuse(update(rectangle(0, 0, 2, 2, Encoding.RRE, struct.pack(">I", 5))), "5 rectangles in one of 4 pixels")


@pytest.mark.parametrize("place", [(1, 0, 2, 1), (0, 2, 1, 1)])
def test_rre_outside_of_its_rectangle_is_refused(place: tuple[int, int, int, int]) -> None:
    data = struct.pack(">I4s4sHHHH", 1, RED, BLUE, *place)
    refuse(update(rectangle(0, 0, 2, 2, Encoding.RRE, data)), "is not inside the one")


# --- Hextile ---


def test_hextile_keeps_its_colours_from_tile_to_tile() -> None:
    tiles = bytes((2 | 4 | 8,)) + RED + BLUE + b"\x01\x00\x00" + bytes((8,)) + b"\x01\x10\x00"
    picture = draw(update(rectangle(0, 0, 18, 1, Encoding.HEXTILE, tiles)), width=18, height=1)
    assert picture.pixels == BLUE + RED * 15 + RED + BLUE


def test_hextile_has_raw_tiles_and_tiles_of_one_colour() -> None:
    tiles = bytes((1,)) + RED * 16 + bytes((2,)) + BLUE
    assert draw(update(rectangle(0, 0, 17, 1, Encoding.HEXTILE, tiles)), width=17, height=1).pixels == RED * 16 + BLUE


def test_hextiles_rectangles_may_each_have_their_colour() -> None:
    tile = bytes((2 | 8 | 16,)) + BLACK + b"\x02" + RED + b"\x00\x01" + GREEN + b"\x10\x01"
    assert draw(update(rectangle(0, 0, 2, 2, Encoding.HEXTILE, tile))).pixels == (RED + GREEN) * 2


@pytest.mark.parametrize("size", [(2, 2), (16, 2), (2, 16)])
@pytest.mark.parametrize("place", [b"\x10\xf0", b"\x01\x0f", b"\xf0\x10", b"\x0f\x01"])
@pytest.mark.parametrize("colour", [b"", RED])
def test_hextile_outside_of_its_tile_is_refused(size: tuple[int, int], place: bytes, colour: bytes) -> None:
    width, height = size
    tile = bytes((8 | (16 if colour else 0),)) + b"\x01" + colour + place
    message = update(rectangle(0, 0, width, height, Encoding.HEXTILE, tile))
    refuse(message, "not inside its tile", width=width, height=height)


def test_rows_of_hextile_are_drawn_while_they_come() -> None:
    blank, drawn = bytes((2,)) + BLUE, bytes((4 | 8,)) + RED + b"\x02\x10\x10\x31\x00"
    picture = Framebuffer(20, 33)
    reader = ServerMessageReader(picture)
    message = update(rectangle(0, 0, 20, 33, Encoding.HEXTILE, blank + drawn + bytes(2) + drawn + drawn))
    assert reader.receive_data(message[:-20]) == []
    assert picture.crop(Area(16, 0, 4, 2)) == BLUE + RED * 2 + BLUE * 4 + RED
    assert picture.crop(Area(0, 16, 20, 17)) == BLUE * (20 * 16) + bytes(20 * 4)
    with pytest.raises(DecodeError, match="not inside its tile"):
        reader.receive_data(message[-20:])  # the last row of tiles is one pixel high


# --- Zlib and ZRLE ---


def test_zlibs_stream_goes_on_from_rectangle_to_rectangle() -> None:
    stream = zlib_stream()
    messages = [
        update(rectangle(0, 0, 2, 2, Encoding.ZLIB, with_length(deflated(colour * 4, stream))))
        for colour in (RED, BLUE)
    ]
    assert draw(*messages).pixels == BLUE * 4


def test_a_zlib_bomb_is_refused() -> None:
    bomb = with_length(deflated(bytes(1_000_000)))
    refuse(update(rectangle(0, 0, 2, 2, Encoding.ZLIB, bomb)), "inflate to more than the 16 bytes that fit")
    refuse(update(rectangle(0, 0, 2, 2, Encoding.ZRLE, bomb)), "inflate to more than")


def test_more_compressed_bytes_than_pixels_can_need_are_refused_before_they_come() -> None:
    refuse(update(rectangle(0, 0, 2, 2, Encoding.ZLIB, b"\xff\xff\xff\xff")), "4294967295 compressed bytes for 16")


def test_too_few_pixels_are_refused() -> None:
    refuse(update(rectangle(0, 0, 2, 2, Encoding.ZLIB, with_length(deflated(RED)))), "4 bytes instead of 16")


def test_damaged_data_are_refused() -> None:
    refuse(update(rectangle(0, 0, 2, 2, Encoding.ZLIB, with_length(b"garbage"))), "are damaged")


def test_a_stream_that_ends_is_refused() -> None:
    refuse(update(rectangle(0, 0, 2, 2, Encoding.ZLIB, with_length(zlib.compress(RED * 4)))), "has an end")


def test_zrle_has_raw_tiles() -> None:
    assert draw(zrle(b"\x00" + (RED[:3] + BLUE[:3]) * 2)).pixels == (RED + BLUE) * 2


def test_zrle_has_tiles_of_one_colour() -> None:
    assert draw(zrle(b"\x01" + GREEN[:3])).pixels == GREEN * 4


def test_zrle_has_tiles_of_64_pixels() -> None:
    picture = draw(zrle(b"\x01" + RED[:3] + b"\x01" + BLUE[:3], width=65, height=1), width=65, height=1)
    assert picture.pixels == RED * 64 + BLUE


@pytest.mark.parametrize(("colours", "packed"), [(2, b"\x40\x80"), (3, b"\x10\x40"), (5, b"\x01\x10")])
def test_zrle_packs_indices_of_palettes(colours: int, packed: bytes) -> None:
    palette = RED[:3] + BLUE[:3] + GREEN[:3] * (colours - 2)
    assert draw(zrle(bytes((colours,)) + palette + packed)).pixels == RED + BLUE + BLUE + RED


def test_zrle_refuses_an_index_outside_of_the_palette() -> None:
    refuse(zrle(b"\x03" + bytes(9) + b"\xff\xff"), "not one of the 3 of its palette")


def test_zrle_has_runs() -> None:
    assert draw(zrle(b"\x80" + RED[:3] + b"\x02" + BLUE[:3] + b"\x00")).pixels == RED * 3 + BLUE


def test_zrle_has_long_runs() -> None:
    picture = draw(zrle(b"\x80" + RED[:3] + b"\xff\x40", width=64, height=5), width=64, height=5)
    assert picture.pixels == RED * 320


def test_zrle_has_runs_with_a_palette() -> None:
    assert draw(zrle(b"\x82" + RED[:3] + BLUE[:3] + b"\x01\x80\x02")).pixels == BLUE + RED * 3


@pytest.mark.parametrize(
    ("tile", "why"),
    [
        (b"\x80" + bytes(3) + b"\x04", "longer than its tile"),
        (b"\x82" + bytes(6) + b"\x80\x04", "longer than its tile"),
        (b"\x82" + bytes(6) + b"\x05\x00\x00\x00", "not one of the 2"),
        (b"\x11", "unused kind 17"),
        (b"\x81", "unused kind 129"),
        (b"", "truncated tile"),
        (b"\x01" + bytes(4), "1 bytes after the end"),
    ],
)
def test_zrle_refuses_what_makes_no_tile(tile: bytes, why: str) -> None:
    refuse(zrle(tile), why)


# --- Tight ---


def tight(data: bytes, width: int = 2, height: int = 2) -> bytes:
    return update(rectangle(0, 0, width, height, Encoding.TIGHT, data))


def compact(data: bytes) -> bytes:
    return bytes((len(data) & 127 | 128, len(data) >> 7 & 127 | 128, len(data) >> 14)) + data


def test_tight_fills() -> None:
    assert draw(tight(b"\x80\xff\x00\x00")).pixels == RED * 4


def test_tight_compresses_pixels_with_four_streams() -> None:
    messages = []
    for number in (0, 1, 2, 3):
        stream = zlib_stream()
        for colour in (b"\xff\x00\x00", b"\x00\x00\xff"):
            part = deflated(colour * 4, stream)
            messages.append(tight(bytes((number << 4, len(part))) + part))
    assert draw(*messages).pixels == BLUE * 4


def test_tight_starts_a_stream_again_when_it_is_told_to() -> None:
    first, second = deflated(b"\xff\x00\x00" * 4), deflated(b"\x00\x00\xff" * 4)
    messages = [tight(bytes((control, len(part))) + part) for control, part in ((0, first), (1, second))]
    assert draw(*messages).pixels == BLUE * 4


def test_tight_sends_few_bytes_as_they_are() -> None:
    assert draw(tight(b"\x00\xff\x00\x00\x00\x00\xff", 2, 1), height=1).pixels == RED + BLUE


def test_tight_has_palettes_of_two_colours_in_bits() -> None:
    assert draw(tight(b"\x40\x01\x01\xff\x00\x00\x00\x00\xff\x40\x80")).pixels == RED + BLUE + BLUE + RED


def test_tight_has_palettes_of_more_colours_in_bytes() -> None:
    palette = b"\xff\x00\x00\x00\x00\xff\x00\xff\x00"
    assert draw(tight(b"\x40\x01\x02" + palette + b"\x00\x01\x02\x00")).pixels == RED + BLUE + GREEN + RED


def test_tight_lengths_have_up_to_three_bytes() -> None:
    picture = Framebuffer(40, 40)
    noise = bytes(index * index * 7 % 251 for index in range(4800))
    part = zlib.compressobj(0)
    data = part.compress(noise) + part.flush(zlib.Z_SYNC_FLUSH)
    for head in (bytes((len(data) & 127 | 128, len(data) >> 7)), compact(data)[:3]):
        ServerMessageReader(picture).receive_data(tight(b"\x00" + head + data, 40, 40))
        assert picture.crop(Area(0, 0, 1, 1)) == bytes((noise[2], noise[1], noise[0], 0))


def test_tight_undoes_gradients() -> None:
    data = b"\x40\x02" + compact(deflated(b"\x10\x10\x10" * 4))
    assert draw(tight(data)).pixels == (b"\x10\x10\x10\0" + b"\x20\x20\x20\0") + (b"\x20\x20\x20\0" + b"\x40\x40\x40\0")


def undone(data: bytearray) -> bytearray:
    assert list(undo_gradient(data, 2)) == [BREATH] * 2
    return data


def test_a_gradient_expects_no_more_than_255_and_no_less_than_0() -> None:
    data = bytearray(b"\xf0" * 3 + b"\x00" * 3 + b"\xf0" * 3 + b"\x00" * 3)
    assert undone(data) == b"\xf0" * 6 + b"\xe0" * 3 + b"\xe0" * 3
    low = bytearray(b"\x10" * 3 + b"\xf0" * 3 + b"\x00" * 3 + b"\x00" * 3)
    assert undone(low)[9:] == b"\x00" * 3
    below = bytearray(b"\x50" * 3 + b"\xc0" * 3 + b"\xc0" * 3 + b"\x07" * 3)
    assert undone(below)[9:] == b"\x07" * 3


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (255, 0, 0)).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_tight_has_jpeg() -> None:
    picture = draw(tight(b"\x90" + compact(jpeg(16, 16)), 16, 16), width=16, height=16)
    assert picture.pixels[2] > 250
    assert picture.pixels[3::4] == bytes(256)


def test_a_jpeg_of_another_size_is_refused() -> None:
    refuse(tight(b"\x90" + compact(jpeg(16, 8)), 16, 16), "JPEG of 16x8 in a rectangle of 16x16", width=16, height=16)


@pytest.mark.parametrize("data", [b"no picture", b"\xff\xd8\xff\xe0" * 5, b""])
def test_a_damaged_jpeg_is_refused(data: bytes) -> None:
    refuse(tight(b"\x90" + compact(data)), "a damaged JPEG")


def test_a_truncated_jpeg_is_refused() -> None:
    refuse(tight(b"\x90" + compact(jpeg(64, 64)[:-200]), 64, 64), "a damaged JPEG", width=64, height=64)


def test_a_jpeg_that_says_it_is_huge_is_refused() -> None:
    data = jpeg(16, 16)
    at = data.index(b"\xff\xc0") + 5
    for side in (b"\x40\x00\x40\x00", b"\xff\xff\xff\xff", b"\x28\x00\x28\x00"):
        refuse(tight(b"\x90" + compact(data[:at] + side + data[at + 4 :])), "JPEG")


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"\xa0", "unknown kind 10"), (b"\xf0", "unknown kind 15"), (b"\x40\x03", "unknown filter 3")],
)
def test_tight_refuses_what_nobody_knows(data: bytes, why: str) -> None:
    refuse(tight(data), why)


def test_tight_refuses_wide_rectangles() -> None:
    refuse(tight(b"\x80\0\0\0", 2049, 1), "2049 pixels wide", width=2049, height=1)


# --- files ---


def test_a_png_holds_the_picture() -> None:
    picture = Framebuffer(2, 1, RED + BLUE)
    assert decode_png(encode_png(picture.pixels, 2, 1)) == (2, 1, RED + BLUE)


def test_a_png_may_be_scaled_down() -> None:
    assert decode_png(encode_png(RED * 5000, 100, 50, longest=20))[:2] == (20, 10)
    assert decode_png(encode_png(RED * 5000, 50, 100, widest=20))[:2] == (20, 40)
    assert decode_png(encode_png(RED * 5000, 50, 100, widest=70))[:2] == (50, 100)


def test_no_pixels_make_no_png() -> None:
    with pytest.raises(LocalProtocolError, match="has no pixels"):
        encode_png(b"", 0, 0)


def test_without_pillow_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(LocalProtocolError, match=r"pip install 'conduit-bmc\[display\]'"):
        encode_png(RED, 1, 1)


# --- other formats than ours, and streams that went elsewhere ---

LOSSLESS = (Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("shifts", [(16, 8, 0), (0, 8, 16), (24, 16, 8), (8, 24, 16), (16, 0, 8)])
@pytest.mark.parametrize("encoding", LOSSLESS)
def test_colours_may_be_in_any_three_neighbouring_bytes(
    encoding: Encoding, shifts: tuple[int, int, int], big_endian: bool
) -> None:
    red, green, blue = shifts
    wanted = replace(PixelFormat.BGRX, red_shift=red, green_shift=green, blue_shift=blue, big_endian=big_endian)
    for shown in (*(chequered(70, 20, colours) for colours in (1, 2, 5, 200)), many_coloured(70, 20)):
        seen = Framebuffer(70, 20)
        encoder, reader = UpdateEncoder(wanted), ServerMessageReader(seen)
        encoder.set_encodings([encoding])
        reader.set_pixel_format(wanted)
        reader.receive_data(encoder.encode(shown, [shown.whole]))
        assert seen == shown
        assert reader.encodings == {encoding}


@pytest.mark.parametrize(
    "message",
    [
        update(rectangle(0, 0, 2, 2, Encoding.RRE, struct.pack(">I4s4sHHHH", 1, BLUE, RED, 0, 0, 2, 1))),
        update(rectangle(0, 0, 2, 2, Encoding.ZLIB, with_length(deflated(RED * 2 + BLUE * 2)))),
        zrle(b"\x80" + RED[:3] + b"\x01" + BLUE[:3] + b"\x01"),
        zrle(b"\x82" + RED[:3] + BLUE[:3] + b"\x80\x01\x81\x01"),
    ],
)
def test_what_our_encoders_do_not_write_has_the_servers_format_too(message: bytes) -> None:
    picture = Framebuffer(2, 2)
    reader = ServerMessageReader(picture)
    reader.set_pixel_format(replace(PixelFormat.BGRX, red_shift=0, blue_shift=16))
    reader.receive_data(message)
    assert picture.pixels == BLUE * 2 + RED * 2


@pytest.mark.parametrize(
    "other",
    [
        {"bits_per_pixel": 16},
        {"depth": 32},
        {"true_colour": False},
        {"red_max": 127},
        {"red_shift": 24},
        {"red_shift": 17},
    ],
)
def test_other_formats_are_not_read(other: dict[str, int]) -> None:
    with pytest.raises(LocalProtocolError):
        ServerMessageReader(Framebuffer(2, 2)).set_pixel_format(replace(PixelFormat.BGRX, **other))  # type: ignore[arg-type]  # one of several


@pytest.mark.parametrize("encoding", [Encoding.ZLIB, Encoding.ZRLE, Encoding.TIGHT])
@pytest.mark.parametrize("shown", [chequered(40, 20), chequered(40, 20, 3), many_coloured(40, 20)])
def test_what_a_lost_stream_says_is_passed_over_and_is_not_known(encoding: Encoding, shown: Framebuffer) -> None:
    encoder = UpdateEncoder()
    encoder.set_encodings([encoding])
    if encoding is Encoding.ZLIB:
        stream = zlib_stream()
        messages = [
            update(rectangle(0, 0, 40, 20, Encoding.ZLIB, with_length(deflated(bytes(shown.pixels), stream))))
            for _ in "ab"
        ]
    else:
        messages = [encoder.encode(shown, [shown.whole]) for _ in "ab"]
    picture = Framebuffer(40, 20)
    reader = ServerMessageReader(picture)
    reader.lose_streams([encoding, Encoding.RAW, 999])
    picture.fill(picture.whole, RED)
    events = [event for byte in messages[1] for event in reader.receive_data(bytes((byte,)))]
    assert events == [FramebufferUpdated((picture.whole,))]
    assert not picture.knows(Area(39, 19, 1, 1))
    assert picture.pixels == RED * 800
    reader.receive_data(update(rectangle(0, 0, 40, 20, Encoding.RAW, BLUE * 800)) + b"\x02")
    assert picture.knows(picture.whole)


def test_a_stream_of_tight_that_begins_anew_is_understood_again() -> None:
    shown, encoder = many_coloured(40, 20), UpdateEncoder()
    encoder.follow([Encoding.TIGHT])
    encoder.set_encodings([Encoding.TIGHT])
    picture = Framebuffer(40, 20)
    reader = ServerMessageReader(picture)
    reader.lose_streams([Encoding.TIGHT])
    for _ in range(2):
        reader.receive_data(encoder.encode(shown, [shown.whole]))
        assert picture == shown
        assert picture.knows(picture.whole)


# --- work that is not endless ---


def steps(message: bytes, side: int) -> int:
    """In how many steps it is drawn; the picture is the same as when it is drawn at once."""
    at_once = ServerMessageReader(Framebuffer(side, side))
    at_once.receive_data(message)
    reader = ServerMessageReader(Framebuffer(side, side))
    events, turns = reader.receive_data(message, is_enough=lambda: True), 1
    while reader.is_behind:
        events += reader.receive_data(b"", is_enough=lambda: True)
        turns += 1
    assert events == [FramebufferUpdated((reader.picture.whole,))]
    assert reader.picture == at_once.picture
    return turns


def test_what_is_much_work_is_done_in_steps() -> None:
    side = 1024
    whole = struct.pack(">4sHHHH", RED, 0, 0, side, side)
    again_and_again = struct.pack(">I", 50) + BLUE + whole * 50
    assert steps(update(rectangle(0, 0, side, side, Encoding.RRE, again_and_again)), side) > 20
    assert steps(zrle(b"\x01\x00\x00\xff" * 16, width=256, height=256), 256) > 16
    gradient = b"\x40\x02" + compact(deflated(bytes(3 * 64 * 64)))
    assert steps(update(rectangle(0, 0, 64, 64, Encoding.TIGHT, gradient)), 64) > 64
    hextile = b"\x02" + RED + bytes(1023)
    assert steps(update(rectangle(0, 0, 512, 512, Encoding.HEXTILE, hextile)), 512) > 64
